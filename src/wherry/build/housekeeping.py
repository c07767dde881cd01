"""What builds and runs leave in the store beside blobs: unpacked images, interpreters, logs."""

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

if TYPE_CHECKING:
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


def prune_unpacked(store: Store, *, everything: bool = False, dry_run: bool = False) -> int:
    """Remove unpacked images that no tag names any more; says how many. Those in use stay.

    Args:
        store: The store.
        everything: Also images that are named, and interpreters and logs.
        dry_run: Only count.

    Raises:
        WorldError: A build is using the store, or it cannot be written.

    """
    kept = set() if everything else reachable(store)
    going = [image_id for image_id in rootfs.roots(store) if image_id not in kept]
    if dry_run:
        return len(going)
    with store.alone():
        removed = sum(rootfs.remove_root(store, image_id) for image_id in going)
        for directory in (INTERPRETERS, LOGS) if everything else ():
            with store.scratch("old") as scratch:
                if (store.root / directory).is_dir():
                    (store.root / directory).rename(scratch / directory)
    return removed


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
