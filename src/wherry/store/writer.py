"""Writing one blob: hashed as it goes, in a temporary file, moved to its place whole.

Hashing runs beside the producer: hashlib lets go of the interpreter's lock, so a second thread costs a
hand-over per block and wins the time of SHA-256. Small writes are gathered into blocks first, and a blob
of less than one block never starts the thread.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.store.disk import explained
from wherry.store.temporary import temporary_file, write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BLOCK_BYTES: Final = 1 << 20
DIRECT_BYTES: Final = 256 << 10
PENDING_BYTES: Final = 4 << 20
_BUFFERS: Final = 4


class _Hasher:
    """SHA-256 on a thread of its own, with at most PENDING_BYTES (or one larger block) waiting."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._blocks: deque[tuple[bytes | memoryview, bytearray | None]] = deque()
        self._pending_bytes = 0
        self._free: list[bytearray] = []
        self._made = 0
        self._change = threading.Condition()
        self._ended = False
        self._thread: threading.Thread | None = None

    def buffer(self) -> bytearray:
        """Give an empty buffer of BLOCK_BYTES; wait for one to be hashed when all are in use."""
        with self._change:
            if not self._free and self._made < _BUFFERS:
                self._made += 1
                return bytearray(BLOCK_BYTES)
            while not self._free:
                self._change.wait()
            return self._free.pop()

    def update(self, block: bytes | memoryview, buffer: bytearray | None = None) -> None:
        """Hash *block* soon, then take *buffer* back; wait while too much is waiting."""
        with self._change:
            while self._pending_bytes and self._pending_bytes + len(block) > PENDING_BYTES:
                self._change.wait()
            self._pending_bytes += len(block)
            self._blocks.append((block, buffer))
            self._change.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="wherry-hash", daemon=True)
                self._thread.start()

    def finish(self, last: memoryview) -> Digest:
        """Hash the *last* bytes on the caller's thread and give the digest of all."""
        self.stop()
        self._hash.update(last)
        return Digest.from_hex(self._hash.hexdigest())

    def stop(self, *, drop: bool = False) -> None:
        """End the thread when what waits is hashed, or dropped."""
        with self._change:
            self._ended = True
            if drop:
                self._blocks.clear()
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._blocks:
                    if self._ended:
                        return
                    self._change.wait()
                block, buffer = self._blocks.popleft()
            self._hash.update(block)
            with self._change:
                self._pending_bytes -= len(block)
                if buffer is not None:
                    self._free.append(buffer)
                self._change.notify_all()


class BlobWriter:
    """A write-only sink for the bytes of one blob. Made by `Blobs.writer`; for one thread at a time."""

    def __init__(self, root: Path, keep: Callable[[Path, int, Digest, int], None]) -> None:
        """Open a temporary file under *root*; *keep* moves it to its place once its digest is known."""
        self._root = root
        self._keep = keep
        self._hasher = _Hasher()
        self._buffer = bytearray()
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
        end = self._filled + size_bytes
        if end > len(self._buffer):
            self._write_block(data)
        else:  # the way of tar headers: many and small
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
        last = memoryview(self._buffer)[: self._filled]
        with explained(self._root, "write a blob"):
            write_all(self._descriptor, last)
        digest = self._hasher.finish(last)
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
        self._hasher.stop(drop=True)
        if self._digest is None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write_block(self, data: bytes | bytearray | memoryview) -> None:
        """Take what the buffer has no room for; or there is no buffer yet."""
        if len(data) >= DIRECT_BYTES and isinstance(data, bytes):
            self._flush()
            self._send(data)
            return
        # What its owner may change behind us is copied; that costs a tenth of the hash.
        view = memoryview(data)
        while view:
            if not self._buffer:
                self._buffer = self._hasher.buffer()
            part = view[: BLOCK_BYTES - self._filled]
            self._buffer[self._filled : self._filled + len(part)] = part
            self._filled += len(part)
            view = view[len(part) :]
            if self._filled == BLOCK_BYTES:
                self._flush()

    def _flush(self) -> None:
        if self._filled:
            buffer, filled = self._buffer, self._filled
            self._buffer, self._filled = bytearray(), 0
            self._send(memoryview(buffer)[:filled], buffer)

    def _send(self, block: bytes | memoryview, buffer: bytearray | None = None) -> None:
        with explained(self._root, "write a blob"):
            write_all(self._descriptor, block)
        self._hasher.update(block, buffer)
        self._sent_bytes += len(block)
