from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.programs import cannot_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def mounted(*arguments: str) -> bool:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB."""
    disk = tmp_path / "small-disk"
    disk.mkdir()
    if not mounted("-t", "tmpfs", "-o", "size=4m", "none", str(disk)):
        cannot_run("mounts a small disk, which only root may")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.fixture
def read_only_disk(small_disk: Path) -> Iterator[Path]:
    """A disk that may only be read, with a store on it that holds the blob ``hello`` and the tag ``app``."""
    from wherry.store.store import Store  # noqa: PLC0415 - as in the fixture `store`
    from wherry.store.tags import Tag  # noqa: PLC0415 - the same

    store = Store.open(small_disk / "store")
    digest = store.blobs.add_bytes(b"hello")
    store.tags.put("app", Tag(digest, 5, "text/plain", 0))
    with store.using():
        pass
    (store.root / "tmp" / "left-behind").write_bytes(b"x")
    os.sync()
    assert mounted("-o", "remount,ro", str(small_disk))
    yield store.root
    assert mounted("-o", "remount,rw", str(small_disk))
