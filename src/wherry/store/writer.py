"""Writing one blob: hashed as it goes, in a temporary file, moved to its place whole."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.store.disk import explained
from wherry.store.temporary import temporary_file, write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK_BYTES: Final = 256 << 10
"""Smaller writes are gathered up to this; a larger one is hashed and written as it comes."""


class BlobWriter:
    """A write-only sink for the bytes of one blob. Made by `Blobs.writer`; for one thread at a time."""

    def __init__(self, root: Path, keep: Callable[[Path, int, Digest, int], None]) -> None:
        """Open a temporary file under *root*; *keep* moves it to its place once its digest is known."""
        self._root = root
        self._keep = keep
        self._hash = hashlib.sha256()
        self._buffer = bytearray(BLOCK_BYTES)
        self._filled = 0
        self._sent_bytes = 0
        self._digest: Digest | None = None
        with explained(root, "write a blob"):
            self._descriptor, self._path = temporary_file(root)

    @property
    def size_bytes(self) -> int:
        """How many bytes were written so far."""
        return self._sent_bytes + self._filled

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take *data*, all of it. The caller may reuse its buffer at once.

        Raises:
            WorldError: The disk is full, or failed otherwise.

        """
        if isinstance(data, memoryview):
            data = data.cast("B")
        size_bytes = len(data)
        if self._filled + size_bytes > BLOCK_BYTES:
            self._flush()
        if size_bytes > BLOCK_BYTES:
            self._send(data)
        else:  # the way of tar headers: many and small
            end = self._filled + size_bytes
            self._buffer[self._filled : end] = data
            self._filled = end
        return size_bytes

    def commit(self, expected: Digest | None = None) -> Digest:
        """Put the blob in its place under its digest.

        Args:
            expected: The digest the bytes must have.

        Raises:
            WorldError: The bytes have another digest than *expected*, or the disk refused; nothing is kept.

        """
        if self._digest is not None:
            return self._digest
        self._flush()
        digest = Digest.from_hex(self._hash.hexdigest())
        if expected is not None and digest != expected:
            raise WorldError(
                f"a blob has other bytes than expected: {digest}, not {expected}", where=str(self._root)
            )
        with explained(self._root, "keep a blob"):
            self._keep(self._path, self._descriptor, digest, self.size_bytes)
        self._digest = digest
        return digest

    def close(self) -> None:
        """End the writing; what was not committed is gone."""
        if self._digest is None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _flush(self) -> None:
        with memoryview(self._buffer) as view, view[: self._filled] as filled:
            self._send(filled)
        self._filled = 0

    def _send(self, block: bytes | bytearray | memoryview) -> None:
        self._hash.update(block)
        with explained(self._root, "write a blob"):
            write_all(self._descriptor, block)
        self._sent_bytes += len(block)
