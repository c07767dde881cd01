"""Undo a layer's compression as a stream, whoever compressed it and in however many pieces."""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING, Any, Final, cast

from wherry.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from wherry.oci.media_types import LayerCoding
    from wherry.oci.tarstream import Readable

_MAGIC: Final[dict[bytes, LayerCoding]] = {b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_MAX_WINDOW_BYTES: Final = 128 * 1024 * 1024  # what the zstd program accepts without being told to


def sniff(start: bytes) -> LayerCoding:
    """How the bytes beginning with *start* (four are enough) are compressed: gzip, zstd or not at all."""
    return next((coding for magic, coding in _MAGIC.items() if start.startswith(magic)), "tar")


def decompressed(stream: Readable, coding: LayerCoding, where: str) -> Readable:
    """The uncompressed bytes of *stream*. Gzip members and zstd frames in a row are one stream.

    Args:
        stream: The compressed bytes.
        coding: How they are compressed; ``tar`` is not at all.
        where: What to call the stream in errors.

    Raises:
        InputError: While reading: the stream is damaged, cut short, or asks for too much memory.

    """
    if coding == "tar":
        return stream
    return _Checked(_open_gzip(stream) if coding == "gzip" else _open_zstd(stream), coding, where)


def _open_gzip(stream: Readable) -> Any:  # noqa: ANN401 - a file of a library without types
    from isal import igzip  # noqa: PLC0415 - only who unpacks needs it

    return igzip.GzipFile(fileobj=_Raw(stream), mode="rb")  # type: ignore[no-untyped-call]


def _open_zstd(stream: Any) -> Any:  # noqa: ANN401 - as above
    import zstandard  # noqa: PLC0415 - as above

    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    # A frame that is cut off reads as an end here; the tar within, and its digest, then tell.
    return decompressor.stream_reader(stream, read_across_frames=True)


def _isal_error() -> type[Exception]:
    from isal import isal_zlib  # noqa: PLC0415 - only who unpacks needs it

    return cast("type[Exception]", isal_zlib.IsalError)  # the library's stub calls the class a value


class _Raw(io.RawIOBase):
    """A stream as a file object, which igzip wants to read into its own buffer."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill as much of *buffer* as there is."""
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        view[: len(data)] = data
        return len(data)


class _Checked:
    """A decompressor whose many ways to complain all become one error."""

    def __init__(self, stream: Readable, coding: str, where: str) -> None:
        self._stream = stream
        self._coding = coding
        self._where = where

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes; none only at the end."""
        import zstandard  # noqa: PLC0415 - only who unpacks needs it

        try:
            return self._stream.read(size)
        except EOFError:
            raise InputError(f"the {self._coding} data is cut short", where=self._where) from None
        except (OSError, zlib.error, _isal_error(), zstandard.ZstdError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk's complaint, not the data's
            what = f"the {self._coding} data is damaged"
            raise InputError(what, where=self._where) from None
