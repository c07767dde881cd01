"""Reading one ``.deb``, an ``ar`` archive of a control tar and a data tar (deb(5)): a stream, not trusted.

Nothing is written anywhere from here: whoever lays out the members decides what to do with their paths,
which come normalised and are known to stay below the root.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, Literal

from wherry.bases.compressed import decompressed
from wherry.bases.deb822 import fields
from wherry.errors import InputError
from wherry.oci.tarstream import TarReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wherry.oci import tarstream

CONTROL_FILE_LIMIT_BYTES: Final = 16 << 20
CONTROL_LIMIT_BYTES: Final = 64 << 20
DATA_LIMIT_BYTES: Final = 32 << 30
"""Unpacked bytes of one package: Debian's largest have about 3 GB."""
PATH_LIMIT_BYTES: Final = 4096

_AR_MAGIC: Final = b"!<arch>\n"
_AR_HEADER_BYTES: Final = 60
_AR_SIZE: Final = re.compile(rb"[0-9]{1,10} *")
_TAR_NAME: Final = re.compile(r"(control|data)\.tar(?:\.(xz|gz|zst))?")
_WANTED: Final = frozenset({"control", "md5sums", "postinst"})

Kind = Literal["file", "directory", "symlink", "hardlink"]


@dataclass(frozen=True, slots=True)
class DebMember:
    """One entry of a data tar. ``path`` is relative to the root (``""``), without ``.``, ``..``."""

    path: str
    kind: Kind
    mode: int  # permission bits with setuid, setgid and sticky
    uid: int
    gid: int
    size_bytes: int
    link: str = ""  # symlink: as written; hard link: the other name, like ``path``


@dataclass(frozen=True, slots=True)
class Control:
    """What a package says of itself."""

    fields: Mapping[str, str]
    text: bytes  # the control file
    md5sums: bytes
    postinst: bytes  # only ever read, for the alternatives it would have registered


class DataReader:
    """The members of a data tar in their order; the bytes of one can be read until the next is asked for."""

    def __init__(self, reader: TarReader, where: str) -> None:
        self._reader = reader
        self._where = where

    def __iter__(self) -> Iterator[DebMember]:
        """Each member once.

        Raises:
            InputError: The tar is damaged, names a path outside of itself, or has a device in it.

        """
        for member in self._reader:
            yield _checked(member, self._where)

    def payload(self) -> Iterator[bytes]:
        """The current member's content, in pieces."""
        return self._reader.payload()


def read_control(path: Path, where: str) -> Control:
    """Read the control part of the package at *path*.

    Raises:
        InputError: It is no package, or damaged.

    """
    found: dict[str, bytes] = {}
    with _part(path, "control", where, CONTROL_LIMIT_BYTES) as reader:
        for member in reader:
            name = member.path.removeprefix(b"./").decode("ascii", "replace")
            if member.kind == "file" and name in _WANTED:
                if member.size_bytes > CONTROL_FILE_LIMIT_BYTES:
                    raise InputError(f"the package's {name} is too large to be one", where=where)
                found[name] = b"".join(reader.payload())
    if "control" not in found:
        raise InputError("the package has no control file", where=where)
    text = found["control"].strip(b"\n") + b"\n"
    return Control(fields(text), text, found.get("md5sums", b""), found.get("postinst", b""))


@contextmanager
def open_data(path: Path, where: str) -> Iterator[DataReader]:
    """The files of the package at *path*, for the length of the block.

    Raises:
        InputError: It is no package, or damaged; also while the members are read.

    """
    with _part(path, "data", where, DATA_LIMIT_BYTES) as reader:
        yield DataReader(reader, where)


@contextmanager
def _part(path: Path, part: str, where: str, limit_bytes: int) -> Iterator[TarReader]:
    with path.open("rb") as stream:
        if stream.read(len(_AR_MAGIC)) != _AR_MAGIC:
            raise InputError("not a Debian package", where=where)
        while header := stream.read(_AR_HEADER_BYTES):
            name, size_bytes = _ar_header(header, where)
            match = _TAR_NAME.fullmatch(name)
            if match and match[1] == part:
                chunks = decompressed(_Limited(stream, size_bytes), match[2] or "", where)
                yield TarReader(_Plain(chunks, where, limit_bytes), where)
                return
            stream.seek(size_bytes + size_bytes % 2, 1)
    raise InputError(f"the package has no {part}.tar of a known compression", where=where)


def _ar_header(header: bytes, where: str) -> tuple[str, int]:
    """Name and size of an ``ar`` member (deb(5): the common format, names of at most 15 characters)."""
    if len(header) < _AR_HEADER_BYTES or header[58:] != b"`\n" or not _AR_SIZE.fullmatch(header[48:58]):
        raise InputError("a damaged Debian package", where=where)
    return header[:16].decode("ascii", "replace").rstrip(" ").removesuffix("/"), int(header[48:58])


def _checked(member: tarstream.Member, where: str) -> DebMember:
    path = _inside(member.path, where)
    kind = member.kind
    if kind in {"character", "block", "fifo"}:
        raise InputError(f"the package has a device in it: {path!r}", where=where)
    link = ""
    if kind == "hardlink":
        link = _inside(member.link, where)
    elif kind == "symlink":
        link = _text(member.link, where)
    return DebMember(
        path=path,
        kind=kind,  # type: ignore[arg-type]  # devices are refused above
        mode=member.mode & 0o7777,
        uid=member.uid,
        gid=member.gid,
        size_bytes=member.size_bytes,
        link=link,
    )


def _inside(raw: bytes, where: str) -> str:
    """The path without its leading ``/`` or ``./``: dpkg reads those as the root too."""
    parts = [part for part in _text(raw, where).split("/") if part not in {"", "."}]
    if ".." in parts or any(part.startswith(".wh.") for part in parts):
        raise InputError(f"the package has a path that is not allowed: {raw[:80]!r}", where=where)
    return "/".join(parts)


def _text(raw: bytes, where: str) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the package has a path that is not UTF-8: {raw[:80]!r}", where=where) from error
    if not text or "\0" in text or len(raw) > PATH_LIMIT_BYTES:
        raise InputError(f"the package has a path that is not allowed: {raw[:80]!r}", where=where)
    return text


class _Limited:
    """The next bytes of a file, as if they were all."""

    def __init__(self, stream: IO[bytes], size_bytes: int) -> None:
        self._stream = stream
        self._left = size_bytes

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(self._left, size))
        self._left -= len(data)
        return data


class _Plain:
    """Decompressed chunks as a stream that gives exactly what is asked for, up to a limit in all."""

    def __init__(self, chunks: Iterator[bytes], where: str, limit_bytes: int) -> None:
        self._chunks = chunks
        self._where = where
        self._left = limit_bytes
        self._chunk = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        pieces: list[memoryview] = []
        while size:
            if not self._chunk:
                self._chunk = memoryview(next(self._chunks, b""))
                self._left -= len(self._chunk)
                if not self._chunk:
                    break
                if self._left < 0:
                    raise InputError("unpacked, the package is larger than any real one", where=self._where)
            pieces.append(self._chunk[:size])
            self._chunk = self._chunk[size:]
            size -= len(pieces[-1])
        return b"".join(pieces)
