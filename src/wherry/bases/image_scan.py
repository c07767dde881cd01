"""What an image's layers hold that matters to whoever builds on it, found in one pass over their tars.

The newest layer is read first: what it has or deletes hides what is older (image-spec, layer.md). Contents
are read of a few known files only, each with a limit.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.bases.deb822 import fields, paragraphs
from wherry.bases.model import FoundPackage, FoundPython
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.coding import decompressed
from wherry.oci.image import VerifiedStream
from wherry.oci.media_types import layer_coding
from wherry.oci.tarstream import TarReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.oci.image import Image, ImageSource
    from wherry.oci.model import Descriptor
    from wherry.oci.tarstream import Member, Readable

ENTRIES_LIMIT: Final = 1_500_000
STATUS_LIMIT_BYTES: Final = 256 << 20
_SMALL_LIMIT_BYTES: Final = 16 << 20

_PYTHON: Final = re.compile(r"(?:.+/)?bin/python3\.([0-9]{1,3})")
_LIBPYTHON: Final = re.compile(r"(?:.+/)?libpython3\.([0-9]{1,3})\.so\.1\.0")
_LIBC: Final = re.compile(r"(?:usr/)?lib(?:64)?/(?:[^/]+-linux-gnu/)?libc(?:-2\.[0-9]+\.so|\.so\.6)")
_STATUS: Final = re.compile(r"var/lib/dpkg/status(?:\.d/[^/]+)?")
_OS_RELEASE: Final = re.compile(r"(?:etc|usr/lib)/os-release")
_LD_CACHE: Final = "etc/ld.so.cache"
_GLIBC: Final = re.compile(rb"GNU C Library [^\0]{0,80}?release version ([0-9]{1,2}\.[0-9]{1,3})")
_OVERLAP_BYTES: Final = 256
_WHITEOUT: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"


class ImageFacts(msgspec.Struct, frozen=True):
    """What the scan found. Of paths, the newest layer's word counts."""

    pythons: tuple[FoundPython, ...]
    glibc: str  # "2.36"; "" for none
    codename: str  # of os-release: "bookworm"
    packages: tuple[FoundPackage, ...]
    links: dict[str, str]  # every symbolic link
    directories: tuple[str, ...]
    ld_cache: bytes


def scan_image(source: ImageSource, image: Image) -> ImageFacts:
    """Read all layers of *image*, each verified by its digest and its diff id.

    Raises:
        InputError: A layer is damaged, or not what the manifest says.

    """
    scan = _Scan()
    for descriptor, diff_id in reversed(list(image.layers())):
        where = f"{source.name}: layer {descriptor.digest}"
        with source.open(descriptor.digest) as stream:
            verified = VerifiedStream(stream, descriptor, where)
            plain = _Hashed(_unpacked(verified, descriptor, where))
            scan.layer(TarReader(plain, where), where)
            plain.drain()
            verified.drain()
            if plain.digest() != diff_id:
                raise InputError("the layer is not the one the image's config names", where=where)
    return scan.facts()


class _Scan:
    """The state between layers, from the newest to the oldest."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}  # path to "directory" or what else it is
        self._deleted: set[str] = set()
        self._opaque: set[str] = set()
        self._links: dict[str, str] = {}
        self._pythons: dict[str, FoundPython] = {}
        self._libraries: dict[str, str] = {}  # directory and minor to version
        self._packages: dict[str, FoundPackage] = {}
        self._contents: dict[str, bytes] = {}
        self._glibc: set[str] = set()

    def layer(self, reader: TarReader, where: str) -> None:
        deleted: set[str] = set()
        opaque: set[str] = set()
        fresh: dict[str, str] = {}
        for member in reader:
            path = _path(member.path, where)
            directory, _, name = path.rpartition("/")
            if name == _OPAQUE:
                opaque.add(directory)
            elif name.startswith(_WHITEOUT):
                deleted.add(f"{directory}/{name[len(_WHITEOUT) :]}".lstrip("/"))
            elif path and path not in fresh and not self._is_hidden(path):
                fresh[path] = member.kind
                if member.kind == "symlink":
                    self._links[path] = member.link.decode("utf-8", "replace")
                elif member.kind in {"file", "hardlink"}:
                    self._file(path, member, reader, where)
            if len(fresh) + len(self._seen) > ENTRIES_LIMIT:
                raise InputError("the image has too many files", where=where)
        # A layer's deletions hide what is below it, not what it has itself.
        self._seen |= fresh
        self._deleted |= deleted
        self._opaque |= opaque

    def facts(self) -> ImageFacts:
        release = fields(_release(self._contents))
        return ImageFacts(
            pythons=tuple(self._told(python) for _, python in sorted(self._pythons.items())),
            glibc=max(self._glibc, key=lambda v: [int(n) for n in v.split(".")], default=""),
            codename=release.get("version_codename", ""),
            packages=tuple(package for _, package in sorted(self._packages.items())),
            links=dict(sorted(self._links.items())),
            directories=tuple(sorted(path for path, kind in self._seen.items() if kind == "directory")),
            ld_cache=self._contents.get(_LD_CACHE, b""),
        )

    def _is_hidden(self, path: str) -> bool:
        if path in self._seen or path in self._deleted:
            return True
        while path:
            path = path.rpartition("/")[0]
            if (
                path in self._deleted
                or path in self._opaque
                or self._seen.get(path, "directory") != "directory"
            ):
                return True
        return False

    def _file(self, path: str, member: Member, reader: TarReader, where: str) -> None:
        if match := _PYTHON.fullmatch(path):
            minor = int(match[1])
            self._pythons[path] = FoundPython(f"/{path}", _python_version(reader.payload(), minor))
        elif match := _LIBPYTHON.fullmatch(path):
            version = _python_version(reader.payload(), int(match[1]))
            self._libraries[f"{path.rpartition('/')[0]} {match[1]}"] = version
        elif _LIBC.fullmatch(path):
            self._glibc |= {found.decode() for found in _search(reader.payload(), _GLIBC)}
        elif _STATUS.fullmatch(path):
            self._status(reader, where)
        elif (path == _LD_CACHE or _OS_RELEASE.fullmatch(path)) and member.size_bytes <= _SMALL_LIMIT_BYTES:
            self._contents[path] = b"".join(reader.payload())

    def _status(self, reader: TarReader, where: str) -> None:
        for paragraph in paragraphs(_limited(reader.payload(), where), where):
            values = fields(paragraph)
            name, version = values.get("package", ""), values.get("version", "")
            if name and version and values.get("status", "install ok installed").endswith(" installed"):
                self._packages[name] = FoundPackage(name, version, values.get("provides", ""))

    def _told(self, python: FoundPython) -> FoundPython:
        """With the version of its library, where the program itself only starts that."""
        if python.version:
            return python
        prefix = python.path[1:].rpartition("/bin/")[0]
        places = [place for place in self._libraries if place.endswith(f" {python.minor}")]
        near = [place for place in places if place.startswith(f"{prefix}/lib")]
        return msgspec.structs.replace(python, version=self._libraries[near[0]] if near else "")


class _Hashed:
    """A stream that knows the digest of what was read of it."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        return data

    def drain(self) -> None:
        """Read the rest: what follows a tar's end is part of the layer."""
        while self.read(1 << 20):
            pass

    def digest(self) -> Digest:
        return Digest.from_hex(self._hash.hexdigest())


def _unpacked(stream: Readable, descriptor: Descriptor, where: str) -> Readable:
    coding = layer_coding(descriptor.media_type)
    if coding is None:
        raise InputError(f"layer type {descriptor.media_type!r} is not one wherry can read", where=where)
    return decompressed(stream, coding, where)


def _path(raw: bytes, where: str) -> str:
    """The path relative to the root. One that leads out is an error: no tool would unpack it."""
    parts = [part for part in raw.decode("utf-8", "surrogateescape").split("/") if part not in {"", "."}]
    if ".." in parts:
        raise InputError(f"a path leads out of the layer: {raw[:80]!r}", where=where)
    return "/".join(parts).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _release(contents: dict[str, bytes]) -> bytes:
    text = contents.get("etc/os-release") or contents.get("usr/lib/os-release") or b""
    return text.replace(b"=", b": ", text.count(b"=")).replace(b'"', b"")


def _python_version(payload: Iterable[bytes], minor: int) -> str:
    """The version a CPython binary has in its data, where a string ends: ``3.12.7``.

    Linkers let a string be the end of a longer one, a path or ``Python-3.12.7``.
    """
    pattern = re.compile(rb"(?<![0-9.])(3\.%d\.[0-9]{1,3})(?:(?:a|b|rc)[0-9]{1,3})?\+?\0" % minor)
    found = sorted({match.decode() for match in _search(payload, pattern)})
    return found[0] if len(found) == 1 else ""


def _search(payload: Iterable[bytes], pattern: re.Pattern[bytes]) -> Iterator[bytes]:
    """The first groups of all matches in a stream; a match is shorter than the overlap."""
    tail = b""
    for block in payload:
        window = tail + block
        yield from (match[1] for match in pattern.finditer(window))
        tail = window[-_OVERLAP_BYTES:]


def _limited(payload: Iterable[bytes], where: str) -> Iterator[bytes]:
    left = STATUS_LIMIT_BYTES
    for block in payload:
        left -= len(block)
        if left < 0:
            raise InputError("dpkg's status file is too large to be one", where=where)
        yield block
