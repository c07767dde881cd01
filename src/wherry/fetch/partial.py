"""Downloads that have begun: one file per digest, kept for the next run, written by one process at a time."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest
from wherry.frozen import ready
from wherry.store.disk import explained
from wherry.store.locks import is_same_file, try_flock
from wherry.store.store import PARTIAL
from wherry.store.temporary import replace_file, write_all

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.store.store import Store

_POLL_S: Final = 0.1
_CHUNK_BYTES: Final = 1 << 20


class _Origin(msgspec.Struct, frozen=True):
    """Which version of which document the bytes are of. The URL's digest only: URLs may be signed."""

    url: str
    etag: str


class Partial:
    """The bytes of one download so far, open for writing at their end, and locked."""

    def __init__(self, store: Store, digest: Digest, descriptor: int, path: Path) -> None:
        """Go on with the locked file *descriptor*."""
        self._root = store.root
        self._digest = digest
        self._descriptor = descriptor
        self._origin = path.with_suffix(".json")
        self.path: Final = path
        self.size_bytes = os.fstat(descriptor).st_size

    def chunks(self) -> Iterator[bytes]:
        """Read what is there from the beginning, leaving the position at the end."""
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        while chunk := os.read(self._descriptor, _CHUNK_BYTES):
            yield chunk

    def append(self, chunk: bytes) -> None:
        """Write behind what is there.

        Raises:
            WorldError: The disk is full, or failed otherwise.

        """
        with explained(self._root, "write a download"):
            write_all(self._descriptor, chunk)
        self.size_bytes += len(chunk)

    def restart(self) -> None:
        """Throw away what is there.

        Raises:
            WorldError: The disk failed.

        """
        with explained(self._root, "write a download"):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self.size_bytes = 0

    def etag(self, url: str) -> str:
        """The strong ETag under which the bytes came from *url*; empty when unknown or of another URL."""
        with suppress(OSError, ValueError):  # msgspec's errors are ValueErrors
            origin = msgspec.json.decode(self._origin.read_bytes(), type=ready(_Origin))
            if origin.url == _hashed(url):
                return origin.etag
        return ""

    def remember(self, url: str, etag: str) -> None:
        """Note which version of *url* the bytes to come are of. A weak ETag cannot promise equal bytes.

        Raises:
            WorldError: The disk is full, or failed otherwise.

        """
        with explained(self._root, "write a download"):
            if etag and not etag.startswith("W/"):
                replace_file(self._root, self._origin, msgspec.json.encode(_Origin(_hashed(url), etag)))
            else:
                self._origin.unlink(missing_ok=True)

    def keep(self, store: Store) -> None:
        """Move the file, whose bytes are known to be right, to the blobs.

        Raises:
            WorldError: The disk failed.

        """
        store.blobs.add_file(self.path, self._digest)
        self._origin.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self._origin.unlink(missing_ok=True)


@contextmanager
def partial_download(store: Store, digest: Digest, cancelled: threading.Event) -> Iterator[Partial | None]:
    """Hold the partial file of *digest* for the block; None when someone else has meanwhile finished it.

    Raises:
        WorldError: The store cannot be written.

    """
    path = _path(store, digest)
    while True:
        with explained(store.root, "write a download"):
            descriptor = _open(path)
        try:
            if try_flock(descriptor, path) and is_same_file(descriptor, path):
                if digest in store.blobs:
                    path.unlink(missing_ok=True)
                    yield None
                else:
                    yield Partial(store, digest, descriptor, path)
                return
        finally:
            os.close(descriptor)
        if digest in store.blobs or cancelled.wait(_POLL_S):
            yield None
            return


def begun_bytes(store: Store, digest: Digest) -> int:
    """How much of *digest* earlier runs have left here."""
    try:
        return _path(store, digest).stat().st_size
    except OSError:
        return 0


def _path(store: Store, digest: Digest) -> Path:
    return store.root / PARTIAL / f"{digest.hex}.part"


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _hashed(url: str) -> str:
    return Digest.of_bytes(url.encode("utf-8", "surrogatepass")).hex
