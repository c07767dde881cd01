"""The very interpreter of a Debian base, run on this host to compile bytecode: one result on every Linux.

Its packages are unpacked into the store and started through their own dynamic loader, so that nothing of the
host's Python or libc takes part. Nothing is installed, no script runs.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.bases.deb_archive import open_data
from wherry.bases.debian import pins_digest, suite_of
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.store.disk import explained

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wherry.bases.deb_archive import DataReader, DebMember
    from wherry.bases.model import DebianPin
    from wherry.oci.platform import Platform
    from wherry.store.store import Store

INTERPRETERS: Final = "interpreters"
"""The directory of the store that unpacked interpreters lie in, each by the digest of its packages."""

UNPACK_VERSION: Final = 1

_LOADERS: Final = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}
_FILES_LIMIT_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class HostInterpreter:
    """How to start the interpreter here, and which it is: what `layers.model.BytecodeCompiler` wants."""

    argv: tuple[str, ...]
    version: str  # "3.11.2"


def compiler_names(suite: str) -> tuple[str, ...]:
    """The packages the interpreter is made of."""
    major, minor = suite_of(suite).python
    python = f"python{major}.{minor}"
    return (
        "libc6",
        "libexpat1",
        f"lib{python}-minimal",
        f"lib{python}-stdlib",
        f"{python}-minimal",
        "zlib1g",
    )


def compiler_pins(suite: str, pins: Iterable[DebianPin]) -> tuple[DebianPin, ...]:
    """Those of *pins*, which are for the host's architecture, that the interpreter is made of.

    Raises:
        InputError: One is missing.

    """
    by_name = {pin.name: pin for pin in pins}
    missing = [name for name in compiler_names(suite) if name not in by_name]
    if missing:
        raise InputError(
            f"the pins of debian:{suite} have no {', '.join(missing)}",
            where="wherry.lock",
            mend="wherry lock --upgrade base",
        )
    return tuple(by_name[name] for name in compiler_names(suite))


def host_interpreter(suite: str, pins: Sequence[DebianPin], host: Platform, store: Store) -> HostInterpreter:
    """The interpreter of *pins*, unpacked if it is not yet. Its packages are in the store.

    Args:
        suite: ``"bookworm"``, ``"trixie"``.
        pins: As `compiler_pins` chose them, of the host's architecture.
        host: The platform of this machine.
        store: Where the packages are and the interpreter goes.

    Raises:
        InputError: A package is damaged or not what it should be.
        WorldError: The store cannot be written.

    """
    major, minor = suite_of(suite).python
    version = next(pin.version for pin in pins if pin.name == f"python{major}.{minor}-minimal")
    match = re.match(r"(?:\d+:)?(\d+\.\d+\.\d+)", version)
    if match is None:
        raise InputError(
            f"no Python version in {version!r}", where="wherry.lock", mend="wherry lock --upgrade base"
        )
    key = Digest.of_bytes(f"{UNPACK_VERSION} {pins_digest(pins)}".encode()).hex
    root = store.root / INTERPRETERS / key
    if not root.is_dir():
        with store.lock(f"interpreter-{key}"):
            if not root.is_dir():
                _unpack(pins, root, store)
    libraries = root / "usr/lib" / f"{host.machine}-linux-gnu"
    argv = (
        str(libraries / _LOADERS[host.machine]),
        "--inhibit-cache",
        "--library-path",
        str(libraries),
        str(root / f"usr/bin/python{major}.{minor}"),
        "-B",
    )
    return HostInterpreter(argv, match[1])


def _unpack(pins: Sequence[DebianPin], root: Path, store: Store) -> None:
    """All packages into a private directory, which then takes its place in one step."""
    store.require_space(_unpacked_estimate(pins), "the interpreter that compiles bytecode")
    with store.scratch("interpreter") as scratch, explained(store.root, "keep the interpreter"):
        tree = scratch / "root"
        tree.mkdir()
        links: dict[str, str] = {}
        for pin in pins:
            where = f"Debian package {pin.name} {pin.version}"
            with open_data(store.blobs.path(Digest.from_hex(pin.sha256)), where) as members:
                _write_members(members, tree, links, where)
        # Links come last: no file is ever written through one.
        for path, target in sorted(links.items()):
            place = tree / path
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(target)
        root.parent.mkdir(exist_ok=True)
        tree.rename(root)


def _write_members(members: DataReader, tree: Path, links: dict[str, str], where: str) -> None:
    left = _FILES_LIMIT_BYTES
    for member in members:
        path = _wanted(member.path)
        if path is None:
            continue
        if member.kind == "symlink" and re.fullmatch(r"[A-Za-z0-9+._-]+", member.link):
            links[path] = member.link  # only to a name beside it
        elif member.kind == "file":
            left -= member.size_bytes
            if left < 0:
                raise InputError("the package is far larger than any Python", where=where)
            _write_file(members, member, tree / path, where)


def _write_file(members: DataReader, member: DebMember, place: Path, where: str) -> None:
    mode = 0o755 if member.mode & 0o100 else 0o644
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"the package has /{member.path} twice", where=where) from error
    with os.fdopen(descriptor, "wb") as sink:
        for block in members.payload():
            sink.write(block)


def _wanted(path: str) -> str | None:
    """Where a file of the package goes, if the interpreter needs it: libraries, modules and the program."""
    merged = f"usr/{path}" if path.startswith("lib/") else path
    pattern = r"usr/(?:bin/python3\.[0-9]+|lib/(?:x86_64|aarch64)-linux-gnu/[^/]+|lib/python3\.[0-9]+/.*)"
    return merged if re.fullmatch(pattern, merged) else None


def _unpacked_estimate(pins: Sequence[DebianPin]) -> int:
    return 8 * sum(pin.size_bytes for pin in pins)
