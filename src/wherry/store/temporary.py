"""Files and directories that exist only while their maker lives.

Each is held by a flock from the moment it is made. A lock that can be taken by someone else has no
living holder, so whatever a killed process left behind is known, and swept, without guessing from
ages or process ids: clocks may lie and ids are given anew.

An interrupt may come between the making of a file and the first line that would remove it. What is left so
goes when the process ends.
"""

from __future__ import annotations

import atexit
import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from wherry.store.disk import explained
from wherry.store.locks import is_same_file, try_flock

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY = "tmp"

_given_out: set[tuple[int, Path]] = set()
"""Names of temporary files and directories, each with the process that makes it."""

_swept: set[Path] = set()
"""Stores that this process has opened: its workers, when an interrupt ends them, leave things there."""


def temporary_file(root: Path) -> tuple[int, Path]:
    """Make an empty file in the store's temporary directory; the open descriptor holds its lock.

    The caller closes the descriptor, and removes the file or moves it to its place before that.

    Raises:
        OSError: The disk refused; callers say what it was for with `explained`.

    """
    while True:
        path = _fresh_name(root, "file")
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        # A sweeper may come between making the file and locking it; then it is gone and we make another.
        if try_flock(descriptor, path) and is_same_file(descriptor, path):
            return descriptor, path
        os.close(descriptor)


@contextmanager
def temporary_directory(root: Path, purpose: str) -> Iterator[Path]:
    """Hold a private directory in the store's file system for the block, then remove it.

    Args:
        root: The store's root.
        purpose: A word for whoever looks into the store while it is there.

    Raises:
        WorldError: The directory cannot be made.

    """
    with explained(root, "make a scratch directory"):
        descriptor, path = _locked_directory(root, purpose)
    try:
        yield path
    finally:
        _remove(path)
        os.close(descriptor)


def _locked_directory(root: Path, purpose: str) -> tuple[int, Path]:
    while True:
        path = _fresh_name(root, purpose)
        path.mkdir(mode=0o700)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if try_flock(descriptor, path) and is_same_file(descriptor, path):
            return descriptor, path
        os.close(descriptor)


def replace_file(root: Path, target: Path, data: bytes) -> None:
    """Put *data* at *target*, which is the old file or the new one at every instant.

    Not synced: after a power loss the file may be empty, which its readers must bear. A rename over an
    old file makes ext4 and btrfs write the data out first, and waiting for a sync could mean waiting for
    gigabytes of layers on the same disk.

    Raises:
        OSError: The disk refused.

    """
    descriptor, path = temporary_file(root)
    try:
        write_all(descriptor, data)
        os.fchmod(descriptor, 0o644)
        _move(path, target)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte: one `write` may take only a part."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _move(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)


def sweep(root: Path) -> int:
    """Remove what dead processes left in the temporary directory; say how many things that were.

    Never fails: a store that may only be read keeps its leftovers.
    """
    swept = 0
    _swept.add(root)
    with suppress(OSError):
        for entry in list((root / DIRECTORY).iterdir()):
            with suppress(OSError):
                swept += _sweep_one(entry)
    return swept


def _sweep_one(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not (try_flock(descriptor, path) and is_same_file(descriptor, path)):
            return False
        _remove(path)
        return True
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    import shutil  # noqa: PLC0415 - slow to import, seldom needed

    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        shutil.rmtree(path, ignore_errors=True)
        if (
            path.is_dir()
        ):  # builds leave directories without write permission; Go's module cache is made of them
            for directory, _, _ in os.walk(path):
                Path(directory).chmod(0o700)
            shutil.rmtree(path, ignore_errors=True)


@atexit.register
def remove_leftovers() -> None:
    """Remove what an interrupt kept this process from removing, and what its dead workers left."""
    for process, path in list(_given_out):
        if process == os.getpid() and os.path.lexists(path):
            _remove(path)
    for root in list(_swept):
        sweep(root)


def _fresh_name(root: Path, purpose: str) -> Path:
    directory = root / DIRECTORY
    if not directory.is_dir():
        directory.mkdir(parents=True, exist_ok=True)
    word = "".join(c if c.isalnum() else "-" for c in purpose)[:40]
    path = directory / f"{word}-{os.urandom(8).hex()}"
    _given_out.add((os.getpid(), path))  # before it is made, so that there is no moment between
    return path
