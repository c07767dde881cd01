"""Decompression as a stream of bounded chunks, for the formats Debian's archives come in."""

from __future__ import annotations

import lzma
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.oci import coding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.oci.media_types import LayerCoding
    from wherry.oci.tarstream import Readable

CHUNK_BYTES: Final = 1 << 18
MEMORY_LIMIT_BYTES: Final = 72 << 20
"""For an xz stream's dictionary: ``xz -9`` has 64 MiB, the usual ``-6`` has 8. dpkg writes nothing larger."""

_CODINGS: Final[dict[str, LayerCoding]] = {"": "tar", "gz": "gzip", "zst": "zstd"}


def decompressed(stream: Readable, ending: str, where: str) -> Iterator[bytes]:
    """The plain bytes of *stream* in chunks of at most ``CHUNK_BYTES``.

    Args:
        stream: Compressed bytes, at their start.
        ending: Of the file's name: ``"xz"``, ``"gz"``, ``"zst"`` or ``""`` for none.
        where: Names the stream in messages.

    Raises:
        InputError: The bytes are not of that kind, damaged, cut short, or need too much memory.

    """
    if ending == "xz":
        try:
            yield from _xz(stream)
        except (EOFError, lzma.LZMAError) as error:
            raise InputError(f"the xz data is damaged: {error}", where=where) from error
        return
    if ending not in _CODINGS:
        raise InputError(f"compressed in a way that is not supported: {ending!r}", where=where)
    plain = coding.decompressed(stream, _CODINGS[ending], where)
    while chunk := plain.read(CHUNK_BYTES):
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
                    raise EOFError("it is cut short")
            if chunk := decompressor.decompress(data, CHUNK_BYTES):
                yield chunk
            data = b""
        data = decompressor.unused_data.lstrip(b"\0")
        while not data and (more := stream.read(CHUNK_BYTES)):
            data = more.lstrip(b"\0")
