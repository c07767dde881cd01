"""What builds and runs leave in the store beside blobs: unpacked images, interpreters, logs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.bases.interpreter import INTERPRETERS
from wherry.build import rootfs
from wherry.store.prune import Amount
from wherry.store.reach import reachable

if TYPE_CHECKING:
    from pathlib import Path

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
        store: The store; no build is at work in it.
        everything: Also images that are named, and interpreters and logs.
        dry_run: Only count.

    Raises:
        WorldError: The store cannot be written.

    """
    kept = set() if everything else reachable(store)
    going = [image_id for image_id in rootfs.roots(store) if image_id not in kept]
    if dry_run:
        return len(going)
    removed = sum(rootfs.remove_root(store, image_id) for image_id in going)
    if everything:
        for directory in (INTERPRETERS, LOGS):
            with store.scratch("old") as scratch:
                if (store.root / directory).is_dir():
                    (store.root / directory).rename(scratch / directory)
    return removed


def _amount(directory: Path) -> Amount:
    if not directory.is_dir():
        return Amount()
    sizes = (
        entry.stat(follow_symlinks=False).st_blocks * 512
        for parent, _, _ in os.walk(directory)
        for entry in os.scandir(parent)
    )
    return Amount(sum(1 for _ in directory.iterdir()), sum(sizes))
