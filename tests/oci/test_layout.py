from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, put_image, source_of
from wherry.errors import InputError, WorldError
from wherry.oci import layout
from wherry.oci.image import blobs_under, choose_root, copy_into, read_image
from wherry.oci.layout import LayoutSource, write_layout
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.oci.model import Descriptor


@pytest.fixture
def image(store: Store) -> Descriptor:
    return put_image(store, [[Entry("etc/x", b"data")], [Entry("etc/y")]])


def test_a_layout_gives_back_the_image_that_was_written(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    size = write_layout(tmp_path / "out", source_of(store, image), image, ref_name="v1")
    source = LayoutSource(tmp_path / "out")
    assert choose_root(source, "v1").digest == image.digest
    assert read_image(source, choose_root(source), None).descriptor.digest == image.digest
    assert size == sum(blob.size_bytes for blob in blobs_under(source, image))
    other = Store.open(tmp_path / "other")
    copy_into(source, other, blobs_under(source, image))
    assert image.digest in other.blobs


def test_writing_again_writes_nothing_and_other_images_stay(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    other = put_image(store, [[Entry("other")]])
    write_layout(tmp_path / "out", source_of(store, image), image, ref_name="v1")
    assert write_layout(tmp_path / "out", source_of(store, image), image, ref_name="v1") == 0
    write_layout(tmp_path / "out", source_of(store, other), other, ref_name="v2")
    assert {root.ref_name for root in LayoutSource(tmp_path / "out").roots()} == {"v1", "v2"}
    write_layout(tmp_path / "out", source_of(store, other), other, ref_name="v1")
    assert choose_root(LayoutSource(tmp_path / "out"), "v1").digest == other.digest


def test_two_layouts_of_one_image_have_the_same_files(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    def written(name: str) -> dict[str, bytes]:
        write_layout(tmp_path / name, source_of(store, image), image, ref_name="v1")
        files = (path for path in (tmp_path / name).rglob("*") if path.is_file())
        return {str(path.relative_to(tmp_path / name)): path.read_bytes() for path in files}

    assert written("one") == written("two")


@pytest.mark.parametrize("way", ["reflink", "link", "copy"])
def test_blobs_are_shared_with_the_store_or_copied(
    store: Store, image: Descriptor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way != "reflink":
        monkeypatch.setattr(layout, "_reflink", lambda *_: False)
    if way == "copy":
        monkeypatch.setattr(layout, "_link", lambda *_: False)
    write_layout(tmp_path / "out", source_of(store, image), image)
    found = LayoutSource(tmp_path / "out").path(image.digest)
    assert found is not None
    assert found.read_bytes() == store.blobs.path(image.digest).read_bytes()


def test_a_file_that_can_be_written_is_never_given_a_second_name(tmp_path: Path) -> None:
    origin = tmp_path / "mine"
    origin.write_bytes(b"x")
    assert not layout._link(origin, tmp_path / "theirs")


def test_a_full_disk_while_sharing_blocks_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fcntl.ioctl", full)
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(OSError, match="No space"):
        layout._reflink(tmp_path / "a", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_layout_is_copied_from_another_and_verified(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    write_layout(tmp_path / "one", source_of(store, image), image)
    source = LayoutSource(tmp_path / "one")
    write_layout(tmp_path / "two", source, image)
    assert LayoutSource(tmp_path / "two").roots()[0].digest == image.digest


def test_a_blob_of_the_store_that_lost_its_end_is_noticed(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    class Cut:
        def __init__(self) -> None:
            self._source = source_of(store, image)
            self.name = self._source.name
            self.roots = self._source.roots
            self.open = self._source.open

        def path(self, _digest: object) -> Path:
            (tmp_path / "cut").write_bytes(b"")
            return tmp_path / "cut"

    with pytest.raises(WorldError, match="lost its bytes"):
        write_layout(tmp_path / "out", Cut(), image)
    assert not (tmp_path / "out" / "index.json").exists()
    write_layout(tmp_path / "out", source_of(store, image), image)
    assert LayoutSource(tmp_path / "out").roots()[0].digest == image.digest


def test_a_directory_with_something_else_in_it_is_left_alone(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="not an OCI layout"):
        write_layout(tmp_path, source_of(store, image), image)
    assert not (tmp_path / "blobs").exists()


def test_a_place_that_cannot_be_written_is_the_worlds_fault(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorldError, match="cannot write"):
        write_layout(tmp_path / "file" / "out", source_of(store, image), image)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("oci-layout", b'{"imageLayoutVersion":"2.0.0"}'),
        ("oci-layout", b"{}"),
        ("index.json", b"[]"),
        ("index.json", None),
        ("oci-layout", None),
        ("index.json", b" " * (5 << 20)),
    ],
)
def test_a_damaged_layout_is_explained(
    store: Store, image: Descriptor, tmp_path: Path, name: str, content: bytes | None
) -> None:
    write_layout(tmp_path / "out", source_of(store, image), image)
    path = tmp_path / "out" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        LayoutSource(tmp_path / "out")
    assert "out" in caught.value.where


def test_a_blob_that_is_a_link_or_a_pipe_is_not_followed(
    store: Store, image: Descriptor, tmp_path: Path
) -> None:
    write_layout(tmp_path / "out", source_of(store, image), image)
    source = LayoutSource(tmp_path / "out")
    blob = tmp_path / "out" / "blobs" / "sha256" / image.digest.hex
    content = blob.read_bytes()
    (tmp_path / "outside").write_bytes(content)
    blob.unlink()
    blob.symlink_to(tmp_path / "outside")
    assert source.path(image.digest) is None
    with pytest.raises(InputError, match="cannot be read"):
        source.open(image.digest)
    blob.unlink()
    os.mkfifo(blob)
    with pytest.raises(InputError, match="ends too early"):
        read_image(source, image, None)


def test_a_blob_with_other_bytes_is_refused(store: Store, image: Descriptor, tmp_path: Path) -> None:
    write_layout(tmp_path / "out", source_of(store, image), image)
    source = LayoutSource(tmp_path / "out")
    blob = tmp_path / "out" / "blobs" / "sha256" / image.digest.hex
    data = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(data[:-1] + b" ")
    with pytest.raises(InputError, match="does not have the bytes"):
        read_image(source, image, None)


@pytest.mark.parametrize(
    "left", [[".index.json.0123456789ab.tmp"], ["oci-layout", ".index.json.0123456789ab.tmp"]]
)
def test_what_a_killed_writer_left_is_taken_up_and_cleared_away(
    store: Store, image: Descriptor, tmp_path: Path, left: list[str]
) -> None:
    layout = tmp_path / "out"
    (layout / "blobs" / "sha256").mkdir(parents=True)
    for name in left:
        (layout / name).write_text('{"imageLayoutVersion":"1.0.0"}')
    write_layout(layout, source_of(store, image), image, ref_name="v1")
    assert sorted(path.name for path in layout.iterdir()) == ["blobs", "index.json", "oci-layout"]
    assert LayoutSource(layout).roots()[0].digest == image.digest
