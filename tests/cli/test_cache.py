"""What is in the store, and what goes, in words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image, source_of
from wherry.build.rootfs import unpacked
from wherry.cli import main
from wherry.digest import Digest
from wherry.oci.image import read_image
from wherry.store.store import Store
from wherry.store.uploads import remembered_upload

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


def test_uploads_that_have_begun_are_counted_and_forgotten(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(printed(capsys, "--json"))
    with remembered_upload(store, "registry.example", "team/app", Digest.of_bytes(b"")) as memory:
        assert memory is not None
        memory.remember("https://registry.example/upload")
    (line,) = (line for line in printed(capsys).splitlines() if "uploads that have begun" in line)
    assert line.split()[-3] == "1"
    after = json.loads(printed(capsys, "--json"))
    assert after["uploads"]["count"] == 1
    assert after["size_bytes"] - before["size_bytes"] == after["uploads"]["size_bytes"] > 0
    assert "upload" not in printed(capsys, "prune", "--keep", "1GB")
    assert "upload" not in printed(capsys, "prune", "--older-than", "1h")
    assert "; 1 upload that had begun" in printed(capsys, "prune", "--dry-run")
    assert "; 1 upload that had begun" in printed(capsys, "prune")
    assert json.loads(printed(capsys, "--json"))["uploads"]["count"] == 0


@pytest.mark.parametrize("arguments", [("--keep", "much"), ("--older-than", "long")])
def test_what_is_no_size_or_age_says_how_to_write_one(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["cache", "prune", *arguments]) == 2
    assert "write it like" in capsys.readouterr().err


def test_a_blob_that_the_disk_has_spoilt_is_found_and_removed(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "every blob is whole" in printed(capsys, "verify")
    path = store.blobs.path(Digest.of_bytes(b"a wheel"))
    path.chmod(0o644)
    path.write_bytes(b"a while")
    assert main.run(["cache", "verify"]) == 1
    assert f"corrupt, removed: {Digest.of_bytes(b'a wheel')}" in capsys.readouterr().out
    assert "every blob is whole" in printed(capsys, "verify")
