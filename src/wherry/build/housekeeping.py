"""What is left in the store beside blobs: unpacked images, interpreters, logs, uploads that have begun."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.bases.interpreter import INTERPRETERS
from wherry.build import rootfs
from wherry.store.prune import Amount
from wherry.store.reach import reachable
from wherry.store.uploads import begun_uploads, forget_uploads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.digest import Digest
    from wherry.store.store import Store

LOGS: Final = "logs"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Directories that can be made again from blobs."""

    images: Amount  # root file systems that crun, runc and bubblewrap start from
    interpreters: Amount  # that compile bytecode


def unpacked_usage(store: Store) -> Unpacked:
    """Count what lies unpacked in the store."""
    return Unpacked(
        images=_amount(store.root / rootfs.DIRECTORY), interpreters=_amount(store.root / INTERPRETERS)
    )


def uploads_usage(store: Store) -> Amount:
    """Count what is remembered of uploads that have begun."""
    return _together(begun_uploads(store))


def prune_uploads(store: Store, *, older_than_s: float | None = None, dry_run: bool = False) -> Amount:
    """Forget uploads that have begun, save those that are going on; says what went.

    Args:
        store: The store.
        older_than_s: Only those that did not get on for so many seconds.
        dry_run: Only count.

    Raises:
        WorldError: The store cannot be written.

    """
    return _together(forget_uploads(store, older_than_s=older_than_s or 0, dry_run=dry_run))


def prune_unpacked(
    store: Store, *, room_bytes: int | None = None, everything: bool = False, dry_run: bool = False
) -> Amount:
    """Remove unpacked images that no tag names any more; says what went. Those in use stay.

    Args:
        store: The store.
        room_bytes: What unpacked images may take together; those that are named go too until they do, the
            longest unpacked first: the next run unpacks them again.
        everything: Also all images that are named, and interpreters and logs.
        dry_run: Only count.

    Raises:
        WorldError: A build is using the store, or it cannot be written.

    """
    going = _going(store, 0 if everything else room_bytes)
    if dry_run:
        return _together([size for _, size in going])
    with store.alone():
        removed = [size for image_id, size in going if rootfs.remove_root(store, image_id)]
        for directory in (INTERPRETERS, LOGS) if everything else ():
            with store.scratch("old") as scratch:
                if (store.root / directory).is_dir():
                    (store.root / directory).rename(scratch / directory)
    return _together(removed)


def _going(store: Store, room_bytes: int | None) -> list[tuple[Digest, int]]:
    """The unpacked images to remove, with what each takes."""
    named = reachable(store)
    places = {image_id: store.root / rootfs.DIRECTORY / image_id.hex for image_id in rootfs.roots(store)}
    sizes = {image_id: _amount(place).size_bytes for image_id, place in places.items()}
    going = [image_id for image_id in places if image_id not in named]
    if room_bytes is not None:
        staying = sorted(places.keys() & named, key=lambda image_id: places[image_id].stat().st_ctime_ns)
        excess = sum(sizes[image_id] for image_id in staying) - max(room_bytes, 0)
        while staying and excess > 0:
            going.append(staying.pop(0))
            excess -= sizes[going[-1]]
    return [(image_id, sizes[image_id]) for image_id in going]


def _together(sizes: Sequence[int]) -> Amount:
    return Amount(len(sizes), sum(sizes))


def _amount(directory: Path) -> Amount:
    """How many lie in *directory*, and what they take on the disk; what goes meanwhile is not counted."""
    if not directory.is_dir():
        return Amount()
    size_bytes = 0
    for parent, directories, files in os.walk(directory):
        for name in (*directories, *files):
            with suppress(FileNotFoundError):
                size_bytes += Path(parent, name).lstat().st_blocks * 512
    return Amount(sum(1 for _ in directory.iterdir()), size_bytes)
