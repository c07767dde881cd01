"""Inflating one deflated file in bounded memory, held to the size and CRC-32 that were declared for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE_BYTES: Final = 512 << 10  # of compressed bytes, read at once: hashed while a core's cache has them
BLOCK_BYTES: Final = 256 << 10  # of inflated bytes, given at once: likewise
MAX_RATIO: Final = 1032
"""What DEFLATE can expand a byte to, at most (zlib's documentation, "Maximum Compression Factor")."""


class DamageError(Exception):
    """Bytes are not what was declared of them. Whoever knows the file's name makes an InputError of it."""


def inflate_small(data: bytes, size_bytes: int, crc: int) -> bytes | bytearray:
    """Inflate a raw DEFLATE stream that is small enough to be held whole.

    Args:
        data: The stream.
        size_bytes: What it must inflate to; the caller has bounded it.
        crc: CRC-32 that it must have.

    Raises:
        DamageError: Anything else came out.

    """
    from deflate import DeflateError, crc32, deflate_decompress  # noqa: PLC0415 - only making layers needs it

    try:
        inflated = deflate_decompress(data, size_bytes)
    except DeflateError:
        raise DamageError("its compressed data is damaged") from None
    if len(inflated) != size_bytes:
        raise DamageError("it is shorter than the archive's directory says")
    if crc32(inflated) != crc:
        raise DamageError("its CRC does not match")
    return inflated


def inflate_stream(
    read: Callable[[int], bytes], compressed_bytes: int, size_bytes: int, crc: int
) -> Iterator[tuple[bytes, bytes]]:
    """Inflate a raw DEFLATE stream of any length.

    Gives pairs: a compressed piece (or nothing, when the last one holds more), and the next inflated block.

    Args:
        read: Gives up to so many of the stream's next bytes; fewer, or none, at its end.
        compressed_bytes: Length of the stream.
        size_bytes: What it must inflate to.
        crc: CRC-32 that it must have.

    Raises:
        DamageError: Anything else came out, or bytes are left over. What was given before is void.

    """
    from deflate import crc32  # noqa: PLC0415 - as above; not isal's: SHA-256 is a quarter slower after that
    from isal.igzip_lib import DECOMP_DEFLATE, IgzipDecompressor, IsalError  # noqa: PLC0415 - as above

    decompressor = IgzipDecompressor(flag=DECOMP_DEFLATE, hist_bits=15)
    left_bytes, inflated_bytes, checksum, ended = compressed_bytes, 0, 0, False
    while left_bytes and not ended:
        piece = fresh = read(min(PIECE_BYTES, left_bytes))
        if not piece:
            raise DamageError("it is cut short")
        left_bytes -= len(piece)
        while True:
            try:
                block = decompressor.decompress(fresh, BLOCK_BYTES)
            except IsalError:  # type: ignore[misc] # its stub says it is an instance
                raise DamageError("its compressed data is damaged") from None
            inflated_bytes += len(block)
            if inflated_bytes > size_bytes:
                raise DamageError("it is longer than the archive's directory says")
            checksum = crc32(block, checksum)
            yield piece, block
            ended = decompressor.eof
            if ended or decompressor.needs_input or not block:
                break
            piece = fresh = b""
    if not ended or left_bytes or decompressor.unused_data:
        raise DamageError("its compressed data does not end where it should")
    if inflated_bytes != size_bytes:
        raise DamageError("it is shorter than the archive's directory says")
    if checksum != crc:
        raise DamageError("its CRC does not match")
