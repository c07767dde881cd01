"""Hashing beside the work: hashlib lets go of the interpreter's lock, so an idle core can take it over."""

from __future__ import annotations

import hashlib
import queue
import threading
from typing import Final

_WAITING: Final = 4
"""Blocks that may wait for the thread: enough to keep it busy, few enough to stay small in memory."""


class Hashing:
    """A hash that can move to a thread of its own for the length of a long stream.

    Small pieces are hashed at once: handing one over costs more than hashing it.
    """

    def __init__(self, algorithm: str = "sha256") -> None:
        """Start with nothing hashed; *algorithm* as hashlib names it."""
        self._hash = hashlib.new(algorithm)
        self._queue: queue.SimpleQueue[bytes | None] | None = None
        self._room = threading.Semaphore(_WAITING)
        self._thread: threading.Thread | None = None

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Hash *data* now. Not while beside."""
        self._hash.update(data)

    def start(self) -> None:
        """Take what `feed` brings on another thread until `stop`."""
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._run, args=(self._queue,), name="wherry-hash", daemon=True
        )
        self._thread.start()

    def feed(self, block: bytes) -> None:
        """Hash *block* soon; wait while several are waiting. Between `start` and `stop`, else at once."""
        if self._queue is None:
            self._hash.update(block)
            return
        self._room.acquire()
        self._queue.put(block)

    def stop(self) -> None:
        """Wait until everything fed is hashed, and hash at once again."""
        if self._queue is not None and self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._queue = self._thread = None

    def digest(self) -> bytes:
        """The bytes of the hash."""
        return self._hash.digest()

    def hexdigest(self) -> str:
        """The same as hex digits."""
        return self._hash.hexdigest()

    def _run(self, blocks: queue.SimpleQueue[bytes | None]) -> None:
        while (block := blocks.get()) is not None:
            self._hash.update(block)
            self._room.release()
