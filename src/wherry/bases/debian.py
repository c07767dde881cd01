"""Bases assembled from Debian's own packages: which packages, resolved from the signed metadata down.

What a suite's base consists of is decided here; the bytes are fetched by `wherry.fetch` and laid out by
`wherry.layers.deb_layer`. Nothing here runs a maintainer script, a shell or apt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import msgspec

from wherry.bases.model import Base, DebianPin
from wherry.bases.resolve import EXCLUDED, Installed, closure
from wherry.digest import Digest
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pysequoia import Cert

    from wherry.bases.mirror import MirrorSettings
    from wherry.bases.packages import Package
    from wherry.bases.release import ReleaseFile
    from wherry.fetch.fetcher import Fetcher
    from wherry.fetch.transfer import Download
    from wherry.oci.platform import Platform
    from wherry.store.store import Store

RESOLVER_VERSION: Final = 1
"""Raised when the same metadata would give other packages: part of the key resolutions are remembered by."""

_COMMON: Final = (
    "base-files",
    "ca-certificates",
    "libc-bin",
    "libcrypt1",
    "libstdc++6",
    "media-types",
    "netbase",
    "tzdata",
)


_LEFT_OUT: Final = {"openssl": "ca-certificates' scripts call it; we write the bundle"}


@dataclass(frozen=True, slots=True)
class Suite:
    """What a Debian suite is to us."""

    codename: str
    python: tuple[int, int]
    roots: tuple[str, ...]  # packages the base is the closure of
    left_out: Mapping[str, str]  # dependencies the base goes without, beside resolve.EXCLUDED, and why


SUITES: Final = {
    "bookworm": Suite(
        "bookworm",
        (3, 11),
        # distutils is part of Python 3.11 for everyone but Debian
        (*_COMMON, "python3.11", "python3-distutils"),
        # Kerberos would come along, for a module that Python 3.13 no longer has
        {**_LEFT_OUT, "libnsl2": "only the module nis needs it", "libtirpc3": "only the module nis needs it"},
    ),
    # since trixie the time zones' old names (US/Eastern) are a package of their own
    "trixie": Suite("trixie", (3, 13), (*_COMMON, "python3.13", "tzdata-legacy"), _LEFT_OUT),
}


class Resolved(msgspec.Struct, frozen=True):
    """The packages of one platform, as `resolve_debian` found them and ``wherry.lock`` keeps them."""

    packages: tuple[DebianPin, ...]
    system_packages: tuple[DebianPin, ...]
    released: str  # RFC 3339 date of the suite's Release: a fact for people, judged by nobody


def suite_of(base_name: str) -> Suite:
    """The suite ``debian:NAME`` names.

    Raises:
        InputError: No suite of that name is known.

    """
    name = base_name.removeprefix("debian:")
    if name not in SUITES:
        raise InputError(
            f"no Debian base of the name {base_name!r}",
            mend=f"use {' or '.join(f'debian:{s}' for s in SUITES)}",
        )
    return SUITES[name]


def resolve_debian(  # noqa: PLR0913 - everything a resolution depends on, by name
    suite: str,
    platform: Platform,
    system_packages: Sequence[str],
    *,
    fetcher: Fetcher,
    store: Store,
    mirror: MirrorSettings,
    roots: Sequence[str] | None = None,
    installed: Iterable[Installed] | None = None,
    now: datetime | None = None,
    certificates: Sequence[Cert] | None = None,
) -> Resolved:
    """Resolve a base and the *system_packages* on top of it from the mirror's signed metadata.

    Args:
        suite: ``"bookworm"`` or ``"trixie"``.
        platform: What the packages are for.
        system_packages: Names the project asks for beyond the base.
        fetcher: Carries the metadata; every byte is verified by hash after InRelease.
        store: Where the metadata is kept and resolutions are remembered.
        mirror: Where to ask.
        roots: What the base is the closure of, instead of the suite's own; empty where the base is an image.
        installed: What the base below has, where it is an image and not resolved here.
        now: The time to judge signatures by; the clock's if None.
        certificates: Whom to believe; Debian's if None.

    Raises:
        InputError: An unknown suite or package, or packages that conflict.
        WorldError: The mirror is unreachable, stale or not rightly signed.

    """
    from wherry.bases.metadata import (  # noqa: PLC0415 - warm builds resolve nothing
        load_index,
        packages_file,
        read_pockets,
    )
    from wherry.bases.release import archive_certificates  # noqa: PLC0415 - the same

    chosen = suite_of(suite)
    roots = chosen.roots if roots is None else roots
    now = datetime.now(UTC) if now is None else now
    pockets = read_pockets(
        suite, fetcher, mirror, now, archive_certificates() if certificates is None else certificates
    )
    lists = [packages_file(pocket, platform.architecture) for pocket in pockets]
    below = tuple(installed or ())
    excluded = {**EXCLUDED, **chosen.left_out}
    key = _key(lists, platform, roots, system_packages, below, excluded)
    remembered = store.index.get("debian", key, Resolved)
    released = f"{pockets[0].release.date:%Y-%m-%dT%H:%M:%SZ}"
    if remembered is not None:
        return msgspec.structs.replace(remembered, released=released)
    index = load_index(pockets, lists, platform.architecture, fetcher, store)
    base = closure(index, roots, excluded=excluded)
    there = [*below, *(Installed(p.name, p.version, p.provides) for p in base)]
    above = closure(index, system_packages, installed=there, where="system-packages")
    resolved = Resolved(
        packages=tuple(map(_pin, base)),
        system_packages=tuple(map(_pin, above)),
        released=released,
    )
    store.index.put("debian", key, resolved)
    return resolved


def downloads(pins: Iterable[DebianPin], mirror: MirrorSettings) -> list[Download]:
    """What to fetch for *pins*, and where it is on *mirror*."""
    from wherry.fetch.transfer import Download  # noqa: PLC0415 - warm builds fetch nothing

    return [
        Download(
            filename=pin.filename.rpartition("/")[2],
            digest=Digest.from_hex(pin.sha256),
            url=f"{mirror.root(pin.archive)}/{pin.filename}",
            size_bytes=pin.size_bytes,
        )
        for pin in pins
    ]


def fetch_debs(pins: Sequence[DebianPin], *, fetcher: Fetcher, store: Store, mirror: MirrorSettings) -> None:
    """Fetch the packages that *pins* name into the store.

    Raises:
        WorldError: One cannot be had; when the mirror no longer has the pinned version, the error says so.

    """
    from wherry.fetch.http import NotFoundError  # noqa: PLC0415 - warm builds fetch nothing

    wanted = [pin for pin in pins if Digest.from_hex(pin.sha256) not in store.blobs]
    try:
        fetcher.fetch(downloads(wanted, mirror))
    except NotFoundError as error:
        gone = next((pin for pin in wanted if unquote(error.where).endswith(pin.filename)), None)
        if gone is None:
            raise
        raise WorldError(
            f"the mirror no longer has {gone.name} {gone.version}",
            where=error.where,
            mend="wherry lock --upgrade base",
        ) from error


def debian_base(
    suite: str, platform: Platform, packages: Sequence[DebianPin], system_packages: Sequence[DebianPin] = ()
) -> Base:
    """The facts of a base assembled from *packages*. Pure.

    Raises:
        InputError: The pins are not those of a base: no Python or no libc among them.

    """
    chosen = suite_of(suite)
    major, minor = chosen.python
    versions = {pin.name: pin.version for pin in packages}
    python = _leading(versions.get(f"python{major}.{minor}-minimal", ""), r"(?:\d+:)?(\d+\.\d+\.\d+)")
    glibc = _leading(versions.get("libc6", ""), r"(?:\d+:)?(\d+\.\d+)")
    if not python or not glibc:
        raise InputError(
            f"the pins of debian:{suite} for {platform} have no libc6 or no python{major}.{minor}-minimal",
            where="wherry.lock",
            mend="wherry lock --upgrade base",
        )
    glibc_major, glibc_minor = map(int, glibc.split("."))
    return Base(
        name=f"debian:{suite}",
        platform=platform,
        python=chosen.python,
        python_full_version=python,
        interpreter=f"/usr/bin/python{major}.{minor}",
        glibc=(glibc_major, glibc_minor),
        packages=tuple(packages),
        system_packages=tuple(system_packages),
        digest=pins_digest(packages),
    )


def pins_digest(pins: Iterable[DebianPin]) -> Digest:
    """One digest over what the pins stand for: the packages' own digests, in order of their names."""
    lines = sorted(f"{pin.name} {pin.version} {pin.architecture} {pin.sha256}\n" for pin in pins)
    return Digest.of_bytes("".join(lines).encode())


def _key(  # noqa: PLR0913, PLR0917 - everything a resolution depends on
    lists: Sequence[ReleaseFile],
    platform: Platform,
    roots: Sequence[str],
    system_packages: Sequence[str],
    installed: Sequence[Installed],
    excluded: Iterable[str],
) -> str:
    """Everything the result depends on: the same key, the same packages."""
    parts = [str(RESOLVER_VERSION), str(platform), *(file.digest for file in lists)]
    parts += ["roots", *sorted(set(roots)), "system", *sorted(set(system_packages))]
    parts += ["installed", *sorted(f"{p.name}={p.version} {list(map(str, p.provides))}" for p in installed)]
    parts += ["excluded", *sorted(excluded)]
    return "\n".join(parts)


def _pin(package: Package) -> DebianPin:
    return DebianPin(
        name=package.name,
        version=package.version,
        architecture=package.architecture,
        filename=package.filename,
        sha256=package.digest_hex,
        size_bytes=package.size_bytes,
        archive=package.archive,
    )


def _leading(text: str, pattern: str) -> str:
    match = re.match(pattern, text)
    return match[1] if match else ""
