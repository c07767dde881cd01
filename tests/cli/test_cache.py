"""What is in the store, and what goes, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image, source_of
from wherry.build.rootfs import unpacked
from wherry.cli import main
from wherry.oci.image import read_image
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with one image, which was run, and one blob that nothing needs."""
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(tmp_path / "store"))
    store = Store.open()
    root = put_image(store, [[Entry("file", b"x" * 100_000)]])
    name_image(store, "app", root)
    source = source_of(store, root)
    with unpacked(store, source, read_image(source, root, None)):
        pass
    store.blobs.add_bytes(b"a wheel")
    return store


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main.run(["cache", *arguments]) == 0
    return capsys.readouterr().out


def test_what_is_there_is_counted_by_kind(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys).splitlines()
    assert lines[0].endswith(", 1 image")
    assert [line.split()[-3] for line in lines if "unpacked images" in line] == ["1"]
    assert json.loads(printed(capsys, "--json"))["tags"] == 1


def test_pruning_leaves_what_an_image_needs_and_what_it_was_unpacked_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert printed(capsys, "prune", "--dry-run") == "would remove 1 blobs, 7 B\n"
    assert printed(capsys, "prune") == "removed 1 blobs, 7 B\n"
    assert printed(capsys, "prune") == "removed 0 blobs, 0 B\n"


@pytest.mark.parametrize("first", [(), ("--dry-run",)])
def test_a_limit_holds_for_unpacked_images_too(
    first: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "unpacked" not in printed(capsys, "prune", "--keep", "1GB", *first)
    assert "; 1 unpacked image, 1" in printed(capsys, "prune", "--keep", "1kB", *first)


def test_all_is_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert "; 1 image; 1 unpacked image, " in printed(capsys, "prune", "--all")
    assert printed(capsys).splitlines()[0].endswith(", 0 images")
