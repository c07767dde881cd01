"""``wherry.lock``: the base a project builds on, pinned by version and SHA-256.

Debian packages are never pinned with a host; an image in a registry by its digest, with all that a plan needs
of it. The text is made for people and version control: one package a line, sorted, nothing that differs
between machines. What is read is hostile until checked, like every file of a project.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.bases.debian import pins_digest
from wherry.bases.debian_version import is_version
from wherry.bases.image_pins import PinnedImage, image_fault, image_lines, quoted
from wherry.bases.model import DebianPin
from wherry.bases.packages import is_package_name, is_pool_path
from wherry.errors import InputError, WorldError
from wherry.frozen import ready
from wherry.oci.platform import SUPPORTED
from wherry.store.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILENAME: Final = "wherry.lock"
VERSION: Final = 2
"""Of files that pin an image in a registry; all others are still of version 1, which any wherry reads."""

LIMIT_BYTES: Final = 8 << 20

_HEAD: Final = """\
# The base this project's images are built on. Made by 'wherry lock', renewed by 'wherry lock --upgrade base'.
# Commit this file: with it the same image comes out everywhere.
"""
_RENEW: Final = "wherry lock --upgrade base"
_HEX: Final = re.compile(r"[0-9a-f]{64}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_PACKAGE_LIMIT_BYTES: Final = 4 << 30


class PlatformPins(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """The base of one platform: Debian packages, or the manifest of an image."""

    digest: str  # of a Debian base: over its packages; of an image: its manifest's
    packages: tuple[DebianPin, ...] = ()
    system_packages: tuple[DebianPin, ...] = ()
    image: PinnedImage | None = None  # what a plan needs of an image that is in a registry


class Pins(msgspec.Struct, frozen=True, rename="kebab", forbid_unknown_fields=True):
    """Everything ``wherry.lock`` says."""

    base: str  # as the user names it: "debian:bookworm", "oci:DIR", "python:3.12-slim"
    platforms: dict[str, PlatformPins]
    released: str = ""  # date of the suite's Release: for people
    system_packages: tuple[str, ...] = ()  # what the project asked for when this was made
    digest: str = ""  # of what an image's name meant in its registry: an index or a manifest


def read_pins(path: Path) -> Pins | None:
    """Read the lock at *path*; None if there is none.

    Raises:
        InputError: It is not a lock of a version we know, or damaged.
        WorldError: It cannot be read.

    """
    try:
        with path.open("rb") as stream:
            data = stream.read(LIMIT_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WorldError(f"cannot read the base's lock: {error.strerror}", where=str(path)) from error
    return parse_pins(data, str(path))


def parse_pins(data: bytes, where: str) -> Pins:
    """Read the text of a lock. Arguments and errors as for `read_pins`."""
    if len(data) > LIMIT_BYTES:
        raise _damaged("far too large", where)
    try:
        table = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(f"not TOML: {error}", where) from error
    version = table.pop("version", None)
    if type(version) is not int or not 1 <= version <= VERSION:
        raise InputError(
            f"this lock is of version {version!r:.20}, and this wherry knows versions up to {VERSION}",
            where=where,
            mend=f"install another version of wherry, or make the lock again: {_RENEW}",
        )
    try:
        pins = msgspec.convert(table, ready(Pins))
    except msgspec.ValidationError as error:
        raise _damaged(str(error), where) from error
    _check(pins, where)
    return pins


def write_pins(path: Path, pins: Pins) -> None:
    """Write *pins* to *path* in one step: whatever happens, the file there is the old one or the new.

    Raises:
        InputError: *pins* would not be read back.
        WorldError: The file cannot be written.

    """
    data = format_pins(pins).encode()
    parse_pins(data, str(path))
    with whole_file(path) as file:
        file.write(data)


def format_pins(pins: Pins) -> str:
    """The text of a lock: the same for the same pins."""
    version = VERSION if any(platform.image for platform in pins.platforms.values()) else 1
    lines = [_HEAD, f"version = {version}", f"base = {quoted(pins.base)}"]
    if pins.digest:
        lines.append(f"digest = {quoted(pins.digest)}")
    if pins.released:
        lines.append(f"released = {quoted(pins.released)}")
    if pins.system_packages:
        lines.append(
            f"system-packages = [{', '.join(quoted(name) for name in sorted(pins.system_packages))}]"
        )
    for name, platform in sorted(pins.platforms.items()):
        lines += ["", f"[platforms.{quoted(name)}]", f"digest = {quoted(platform.digest)}"]
        lines += _package_lines("packages", platform.packages)
        lines += _package_lines("system-packages", platform.system_packages)
        if platform.image:
            lines += ["", f"[platforms.{quoted(name)}.image]", *image_lines(platform.image)]
    return "\n".join(lines) + "\n"


def _package_lines(key: str, packages: Iterable[DebianPin]) -> list[str]:
    """One package a line. The archive is only named where it is not the main one."""
    lines = [f"  {_inline(pin)}," for pin in sorted(packages, key=lambda pin: pin.name)]
    return [f"{key} = [", *lines, "]"] if lines else []


def _inline(pin: DebianPin) -> str:
    values = {
        "name": pin.name,
        "version": pin.version,
        "architecture": pin.architecture,
        "filename": pin.filename,
        "sha256": pin.sha256,
    }
    parts = [f"{key} = {quoted(value)}" for key, value in values.items()]
    parts.append(f"size-bytes = {pin.size_bytes}")
    if pin.archive != "main":
        parts.append(f"archive = {quoted(pin.archive)}")
    return f"{{ {', '.join(parts)} }}"


def _check(pins: Pins, where: str) -> None:
    if not pins.platforms:
        raise _damaged("no platform", where)
    if pins.digest and not _DIGEST.fullmatch(pins.digest):
        raise _damaged("no digest", where)
    for name, platform in pins.platforms.items():
        place = f"{where}: platforms.{name}"
        if name not in SUPPORTED:
            raise _damaged("not a platform wherry builds for", place)
        for pin in (*platform.packages, *platform.system_packages):
            _check_pin(pin, name, place)
        _check_names((*platform.packages, *platform.system_packages), place)
        if not _DIGEST.fullmatch(platform.digest):
            raise _damaged("no digest", place)
        if platform.packages and pins_digest(platform.packages) != platform.digest:
            raise _damaged("the packages are not those the digest was made of", place)
        if platform.image and (fault := image_fault(platform.image)):
            raise _damaged(fault, place)


def _check_pin(pin: DebianPin, platform: str, where: str) -> None:
    good = (
        is_package_name(pin.name)
        and is_version(pin.version)
        and pin.architecture in {platform.partition("/")[2], "all"}
        and is_pool_path(pin.filename)
        and _HEX.fullmatch(pin.sha256) is not None
        and 0 < pin.size_bytes <= _PACKAGE_LIMIT_BYTES
        and pin.archive in {"main", "security"}
    )
    if not good:
        raise _damaged(f"a malformed package {pin.name[:40]!r}", where)


def _check_names(packages: Iterable[DebianPin], where: str) -> None:
    seen: set[str] = set()
    for pin in packages:
        if pin.name in seen:
            raise _damaged(f"{pin.name} twice", where)
        seen.add(pin.name)


def _damaged(why: str, where: str) -> InputError:
    return InputError(f"the base's lock is damaged: {why}", where=where, mend=f"make it again: {_RENEW}")
