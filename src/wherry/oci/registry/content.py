"""The bytes of a blob that is sent: read from any place in them, and checked where nobody vouches for it."""

from __future__ import annotations

import hashlib
import io
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, BinaryIO, Final, Self, cast

from wherry.errors import InputError, WherryError
from wherry.fetch.failures import WrongBytesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.oci.model import Descriptor

_SKIPPED_BYTES: Final = 1 << 20


class Content:
    """A blob's bytes, read from any place in them; hashed as they pass where nobody vouches for them."""

    def __init__(
        self, open_stream: Callable[[], IO[bytes]], blob: Descriptor, where: str, *, is_remote: bool = False
    ) -> None:
        """Read what *open_stream* opens.

        Args:
            open_stream: Opens the bytes at their start. Called when they are needed, perhaps several times.
            blob: What they must be.
            where: What to call their place in errors.
            is_remote: Whether they come from a registry: then the last one is not handed on before all are
                known to be right.

        """
        self._open_stream = open_stream
        self._blob = blob
        self._where = where
        self._stream: IO[bytes] | None = None
        self._position = 0
        self._is_remote = self._is_checked = is_remote
        self._hash = hashlib.sha256()
        self._hashed_bytes = 0
        self.failure: WherryError | None = None  # why they could not be read last

    def check(self) -> None:
        """From now on, do not hand on the last byte unless the digest is right."""
        self._is_checked = True

    def require(self) -> None:
        """Make sure that there are bytes.

        Raises:
            WherryError: Their place does not give them.

        """
        with self.noting_failure():
            self._go_to(0)
            if isinstance(self._stream, io.BufferedReader):
                self._stream.peek(1)  # a stream over the network asks for nothing before

    def seek(self, offset: int) -> None:
        """Go to *offset*; what lies before is read, too, where it is yet to be hashed."""
        if self._is_checked and offset > self._hashed_bytes:
            self._go_to(self._hashed_bytes)
            self._skip(offset)
        else:
            self._go_to(offset)

    def close(self) -> None:
        """Close what is open."""
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def read(self, size: int) -> bytes:
        """Up to *size* bytes.

        Raises:
            InputError: They end too early, or are not what their digest says.
            WrongBytesError: The same, where they come from a registry.

        """
        stream = self._stream
        data = stream.read(size) if stream else b""
        if not data:
            raise self._wrong("ends too early", f"{self._position} bytes")
        begin, self._position = self._position, self._position + len(data)
        if self._is_checked and begin <= self._hashed_bytes < self._position:
            self._hash.update(memoryview(data)[self._hashed_bytes - begin :])
            self._hashed_bytes = self._position
            if (
                self._hashed_bytes == self._blob.size_bytes
                and self._hash.hexdigest() != self._blob.digest.hex
            ):
                sent = f"sha256:{self._hash.hexdigest()}"
                raise self._wrong("does not have the bytes its digest promises", sent)
        return data

    @contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Remember why the block cannot read, to be told from why the bytes cannot be sent."""
        try:
            yield
        except WherryError as error:
            self.failure = error
            raise

    def _go_to(self, offset: int) -> None:
        if self._stream is not None and self._position == offset:
            return
        if self._stream is None or not self._stream.seekable():
            self.close()
            self._stream, self._position = self._open_stream(), 0
        if self._stream.seekable():
            self._position = self._stream.seek(offset)
        else:
            self._skip(offset)

    def _skip(self, offset: int) -> None:
        while self._position < offset:
            self.read(min(_SKIPPED_BYTES, offset - self._position))

    def _wrong(self, how: str, sent: str) -> WherryError:
        """What to tell of bytes that are not the blob's: of a file of this disk, or of what was sent here."""
        if self._is_remote:
            what = f"the registry sent {sent}, not {self._blob.digest} of {self._blob.size_bytes} bytes"
            mend = "try again; if it stays so, something on the way changes what the registry sends"
            return WrongBytesError(what, where=self._where, mend=mend)
        mend = "'wherry cache verify' removes what the disk has spoilt; then build or pull the image again"
        return InputError(f"blob {self._blob.digest} {how}", where=self._where, mend=mend)


class Piece:
    """A stretch of a content: what one request sends."""

    def __init__(
        self, content: Content, offset: int, size_bytes: int, count: Callable[[int, int], None]
    ) -> None:
        """Send *size_bytes* from *offset* on; *count* is told of each read's position and length."""
        self._content = content
        self._offset = offset
        self._count = count
        self.size_bytes: Final = size_bytes

    def open(self) -> BinaryIO:
        """Read it from its start."""
        with self._content.noting_failure():
            self._content.seek(self._offset)
        return cast("BinaryIO", _Reading(self._content, self._offset, self._count))


class _Reading:
    """A content while one request reads it; it stays open for the next."""

    def __init__(self, content: Content, position: int, count: Callable[[int, int], None]) -> None:
        self._content = content
        self._position = position
        self._count = count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def read(self, size: int) -> bytes:
        with self._content.noting_failure():
            data = self._content.read(size)
        self._count(self._position, len(data))
        self._position += len(data)
        return data
