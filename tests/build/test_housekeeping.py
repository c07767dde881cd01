"""What lies unpacked in the store is counted, and goes when nothing names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, name_image, put_image, source_of
from wherry.build.housekeeping import prune_unpacked, unpacked_usage
from wherry.build.rootfs import roots, unpacked
from wherry.errors import WorldError
from wherry.oci.image import read_image

if TYPE_CHECKING:
    from wherry.store.store import Store


def unpack(store: Store, name: str | None, content: bytes) -> None:
    root = put_image(store, [[Entry("file", content)]])
    if name:
        name_image(store, name, root)
    source = source_of(store, root)
    with unpacked(store, source, read_image(source, root, None)):
        pass


def test_an_empty_store_has_nothing_unpacked(store: Store) -> None:
    usage = unpacked_usage(store)
    assert (usage.images.count, usage.interpreters.size_bytes) == (0, 0)
    assert prune_unpacked(store, everything=True).count == 0


def test_an_unpacked_image_stays_while_a_name_means_it(store: Store) -> None:
    unpack(store, "kept", b"x" * 10_000)
    unpack(store, None, b"y" * 10_000)
    usage = unpacked_usage(store)
    assert usage.images.count == 2
    assert usage.images.size_bytes >= 20_000
    assert prune_unpacked(store, dry_run=True).count == 1
    assert len(roots(store)) == 2
    assert prune_unpacked(store).size_bytes >= 10_000
    assert len(roots(store)) == 1


def test_named_images_stay_unpacked_as_far_as_there_is_room(store: Store) -> None:
    unpack(store, "older", b"x" * 50_000)
    unpack(store, "newer", b"y" * 50_000)
    whole = unpacked_usage(store).images.size_bytes
    assert prune_unpacked(store, room_bytes=whole).count == 0
    older = min(roots(store), key=lambda image_id: (store.root / "rootfs" / image_id.hex).stat().st_ctime_ns)
    assert prune_unpacked(store, room_bytes=60_000).count == 1
    assert len(roots(store)) == 1
    assert older not in roots(store)
    assert prune_unpacked(store, room_bytes=-1).count == 1


def test_everything_means_interpreters_and_logs_too(store: Store) -> None:
    unpack(store, "kept", b"x")
    for directory in ("interpreters/abc/bin", "logs"):
        (store.root / directory).mkdir(parents=True)
    assert prune_unpacked(store, everything=True).count == 1
    assert not (store.root / "interpreters").exists()
    assert not (store.root / "logs").exists()


def test_no_interpreter_goes_away_under_a_build(store: Store) -> None:
    (store.root / "interpreters/abc").mkdir(parents=True)
    with store.using(), pytest.raises(WorldError, match="a build is using the store"):
        prune_unpacked(store, everything=True)
    assert (store.root / "interpreters/abc").is_dir()
