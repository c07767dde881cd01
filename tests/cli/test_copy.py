"""``wherry copy``: what it prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image
from wherry.cli import main
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.registries import DockerRegistry
    from wherry.oci.model import Descriptor


@pytest.fixture(autouse=True)
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Descriptor:
    """The image app:latest of the store."""
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "store"))
    store = Store.open()
    root = put_image(store, [[Entry("opt/a", bytes(5000))]])
    name_image(store, "app", root)
    return root


def test_the_digest_and_what_was_written_mounted_and_there_are_printed(
    image: Descriptor,
    plain_registry: DockerRegistry,
    fresh_repository: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second = (f"{plain_registry.host}/{fresh_repository}{end}" for end in ("", "/b"))
    for source, destination, amounts in (
        ("app", first, ["written"]),
        (first, second, ["written", "mounted"]),
        (first, second, ["written", "already"]),
    ):
        assert main.run(["copy", "--plain-http", source, destination]) == 0
        what, how = capsys.readouterr().out.splitlines()
        assert what == f"copied {source} to docker://{destination}"
        assert how.split()[0] == image.digest
        assert [part.split()[-1] for part in how.split(", ")] == amounts


def test_quiet_prints_the_digest_alone(
    image: Descriptor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["copy", "-q", "app", f"oci:{tmp_path}/dir"]) == 0
    assert capsys.readouterr().out == f"{image.digest}\n"


def test_json_says_where_it_went(
    image: Descriptor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["copy", "--json", "app", f"oci:{tmp_path}/dir"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.pop("written_bytes") > image.size_bytes
    assert document == {
        "version": 1,
        "from": "app",
        "to": f"oci:{tmp_path}/dir:latest",
        "digest": image.digest,
        "mounted_bytes": 0,
        "present_bytes": 0,
    }


def test_a_platform_is_read_as_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["copy", "--platform", "plan9/pdp11", "app", "other"]) == 2
    assert "plan9/pdp11" in capsys.readouterr().err
