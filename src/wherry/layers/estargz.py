"""eStargz: a gzip layer whose files can be fetched one by one, as it lists where in the blob each begins.

It is a `tar.gz` like any other, of gzip members cut so that no two files share one: a member begins where a
file's content does, so that a reader can inflate it alone. What is spliced is cut so already. Two entries
stand at the root of the image, whatever the layer's prefix, because the format asks for them there: a
landmark that says how much to fetch before anything runs, and the table of contents, ``stargz.index.json``,
which is last. A footer of fixed length says where the table begins. Rules: stargz-snapshotter's
``docs/estargz.md``.

The table holds offsets of compressed bytes and is part of the tar: here the diff id depends on the codec too.
"""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.frozen import ready
from wherry.layers import tar
from wherry.layers.codec import PACK_BYTES
from wherry.layers.hashing import Hashing
from wherry.layers.model import MTIME, LayerBlob
from wherry.layers.writer import BESIDE_FROM_BYTES, LayerWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.layers.writer import Pieces, Sink

TOC_NAME: Final = "stargz.index.json"
PREFETCH_LANDMARK: Final = ".prefetch.landmark"
NO_PREFETCH_LANDMARK: Final = ".no.prefetch.landmark"
TOC_DIGEST: Final = "containerd.io/snapshot/stargz/toc.digest"
"""Annotation of the layer's descriptor: what vouches for the table, and so for every file it lists."""
UNCOMPRESSED_SIZE: Final = "io.containers.estargz.uncompressed-size"
"""Annotation of the layer's descriptor, for podman: how long the tar is."""

_RESERVED: Final = frozenset({TOC_NAME, PREFETCH_LANDMARK, NO_PREFETCH_LANDMARK})
_LANDMARK: Final = b"\x0f"
_VERSION: Final = 1
_LEVEL: Final = 6
_TABLE_LIMIT_BYTES: Final = 128 << 20

# RFC 1952: magic, deflate, FEXTRA, no time, no extra flags, unknown system; then a stored block of nothing.
_FOOTER_HEADER: Final = b"\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"
_FOOTER_SUBFIELD_BYTES: Final = 22
_EMPTY_BLOCK: Final = b"\x01\x00\x00\xff\xff"


class TocEntry(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One entry of the tar, or one further chunk of a large file, as the table has it (``TOCEntry``)."""

    name: str  # as in the tar: a directory's ends with "/"
    type: Literal["dir", "reg", "symlink", "hardlink", "chunk"]
    mode: int
    uid: int
    gid: int
    modtime: str
    size: int = 0
    link_name: str = ""
    digest: str = ""  # of the whole file
    offset: int = 0  # of the gzip member, in the blob; in a segment's table, in the segment
    chunk_offset: int = 0  # of the chunk, in the file
    chunk_size: int = 0  # 0: to the end of the file
    chunk_digest: str = ""


class _Toc(msgspec.Struct, frozen=True):
    version: int
    entries: list[TocEntry]


class EstargzWriter(LayerWriter):
    """Writes what `LayerWriter` does, cut where the format wants it, and keeps the table on the way.

    A layer has one landmark: the caller says where, by `landmark`.
    """

    lists_files = True

    def __init__(self, sink: Sink, *, mtime: int = MTIME, beside: bool = False) -> None:
        """Write to *sink*. Arguments as for `LayerWriter`."""
        super().__init__(sink, "estargz", mtime=mtime, beside=beside)
        self._entries: list[TocEntry] = []
        self._modtime = datetime.fromtimestamp(mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._toc_digest: Digest | None = None

    def directory(self, path: str, *, mode: int = 0o755, uid: int = 0, gid: int = 0) -> None:
        """Add a directory."""
        super().directory(path, mode=mode, uid=uid, gid=gid)
        self._entries.append(TocEntry(f"{path}/", "dir", mode, uid, gid, self._modtime))

    def symlink(self, path: str, target: str, *, mode: int = 0o777, uid: int = 0, gid: int = 0) -> None:
        """Add a symbolic link to *target*."""
        _refuse_reserved(path)
        super().symlink(path, target, mode=mode, uid=uid, gid=gid)
        self._entries.append(TocEntry(path, "symlink", mode, uid, gid, self._modtime, link_name=target))

    def hard_link(self, path: str, target: str, *, mode: int, uid: int = 0, gid: int = 0) -> None:
        """Add another name for *target*."""
        _refuse_reserved(path)
        super().hard_link(path, target, mode=mode, uid=uid, gid=gid)
        self._entries.append(TocEntry(path, "hardlink", mode, uid, gid, self._modtime, link_name=target))

    def file(  # noqa: PLR0913 - as `LayerWriter` has it
        self,
        path: str,
        content: bytes | bytearray,
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        digest: Digest | None = None,
    ) -> None:
        """Add a small file whose *content* is in memory."""
        blocks = (bytes(content),) if content else ()
        self.stream(path, len(content), blocks, mode=mode, uid=uid, gid=gid, digest=digest)

    def stream(  # noqa: PLR0913 - as `LayerWriter` has it
        self,
        path: str,
        size_bytes: int,
        blocks: Iterable[bytes],
        *,
        mode: int = 0o644,
        uid: int = 0,
        gid: int = 0,
        digest: Digest | None = None,
    ) -> None:
        """Add a file whose content comes in *blocks*: in chunks of `PACK_BYTES`, where it is larger.

        Raises:
            InputError: The blocks are not *size_bytes* in all, or the format has the name for itself.

        """
        _refuse_reserved(path)
        entry = TocEntry(path, "reg", mode, uid, gid, self._modtime, size=size_bytes)
        noted = self._content(entry, blocks, digest) if size_bytes else blocks
        super().stream(path, size_bytes, noted, mode=mode, uid=uid, gid=gid)
        if not size_bytes:
            self._entries.append(entry)

    def splice(  # noqa: PLR0913 - as `LayerWriter` has it
        self,
        path: str,
        size_bytes: int,
        crc: int,
        pieces: Pieces,
        *,
        mode: int = 0o644,
        digest: Digest | None = None,
    ) -> None:
        """Add a file whose content is deflated already: one member, one chunk, whatever its size.

        Raises:
            InputError: The format has the name for itself.

        """
        _refuse_reserved(path)
        self.write(tar.file_header(path, size_bytes, mode=mode, mtime=self._mtime))
        self.cut()
        offset = self._sink.size_bytes
        running = Hashing()
        if digest is None:
            pieces = _hashed(pieces, running, beside=self.beside and size_bytes >= BESIDE_FROM_BYTES)
        self._spliced(size_bytes, crc, pieces)
        text = str(digest or Digest.from_hex(running.hexdigest()))
        entry = TocEntry(path, "reg", mode, 0, 0, self._modtime, size=size_bytes)
        if size_bytes:
            entry = msgspec.structs.replace(entry, digest=text, offset=offset, chunk_digest=text)
        self._entries.append(entry)
        self.write(tar.padding(size_bytes))

    def joined(
        self, compressed: Iterable[bytes], blocks: Iterable[bytes], unpacked_bytes: int, table: bytes = b""
    ) -> None:
        """Add a whole run that another writer made; *table* is what its `table` gave.

        Raises:
            ValueError: The table is none.

        """
        self.cut()
        start = self._sink.size_bytes
        super().joined(compressed, blocks, unpacked_bytes)
        self._entries += [
            msgspec.structs.replace(entry, offset=entry.offset + start) if entry.offset else entry
            for entry in _unpacked_table(table)
        ]

    def landmark(self, *, prefetch: bool) -> None:
        """Say that what is above this place is to be fetched first; without *prefetch*, that nothing is."""
        name = PREFETCH_LANDMARK if prefetch else NO_PREFETCH_LANDMARK
        entry = TocEntry(name, "reg", 0o644, 0, 0, self._modtime, size=len(_LANDMARK))
        super().stream(name, len(_LANDMARK), self._content(entry, (_LANDMARK,), None))

    def table(self) -> bytes:
        """What `joined` of another writer needs to know of this run."""
        from deflate import zlib_compress  # noqa: PLC0415 - only making layers needs it

        return bytes(zlib_compress(msgspec.msgpack.encode(self._entries), _LEVEL))

    def end(self) -> None:
        """Close the archive: the table in a member of its own, with the archive's end, then the footer."""
        self.cut()
        offset = self._sink.size_bytes
        table = msgspec.json.encode(_Toc(_VERSION, self._entries))
        self._toc_digest = Digest.of_bytes(table)
        header = tar.file_header(TOC_NAME, len(table), mode=0o444, mtime=self._mtime)
        member = b"".join((header, table, tar.padding(len(table)), tar.END))
        with memoryview(member) as view:
            self._pack(view)
        self._sink.write(footer(offset))

    def layer(self, digest: Digest) -> LayerBlob:
        """What the index keeps of the finished layer. After `end`."""
        annotations = {TOC_DIGEST: str(self._toc_digest), UNCOMPRESSED_SIZE: str(self.unpacked_bytes)}
        return msgspec.structs.replace(super().layer(digest), annotations=annotations)

    def _content(self, entry: TocEntry, blocks: Iterable[bytes], digest: Digest | None) -> Iterator[bytes]:
        """Pass the blocks of a file on, cut where its chunks end, and add its entries to the table.

        Chunks have the size of the pieces that are packed: one is in the sink once its last byte was passed.
        """
        self.cut()
        file = _Chunks(entry, digest)
        file.begin(self._sink.size_bytes)
        for piece in _cut(blocks):
            yield piece
            if file.add(piece):
                file.begin(self._sink.size_bytes)
        self._entries += file.entries()


class _Chunks:
    """A file on its way into the blob: what the table will say of it."""

    def __init__(self, entry: TocEntry, digest: Digest | None) -> None:
        self._entry = entry
        self._digest = digest
        self._several = entry.size > PACK_BYTES
        self._whole = hashlib.sha256()
        self._ended: list[TocEntry] = []

    def begin(self, offset: int) -> None:
        """The next chunk will begin at *offset* of the blob."""
        self._offset = offset
        self._chunk = hashlib.sha256()
        self._chunk_bytes = 0

    def add(self, piece: bytes) -> bool:
        """Take the next bytes, which do not cross a chunk's end; whether they end one."""
        self._chunk_bytes += len(piece)
        if self._several or self._digest is None:
            self._chunk.update(piece)
        if self._several and self._digest is None:
            self._whole.update(piece)
        at = len(self._ended) * PACK_BYTES
        last = at + self._chunk_bytes >= self._entry.size
        if self._chunk_bytes < PACK_BYTES and not last:
            return False
        known = self._digest if not self._several else None
        self._ended.append(
            msgspec.structs.replace(
                self._entry,
                type="chunk" if at else "reg",
                size=0 if at else self._entry.size,
                offset=self._offset,
                chunk_offset=at,
                chunk_size=0 if last else self._chunk_bytes,
                chunk_digest=str(known or Digest.from_hex(self._chunk.hexdigest())),
            )
        )
        return True

    def entries(self) -> Iterator[TocEntry]:
        """The file's entries, once all of it was added."""
        first, *further = self._ended
        whole = str(self._digest or Digest.from_hex(self._whole.hexdigest()))
        yield msgspec.structs.replace(first, digest=whole if further else first.chunk_digest)
        yield from further


def footer(toc_offset: int) -> bytes:
    """The last 51 bytes: an empty gzip member whose extra field says where the table's member begins."""
    extra = b"SG" + _FOOTER_SUBFIELD_BYTES.to_bytes(2, "little") + b"%016xSTARGZ" % toc_offset
    return b"".join((_FOOTER_HEADER, len(extra).to_bytes(2, "little"), extra, _EMPTY_BLOCK, bytes(8)))


def _cut(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of which none crosses a multiple of `PACK_BYTES`."""
    room = PACK_BYTES
    for block in blocks:
        start = 0
        while start < len(block):
            piece = block[start : start + room]
            start += len(piece)
            room = room - len(piece) or PACK_BYTES
            yield piece


def _hashed(pieces: Pieces, running: Hashing, *, beside: bool) -> Pieces:
    """Pass *pieces* on while hashing what is inflated of them."""
    if beside:
        running.start()
    try:
        for deflated, block in pieces:
            running.feed(block)
            yield deflated, block
    finally:
        running.stop()


def _unpacked_table(table: bytes) -> list[TocEntry]:
    inflater = zlib.decompressobj()
    try:
        packed = inflater.decompress(table, _TABLE_LIMIT_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    return msgspec.msgpack.decode(packed, type=ready(list[TocEntry]))


def _refuse_reserved(path: str) -> None:
    if path in _RESERVED:
        raise InputError(
            f"the path {path!r} is eStargz's own",
            where=path,
            mend="rename the file, or use another compression",
        )
