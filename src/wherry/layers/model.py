"""What goes into a layer maker and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.digest import Digest

LAYOUT_VERSION = 1
"""Part of every layer key: raised when the same input would give other tar bytes."""

IDENTITY_BYTES: Final = 16
"""Of a file's hash, what facts hold: they tell whether two wheels agree on a path, and vouch for no byte."""

MTIME = 1_672_531_200
"""2023-01-01T00:00:00Z, the time of every member: some programs refuse 0, zip cannot say before 1980."""

Compression = Literal["gzip", "zstd", "estargz"]

Scheme = Literal["site", "scripts", "headers", "data"]
"""Where a wheel's file goes: site-packages (in a venv purelib and platlib are one) or as `.data` says."""

SCHEMES: Final[tuple[Scheme, ...]] = get_args(Scheme)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where distributions are installed inside the image. All paths are absolute POSIX paths."""

    prefix: str = "/opt/venv"
    python: tuple[int, int] = (3, 11)
    interpreter: str = "/opt/venv/bin/python"  # what scripts name in their first line
    mtime: int = MTIME

    @property
    def site_packages(self) -> str:
        """Where purelib and platlib go."""
        return f"{self.prefix}/lib/python{self.python[0]}.{self.python[1]}/site-packages"

    def scheme_directory(self, scheme: Scheme, name: str) -> str:
        """Where a wheel's files of *scheme* go, relative to the image's root: what pip does in a venv.

        Args:
            scheme: Of the files.
            name: Of the distribution, normalized: its headers have a directory of their own.

        """
        major, minor = self.python
        below = {
            "site": f"lib/python{major}.{minor}/site-packages",
            "scripts": "bin",
            "headers": f"include/site/python{major}.{minor}/{name}",
            "data": "",
        }[scheme]
        return f"{self.prefix}/{below}".strip("/")


@dataclass(frozen=True, slots=True)
class BytecodeCompiler:
    """An interpreter of the target's minor version that runs on this host."""

    argv: tuple[str, ...]  # how to start it: ("/usr/bin/python3.11",) or an ld.so with --library-path
    version: str  # exact: "3.11.2"; part of the layer's key


@dataclass(frozen=True, slots=True)
class WheelInput:
    """One wheel whose bytes are known to have *digest*: on disk, unless all that is made of it is there."""

    path: Path
    filename: str  # as the lock names it
    digest: Digest
    locked: bool = False  # the digest is the lock's: it vouches for every byte, RECORD's hashes for no more
    teller: str = ""  # the layer index that is believed of the wheel as long as it is not here

    @property
    def size_bytes(self) -> int:
        """How large the file is; nothing where only its segment is here."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0


class OwnedFile(msgspec.Struct, frozen=True, array_like=True):
    """One file that a wheel installs."""

    scheme: Scheme
    path: str  # below the scheme's directory
    identity: str  # equal for equal content: "sha256=..." from RECORD, cut; or what a script is made from
    size_bytes: int
    executable: bool = False


class WheelFacts(msgspec.Struct, frozen=True):
    """What a wheel says of itself: from its directory, RECORD, WHEEL, METADATA and entry points."""

    name: str  # normalized
    version: str
    display_name: str  # as METADATA spells it
    tags: tuple[str, ...]  # "cp311-cp311-manylinux_2_28_x86_64", sorted
    requires: tuple[str, ...]  # Requires-Dist as written
    requires_python: str
    files: tuple[OwnedFile, ...]  # sorted; without bytecode
    unpacked_bytes: int  # of the files
    license: str = ""  # as METADATA tells it, on one short line: an SPDX expression or some words


class LayerBlob(msgspec.Struct, frozen=True):
    """A finished layer: what the index remembers of it and the manifest says."""

    diff_id: str  # digest of the uncompressed tar
    digest: str  # digest of the compressed blob
    size_bytes: int  # compressed
    unpacked_bytes: int  # of the tar
    codec: str  # how it was compressed, named and versioned: part of the key
    media_type: str
    annotations: dict[str, str] = {}  # of its descriptor, where the format has some
