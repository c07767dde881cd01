"""What a plan may know of a base: facts, no bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.specifiers import SpecifierSet

    from wherry.digest import Digest
    from wherry.oci.platform import Platform


class DebianPin(msgspec.Struct, frozen=True, rename="kebab"):
    """One Debian package as ``wherry.lock`` pins it: never a host, only a pool path."""

    name: str
    version: str
    architecture: str  # "amd64", "arm64" or "all"
    filename: str  # "pool/main/g/glibc/libc6_2.36-9+deb12u13_amd64.deb"
    sha256: str  # 64 hex digits
    size_bytes: int
    archive: str = "main"  # "main" (suite and -updates) or "security": which mirror root the path is under


class FoundPython(msgspec.Struct, frozen=True):
    """An interpreter that an image has: a program, not a link to one."""

    path: str  # absolute: "/usr/local/bin/python3.12"
    version: str  # "3.12.7"; "" where the program and its library do not tell

    @property
    def minor(self) -> int:
        """The second number of its version, which its name tells in any case."""
        return int(self.path.rpartition(".")[2])


class FoundPackage(msgspec.Struct, frozen=True):
    """A Debian package that dpkg's records say an image has."""

    name: str
    version: str
    provides: str = ""


@dataclass(frozen=True, slots=True)
class WantedPython:
    """Which Pythons a project takes."""

    minor: tuple[int, int] | None = None  # the one it is to have; None for any that is allowed
    allowed: SpecifierSet | None = None  # requires-python

    def takes(self, python: FoundPython) -> bool:
        """Whether *python* will do; one whose version is not known will not."""
        if not python.version or self.minor not in {None, (3, python.minor)}:
            return False
        return self.allowed is None or self.allowed.contains(python.version, prereleases=True)

    def __str__(self) -> str:
        """As an error says it: ``Python 3.13``, ``Python >=3.12``, ``Python``."""
        if self.minor:
            return f"Python {self.minor[0]}.{self.minor[1]}"
        return f"Python {self.allowed or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer a base brings along, as it is: copied, never recompressed."""

    digest: Digest
    diff_id: Digest
    size_bytes: int
    media_type: str
    path: Path | None  # where its compressed bytes lie now; None: in the store, or at its origin


@dataclass(frozen=True, slots=True)
class Base:
    """What lies underneath, as far as planning needs it. Either *packages* or *layers* is empty."""

    name: str  # "debian:bookworm", "oci:DIR", "python:3.12-slim"
    platform: Platform
    python: tuple[int, int]
    python_full_version: str  # "3.11.2"
    interpreter: str  # absolute path inside the image: "/usr/bin/python3.11"
    glibc: tuple[int, int]
    packages: tuple[DebianPin, ...] = ()  # to be assembled by us, in installation order
    system_packages: tuple[DebianPin, ...] = ()  # asked for by the project, beyond the base's own
    layers: tuple[ImageLayer, ...] = ()
    history: tuple[dict[str, object], ...] = ()  # of the base's config, untouched
    env: tuple[str, ...] = ()
    user: str = ""
    digest: Digest | None = None  # manifest digest of an OCI base; digest over the pins of a Debian one
    registry_name: str = ""  # in full, "docker.io/library/python:3.12-slim"; "" for what is in no registry
