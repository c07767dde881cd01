"""Decompression as a stream of bounded chunks, for the formats Debian's archives come in."""

from __future__ import annotations

import gzip
import lzma
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES: Final = 1 << 18
_ZSTD_PIECE_BYTES: Final = 512
MEMORY_LIMIT_BYTES: Final = 72 << 20
"""For a stream's dictionary: ``xz -9`` has 64 MiB, the usual ``-6`` has 8. dpkg writes nothing larger."""


class Readable(Protocol):
    """What compressed bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most *size* more bytes; none at the end."""


def decompressed(stream: Readable, kind: str, where: str) -> Iterator[bytes]:
    """The plain bytes of *stream* in chunks of at most ``CHUNK_BYTES``.

    Args:
        stream: Compressed bytes, at their start.
        kind: The file name's ending: ``"xz"``, ``"gz"``, ``"zst"`` or ``""`` for none.
        where: Names the stream in messages.

    Raises:
        InputError: The bytes are not of that kind, damaged, cut short, or need too much memory.

    """
    try:
        match kind:
            case "":
                yield from _read(stream)
            case "gz":
                with gzip.GzipFile(fileobj=stream, mode="rb") as plain:  # type: ignore[call-overload]  # only reads
                    yield from _read(plain)
            case "xz":
                yield from _xz(stream)
            case "zst":
                yield from _zstd(stream)
            case _:
                raise InputError(f"compressed in a way that is not supported: {kind!r}", where=where)
    except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"damaged or cut short: {error}", where=where) from error


def _read(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _xz(stream: Readable) -> Iterator[bytes]:
    """Every xz stream of the file in turn; padding of zero bytes may follow each (xz format 2.2)."""
    data = stream.read(CHUNK_BYTES)
    first = True
    while data or first:
        first = False
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY_LIMIT_BYTES)
        while not decompressor.eof:
            if decompressor.needs_input and not data:
                data = stream.read(CHUNK_BYTES)
                if not data:
                    raise EOFError("the xz stream has no end")
            if chunk := decompressor.decompress(data, CHUNK_BYTES):
                yield chunk
            data = b""
        data = decompressor.unused_data.lstrip(b"\0")
        while not data and (more := stream.read(CHUNK_BYTES)):
            data = more.lstrip(b"\0")


def _zstd(stream: Readable) -> Iterator[bytes]:
    import zstandard  # noqa: PLC0415 - only few packages need it

    decompressor = zstandard.ZstdDecompressor(max_window_size=MEMORY_LIMIT_BYTES)
    try:
        data = stream.read(CHUNK_BYTES)
        while data:
            frame = decompressor.decompressobj(read_across_frames=False)
            while not frame.eof:
                if not data:
                    raise EOFError("the zstd frame has no end")
                # A 4-byte block may stand for 128 KiB: small pieces of input bound what one call gives back.
                piece, data = data[:_ZSTD_PIECE_BYTES], data[_ZSTD_PIECE_BYTES:]
                output = frame.decompress(piece)
                for start in range(0, len(output), CHUNK_BYTES):
                    yield output[start : start + CHUNK_BYTES]
                data = data or stream.read(CHUNK_BYTES)
            data = (frame.unused_data + data) or stream.read(CHUNK_BYTES)
    except zstandard.ZstdError as error:
        raise EOFError(str(error)) from error
