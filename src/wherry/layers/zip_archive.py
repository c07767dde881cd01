"""Reading the zip a wheel is: its directory, checked as a whole, and its members, checked as they are read.

`zipfile` is no help here: we need the raw deflated bytes, and a directory that a hostile archive cannot
make ambiguous. What cannot be read in one way only is refused. Sections (4.3.7) are PKWARE APPNOTE's.
"""

from __future__ import annotations

import os
import stat
import struct
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from wherry.errors import InputError, WorldError
from wherry.layers.inflate import MAX_RATIO, PIECE_BYTES, DamageError, inflate_small, inflate_stream
from wherry.layers.paths import directories_of, path_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

MAX_MEMBERS: Final = 250_000
MAX_DIRECTORY_BYTES: Final = 48 << 20
SMALL_BYTES: Final = 1 << 20
"""A member that is no larger may be held whole."""

BOMB_FROM_BYTES: Final = 512 << 20
BOMB_RATIO: Final = 100
"""An archive that unpacks to more than both, half a GiB and a hundred times itself, is refused as a bomb."""

STORED: Final = 0
DEFLATED: Final = 8

_ENCRYPTED: Final = 0x0001 | 0x0040 | 0x2000  # 4.4.4: encrypted, strongly encrypted, masked headers
_STREAMED: Final = 0x0008  # 4.4.4 bit 3: the local header leaves sizes and CRC to a descriptor after the data
_PATCH: Final = 0x0020
_UTF8: Final = 0x0800
_ALL_32: Final = 0xFFFFFFFF
_ALL_16: Final = 0xFFFF

_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")  # 4.3.7
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")  # 4.3.12
_END: Final = struct.Struct("<4sHHHHIIH")  # 4.3.16
_END64: Final = struct.Struct("<4sQHHIIQQQQ")  # 4.3.14
_LOCATOR64: Final = struct.Struct("<4sIQI")  # 4.3.15
_EXTRA: Final = struct.Struct("<HH")  # 4.5.1
_ZIP64_EXTRA: Final = 0x0001
_UNICODE_PATH_EXTRA: Final = 0x7075


class Member(NamedTuple):  # a tuple, for there are tens of thousands
    """One file of the archive, as the central directory declares it."""

    name: str
    size_bytes: int
    compressed_bytes: int
    crc: int
    method: int  # STORED or DEFLATED
    executable: bool
    offset: int  # of its local header
    limit: int  # where the next record begins: its bytes end before
    flags: int


class ZipArchive:
    """An open archive whose directory holds together: no member overlaps another, repeats a name or links."""

    def __init__(self, path: Path, filename: str) -> None:
        """Open the archive at *path*; *filename* is what messages call it.

        Raises:
            InputError: It is not a zip, or one that we refuse.
            WorldError: The file cannot be read.

        """
        self.filename = filename
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise WorldError(f"cannot read {filename}: {error.strerror}", where=str(path)) from error
        try:
            self.size_bytes = os.fstat(self._descriptor).st_size
            self.members = {member.name: member for member in self._read_directory()}
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def refuse(self, why: str, name: str = "") -> InputError:
        """The error that says what is wrong with this archive, or with its member *name*."""
        where = f"{self.filename}: {name[:200]}" if name else self.filename
        return InputError(
            f"{f'member {name[:200]!r} of ' if name else ''}{self.filename} cannot be used: {why}",
            where=where,
            mend="fetch the wheel again; if its hash is the locked one, its publisher must mend it",
        )

    def read(self, member: Member, limit_bytes: int = 64 << 20) -> bytes | bytearray:
        """The content of a member that is wanted whole.

        Raises:
            InputError: It is damaged, or larger than *limit_bytes*.

        """
        if member.size_bytes > limit_bytes:
            raise self.refuse("it is too large for what it is", member.name)
        if member.method == DEFLATED and member.compressed_bytes <= SMALL_BYTES:
            try:
                return inflate_small(self._raw(member), member.size_bytes, member.crc)
            except DamageError as damage:
                raise self.refuse(str(damage), member.name) from None
        return b"".join(block for _, block in self.pieces(member))

    def peek(self, member: Member, size_bytes: int) -> bytes:
        """The first bytes of a member, at least *size_bytes* if it has so many. Not checked yet.

        Raises:
            InputError: They are damaged.

        """
        start = b""
        for _, block in self.pieces(member):
            start += block
            if len(start) >= size_bytes:
                break
        return start

    def pieces(self, member: Member) -> Iterator[tuple[bytes, bytes]]:
        """Raw and inflated bytes of a member, as `inflate_stream` gives them; of a stored one the same twice.

        Raises:
            InputError: The member is damaged.

        """
        position = self._data_offset(member)
        end = position + member.compressed_bytes

        def read(size_bytes: int) -> bytes:
            nonlocal position
            piece = self._pread(min(size_bytes, end - position), position)
            position += len(piece)
            return piece

        try:
            if member.method == DEFLATED:
                yield from inflate_stream(read, member.compressed_bytes, member.size_bytes, member.crc)
            else:
                yield from _stored(read, member)
        except DamageError as damage:
            raise self.refuse(str(damage), member.name) from None

    def _raw(self, member: Member) -> bytes:
        """All compressed bytes of a small member, local header checked: one read for both where possible."""
        guess = _LOCAL.size + len(member.name.encode()) + 64 + member.compressed_bytes
        record = self._pread(min(guess, member.limit - member.offset), member.offset)
        start = self._check_local(member, record)
        end = start + member.compressed_bytes
        if end > len(record):
            record += self._pread(end - len(record), member.offset + len(record))
        return record[start:end]

    def _data_offset(self, member: Member) -> int:
        size_bytes = _LOCAL.size + 4 * len(member.name)
        record = self._pread(min(size_bytes, member.limit - member.offset), member.offset)
        return member.offset + self._check_local(member, record)

    def _check_local(self, member: Member, record: bytes) -> int:
        """Hold the local header to the central one; give the place of the data, counted from the header."""
        if len(record) < _LOCAL.size:
            raise self.refuse("it is cut short", member.name)
        signature, _, flags, method, _, _, crc, compressed, size, name_bytes, extra_bytes = (
            _LOCAL.unpack_from(record)
        )
        raw_name = record[_LOCAL.size : _LOCAL.size + name_bytes]
        start: int = _LOCAL.size + name_bytes + extra_bytes
        if signature != b"PK\x03\x04" or start + member.compressed_bytes > member.limit - member.offset:
            raise self.refuse("it overlaps another member or leaves the archive", member.name)
        # Zip64 writes all ones for a size; a streamed member's come after its data, with zeros here.
        vague = {0, _ALL_32} if flags & _STREAMED else {_ALL_32}
        agree = (
            raw_name == member.name.encode()
            and method == member.method
            and not flags & (_ENCRYPTED | _PATCH)
            and (crc == member.crc or (flags & _STREAMED and not crc))
            and (size == member.size_bytes or size in vague)
            and (compressed == member.compressed_bytes or compressed in vague)
        )
        if not agree:
            raise self.refuse("its two headers contradict each other", member.name)
        return start

    def _pread(self, size_bytes: int, offset: int) -> bytes:
        try:
            return os.pread(self._descriptor, size_bytes, offset)
        except (OSError, OverflowError) as error:
            raise WorldError(f"cannot read {self.filename}: {error}", where=self.filename) from error

    def _read_directory(self) -> list[Member]:
        offset, size_bytes, count, end = self._find_directory()
        if offset + size_bytes != end:
            raise self.refuse("bytes that belong to nothing stand before or after its directory")
        if count > MAX_MEMBERS or size_bytes > MAX_DIRECTORY_BYTES:
            raise self.refuse(f"it has {count} members, more than any wheel")
        members = self._with_limits(list(self._rows(self._pread(size_bytes, offset), count)), offset)
        files = [member for member in members if not member.name.endswith("/")]
        self._check_names(members, files)
        unpacked_bytes = sum(member.size_bytes for member in members)
        if unpacked_bytes > max(BOMB_FROM_BYTES, BOMB_RATIO * self.size_bytes):
            raise self.refuse(f"it is a bomb: {self.size_bytes} bytes unpack to {unpacked_bytes}")
        return files

    def _with_limits(self, members: list[Member], directory_offset: int) -> list[Member]:
        """Give each member the place where its bytes must have ended: the next member's header."""
        limits = [0] * len(members)
        limit = directory_offset
        for place in sorted(range(len(members)), key=lambda place: members[place].offset, reverse=True):
            member = members[place]
            if member.offset + _LOCAL.size > limit:
                raise self.refuse("it overlaps another member or leaves the archive", member.name)
            limits[place] = limit
            limit = member.offset
        return [member._replace(limit=limit) for member, limit in zip(members, limits, strict=True)]

    def _check_names(self, members: list[Member], files: list[Member]) -> None:
        names: set[str] = set()
        for member in members:
            if member.name in names:
                raise self.refuse("it is there twice", member.name)
            names.add(member.name)
        for member in members:
            if member.name.endswith("/") and member.size_bytes:
                raise self.refuse("it is a directory with content", member.name)
        directories = directories_of(names, "")
        for member in files:
            if member.name in directories:
                raise self.refuse("it is a file and a directory", member.name)

    def _find_directory(self) -> tuple[int, int, int, int]:
        """Offset, size and member count of the central directory, and where it must end (4.3.16)."""
        tail_start = max(0, self.size_bytes - _END.size - _ALL_16)
        tail = self._pread(self.size_bytes - tail_start, tail_start)
        place = tail.rfind(b"PK\x05\x06")
        if place < 0 or len(tail) - place < _END.size:
            raise self.refuse("it is not a zip, or cut short")
        _, disk, first_disk, here, count, size_bytes, offset, comment = _END.unpack_from(tail, place)
        if place + _END.size + comment != len(tail):
            raise self.refuse("its end is not where it says")
        end = tail_start + place
        narrow = (disk, first_disk, here, count, size_bytes, offset)
        wide = self._find_directory64(end)
        if wide is not None:
            # Each field of the old record says the same, or all ones for "see there".
            if any(n not in {w, _ALL_16, _ALL_32} for n, w in zip(narrow, wide, strict=False)):
                raise self.refuse("its two ends contradict each other")
            _, _, here, count, size_bytes, offset, end = wide
        elif disk or first_disk or here != count:
            raise self.refuse("it is a part of a divided archive")
        return offset, size_bytes, count, end

    def _find_directory64(self, end: int) -> tuple[int, ...] | None:
        """The same fields from the zip64 records, if there are any, and where they begin (4.3.14)."""
        place = end - _LOCATOR64.size
        locator = self._pread(_LOCATOR64.size, place) if place >= 0 else b""
        if len(locator) < _LOCATOR64.size or not locator.startswith(b"PK\x06\x07"):
            return None
        _, _, record_offset, disks = _LOCATOR64.unpack(locator)
        record = self._pread(_END64.size, record_offset) if record_offset <= place - _END64.size else b""
        if len(record) < _END64.size or not record.startswith(b"PK\x06\x06") or disks != 1:
            raise self.refuse("its zip64 records are damaged")
        _, length, _, _, disk, first_disk, here, count, size_bytes, offset = _END64.unpack(record)
        if disk or first_disk or here != count or record_offset + 12 + length != place:
            raise self.refuse("its zip64 records are damaged")
        return disk, first_disk, here, count, size_bytes, offset, record_offset

    def _rows(self, directory: bytes, count: int) -> Iterator[Member]:
        """Each entry of the central directory (4.3.12), not yet knowing where its bytes must end."""
        position = 0
        for _ in range(count):
            if len(directory) - position < _CENTRAL.size:
                raise self.refuse("its directory is cut short")
            row = _CENTRAL.unpack_from(directory, position)
            name_end = position + _CENTRAL.size + row[10]
            extra_end = name_end + row[11]
            raw_name = directory[position + _CENTRAL.size : name_end]
            extra = directory[name_end:extra_end]
            position = extra_end + row[12]
            if row[0] != b"PK\x01\x02" or position > len(directory):
                raise self.refuse("its directory is damaged")
            yield self._member(row, raw_name, extra)
        if position != len(directory):
            raise self.refuse("its directory is longer than its members")

    def _member(self, row: tuple[int, ...], raw_name: bytes, extra: bytes) -> Member:
        _, _, _, flags, method, _, _, crc, compressed, size, _, _, _, disk, _, external, offset = row
        name = self._name(raw_name, flags)
        if flags & (_ENCRYPTED | _PATCH):
            raise self.refuse("it is encrypted", name)
        if extra:
            size, compressed, offset = self._extras(name, raw_name, extra, (size, compressed, offset))
        if method not in {STORED, DEFLATED}:
            raise self.refuse(f"it is compressed by method {method}; wheels use deflate", name)
        if disk or (method == STORED and size != compressed) or size > compressed * MAX_RATIO:
            raise self.refuse("its sizes are impossible", name)
        mode = external >> 16
        kind = stat.S_IFMT(mode)
        if kind not in {0, stat.S_IFREG} and not (name.endswith("/") and kind == stat.S_IFDIR):
            raise self.refuse("it is a link or another thing that is not a file", name)
        executable = kind == stat.S_IFREG and bool(mode & 0o111)  # pip's rule
        return Member(name, size, compressed, crc, method, executable, offset, 0, flags)

    def _extras(
        self, name: str, raw_name: bytes, extra: bytes, numbers: tuple[int, int, int]
    ) -> tuple[int, int, int]:
        """Size, compressed size and offset: from the zip64 field those the row has no room for (4.5.3)."""
        position = 0
        while len(extra) - position >= _EXTRA.size:
            kind, length = _EXTRA.unpack_from(extra, position)
            field = extra[position + _EXTRA.size : position + _EXTRA.size + length]
            position += _EXTRA.size + length
            if kind == _UNICODE_PATH_EXTRA and field[5:] != raw_name:
                raise self.refuse("it has two names", name)
            if kind == _ZIP64_EXTRA:
                wide = numbers.count(_ALL_32)
                if len(field) < 8 * wide:
                    raise self.refuse("its zip64 field is cut short", name)
                values = iter(struct.unpack_from(f"<{wide}Q", field))
                size, compressed, offset = (next(values) if n == _ALL_32 else n for n in numbers)
                numbers = size, compressed, offset
        return numbers

    def _name(self, raw_name: bytes, flags: int) -> str:
        try:
            name = raw_name.decode()
        except UnicodeDecodeError:
            raise self.refuse("its name is not UTF-8", repr(raw_name[:80])) from None
        if not flags & _UTF8 and not name.isascii():
            raise self.refuse("its name is not marked as UTF-8", name)
        problem = path_problem(name.removesuffix("/"))
        if problem:
            raise self.refuse(f"its name {problem}", name)
        return name


def _stored(read: Callable[[int], bytes], member: Member) -> Iterator[tuple[bytes, bytes]]:
    from deflate import crc32  # noqa: PLC0415 - only making layers needs it

    checksum, left_bytes = 0, member.size_bytes
    while left_bytes:
        piece = read(min(PIECE_BYTES, left_bytes))
        if not piece:
            raise DamageError("it is cut short")
        left_bytes -= len(piece)
        checksum = crc32(piece, checksum)
        yield piece, piece
    if checksum != member.crc:
        raise DamageError("its CRC does not match")
