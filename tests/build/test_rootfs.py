from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, directory, put_image, source_of, symlink
from wherry.build import rootfs
from wherry.build.rootfs import read_inside, remove_root, roots, unpacked
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci.image import Image, read_image

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.oci.media_types import LayerCoding
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store


def _image(store: Store, root: Descriptor) -> Image:
    return read_image(source_of(store, root), root, None)


@pytest.mark.parametrize("coding", ["gzip", "zstd", "tar"])
def test_an_image_is_unpacked_once_and_kept(store: Store, coding: LayerCoding) -> None:
    layers = [[directory("etc"), Entry("etc/x", b"1")], [Entry("etc/y", b"2" * 3_000_000)]]
    descriptor = put_image(store, layers, coding=coding)
    image = _image(store, descriptor)
    source = source_of(store, descriptor)
    with unpacked(store, source, image) as root:
        assert (root / "etc/x").read_bytes() == b"1"
        assert (root / "etc/y").stat().st_size == 3_000_000
        assert stat.S_IMODE(root.parent.stat().st_mode) == 0o700
    store.blobs.remove(image.manifest.layers[0].digest)
    with unpacked(store, source, image) as again:
        assert again == root
    assert roots(store) == (image.image_id,)


def test_a_root_in_use_is_not_removed(store: Store) -> None:
    descriptor = put_image(store, [[directory("ro", 0o555), Entry("ro/x")]])
    image = _image(store, descriptor)
    with unpacked(store, source_of(store, descriptor), image):
        assert not remove_root(store, image.image_id)
    assert remove_root(store, image.image_id)
    assert roots(store) == ()
    assert remove_root(store, image.image_id)


def test_a_store_without_roots_has_none(store: Store) -> None:
    assert roots(store) == ()


def test_a_layer_that_is_not_the_configs_never_becomes_a_root(store: Store) -> None:
    descriptor = put_image(store, [[Entry("x")]], diff_ids=(Digest.of_bytes(b"other"),))
    image = _image(store, descriptor)
    with pytest.raises(InputError, match="not the one the image's config names"):
        unpacked(store, source_of(store, descriptor), image).__enter__()
    assert roots(store) == ()
    assert list((store.root / "tmp").iterdir()) == []


def test_a_layer_that_unpacks_to_far_more_than_it_holds_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootfs, "_SMALL_BYTES", 1 << 20)
    monkeypatch.setattr(rootfs, "_MAX_EXPANSION", 10)
    descriptor = put_image(store, [[Entry("zeros", bytes(8 << 20))]])
    with pytest.raises(InputError, match="far more"):
        unpacked(store, source_of(store, descriptor), _image(store, descriptor)).__enter__()
    assert roots(store) == ()


def test_a_full_disk_is_explained_and_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    descriptor = put_image(store, [[Entry("x", b"data")]])
    image = _image(store, descriptor)
    monkeypatch.setattr("wherry.build.unpack.os.write", full)
    with pytest.raises(WorldError, match="disk is full"):
        unpacked(store, source_of(store, descriptor), image).__enter__()
    assert roots(store) == ()


def test_files_of_the_image_are_read_without_leaving_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    layer = [
        Entry("etc/passwd", b"root"),
        symlink("link", "/etc/passwd"),
        symlink("out", str(tmp_path / "secret")),
        directory("dir"),
    ]
    descriptor = put_image(store, [layer])
    with unpacked(store, source_of(store, descriptor), _image(store, descriptor)) as root:
        assert read_inside(root, "link") == b"root"
        assert [read_inside(root, name) for name in ("out", "dir", "none", "etc/passwd/x")] == [b""] * 4
