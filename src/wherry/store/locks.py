"""Locks between processes and threads, by flock: the kernel lets go when the holder dies, however it dies."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wherry.errors import WorldError
from wherry.store.disk import explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_WITHOUT_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def try_flock(descriptor: int, path: Path, *, shared: bool = False) -> bool:
    """Take the lock of an open file if nobody else holds it; say whether it was taken.

    Raises:
        WorldError: The file system has no locks.

    """
    return _flock(descriptor, path, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _flock(descriptor: int, path: Path, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _WITHOUT_LOCKS:
            raise WorldError(
                "the file system of the store has no file locks",
                where=str(path.parent),
                mend="set WHERRY_CACHE_DIR to a directory on a local disk",
            ) from error
        raise
    return True


def is_same_file(descriptor: int, path: Path) -> bool:
    """Whether *path* still names the open file: it may have been swept while we waited for its lock."""
    try:
        there = path.lstat()
    except OSError:
        return False
    here = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


@contextmanager
def held(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[bool]:
    """Hold the lock file *path* (made if missing) for the block.

    Every call opens the file anew, so that it excludes other threads as well as other processes; the same
    thread must not take the same lock twice. A shared lock of a store that cannot be written is granted
    without a file: nobody can change such a store.

    Args:
        path: The lock file. It stays afterwards; `forget` removes it.
        shared: Together with other shared holders, but never with an exclusive one.
        wait: False gives up at once when the lock is taken.

    Yields:
        Whether the lock is held: always true with *wait*.

    Raises:
        WorldError: The lock file cannot be made.

    """
    while True:
        descriptor = _open(path, shared=shared)
        if descriptor is None:
            yield True
            return
        try:
            how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            taken = _flock(descriptor, path, how if wait else how | fcntl.LOCK_NB)
            if taken and not is_same_file(descriptor, path):
                continue
            yield taken
            return
        finally:
            os.close(descriptor)


def forget(path: Path) -> None:
    """Remove a lock file that nobody holds. Whoever waits for it meanwhile notices and makes a new one."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if try_flock(descriptor, path) and is_same_file(descriptor, path):
            path.unlink()
    finally:
        os.close(descriptor)


def _open(path: Path, *, shared: bool) -> int | None:
    with explained(path.parent, "take a lock"):
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            if shared and error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
                return _open_to_read(path)
            raise


def _open_to_read(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
