"""One blob of a registry as a file: read from any place, going on by itself where a connection broke."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from wherry.errors import WorldError
from wherry.fetch.failures import TransientError
from wherry.fetch.http import OK, PARTIAL_CONTENT
from wherry.fetch.transfer import content_length, content_range

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import WriteableBuffer

    from wherry.digest import Digest
    from wherry.oci.registry.client import Registry, Reply

_BUFFER_BYTES: Final = 1 << 20
_ENOUGH_BYTES: Final = 1 << 20


def open_blob(
    registry: Registry, repository: str, digest: Digest, count: Callable[[int], object] = lambda _: None
) -> io.BufferedReader:
    """The blob's bytes as they come, unverified. Nothing is asked before the first read.

    Args:
        registry: Where it is.
        repository: Where in it.
        digest: Which.
        count: Told of the bytes that came over the network.

    """
    return io.BufferedReader(BlobReader(registry, repository, digest, count), _BUFFER_BYTES)


class BlobReader(io.RawIOBase):
    """The bytes of one blob, asked for from where they are read (a Range), again after every break.

    Raises:
        WorldError: While reading: the registry failed more often than it got on, or has no such blob.

    """

    def __init__(
        self, registry: Registry, repository: str, digest: Digest, count: Callable[[int], object]
    ) -> None:
        self._registry = registry
        self._repository = repository
        self._digest = digest
        self._count = count
        self._position = 0
        self._size_bytes: int | None = None  # of the whole, once a reply told it
        self._waiting = memoryview(b"")
        self._connection = ExitStack()
        self._chunks: Iterator[bytes] | None = None
        self._where = ""
        self._breaks = 0
        self._broke_at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, without reading what lies between."""
        return True

    def tell(self) -> int:
        """Where the next byte comes from."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to *offset*; the end is not known beforehand, so nothing is counted from there."""
        if whence == os.SEEK_END:
            raise io.UnsupportedOperation("a blob that is streamed has no end to count from")
        target = offset + (self._position if whence == os.SEEK_CUR else 0)
        if target != self._position:
            self._hang_up()
            self._waiting = memoryview(b"")
            self._position = target
        return target

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill as much of *buffer* as has come."""
        view = memoryview(buffer).cast("B")
        if not self._waiting:
            self._waiting = memoryview(self._registry.retrying(self._next_chunk, lambda: self._position))
        size_bytes = min(len(view), len(self._waiting))
        view[:size_bytes] = self._waiting[:size_bytes]
        self._waiting = self._waiting[size_bytes:]
        self._position += size_bytes
        return size_bytes

    def close(self) -> None:
        """End the connection."""
        self._hang_up()
        super().close()

    def _next_chunk(self) -> bytes:
        """The bytes at the position; none at the end."""
        try:
            chunks = self._chunks or self._connect()
            chunk = next(chunks, b"")
        except TransientError as error:
            self._hang_up()
            raise self._broken(error) from error
        except BaseException:
            self._hang_up()
            raise
        if not chunk and self._size_bytes is not None and self._position < self._size_bytes:
            self._hang_up()
            raise self._broken(
                TransientError("the registry stopped before the end of a blob", where=self._where)
            )
        return chunk

    def _connect(self) -> Iterator[bytes]:
        headers = {"Range": f"bytes={self._position}-"} if self._position else {}
        reply = self._connection.enter_context(
            self._registry.request(
                "GET",
                f"{self._repository}/blobs/{self._digest}",
                repository=self._repository,
                headers=headers,
                expect=(OK, PARTIAL_CONTENT),
            )
        )
        self._where = reply.url
        self._chunks = self._from_position(reply)
        return self._chunks

    def _from_position(self, reply: Reply) -> Iterator[bytes]:
        """The body from where we are, which a registry that knows no ranges sends from the beginning."""
        if reply.status == PARTIAL_CONTENT:
            begin, size_bytes = content_range(reply.headers) or (-1, None)
            if begin != self._position:
                what = "the registry sent another part of a blob than was asked for"
                raise TransientError(what, where=reply.url, mend="try again later")
        else:
            begin, size_bytes = 0, content_length(reply.headers)
        if size_bytes is not None:
            self._size_bytes = size_bytes
        ahead = self._position - begin
        for chunk in reply.chunks():
            self._count(len(chunk))
            if len(chunk) > ahead:
                yield chunk[ahead:]
            ahead = max(ahead - len(chunk), 0)

    def _broken(self, error: TransientError) -> WorldError:
        """The error, or one that ends it: of a registry that breaks off again and again after a few bytes."""
        if self._position - self._broke_at >= _ENOUGH_BYTES:
            self._breaks, self._broke_at = 0, self._position
        self._breaks += 1
        if self._breaks < self._registry.patience.attempts:
            return error
        return WorldError(error.what, where=error.where, mend="try again later")

    def _hang_up(self) -> None:
        self._chunks = None
        self._connection.close()
