"""``wherry build --push``: from a project to an image that others pull, with a base that nobody downloads."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.test_registry_base import (
    Bench,
    Registry,
    bench,  # noqa: F401 - a fixture
    debian_like,
    registry,  # noqa: F401 - a fixture
)
from tests.programs import require_program
from tests.registries import docker_registry

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.e2e


def inspected(registry: Registry, name: str, *options: str) -> dict[str, Any]:  # noqa: F811 - not the fixture
    """What skopeo finds there."""
    found = subprocess.run(
        [require_program("skopeo"), "inspect", *registry.server.skopeo[""], *options, f"docker://{name}"],
        check=True,
        capture_output=True,
    ).stdout
    document: dict[str, Any] = json.loads(found)
    return document


def test_a_base_of_the_same_registry_is_mounted_and_never_fetched(
    bench: Bench,  # noqa: F811 - the fixture imported above
    registry: Registry,  # noqa: F811 - the fixture imported above
) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    name = f"{registry.host}/team/app:1"
    document = bench.build("-t", name, "--push")
    assert document["delivered"][0].startswith(f"pushed to docker://{name}: ")
    assert " mounted" in document["delivered"][0]
    found = inspected(registry, name)
    assert found["Digest"] == document["containerimage.digest"]
    base = inspected(registry, f"{registry.host}/python:3.12")["Layers"]
    assert found["Layers"][: len(base)] == base
    # A machine that starts empty does the same and sends as good as nothing.
    before = len(registry.asked())
    again = bench.build("-t", f"{registry.host}/team/app:2", "--push", store="empty")
    assert again["containerimage.digest"] == document["containerimage.digest"]
    assert not [r for r in registry.asked()[before:] if r.startswith(("PATCH", "POST"))]


def test_a_base_of_another_registry_goes_from_there_to_where_the_image_goes(
    bench: Bench,  # noqa: F811 - the fixture imported above
    registry: Registry,  # noqa: F811 - the fixture imported above
    tmp_path: Path,
) -> None:
    bench.project(registry.push("python:3.12", debian_like()))
    bench.build("-t", "app")  # pins the base, and so looks into it
    bench.build("-t", "app", store="empty")
    with docker_registry(tmp_path) as server:
        other = Registry(server, tmp_path / "other")
        out = bench.run("push", "app", f"{server.host}/team/app:1", store="empty")
        assert " copied from elsewhere" in out
        digest = inspected(other, f"{server.host}/team/app:1")["Digest"]
        assert digest in out
        copy = ["copy", "-q", *server.skopeo["src"], f"docker://{server.host}/team/app:1"]
        subprocess.run([require_program("skopeo"), *copy, f"oci:{tmp_path}/copy:1"], check=True)


def test_several_platforms_are_pushed_as_one_index(
    bench: Bench,  # noqa: F811 - the fixture imported above
    registry: Registry,  # noqa: F811 - the fixture imported above
) -> None:
    image = debian_like()
    bench.project(registry.push("python:3.12", image, image, architectures=("amd64", "arm64")))
    name = f"{registry.host}/team/app:1"
    document = bench.build("-t", name, "-o", f"docker://{name}", "--platform", "linux/arm64")
    raw = inspected(registry, name, "--raw")
    assert [entry["platform"]["architecture"] for entry in raw["manifests"]] == ["amd64", "arm64"]
    assert len(document["images"]) == 2
