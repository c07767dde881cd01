"""Writing one run of tar members: hashed as tar, compressed by a codec, handed to a blob.

The only place where tar headers, the diff id and the codec meet. Members come in the order the caller
gives them; nothing here sorts, opens a file or knows what a wheel is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.layers import tar
from wherry.layers.codec import PACK_BYTES, SPLICE_FROM_BYTES, GzipCodec, codec_id, coding_of, make_codec
from wherry.layers.hashing import Hashing
from wherry.layers.model import MTIME, LayerBlob
from wherry.oci.media_types import layer_media_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.layers.model import Compression

    Pieces = Iterable[tuple[bytes, bytes]]

BESIDE_FROM_BYTES: Final = 16 << 20
"""A file this large is hashed on another thread, where a core is idle."""


class Sink(Protocol):
    """Where compressed bytes go: a store's BlobWriter."""

    def write(self, data: bytes) -> object:
        """Take all of *data*."""

    @property
    def size_bytes(self) -> int:
        """How many bytes were taken."""
        ...


class LayerWriter:
    """One run of tar members. Reuse of a path is the caller's mistake to avoid: OCI forbids it."""

    lists_files: ClassVar[bool] = False
    """Whether the format lists its files with their digests, so that every file's must be right."""

    def __init__(
        self, sink: Sink, compression: Compression, *, mtime: int = MTIME, beside: bool = False
    ) -> None:
        """Write to *sink*; the tar is hashed as it goes.

        Args:
            sink: Takes the blob's bytes.
            compression: Of the blob.
            mtime: Of every member, in seconds since 1970.
            beside: Hash large files on another thread: faster where a core is idle, slower where none is.

        Raises:
            InputError: There is no such compression.

        """
        self._sink = sink
        self._compression: Compression = compression
        self._codec = make_codec(compression, sink.write)
        self._mtime = mtime
        self.beside = beside
        self._tar = Hashing()
        self._waiting = bytearray()
        self.unpacked_bytes = 0

    def directory(self, path: str, *, mode: int = 0o755, uid: int = 0, gid: int = 0) -> None:
        """Add a directory. *path* is relative to the image's root, as everywhere here."""
        self.write(tar.directory_header(path, mode=mode, mtime=self._mtime, uid=uid, gid=gid))

    def symlink(self, path: str, target: str, *, mode: int = 0o777, uid: int = 0, gid: int = 0) -> None:
        """Add a symbolic link to *target*."""
        self.write(tar.symlink_header(path, target, mode=mode, mtime=self._mtime, uid=uid, gid=gid))

    def hard_link(self, path: str, target: str, *, mode: int, uid: int = 0, gid: int = 0) -> None:
        """Add another name for *target*, a file of this layer."""
        self.write(tar.hard_link_header(path, target, mode=mode, mtime=self._mtime, uid=uid, gid=gid))

    def file(  # noqa: PLR0913 - what tar knows of a file
        self,
        path: str,
        content: bytes | bytearray,
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        digest: Digest | None = None,  # noqa: ARG002 - for formats that list their files
    ) -> None:
        """Add a small file whose *content* is in memory; *digest* is the content's, where it was checked."""
        size_bytes = len(content)
        self.write(tar.file_header(path, size_bytes, mode=mode, mtime=self._mtime, uid=uid, gid=gid))
        self.write(content)
        self.write(tar.padding(size_bytes))

    def stream(  # noqa: PLR0913 - what tar knows of a file
        self,
        path: str,
        size_bytes: int,
        blocks: Iterable[bytes],
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        digest: Digest | None = None,  # noqa: ARG002 - for formats that list their files
    ) -> None:
        """Add a file whose content comes in *blocks*; *digest* is the content's, where it was checked.

        Raises:
            InputError: The blocks are not *size_bytes* in all.

        """
        self.write(tar.file_header(path, size_bytes, mode=mode, mtime=self._mtime, uid=uid, gid=gid))
        left_bytes = size_bytes
        for block in blocks:
            left_bytes -= len(block)
            if left_bytes < 0:
                break
            self.write(block)
        if left_bytes:
            raise InputError(f"{path} changed its size while it was read", mend="build again")
        self.write(tar.padding(size_bytes))

    @property
    def splice_from_bytes(self) -> int | None:
        """How many deflated bytes a file needs for `splice`; None where the codec cannot."""
        return SPLICE_FROM_BYTES if isinstance(self._codec, GzipCodec) else None

    def splice(  # noqa: PLR0913 - what tar knows of a file
        self,
        path: str,
        size_bytes: int,
        crc: int,
        pieces: Pieces,
        *,
        mode: int = 0o644,
        digest: Digest | None = None,  # noqa: ARG002 - for formats that list their files
    ) -> None:
        """Add a file whose content is deflated already, as it is.

        Args:
            path: As everywhere.
            size_bytes: Of the content, inflated.
            crc: CRC-32 of the content, inflated.
            pieces: Pairs of the next deflated and the next inflated bytes, either of which may be empty.
                They raise if size or CRC turn out otherwise.
            mode: Permission bits.
            digest: Of the content, inflated, where the pieces are held to it.

        """
        self.write(tar.file_header(path, size_bytes, mode=mode, mtime=self._mtime))
        self._spliced(size_bytes, crc, pieces)
        self.write(tar.padding(size_bytes))

    def _spliced(self, size_bytes: int, crc: int, pieces: Pieces) -> None:
        """Add content that is deflated already."""
        if not isinstance(self._codec, GzipCodec):
            raise TypeError(self._compression)
        self._pack_rest()
        self._codec.begin_splice()
        if self.beside and size_bytes >= BESIDE_FROM_BYTES:
            self._tar.start()
        try:
            for deflated, block in pieces:
                if deflated:
                    self._sink.write(deflated)
                self._tar.feed(block)
        finally:
            self._tar.stop()
        self.unpacked_bytes += size_bytes
        self._codec.end_splice(crc, size_bytes)

    def joined(
        self,
        compressed: Iterable[bytes],
        blocks: Iterable[bytes],
        unpacked_bytes: int,
        table: bytes = b"",  # noqa: ARG002 - for formats that list their files
    ) -> None:
        """Add a whole run that another writer of the same codec made and cut.

        Args:
            compressed: Its blob's bytes.
            blocks: The same, unpacked.
            unpacked_bytes: Their number.
            table: What the other writer's `table` gave.

        """
        self.cut()
        for piece in compressed:
            self._sink.write(piece)
        if self.beside and unpacked_bytes >= BESIDE_FROM_BYTES:
            self._tar.start()
        try:
            for block in blocks:
                self._tar.feed(block)
        finally:
            self._tar.stop()
        self.unpacked_bytes += unpacked_bytes

    def landmark(self, *, prefetch: bool) -> None:
        """Say that what is above this place is wanted first, where the format has words for it."""

    def table(self) -> bytes:
        """What `joined` of another writer needs to know of this run, beside its bytes."""
        return b""

    def write(self, data: bytes | bytearray) -> None:
        """Add tar bytes as they are."""
        self._waiting += data
        if len(self._waiting) >= PACK_BYTES:
            self._pack_full()

    def cut(self) -> None:
        """End the run here: what is before can be joined to anything."""
        self._pack_rest()
        self._codec.cut()

    def end(self) -> None:
        """Close the archive."""
        self.write(tar.END)
        self.cut()

    def diff_id(self) -> Digest:
        """The digest of all tar bytes so far. After `cut`."""
        return Digest.from_hex(self._tar.hexdigest())

    def layer(self, digest: Digest) -> LayerBlob:
        """What the index keeps of the finished layer, whose blob was committed under *digest*."""
        return LayerBlob(
            diff_id=str(self.diff_id()),  # msgspec knows str, not what is derived from it
            digest=str(digest),
            size_bytes=self._sink.size_bytes,
            unpacked_bytes=self.unpacked_bytes,
            codec=codec_id(self._compression),
            media_type=layer_media_type(coding_of(self._compression)),
        )

    def _pack_full(self) -> None:
        """Pack as many whole pieces as are waiting: pieces end at the same bytes however writes were cut."""
        whole = len(self._waiting) - len(self._waiting) % PACK_BYTES
        with memoryview(self._waiting) as view:
            for start in range(0, whole, PACK_BYTES):
                self._pack(view[start : start + PACK_BYTES])
        del self._waiting[:whole]

    def _pack_rest(self) -> None:
        if self._waiting:
            with memoryview(self._waiting) as view:
                self._pack(view)
            self._waiting = bytearray()

    def _pack(self, piece: memoryview) -> None:
        with piece:
            self._tar.update(piece)
            self._codec.pack(piece)
            self.unpacked_bytes += len(piece)
