"""Whether a segment is what it is told to be: read once, as a stream, and held to its wheel member by member.

A segment enters layers as it is, so it must be byte for byte what our own writer gives for its files. Every
header is written once more from its path, size and mode alone: what else could stand in one (an owner, a
link, a device, a setuid bit, another time) makes it another's. Both sides prove: a segment that does not pass
here is not told, so that nobody refuses it there.
"""

from __future__ import annotations

import csv
import hashlib
import io
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from wherry.build.layer_index.installed import Installed, NotOfWheelError, is_identity
from wherry.errors import InputError
from wherry.layers import tar
from wherry.layers.codec import coding_of, make_codec
from wherry.layers.paths import directories_of, tar_order
from wherry.layers.record import FileHash, RecordError, hash_text, read_rows
from wherry.layers.scripts import PLACEHOLDER
from wherry.layers.wheel import relative_path
from wherry.oci.coding import decompressed
from wherry.oci.tarstream import TarReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.model import Compression, WheelFacts
    from wherry.layers.record import Row
    from wherry.layers.wheel_layer import Recipe, Segment
    from wherry.oci.tarstream import Member, Readable

_HEADERS_BYTES: Final = 16 << 10
"""What may stand between two contents: ours have a path of 4096 bytes at most, as a PAX record."""

_START_BYTES: Final = 16


def why_not_of_wheel(
    blob: IO[bytes], segment: Segment, facts: WheelFacts, recipe: Recipe, left_out: frozenset[str]
) -> str | None:
    """Why *segment* cannot be that of a wheel; None if it can.

    Args:
        blob: The segment's bytes, compressed; they have its digest.
        segment: What is told of it.
        facts: Of the wheel.
        recipe: How the wheel is installed.
        left_out: Paths that another segment of the layer has.

    """
    try:
        installed = Installed(facts, recipe, left_out)
        _Proof(blob, segment, installed, recipe).run()
    except NotOfWheelError as error:
        return str(error)
    except InputError as error:
        return error.what
    return None


def may_be_of_wheel(segment: Segment, facts: WheelFacts, recipe: Recipe, left_out: frozenset[str]) -> bool:
    """Whether *segment* is worth fetching: no larger than a wheel's can be. Arguments as above."""
    try:
        return segment.unpacked_bytes <= Installed(facts, recipe, left_out).most_bytes
    except NotOfWheelError:
        return False


class _Proof:
    """One reading of one segment."""

    def __init__(self, blob: IO[bytes], segment: Segment, installed: Installed, recipe: Recipe) -> None:
        self._segment = segment
        self._installed = installed
        self._layout = recipe.layout
        # An end of the archive is joined to it: a segment that does not end where it should swallows that.
        joined = _Joined(blob, _end(recipe.compression))
        plain = decompressed(joined, coding_of(recipe.compression), segment.digest)
        self._tar = _Watched(plain, segment.unpacked_bytes)
        self._reader = TarReader(self._tar, segment.digest)
        self._digests: dict[str, dict[str, bytes]] = {}
        self._rewritten: dict[str, bytes] = {}
        self._record = b""

    def run(self) -> None:
        """Read it all.

        Raises:
            InputError: It is no compressed tar.
            NotOfWheelError: It is another than it should be.

        """
        if self._segment.unpacked_bytes > self._installed.most_bytes:
            raise NotOfWheelError(f"{self._segment.unpacked_bytes} bytes are more than its files can have")
        padding = b""
        for member in self._reader:
            path = self._path(member)
            header = tar.file_header(
                path, member.size_bytes, mode=self._installed.mode(path), mtime=self._layout.mtime
            )
            if self._tar.between() != padding + header:
                raise NotOfWheelError(f"{path} does not stand in it as we write it")
            if member.size_bytes > self._installed.most_bytes_of(path):
                raise NotOfWheelError(f"{path} is too large")
            self._read(path, member.size_bytes)
            padding = tar.padding(member.size_bytes)
        if self._tar.between() != padding + bytes(tar.BLOCK_BYTES) or self._tar.read(1):
            raise NotOfWheelError("it does not end where it should")
        self._require_whole()
        self._require_record()

    def _path(self, member: Member) -> str:
        """The member's path, if it may stand there."""
        path = member.path.decode(errors="replace")
        last = next(reversed(self._digests), "")
        if path not in self._installed.here and path not in self._installed.bytecode_here:
            raise NotOfWheelError(f"it has {path[:200]!r}")
        if tar_order(path) <= tar_order(last):
            raise NotOfWheelError(f"{path} does not stand where it should")
        return path

    def _read(self, path: str, size_bytes: int) -> None:
        kept = path == self._installed.record or self._installed.may_be_rewritten(path)
        running = {name: hashlib.new(name) for name in self._installed.algorithms(path)}
        start, content = b"", bytearray()
        with self._tar.in_content():
            for piece in self._reader.payload():
                start = start or piece[:_START_BYTES]
                for one in running.values():
                    one.update(piece)
                if kept:
                    content += piece
        digests = {name: one.digest() for name, one in running.items()}
        self._digests[path] = digests
        if path == self._installed.record:
            self._record = bytes(content)
            return
        is_right = self._installed.is_right(path, size_bytes, digests, start)
        if kept and (content.startswith(PLACEHOLDER) or not is_right):  # installing changes such a first line
            self._rewritten[path] = bytes(content)
            is_right = self._installed.is_rewritten(path, self._rewritten[path])
        if not is_right:
            raise NotOfWheelError(f"{path} is not the wheel's")

    def _require_whole(self) -> None:
        segment, found = self._segment, self._digests.keys()
        missing = self._installed.here - found
        if missing:
            raise NotOfWheelError(f"it lacks {min(missing)}")
        if self._tar.hexdigest() != segment.diff_id.removeprefix("sha256:"):
            raise NotOfWheelError(f"it does not unpack to {segment.diff_id}")
        if self._tar.size_bytes != segment.unpacked_bytes + tar.BLOCK_BYTES:
            raise NotOfWheelError(f"it does not unpack to {segment.unpacked_bytes} bytes")
        prefix = self._layout.prefix.strip("/")
        if segment.directories != tuple(sorted(directories_of(found, prefix))):
            raise NotOfWheelError("its directories are not those of its files")

    def _require_record(self) -> None:
        """Hold RECORD to what installing writes: each file once, with its hash where it has one."""
        try:
            rows = read_rows(self._record.decode())
        except (RecordError, UnicodeDecodeError) as error:
            raise NotOfWheelError(f"its RECORD cannot be read: {error}") from None
        text = io.StringIO(newline="")
        csv.writer(text).writerows(sorted(rows))
        if text.getvalue().encode() != self._record:
            raise NotOfWheelError("its RECORD is not written as we write it")
        wheel, site = self._installed, self._installed.site
        named = {row.path: row for row in rows}
        must = {relative_path(path, site): path for path in (*wheel.paths, *self._digests)}
        may = {relative_path(path, site): path for path in wheel.bytecode} | must
        if len(named) != len(rows) or not must.keys() <= named.keys() <= may.keys():
            raise NotOfWheelError("its RECORD names other files than the wheel's")
        for name, row in named.items():
            if not self._is_right(may[name], row):
                raise NotOfWheelError(f"its RECORD is wrong about {name}")

    def _is_right(self, path: str, row: Row) -> bool:
        wheel = self._installed
        content = self._rewritten.get(path) if path not in wheel.made else wheel.made[path][1]
        if content is not None:
            return (row.hash, row.size) == (hash_text(content), str(len(content)))
        if path in wheel.unhashed or path not in wheel.files:
            return not row.hash and not row.size
        try:
            known = FileHash.parse(row.hash)
        except RecordError:
            return False
        told = {known.algorithm: known.digest}
        return (
            any(is_identity(file.identity, told) for file in wheel.files[path])
            and self._digests.get(path, told).get(known.algorithm) == known.digest
            and row.size in {"", *(str(file.size_bytes) for file in wheel.files[path])}
        )


class _Watched:
    """A tar being read: what stands between contents is kept, all is hashed, no more comes than was told."""

    def __init__(self, stream: Readable, told_bytes: int) -> None:
        self._stream = stream
        self._told_bytes = told_bytes
        self._hash = hashlib.sha256()
        self._between = bytearray()
        self._is_content = False
        self.size_bytes = 0

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes; none only at the end."""
        data = self._stream.read(size)
        left_bytes = max(self._told_bytes - self.size_bytes, 0)
        self.size_bytes += len(data)
        if self.size_bytes > self._told_bytes + tar.BLOCK_BYTES:
            raise NotOfWheelError(f"it unpacks to more than {self._told_bytes} bytes")
        self._hash.update(data[:left_bytes])
        if not self._is_content:
            self._between += data
            if len(self._between) > _HEADERS_BYTES:
                raise NotOfWheelError("it has headers that we do not write")
        return data

    def between(self) -> bytes:
        """What was read since the last content."""
        found = bytes(self._between)
        self._between.clear()
        return found

    @contextmanager
    def in_content(self) -> Iterator[None]:
        """What is read in the block is content."""
        self._is_content = True
        try:
            yield
        finally:
            self._is_content = False

    def hexdigest(self) -> str:
        """Of what was told to be there."""
        return self._hash.hexdigest()


class _Joined:
    """A blob with something behind it."""

    def __init__(self, blob: IO[bytes], behind: bytes) -> None:
        self._blob = blob
        self._behind = io.BytesIO(behind)

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes; none only at the end."""
        return self._blob.read(size) or self._behind.read(size)


def _end(compression: Compression) -> bytes:
    """A zero block, compressed: where it stands, a tar ends."""
    pieces: list[bytes] = []
    codec = make_codec(compression, pieces.append)
    codec.pack(memoryview(bytes(tar.BLOCK_BYTES)))
    codec.cut()
    return b"".join(pieces)
