"""What was once worked out and need not be again: small typed values under a kind and a key.

``index/<kind>/<sha256 of the key>.json``. A cache and no more: a value that is missing, cut off, of another
version or of another shape is simply absent. A value that stands for a blob names it in a field ``digest``;
pruning drops it with the blob.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from wherry.digest import Digest
from wherry.frozen import ready
from wherry.store.disk import explained
from wherry.store.temporary import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T = TypeVar("T")

DIRECTORY: Final = "index"
VERSION: Final = 1
_KIND: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LIMIT_BYTES: Final = 64 << 20
_TOUCH_AFTER_S: Final = 86_400


class Entry(msgspec.Struct, frozen=True):
    """How a value lies on disk."""

    version: int
    key: str
    value: msgspec.Raw


class Index:
    """The small values of one store. Holds nothing but the root, so it may be sent to worker processes."""

    def __init__(self, root: Path) -> None:
        """Look at the values below the store's *root*."""
        self._root = root
        self._directory = root / DIRECTORY

    def get(self, kind: str, key: str, type_: type[T]) -> T | None:
        """The value, or None when there is none of this version and shape.

        Args:
            kind: A safe file name in lower case, such as "layers".
            key: Any text.
            type_: The msgspec type of the value.

        Raises:
            ValueError: *kind* is not a safe name (a mistake in our code).

        """
        file = self._file(kind, key)
        try:
            entry = read_entry(file)
            if entry is None or entry.version != VERSION or entry.key != key:
                return None
            return msgspec.json.decode(entry.value, type=ready(type_))
        except ValueError:  # msgspec's errors are ValueErrors
            return None

    def put(self, kind: str, key: str, value: msgspec.Struct) -> None:
        """Remember *value*, in place of what was there.

        Raises:
            ValueError: *kind* is not a safe name.
            WorldError: The store cannot be written.

        """
        file = self._file(kind, key)
        data = msgspec.json.encode(Entry(VERSION, key, msgspec.Raw(encoded(value))))
        with explained(self._root, "remember a result"):
            replace_file(self._root, file, data)

    def forget(self, kind: str, key: str) -> None:
        """Remember nothing under *key* any more.

        Raises:
            ValueError: *kind* is not a safe name.
            WorldError: The store cannot be written.

        """
        with explained(self._root, "forget a result"):
            self._file(kind, key).unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every kind and file, for the store's keeping."""
        for kind in _listed(self._directory):
            for file in _listed(kind):
                yield kind.name, file

    def _file(self, kind: str, key: str) -> Path:
        if not _KIND.fullmatch(kind):
            msg = f"not a kind of the index: {kind!r}"
            raise ValueError(msg)
        return (
            self._directory
            / kind
            / f"{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}.json"
        )


def encoded(value: msgspec.Struct) -> bytes:
    """The value as JSON; a `Digest` in a field of text is its text, which msgspec would refuse."""
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: object) -> str:
    if isinstance(value, Digest):
        return str(value)
    msg = f"not JSON: {type(value).__name__}"
    raise NotImplementedError(msg)


def read_entry(file: Path, *, touch: bool = True) -> Entry | None:
    """Read one entry, and note its use at most once a day (*touch*); None when it cannot be read.

    Raises:
        ValueError: The file is not an entry.

    """
    try:
        with file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            if status.st_size > _LIMIT_BYTES:
                return None
            data = stream.read(_LIMIT_BYTES)
    except OSError:
        return None
    if touch and time.time() - status.st_mtime > _TOUCH_AFTER_S:
        with suppress(OSError):
            os.utime(file)
    return msgspec.json.decode(data, type=ready(Entry))


def _listed(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
