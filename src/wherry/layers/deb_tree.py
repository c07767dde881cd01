"""Many packages laid over each other as one tree: who owns which path, and where its bytes wait.

Packages are read once, in parallel; the contents of what is kept go to a spool file each, so that memory
stays small. dpkg's rules for who may own a path hold: one owner, save directories and ``Replaces``.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from wherry.bases.deb_archive import Control, DebMember, open_data, read_control
from wherry.bases.packages import relations
from wherry.errors import InputError
from wherry.layers.deb_paths import MERGED, is_kept, is_licence_place, parents, resolved
from wherry.store.disk import explained

if TYPE_CHECKING:
    import io
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from wherry.bases.model import DebianPin

ENTRIES_LIMIT: Final = 2_000_000
_COPY_BYTES: Final = 1 << 20
_READERS: Final = 3
"""Packages read at once: each may hold a dictionary of 64 MiB."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """The bytes of a file, waiting on disk."""

    spool: Path
    offset: int
    size_bytes: int

    def blocks(self) -> Iterator[bytes]:
        """The bytes in pieces."""
        with self.spool.open("rb") as stream:
            stream.seek(self.offset)
            left = self.size_bytes
            while left and (block := stream.read(min(left, _COPY_BYTES))):
                left -= len(block)
                yield block

    def head(self, size_bytes: int) -> bytes:
        """The first bytes."""
        with self.spool.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(min(size_bytes, self.size_bytes))


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of the tree."""

    path: str
    kind: Literal["file", "directory", "symlink"]
    mode: int
    content: bytes | Spooled = b""
    link: str = ""
    uid: int = 0
    gid: int = 0
    owner: str = ""  # the package

    def read(self) -> bytes:
        """The whole content: for files that are known to be small."""
        return self.content if isinstance(self.content, bytes) else b"".join(self.content.blocks())


@dataclass(frozen=True, slots=True)
class Below:
    """What is there already where the packages are laid: by the layers underneath."""

    links: Mapping[str, str] = field(default_factory=dict)  # symbolic links by path
    directories: frozenset[str] = frozenset()
    ld_cache: bytes = b""


@dataclass(frozen=True, slots=True)
class ScannedDeb:
    """One package, read."""

    pin: DebianPin
    control: Control
    entries: tuple[Entry, ...]


class DebTree:
    """The tree under construction: `add` in any order gives the same tree."""

    def __init__(self, scanned: Sequence[ScannedDeb], below: Below) -> None:
        """Lay the packages over *below*, in the order of their names.

        Raises:
            InputError: Two packages own one path.

        """
        self.below = below
        self.debs = sorted(scanned, key=lambda deb: deb.pin.name)
        self.entries: dict[str, Entry] = {}
        self._replaces = {deb.pin.name: _names(deb.control.fields.get("replaces", "")) for deb in self.debs}
        merged = {name: target for name, target in MERGED.items() if name not in below.directories}
        self.links: dict[str, str] = {**merged, **below.links}
        members = [entry for deb in self.debs for entry in deb.entries]
        for entry in members:
            if entry.kind == "symlink":
                self.links[resolved(entry.path, self.links, follow_last=False)] = entry.link
        for entry in members:
            self.add(entry)
        self._complete()

    def add(self, entry: Entry) -> None:
        """Put *entry* where its path leads: through links, as unpacking it would."""
        path = resolved(entry.path, self.links, follow_last=entry.kind == "directory")
        if not path:
            return
        there = self.entries.get(path)
        if there is None:
            self.entries[path] = replace(entry, path=path)
        elif there.kind == entry.kind == "directory":
            self.entries[path] = replace(there, mode=there.mode | entry.mode)
        elif not _same(there, entry):
            self.entries[path] = replace(self._winner(there, entry), path=path)

    def put(self, entry: Entry) -> None:
        """Make *entry* what its path is, whatever was there: for what we make ourselves."""
        path = resolved(entry.path, self.links, follow_last=False)
        for parent in parents(path):
            if parent not in self.below.directories:
                self.entries.setdefault(parent, Entry(parent, "directory", 0o755))
        self.entries[path] = replace(entry, path=path)
        self.links.pop(path, None)
        if entry.kind == "symlink":
            self.links[path] = entry.link

    def find(self, path: str) -> Entry | None:
        """The file or directory that *path* leads to, through links."""
        return self.entries.get(resolved(path, self.links, follow_last=True))

    def children(self) -> dict[str, list[Entry]]:
        """The entries of every directory, by the directory's path."""
        found: dict[str, list[Entry]] = {}
        for path in sorted(self.entries):
            found.setdefault(path.rpartition("/")[0], []).append(self.entries[path])
        return found

    def _winner(self, there: Entry, entry: Entry) -> Entry:
        if there.owner in self._replaces.get(entry.owner, ()):
            return entry
        if entry.owner in self._replaces.get(there.owner, ()):
            return there
        raise InputError(
            f"the Debian packages {there.owner} and {entry.owner} both own /{entry.path}",
            mend="remove one of them from system-packages",
        )

    def _complete(self) -> None:
        """Directories that filters emptied go, directories that are missing come."""
        needed = {
            parent
            for path, entry in self.entries.items()
            if entry.kind != "directory" or not is_licence_place(path)
            for parent in parents(path)
        }
        for path in [p for p, e in self.entries.items() if e.kind == "directory"]:
            if path in self.below.directories or (is_licence_place(path) and path not in needed):
                del self.entries[path]
        for path in needed - self.below.directories:
            there = self.entries.setdefault(path, Entry(path, "directory", 0o755))
            if there.kind != "directory":
                raise InputError(
                    f"/{path} is a directory and a {there.kind}", where=f"Debian package {there.owner}"
                )
        if len(self.entries) > ENTRIES_LIMIT:
            raise InputError("the Debian packages have too many files for one layer")


def scan_debs(debs: Iterable[tuple[DebianPin, Path]], scratch: Path) -> list[ScannedDeb]:
    """Read every package, its kept contents into *scratch*; in the order given.

    Raises:
        InputError: A package is damaged, or is not the one its pin names.

    """
    with ThreadPoolExecutor(min(_READERS, os.cpu_count() or 1)) as pool:
        numbered = [(pin, path, scratch / f"{i}.spool") for i, (pin, path) in enumerate(debs)]
        return list(pool.map(lambda job: _scan(*job), numbered))


def _scan(pin: DebianPin, path: Path, spool: Path) -> ScannedDeb:
    with explained(spool.parent, "unpack a Debian package"):
        return _read(pin, path, spool)


def _read(pin: DebianPin, path: Path, spool: Path) -> ScannedDeb:
    where = f"Debian package {pin.name} {pin.version}"
    control = read_control(path, where)
    named = tuple(control.fields.get(key, "") for key in ("package", "version", "architecture"))
    if named != (pin.name, pin.version, pin.architecture):
        raise InputError(f"the package says it is {' '.join(named)}", where=where)
    with open_data(path, where) as members, spool.open("wb") as sink:
        entries: list[Entry] = []
        by_path: dict[str, Entry] = {}
        for member in members:
            if not member.path or not is_kept(_usr(member.path)):
                continue
            entry = _entry(member, pin.name, by_path, where)
            if member.kind == "file":
                entry = replace(entry, content=_spool(members.payload(), sink, spool))
                by_path[member.path] = entry
            entries.append(entry)
            if len(entries) > ENTRIES_LIMIT:
                raise InputError("the package has too many files", where=where)
    return ScannedDeb(pin, control, tuple(entries))


def _entry(member: DebMember, owner: str, by_path: Mapping[str, Entry], where: str) -> Entry:
    """No group or world may write, no set-uid: one user runs everything. Sticky directories are for all."""
    if member.kind == "hardlink":
        if member.link not in by_path:
            raise InputError(f"/{member.path} is another name of a file that is not there", where=where)
        return replace(by_path[member.link], path=member.path)
    if member.kind == "directory":
        mode = 0o1777 if member.mode & 0o1000 else 0o755
    else:
        mode = 0o777 if member.kind == "symlink" else (member.mode & 0o755) | 0o444
    return Entry(member.path, member.kind, mode, link=member.link, owner=owner)


def _spool(payload: Iterable[bytes], sink: io.BufferedWriter, spool: Path) -> Spooled:
    start = sink.tell()
    sink.writelines(payload)
    return Spooled(spool, start, sink.tell() - start)


def _usr(path: str) -> str:
    """The path as the usr-merge has it: what is kept must not depend on how a suite writes it."""
    first, slash, rest = path.partition("/")
    return f"{MERGED[first]}/{rest}" if slash and first in MERGED else path


def _same(one: Entry, other: Entry) -> bool:
    if one.kind != other.kind or one.link != other.link:
        return False
    if isinstance(one.content, Spooled) and isinstance(other.content, Spooled):
        return one.content.size_bytes == other.content.size_bytes and all(
            a == b for a, b in zip(one.content.blocks(), other.content.blocks(), strict=True)
        )
    return one.content == other.content


def _names(text: str) -> frozenset[str]:
    return frozenset(relation.name for group in relations(text) for relation in group)
