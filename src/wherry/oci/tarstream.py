"""Read a tar archive that nobody vouches for, as a stream, in constant memory.

Python's `tarfile` takes a header's word for how much to read into memory; here every header has a
limit, every number a range, and payloads are handed out in pieces. Names stay bytes and are not judged:
whoever unpacks must decide where they may lead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal, NoReturn, Protocol

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK: Final = 512
MAX_EXTENSION_BYTES: Final = 1024 * 1024  # PAX records or a GNU long name; Linux paths end at 4096 bytes
_PIECE: Final = 1024 * 1024
_MAX_NUMBER: Final = 1 << 62

Kind = Literal["file", "directory", "symlink", "hardlink", "character", "block", "fifo"]
_KINDS: Final[dict[bytes, Kind]] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",  # "contiguous": no one cares since 1990
    b"1": "hardlink",
    b"2": "symlink",
    b"3": "character",
    b"4": "block",
    b"5": "directory",
    b"6": "fifo",
}


class Readable(Protocol):
    """Anything that hands out bytes, and none only at its end."""

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive, as its headers tell."""

    path: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    size_bytes: int
    mtime: int
    link: bytes
    offset: int  # of the payload, from where the stream began


class TarReader:
    """Iterate over the members of a tar stream; `payload` reads the current one.

    Args:
        stream: The uncompressed archive.
        where: What to call it in errors.
        seek: Goes to an offset of the stream, where it can: payloads nobody asked for are then not read,
            nor missed when the stream ends before them.

    Raises:
        InputError: While iterating: the archive is damaged, cut short, or uses sparse files.

    """

    def __init__(self, stream: Readable, where: str, seek: Callable[[int], object] | None = None) -> None:
        self._stream = stream
        self._where = where
        self._seek = seek
        self._position = 0
        self._left = 0  # payload bytes of the current member not read yet
        self._padding = 0

    def __iter__(self) -> Iterator[Member]:
        """Each member in order; what its reader left of the payload is skipped."""
        global_pax: dict[str, bytes] = {}
        local_pax: dict[str, bytes] = {}
        long_name = long_link = b""
        while header := self._next_header():
            type_flag, member = self._parse(header)
            if type_flag in b"xgLK":
                extension = self._extension(member)
                match type_flag:
                    case b"x":
                        local_pax = self._pax(extension)
                    case b"g":
                        global_pax |= self._pax(extension)
                        self._limit(sum(map(len, global_pax.values())))
                    case b"L":
                        long_name = extension.rstrip(b"\0")
                    case _:
                        long_link = extension.rstrip(b"\0")
                continue
            member = replace(member, path=long_name or member.path, link=long_link or member.link)
            member = self._with_pax(member, global_pax | local_pax)
            local_pax, long_name, long_link = {}, b"", b""
            self._left = member.size_bytes if member.kind == "file" else 0
            self._padding = -self._left % BLOCK
            yield replace(member, offset=self._position, size_bytes=self._left)

    def payload(self) -> Iterator[bytes]:
        """The rest of the current member's content, in pieces of at most 1 MiB."""
        while self._left:
            piece = self._exactly(min(self._left, _PIECE))
            self._left -= len(piece)
            yield piece

    def _next_header(self) -> bytes:
        if self._seek and self._left:
            self._position += self._left + self._padding
            self._seek(self._position)
        else:
            for _ in self.payload():
                pass
            self._exactly(self._padding)
        self._left = self._padding = 0
        header = self._read(BLOCK)
        # The archive ends with zero blocks; some writers leave them out.
        if not header or not header.strip(b"\0"):
            return b""
        if len(header) < BLOCK:
            self._fail("is cut short")
        return header

    def _parse(self, header: bytes) -> tuple[bytes, Member]:
        # pax(1): the checksum is of the header with the checksum itself read as spaces. Old writers summed
        # signed bytes.
        stated = self._number(header[148:156])
        blank = header[:148] + b" " * 8 + header[156:]
        if stated not in {sum(blank), sum(b - 256 if b > 127 else b for b in blank)}:  # noqa: PLR2004 - a signed byte
            self._fail("has a damaged header")
        name = header[:100].partition(b"\0")[0]
        prefix = header[345:500].partition(b"\0")[0]
        if header[257:263] == b"ustar\0" and prefix:  # GNU's magic has a space, and other things there
            name = prefix + b"/" + name
        type_flag = header[156:157]
        kind = _KINDS.get(type_flag)
        if kind is None and type_flag not in b"xgLK":
            self._fail(f"has a member of unsupported type {type_flag!r}")
        if kind == "file" and name.endswith(b"/"):
            kind = "directory"  # before USTAR a directory was a name with a slash
        return type_flag, Member(
            path=name,
            kind=kind or "file",
            mode=self._number(header[100:108]) & 0o7777,
            uid=self._number(header[108:116]),
            gid=self._number(header[116:124]),
            size_bytes=self._number(header[124:136]),
            mtime=self._number(header[136:148], signed=True),
            link=header[157:257].partition(b"\0")[0],
            offset=0,
        )

    def _with_pax(self, member: Member, records: dict[str, bytes]) -> Member:
        if any(key.startswith("GNU.sparse") for key in records):
            self._fail("has a sparse file, which layers should not have")
        try:
            return replace(
                member,
                path=records.get("path", member.path),
                link=records.get("linkpath", member.link),
                size_bytes=self._range(int(records.get("size", member.size_bytes))),
                uid=self._range(int(records.get("uid", member.uid))),
                gid=self._range(int(records.get("gid", member.gid))),
                mtime=int(float(records.get("mtime", member.mtime))),
            )
        except (ValueError, OverflowError):
            self._fail("has a damaged PAX header")

    def _extension(self, member: Member) -> bytes:
        self._limit(member.size_bytes)
        found = self._exactly(member.size_bytes)
        self._exactly(-member.size_bytes % BLOCK)
        return found

    def _pax(self, data: bytes) -> dict[str, bytes]:
        """Records of a length that counts itself, a space, a key, ``=``, a value and a newline (pax(1))."""
        records: dict[str, bytes] = {}
        while data:
            length, space, _ = data[:20].partition(b" ")
            if not space or not length.isdigit() or not len(length) + 3 <= int(length) <= len(data):
                self._fail("has a damaged PAX header")
            record, data = data[len(length) + 1 : int(length)], data[int(length) :]
            key, equals, value = record.partition(b"=")
            if not equals or not value.endswith(b"\n"):
                self._fail("has a damaged PAX header")
            records[key.decode(errors="replace")] = value[:-1]
        return records

    def _number(self, field: bytes, *, signed: bool = False) -> int:
        if field[0] & 0x80:  # GNU and star: base 256 for what octal cannot hold
            value = int.from_bytes(field, "big", signed=True) & ~(-1 << (len(field) * 8 - 1))
            negative = field[0] & 0x40
            value = value - (1 << (len(field) * 8 - 1)) if negative else value
        else:
            digits = field.strip(b" \0")
            try:
                value = int(digits, 8) if digits else 0
            except ValueError:
                self._fail("has a damaged header")
        return max(value, -_MAX_NUMBER) if signed else self._range(value)

    def _range(self, value: int) -> int:
        if not 0 <= value <= _MAX_NUMBER:
            self._fail("has a number out of range")
        return value

    def _limit(self, size_bytes: int) -> None:
        if size_bytes > MAX_EXTENSION_BYTES:
            self._fail("has a header that is too large")

    def _exactly(self, size_bytes: int) -> bytes:
        data = self._read(size_bytes)
        if len(data) < size_bytes:
            self._fail("is cut short")
        return data

    def _read(self, size_bytes: int) -> bytes:
        data = self._stream.read(size_bytes) if size_bytes else b""
        while data and len(data) < size_bytes and (more := self._stream.read(size_bytes - len(data))):
            data += more
        self._position += len(data)
        return data

    def _fail(self, what: str) -> NoReturn:
        raise InputError(f"the tar archive {what}", where=self._where)
