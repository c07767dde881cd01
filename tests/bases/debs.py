"""Debian packages, archives of them and shared libraries, made by hand for tests: honest ones and others."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import struct
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pysequoia
import zstandard

from wherry.bases.model import DebianPin

if TYPE_CHECKING:
    from pathlib import Path

NOW: Final = datetime.now(UTC)
KEY: Final = pysequoia.Tsk.generate("An archive for tests", validity_seconds=3 * 365 * 86400)
CERTIFICATE: Final = KEY.extract_certificate()
MACHINES: Final = {"x86_64": 62, "aarch64": 183}


@dataclass(frozen=True)
class File:
    """A member of a tar; by default a regular file."""

    path: str
    content: bytes = b""
    kind: bytes = tarfile.REGTYPE
    mode: int = 0o644
    link: str = ""


def directory(path: str, mode: int = 0o755) -> File:
    return File(path, kind=tarfile.DIRTYPE, mode=mode)


def symlink(path: str, target: str) -> File:
    return File(path, kind=tarfile.SYMTYPE, link=target, mode=0o777)


@dataclass(frozen=True)
class Deb:
    """What a package is made of."""

    name: str
    version: str = "1.0-1"
    architecture: str = "amd64"
    files: tuple[File, ...] = ()
    fields: dict[str, str] = field(default_factory=dict)
    postinst: bytes = b""
    ending: str = "xz"

    @property
    def control(self) -> str:
        values = {
            "Package": self.name,
            "Version": self.version,
            "Architecture": self.architecture,
            **self.fields,
        }
        return "".join(f"{key}: {value}\n" for key, value in values.items())

    def bytes(self) -> bytes:
        lines = [
            f"{hashlib.md5(f.content, usedforsecurity=False).hexdigest()}  {f.path}\n"
            for f in self.files
            if f.kind == tarfile.REGTYPE
        ]
        control = [
            File("./control", self.control.encode()),
            File("./md5sums", "".join(lines).encode("utf-8", "surrogateescape")),
        ]
        if self.postinst:
            control.append(File("./postinst", self.postinst, mode=0o755))
        return ar(
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", compressed(make_tar(control), "gz")),
            (f"data.tar.{self.ending}".rstrip("."), compressed(make_tar(self.files), self.ending)),
        )

    def write(self, folder: Path) -> tuple[DebianPin, Path]:
        """The package as a file, and its pin."""
        data = self.bytes()
        filename = f"pool/main/{self.name[0]}/{self.name}/{self.name}_{self.version}_{self.architecture}.deb"
        path = folder / filename.replace("/", "_")
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        return DebianPin(self.name, self.version, self.architecture, filename, digest, len(data)), path


def ar(*members: tuple[str, bytes]) -> bytes:
    parts = [b"!<arch>\n"]
    for name, data in members:
        parts.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode())
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


def make_tar(files: list[File] | tuple[File, ...]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for file in files:
            info = tarfile.TarInfo(file.path)
            info.type, info.mode, info.linkname = file.kind, file.mode, file.link
            info.size = len(file.content)
            archive.addfile(info, io.BytesIO(file.content))
    return buffer.getvalue()


def compressed(data: bytes, ending: str) -> bytes:
    match ending:
        case "xz":
            return lzma.compress(data, preset=1)
        case "gz":
            return gzip.compress(data, mtime=0)
        case "zst":
            return zstandard.compress(data)
        case _:
            return data


@dataclass
class Archive:
    """A mirror in a folder: what `Fetcher` reads through ``file:`` URLs."""

    folder: Path
    suite: str = "bookworm"
    debs: list[tuple[str, Deb]] = field(default_factory=list)  # pocket's ending and the package
    key: pysequoia.Tsk = KEY
    ending: str = ".xz"
    by_hash: bool = True
    date: datetime = NOW
    valid_until: datetime | None = None
    codename: str = ""
    architectures: tuple[str, ...] = ("amd64", "arm64")

    @property
    def main(self) -> str:
        return f"file://{self.folder}/debian"

    @property
    def security(self) -> str:
        return f"file://{self.folder}/debian-security"

    def publish(self) -> None:
        for ending, archive in (("", "debian"), ("-updates", "debian"), ("-security", "debian-security")):
            debs = [deb for place, deb in self.debs if place == ending]
            self._publish_pocket(f"{self.suite}{ending}", self.folder / archive, debs)

    def _publish_pocket(self, name: str, root: Path, debs: list[Deb]) -> None:
        lines = []
        for architecture in self.architectures:
            paragraphs = [self._keep(deb, root) for deb in debs if deb.architecture in {architecture, "all"}]
            data = compressed("\n".join(paragraphs).encode(), self.ending.lstrip("."))
            path = f"main/binary-{architecture}/Packages{self.ending}"
            digest = hashlib.sha256(data).hexdigest()
            lines.append(f" {digest} {len(data)} {path}")
            place = root / "dists" / name / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if self.by_hash:
                place = place.parent / "by-hash" / "SHA256" / digest
                place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        release = self.release(name, "\n".join(lines))
        (root / "dists" / name / "InRelease").write_bytes(sign(release, self.key))

    def release(self, name: str, files: str) -> str:
        text = f"Origin: Debian\nCodename: {self.codename or name}\nDate: {_rfc(self.date)}\n"
        if self.valid_until:
            text += f"Valid-Until: {_rfc(self.valid_until)}\n"
        if self.by_hash:
            text += "Acquire-By-Hash: yes\n"
        return f"{text}SHA256:\n{files}\n"

    def _keep(self, deb: Deb, root: Path) -> str:
        data = deb.bytes()
        filename = f"pool/main/{deb.name[0]}/{deb.name}/{deb.name}_{deb.version}_{deb.architecture}.deb"
        place = root / filename
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return (
            f"{deb.control}Filename: {filename}\nSize: {len(data)}\n"
            f"SHA256: {hashlib.sha256(data).hexdigest()}\nDescription: made by hand\n  for a test\n"
        )


def sign(text: str, key: pysequoia.Tsk = KEY) -> bytes:
    return pysequoia.sign(key.signer(), text.encode(), mode=pysequoia.SignatureMode.CLEAR)


def make_elf(soname: str = "", machine: str = "x86_64", *, kind: int = 3, dynamic: bool = True) -> bytes:
    """The smallest shared object that ldconfig takes: one segment to load, and its dynamic section."""
    strings = b"\0" + soname.encode() + b"\0"
    base = 64 + 2 * 56
    tags = [(14, 1)] if soname else []
    tags += [(5, base), (10, len(strings)), (0, 0)]
    table = b"".join(struct.pack("<qQ", *tag) for tag in tags)
    at = base + len(strings) + -(base + len(strings)) % 8
    size = at + len(table)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01",
        kind,
        MACHINES[machine],
        1,
        0,
        64,
        0,
        0,
        64,
        56,
        2,
        64,
        0,
        0,
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, size, size, 4096)
    second = struct.pack("<IIQQQQQQ", 2 if dynamic else 4, 6, at, at, at, len(table), len(table), 8)
    return (header + load + second + strings).ljust(at, b"\0") + table


def _rfc(when: datetime) -> str:
    return when.strftime("%a, %d %b %Y %H:%M:%S UTC")
