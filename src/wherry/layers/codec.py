"""How a layer's tar bytes become a blob: gzip members in a row, or zstd frames in a row.

eStargz is gzip to a codec; where its members are cut, `wherry.layers.estargz` says.

What a codec writes depends on the bytes and on the libraries' versions only, never on the machine or
on how the bytes were cut into writes; `codec_id` names those versions. Gzip can also *splice*: take a
stream that is deflated already, as it is. After `cut` the output stands for itself, so that runs of
members may be joined to other runs.

Why these libraries: isal's compressed output depends on the processor's vector level, zlib's on the
build; libdeflate's and one-threaded zstd's do not (shared knowledge: oci.md 3.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    import zstandard

    from wherry.layers.model import Compression
    from wherry.oci.media_types import LayerCoding

PACK_BYTES: Final = 1 << 20
"""Tar bytes are compressed in pieces of this size."""

GZIP_LEVEL: Final = 4
ZSTD_LEVEL: Final = 3
SPLICE_FROM_BYTES: Final = 4 << 10
"""A member with at least this many compressed bytes is spliced, a smaller one packed with its neighbours."""

ESTARGZ_TOC: Final = 1
"""Raised when an eStargz layer of the same files would have another table of contents."""

# RFC 1952: magic, deflate, no flags, no time, no extra flags, unknown system.
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


class GzipCodec:
    """Gzip members (RFC 1952) in a row: one per piece, one per spliced stream."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        """Write the members to *sink*."""
        from deflate import crc32, deflate_compress  # noqa: PLC0415 - only making layers needs it

        self._sink = sink
        self._compress = deflate_compress
        self._crc32 = crc32

    def pack(self, piece: memoryview) -> None:
        """Compress one piece into one member."""
        trailer = _gzip_trailer(self._crc32(piece), len(piece))
        self._sink(b"".join((_GZIP_HEADER, self._compress(piece, GZIP_LEVEL), trailer)))

    def cut(self) -> None:
        """Nothing to do: every member stands for itself."""

    def begin_splice(self) -> None:
        """Start a member whose deflated bytes the caller writes to the sink itself."""
        self._sink(_GZIP_HEADER)

    def end_splice(self, crc: int, size_bytes: int) -> None:
        """End the spliced member.

        Args:
            crc: CRC-32 of the inflated bytes, checked by the caller.
            size_bytes: Their number; the format keeps it modulo 2**32.

        """
        self._sink(_gzip_trailer(crc, size_bytes))


class ZstdCodec:
    """Zstandard frames (RFC 8878) in a row, one per run."""

    def __init__(self, sink: Callable[[bytes], object]) -> None:
        """Write the frames to *sink*."""
        from zstandard import ZstdCompressor  # noqa: PLC0415 - only making layers needs it

        self._sink = sink
        self._compressor = ZstdCompressor(
            level=ZSTD_LEVEL, threads=0, write_content_size=False, write_checksum=True
        )
        self._frame: zstandard.ZstdCompressionObj | None = None

    def pack(self, piece: memoryview) -> None:
        """Compress one piece as the next of the frame."""
        if self._frame is None:
            self._frame = self._compressor.compressobj()
        self._sink(self._frame.compress(piece))

    def cut(self) -> None:
        """End the frame, if one is open."""
        if self._frame is not None:
            self._sink(self._frame.flush())
            self._frame = None


def make_codec(compression: Compression, sink: Callable[[bytes], object]) -> GzipCodec | ZstdCodec:
    """The codec that *compression* names, writing to *sink*.

    Raises:
        InputError: There is no such compression.

    """
    if compression in {"gzip", "estargz"}:
        return GzipCodec(sink)
    if compression == "zstd":
        return ZstdCodec(sink)
    raise InputError(f"{compression!r} is not a compression wherry knows", mend="use gzip, zstd or estargz")


def codec_id(compression: Compression) -> str:
    """What decides a blob's bytes beside the tar's: library, version, level, and what is spliced.

    Two blobs of one tar with the same codec id have the same digest on every machine.

    """
    if compression != "zstd":
        import deflate  # noqa: PLC0415 - only making layers needs it

        parts = (f"deflate={deflate.__version__}", f"level={GZIP_LEVEL}", f"splice={SPLICE_FROM_BYTES}")
        chunks = (f"chunk={PACK_BYTES}", f"toc={ESTARGZ_TOC}") if compression == "estargz" else ()
        return ";".join((compression, *parts, *chunks))
    import zstandard  # noqa: PLC0415 - the same

    version = ".".join(map(str, zstandard.ZSTD_VERSION))
    return f"zstd;libzstd={version};level={ZSTD_LEVEL}"


def coding_of(compression: Compression) -> LayerCoding:
    """What readers of the blob must know to unpack it: eStargz is gzip to those that know no more."""
    return "zstd" if compression == "zstd" else "gzip"


def _gzip_trailer(crc: int, size_bytes: int) -> bytes:
    return crc.to_bytes(4, "little") + (size_bytes & 0xFFFFFFFF).to_bytes(4, "little")


def unpacked(stream: BinaryIO, compression: Compression) -> Iterator[bytes]:
    """The tar bytes of a blob of ours, in blocks.

    Args:
        stream: The blob, at its beginning; left open.
        compression: What it was made with.

    Raises:
        ValueError: It is damaged.

    """
    try:
        if coding_of(compression) == "gzip":
            from isal.igzip import IGzipFile  # noqa: PLC0415 - only joining segments needs it

            with IGzipFile(fileobj=stream, mode="rb") as reader:  # type: ignore[no-untyped-call]
                while block := reader.read(PACK_BYTES):
                    yield block
            return
        from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 - the same

        try:
            yield from ZstdDecompressor().read_to_iter(stream, read_size=PACK_BYTES)
        except ZstdError as error:
            raise ValueError(str(error)) from None
    except (OSError, EOFError) as error:  # what gzip readers raise
        raise ValueError(str(error)) from None
