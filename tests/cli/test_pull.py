"""``wherry pull``: what it prints, and what it says when there is nothing to pull."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fetch.conftest import start_world  # noqa: F401 - a fixture
from tests.handmade import Entry, put_image
from tests.oci.registry.hub import Hub
from wherry.cli import main
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fetch.conftest import World
    from wherry.oci.model import Descriptor


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "store"))
    return Store.open()


@pytest.fixture
def hub(start_world: Callable[[], World]) -> Hub:  # noqa: F811 - the fixture imported above
    return Hub(start_world())


@pytest.fixture
def image(hub: Hub, tmp_path: Path) -> Descriptor:
    """The image team/app:v1 of the registry."""
    made = Store.open(tmp_path / "elsewhere")
    root = put_image(made, [[Entry("opt/a", b"1")]])
    hub.image(made, root)
    hub.image(made, root, str(root.digest))
    return root


def test_the_name_the_digest_and_the_bytes_that_moved_are_printed(
    hub: Hub, image: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main.run(["pull", f"{hub.host}/team/app:v1"]) == 0
        first, second = capsys.readouterr().out.splitlines()
        assert first == f"pulled {hub.host}/team/app:v1"
    amount = f"{image.size_bytes} B of "  # the second time the manifest alone
    assert second.startswith(f"  {image.digest}  {amount}")
    assert second.endswith(" moved")


def test_quiet_prints_the_digest_alone(
    hub: Hub, image: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["pull", "-q", "-t", "app", "--plain-http", f"docker://{hub.host}/team/app:v1"]) == 0
    assert capsys.readouterr().out == f"{image.digest}\n"
    assert main.run(["images", "-q"]) == 0
    assert capsys.readouterr().out == "app:latest\n"


def test_json_says_what_came_and_what_was_there(
    hub: Hub, image: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main.run(["pull", "--json", f"{hub.host}/team/app:v1"]) == 0
        document = json.loads(capsys.readouterr().out)
    assert document.pop("size_bytes") > image.size_bytes
    assert document == {
        "version": 1,
        "reference": f"docker://{hub.host}/team/app:v1",
        "name": f"{hub.host}/team/app:v1",
        "digest": image.digest,
        "moved_bytes": image.size_bytes,  # the second time the manifest alone
    }


def test_an_image_without_a_name_is_said_to_be_at_risk(
    hub: Hub, image: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = f"{hub.host}/team/app@{image.digest}"
    assert main.run(["pull", reference]) == 0
    assert "wherry cache prune" in capsys.readouterr().out
    assert main.run(["pull", "-t", "app", reference]) == 0
    assert main.run(["pull", reference]) == 0
    assert capsys.readouterr().out.count("wherry cache prune") == 0


def test_a_platform_the_image_is_not_for_is_said(
    hub: Hub, image: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    assert image.platform is not None
    other = {"amd64": "arm64", "arm64": "amd64"}[image.platform.architecture]
    assert main.run(["pull", "--platform", f"linux/{other}", f"{hub.host}/team/app:v1"]) == 2
    assert f"not linux/{other}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("reference", "code", "what"),
    [
        ("python:3.12", 2, "docker.io/library/python:3.12"),
        ("HOST/team/none:v1", 3, "the registry has no image docker://HOST/team/none:v1"),
        ("user:secret@reg.example/app", 2, "error: "),
    ],
)
def test_what_cannot_be_pulled_is_said(
    reference: str, code: int, what: str, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["pull", reference.replace("HOST", hub.host)]) == code
    error = capsys.readouterr().err
    assert what.replace("HOST", hub.host) in error
    assert len(error.splitlines()) <= 3


def test_a_pull_by_name_that_was_pulled_is_run_from_the_store(
    hub: Hub, image: Descriptor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = f"{hub.host}/team/app:v1"
    assert main.run(["save", name, f"oci:{tmp_path}/dir"]) == 2
    assert main.run(["run", name]) == 2
    assert f"wherry pull docker://{name}" in capsys.readouterr().err
    assert main.run(["pull", name]) == 0
    hub.world.routes.clear()
    assert main.run(["save", name, f"oci:{tmp_path}/dir"]) == 0
    assert image.digest.hex in str(list((tmp_path / "dir" / "blobs" / "sha256").iterdir()))
