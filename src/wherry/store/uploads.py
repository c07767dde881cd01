"""Uploads to registries that have begun: enough for the next process to go on where a killed one stopped.

A session's address may carry a token in its query, so each record is readable by its owner alone and lives a
day at most; registries forget sessions sooner or later anyway. No name and no password is ever in one.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.frozen import ready
from wherry.store.disk import explained
from wherry.store.locks import forget, held
from wherry.store.store import LOCKS
from wherry.store.temporary import temporary_file, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.store.store import Store

DIRECTORY: Final = "uploads"
LIFETIME_S: Final = 86_400
_LIMIT_BYTES: Final = 64 << 10


class _Record(msgspec.Struct, frozen=True):
    registry: str
    repository: str
    digest: str
    location: str
    began_s: int

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"_Record({self.registry}/{self.repository}@{self.digest})"


class RememberedUpload:
    """One blob's way into one repository, as far as this disk knows it. Only one process at a time has it."""

    def __init__(self, store: Store, registry: str, repository: str, digest: Digest) -> None:
        """Look at what an earlier process left; nothing, when that is too old or not to be read."""
        self._root = store.root
        self._names = (registry, repository, str(digest))
        self._path = store.root / DIRECTORY / f"{_key(registry, repository, digest)}.json"
        found = self._read()
        self._began_s = found.began_s if found else int(time.time())
        self.location = found.location if found else ""

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"RememberedUpload({'/'.join(self._names[:2])}@{self._names[2]})"

    def remember(self, location: str) -> None:
        """Note where to go on. A disk that cannot take the note does not hinder the upload."""
        if not self.location:
            self._began_s = int(time.time())
        self.location = location
        record = _Record(*self._names, location, self._began_s)
        with suppress(WorldError), explained(self._root, "remember an upload"):
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor, path = temporary_file(self._root)  # which only its owner can read
            try:
                write_all(descriptor, msgspec.json.encode(record))
                path.replace(self._path)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            finally:
                os.close(descriptor)

    def forget(self) -> None:
        """There is nothing to go on with."""
        self.location = ""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _read(self) -> _Record | None:
        try:
            with self._path.open("rb") as stream:
                record = msgspec.json.decode(stream.read(_LIMIT_BYTES), type=ready(_Record))
        except (OSError, ValueError):  # msgspec's errors are ValueErrors
            return None
        is_ours = (record.registry, record.repository, record.digest) == self._names
        return record if is_ours and not _is_old(record.began_s, LIFETIME_S) else None


@contextmanager
def remembered_upload(
    store: Store, registry: str, repository: str, digest: Digest
) -> Iterator[RememberedUpload | None]:
    """Hold what is known of the upload for the block; None while another process is at it.

    A store that cannot be written remembers nothing, and is no hindrance.
    """
    path = _lock(store, _key(registry, repository, digest))
    with ExitStack() as stack:
        try:
            is_ours = stack.enter_context(held(path, wait=False))
        except WorldError:
            is_ours = False
        yield RememberedUpload(store, registry, repository, digest) if is_ours else None


def begun_uploads(store: Store) -> list[int]:
    """The bytes that are remembered of each upload."""
    return [status.st_size for _, status in _records(store)]


def forget_uploads(store: Store, *, older_than_s: float = 0, dry_run: bool = False) -> list[int]:
    """Forget the uploads that have begun, save those that are going on.

    Args:
        store: Where they are remembered.
        older_than_s: Only those that did not get on for so many seconds.
        dry_run: Only say what would be forgotten.

    Returns:
        The bytes that were remembered of each.

    Raises:
        WorldError: The store cannot be written.

    """
    sizes = []
    for path, status in _records(store):
        if _is_old(status.st_mtime, older_than_s):
            lock = _lock(store, path.stem)
            with held(lock, wait=False) as is_free:
                if is_free:
                    sizes.append(status.st_size)
                    if not dry_run:
                        with explained(store.root, "forget an upload"):
                            path.unlink(missing_ok=True)
            forget(lock)
    return sizes


def sweep(store: Store) -> None:
    """Forget the uploads that are too old to be of use, where the store can be written."""
    with suppress(WorldError):
        forget_uploads(store, older_than_s=LIFETIME_S)


def _is_old(then_s: float, age_s: float) -> bool:
    return not 0 <= time.time() - then_s + 1 < age_s


def _key(registry: str, repository: str, digest: Digest) -> str:
    return Digest.of_bytes(f"upload {registry}/{repository}@{digest}".encode()).hex


def _lock(store: Store, key: str) -> Path:
    return store.root / LOCKS / Digest.of_bytes(key.encode()).hex


def _records(store: Store) -> Iterator[tuple[Path, os.stat_result]]:
    with suppress(OSError):
        for path in list((store.root / DIRECTORY).iterdir()):
            with suppress(OSError):
                yield path, path.stat()
