"""Unpack a source distribution that nobody vouches for.

Names are judged before anything is written, links become copies, and what is unpacked is bounded,
so an archive can neither leave its directory nor fill the disk or the memory.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import posixpath
import shutil
import stat
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, cast

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MAX_UNPACKED_BYTES: Final = 4 << 30
"""The largest source distributions on the index unpack to well under 1 GiB."""
MAX_MEMBERS: Final = 250_000
MAX_HEADER_BYTES: Final = 16 << 20
"""A tar header is read whole: one that claims more than this is not a file name."""
_MAX_LINK_DEPTH: Final = 16
_PIECE: Final = 1 << 20

_BROKEN: Final = (
    tarfile.TarError,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    UnicodeError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,  # what zipfile says of an encrypted member
)
_WORLD: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.EACCES)
"""What the disk says of itself, not of the archive."""
_COMPRESSIONS: Final[dict[bytes, Callable[[IO[bytes]], IO[bytes]]]] = {
    b"\x1f\x8b": lambda raw: cast("IO[bytes]", gzip.open(raw)),  # noqa: SIM115 - the caller closes it
    b"BZh": lambda raw: cast("IO[bytes]", bz2.open(raw)),  # noqa: SIM115 - the same
    b"\xfd7zXZ\0": lambda raw: cast("IO[bytes]", lzma.open(raw)),  # noqa: SIM115 - the same
}


@dataclass(frozen=True, slots=True)
class _Member:
    """One entry of an archive, whatever its format. ``path`` has been judged."""

    path: tuple[str, ...]
    kind: str  # "file", "directory", "symlink", "hardlink"
    executable: bool = False
    target: str = ""


def unpack_sdist(
    archive: Path,
    filename: str,
    into: Path,
    *,
    limit_bytes: int = MAX_UNPACKED_BYTES,
    limit_members: int = MAX_MEMBERS,
) -> Path:
    """Unpack a source distribution and return its one top directory.

    Args:
        archive: The file; its hash is already verified.
        filename: Its name as the lock has it: decides the format and is used in messages.
        into: An empty directory to unpack below.
        limit_bytes: The sum of what may be unpacked.
        limit_members: How many entries the archive may have.

    Raises:
        InputError: The archive is broken, hostile or too large (PEP 625 names what a sound one is).

    """
    unpacking = _Unpacking(into, filename, limit_bytes, limit_members)
    try:
        if filename.endswith(".zip"):
            unpacking.zip(archive)
        else:
            unpacking.tar(archive)
        unpacking.finish_links()
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno in _WORLD:
            raise
        raise unpacking.refuse(f"it cannot be read: {str(error) or type(error).__name__}") from error
    tops = sorted(into.iterdir())
    if len(tops) != 1 or not tops[0].is_dir():
        raise unpacking.refuse("it has no single top directory")
    return tops[0]


class _Unpacking:
    """One archive being written below one directory."""

    def __init__(self, root: Path, filename: str, limit_bytes: int, limit_members: int) -> None:
        self._root = root
        self._filename = filename
        self._left_bytes = limit_bytes
        self._limit_bytes = limit_bytes
        self._left_members = limit_members
        self._links: dict[tuple[str, ...], _Member] = {}

    def refuse(self, why: str) -> InputError:
        return InputError(
            f"the source distribution cannot be used: {why}",
            where=self._filename,
            mend="lock another version, or one that has a wheel",
        )

    def tar(self, archive: Path) -> None:
        with (
            _decompressed(archive) as stream,
            # tarfile uses no more than read, tell and seek
            tarfile.open(
                fileobj=cast("IO[bytes]", _Bounded(stream, self)),
                mode="r:",
                encoding="utf-8",
                errors="strict",
            ) as tar,
        ):
            while (info := tar.next()) is not None:
                member = self._judge_tar(info)
                if member.kind == "file":
                    self._write(member, cast("IO[bytes]", tar.extractfile(info)))
                else:
                    self._note(member)
                tar.members = []  # type: ignore[attr-defined] # tarfile remembers every header otherwise

    def zip(self, archive: Path) -> None:
        with zipfile.ZipFile(archive) as source:
            for info in source.infolist():
                mode = info.external_attr >> 16
                path = self._judge_name(info.filename)
                if info.is_dir():
                    self._note(_Member(path, "directory"))
                elif stat.S_ISLNK(mode):
                    raise self.refuse(f"member {info.filename!r} is a link in a zip")
                else:
                    self.spend(info.file_size)  # zipfile never reads more than this, whatever is there
                    with source.open(info) as content:
                        self._write(_Member(path, "file", bool(mode & 0o111)), content)

    def spend(self, size_bytes: int) -> None:
        self._left_bytes -= size_bytes
        if self._left_bytes < 0:
            raise self.refuse(f"it unpacks to more than {self._limit_bytes >> 20} MiB")

    def _judge_tar(self, info: tarfile.TarInfo) -> _Member:
        path = self._judge_name(info.name)
        if info.isdir():
            return _Member(path, "directory")
        if info.isreg() and not info.issparse():  # a sparse file unpacks to more than is read
            return _Member(path, "file", bool(info.mode & 0o111))
        if info.issym() or info.islnk():
            return _Member(path, "symlink" if info.issym() else "hardlink", target=info.linkname)
        raise self.refuse(f"member {info.name!r} is not a plain file, directory or link")

    def _judge_name(self, name: str) -> tuple[str, ...]:
        self._left_members -= 1
        if self._left_members < 0:
            raise self.refuse("it has too many members")
        parts = tuple(part for part in name.split("/") if part not in {"", "."})
        if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
            raise self.refuse(f"member {name!r} would be written outside its directory")
        return parts

    def _note(self, member: _Member) -> None:
        if member.kind == "directory":
            self._root.joinpath(*member.path).mkdir(parents=True, exist_ok=True)
        else:
            self._links[member.path] = member  # made last: no file is ever written through a link

    def _write(self, member: _Member, content: IO[bytes]) -> None:
        path = self._root.joinpath(*member.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while piece := content.read(_PIECE):
                file.write(piece)
        path.chmod(0o755 if member.executable else 0o644)

    def finish_links(self) -> None:
        """Put a copy where the archive had a link: it leads nowhere else, and builds see the same content."""
        for member in self._links.values():
            found = self._follow(member)
            path = self._root.joinpath(*member.path)
            if found is None or path.exists():
                continue  # a link to nothing is nothing, as for whoever opens it
            path.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                if path.is_relative_to(found):
                    continue  # a directory inside itself has no copy
                self.spend(sum(f.stat().st_size for f in found.rglob("*") if f.is_file()))
                shutil.copytree(found, path)
            else:
                self.spend(found.stat().st_size)
                shutil.copy(found, path)

    def _follow(self, member: _Member) -> Path | None:
        for _ in range(_MAX_LINK_DEPTH):
            base = "" if member.kind == "hardlink" else "/".join(member.path[:-1])
            target = posixpath.normpath(posixpath.join(base, member.target))
            if target.startswith(("/", "../")) or target == ".." or "\0" in target:
                raise self.refuse(f"link {'/'.join(member.path)!r} leads outside its directory")
            path = tuple(target.split("/"))
            if path not in self._links:
                found = self._root.joinpath(*path)
                return found if found.exists() else None
            member = self._links[path]
        raise self.refuse(f"link {'/'.join(member.path)!r} leads in a circle")


class _Bounded:
    """A reader that inflates no more than an unpacking may spend, and reads no header of absurd size."""

    def __init__(self, stream: IO[bytes], unpacking: _Unpacking) -> None:
        self._stream = stream
        self._unpacking = unpacking
        self._furthest = 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise self._unpacking.refuse("one of its headers is absurdly large")
        data = self._stream.read(size)
        self._reach(self._stream.tell())
        return data

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int) -> int:
        self._reach(offset)  # before the seek: what is skipped is inflated too
        return self._stream.seek(offset)

    def _reach(self, offset: int) -> None:
        if offset > self._furthest:
            self._unpacking.spend(offset - self._furthest)
            self._furthest = offset


@contextmanager
def _decompressed(archive: Path) -> Iterator[IO[bytes]]:
    with archive.open("rb") as raw:
        magic = raw.read(6)
        raw.seek(0)
        opener = next((opener for start, opener in _COMPRESSIONS.items() if magic.startswith(start)), None)
        if opener is None:
            yield raw
        else:
            with opener(raw) as opened:
                yield opened
