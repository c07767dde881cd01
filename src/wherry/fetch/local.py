"""Files that are already on this disk: found by name, believed by hash, read once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from wherry.digest import Digest
from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.fetch.download import Download
    from wherry.progress import Task
    from wherry.store.store import Store

BORROW_FROM_BYTES: Final = 4 << 20
"""A smaller file is copied: its loan would cost as much."""

_CHUNK_BYTES: Final = 1 << 20


def local_files(download: Download, find_links: Sequence[Path]) -> Iterator[Path]:
    """Where on this disk the file may be: where the lock says, then by its name in *find_links*."""
    if download.path is not None:
        yield download.path.absolute()
    if download.url is not None and urlsplit(download.url).scheme == "file":
        yield file_of(download.url)
    if "/" not in download.filename and download.filename not in {"", ".", ".."}:
        yield from (directory.absolute() / download.filename for directory in find_links)


def file_of(url: str) -> Path:
    """The path of a ``file:`` URL (RFC 8089)."""
    return Path(unquote(urlsplit(url).path))


def keep_local(path: Path, expected: Digest, *, store: Store, task: Task) -> Digest:
    """Read the file once; if it has the *expected* hash the store has it from now on. Give the hash it has.

    Raises:
        WorldError: The file cannot be read, or the store not be written.

    """
    try:
        with path.open("rb", buffering=0) as stream:
            before = os.fstat(stream.fileno())
            if before.st_size >= BORROW_FROM_BYTES:
                found = _hashed(stream.fileno(), task)
                if found != expected or store.blobs.borrow(path, found, before):
                    return found
                stream.seek(0)  # it is too new to be sure that nobody is still writing it
            return _copied(stream.fileno(), expected, store, task)
    except OSError as error:
        reason = (error.strerror or "it failed").lower()
        raise WorldError(f"cannot read a local file: {reason}", where=str(path)) from error


def _hashed(descriptor: int, task: Task) -> Digest:
    running = hashlib.sha256()
    while chunk := os.read(descriptor, _CHUNK_BYTES):
        running.update(chunk)
        task.advance(len(chunk))
    return Digest.from_hex(running.hexdigest())


def _copied(descriptor: int, expected: Digest, store: Store, task: Task) -> Digest:
    running = hashlib.sha256()
    with store.blobs.writer() as writer:
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            running.update(chunk)
            writer.write(chunk)
            task.advance(len(chunk))
        found = Digest.from_hex(running.hexdigest())
        if found == expected:
            writer.commit()
    return found
