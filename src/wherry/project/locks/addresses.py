"""From pins with hashes to files with names and addresses: asked of the configured index, through uv.

A requirements file, a Pipfile.lock and a poetry.lock know what bytes they want and not where they lie. The
index is believed about places alone: what counts is the hash, and a file the lock does not name is not there.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.indexes import IndexConfiguration
from wherry.project.locks import values
from wherry.project.locks.model import LockedFile, LockedPackage
from wherry.project.uv import UvInputError, UvWorldError, redact, run_uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from packaging.markers import Marker
    from packaging.pylock import Package, PackageSdist, PackageWheel
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from wherry.store.store import Store

_KIND: Final = "addresses"
_MISSING: Final = re.compile(
    r"(?:no version of ([\w.-]+)==|Because ([\w.-]+) was not found|([\w.-]+) was not found in)"
)
_TOO_OLD: Final = re.compile(r"and ([\w.-]+)==\S+ depends on Python\s*([^\s,]+)")
_EXTRA_INDEX: Final = ("--extra-index-url", "--index=", "--index ")
_MOST_RETRIES: Final = 30


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file a pin allows: its hash, and what else the lock says of it."""

    digest: Digest
    filename: str | None = None
    url: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """One package at one version, with the hashes of the files it may be installed from."""

    name: NormalizedName
    version: Version
    files: tuple[PinnedFile, ...]
    marker: Marker | None = None
    requires_python: SpecifierSet | None = None
    where: str = ""
    wheels_only: bool = False
    sdist_only: bool = False

    @property
    def title(self) -> str:
        """``name version`` as messages show it."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where addresses may be asked for."""

    store: Store
    directory: Path  # what relative places in *options* are relative to
    python: tuple[int, int] = (3, 11)  # the image's Python: pins for others need no address
    find_links: tuple[Path, ...] = ()
    offline: bool = False
    indexes: IndexConfiguration = IndexConfiguration()  # noqa: RUF009 - frozen
    options: tuple[str, ...] = ()  # index options of the lock itself, as lines of a requirements file


class KnownFile(msgspec.Struct, frozen=True):
    """One file as the store's index remembers it; the hash in hex, an address without credentials."""

    sha256: str
    filename: str
    url: str | None
    size_bytes: int | None = None
    path: str | None = None  # of a file in an index that is a directory


class KnownFiles(msgspec.Struct, frozen=True):
    """What the index offered for one pin."""

    files: tuple[KnownFile, ...]


def address(pins: Sequence[Pin], lookup: Lookup) -> tuple[LockedPackage, ...]:
    """The pins as packages whose files have names, and addresses where one is known.

    What the index answered is remembered in the store for each pin: a bumped pin asks for itself alone.

    Raises:
        InputError: A pin is not at the index, or nothing there has a hash that the lock names.
        WorldError: The index cannot be reached, or *lookup* is offline and a pin was never looked up.

    """
    local = _local_files(pins, lookup)
    known = {pin: found for pin in pins if (found := _remembered(pin, lookup)) is not None}
    unknown = [pin for pin in pins if pin not in known and not _is_complete(pin)]
    if unknown and not lookup.offline:
        try:
            known |= _ask(unknown, lookup)
        except UvWorldError:
            if not all(_has_local(pin, local) for pin in unknown):
                raise
    return tuple(_package(pin, known, local, lookup) for pin in pins)


def _is_complete(pin: Pin) -> bool:
    return bool(pin.files) and all(file.filename and file.url for file in pin.files)


def _has_local(pin: Pin, local: Mapping[Digest, Path]) -> bool:
    return any(file.digest in local for file in pin.files)


def _package(
    pin: Pin, known: Mapping[Pin, Iterable[KnownFile]], local: Mapping[Digest, Path], lookup: Lookup
) -> LockedPackage:
    """*pin* with the files that have a name: by the lock's own word, then the index's, then the disk's."""
    offered = {file.sha256: file for file in known.get(pin, ())}
    files = []
    for wanted in pin.files:
        found, path = offered.get(wanted.digest.hex), local.get(wanted.digest)
        if path is None and found and found.path:
            path = Path(found.path)
        name = wanted.filename or (found.filename if found else None) or (path.name if path else None)
        if name is None:
            continue
        files.append(
            LockedFile(
                filename=name,
                digest=wanted.digest,
                url=wanted.url or (found.url if found else None),
                path=path,
                size_bytes=wanted.size_bytes or (found.size_bytes if found else None),
            )
        )
    if not files and pin not in known:
        raise _nothing_found(pin, lookup)
    sdists = [file for file in files if not values.is_wheel(file.filename)]
    wheels = [file for file in files if values.is_wheel(file.filename)]
    return LockedPackage(
        name=pin.name,
        version=pin.version,
        wheels=() if pin.sdist_only else tuple(sorted(wheels, key=lambda file: file.filename)),
        sdist=None if pin.wheels_only else min(sdists, key=lambda file: file.filename, default=None),
        marker=pin.marker,
        requires_python=pin.requires_python,
        where=pin.where,
    )


def _nothing_found(pin: Pin, lookup: Lookup) -> InputError | WorldError:
    if lookup.offline:
        return WorldError(
            f"where {pin.title} lies is not known, and the network is off",
            where=pin.where,
            mend="give its wheel with --find-links DIR, or run once without --offline",
        )
    hashes = f"{len(pin.files)} hash{'es' if len(pin.files) != 1 else ''}"
    return InputError(
        f"no file of {pin.title} at the index has one of the {hashes} in the lock",
        where=pin.where,
        mend="lock again with the index that is configured here, or configure the one it was made with",
    )


def _remembered(pin: Pin, lookup: Lookup) -> tuple[KnownFile, ...] | None:
    found = lookup.store.index.get(_KIND, _key(pin, lookup), KnownFiles)
    return found.files if found else None


def _key(pin: Pin, lookup: Lookup) -> str:
    """Everything the answer depends on; credentials are not among it."""
    return "\n".join(
        (
            f"{pin.name}=={pin.version}",
            *sorted(file.digest for file in pin.files),
            f"python {lookup.python[0]}.{lookup.python[1]}",
            *(redact(option) for option in lookup.options),
            *configuration_key(lookup.indexes),
        )
    )


def configuration_key(indexes: IndexConfiguration) -> tuple[str, ...]:
    """Which indexes answer, as part of a cache's key: without credentials."""
    default = (indexes.default,) if indexes.default else ("uv's own",)
    return tuple(redact(place) for place in (*default, *indexes.extra, *indexes.find_links))


def _ask(pins: Sequence[Pin], lookup: Lookup) -> dict[Pin, tuple[KnownFile, ...]]:
    """What the index offers for *pins*, remembered.

    uv takes the files of a version from one index alone. A lock with an extra index may have its hashes
    from either, so a second round asks the default index by itself, and leaves out what is not there.
    """
    offered = _offered(pins, lookup, lookup.options, required=True)
    plain = tuple(option for option in lookup.options if not option.startswith(_EXTRA_INDEX))
    if plain != lookup.options:
        for title, files in _offered(pins, lookup, plain, required=False).items():
            offered.setdefault(title, {}).update(files)
    answer = {}
    for pin in pins:
        allowed = {file.digest.hex for file in pin.files}
        files = offered.get(pin.title, {})
        found = tuple(files[digest] for digest in sorted(allowed & files.keys()))
        # A pin that uv left out is for other Pythons, by its marker: it needs no file. One that is there
        # with other hashes has no answer.
        if found or pin.title not in offered:
            answer[pin] = found
            lookup.store.index.put(_KIND, _key(pin, lookup), KnownFiles(found))
    return answer


def _offered(
    pins: Sequence[Pin], lookup: Lookup, options: Sequence[str], *, required: bool
) -> dict[str, dict[str, KnownFile]]:
    """``name version`` → SHA-256 → file, as the index has them. A pin it lacks is left out, or *required*."""
    asked = list(pins)
    for _ in range(_MOST_RETRIES):
        try:
            return _files_by_title(_compile(asked, lookup, options), lookup.directory)
        except UvInputError as error:
            missing = _culprit(error.stderr, asked)
            if required or missing is None:
                if required:
                    raise _refused(error, missing) from error
                return {}
            asked = [pin for pin in asked if pin.name != missing.name]
    return {}


def _compile(pins: Sequence[Pin], lookup: Lookup, options: Sequence[str]) -> str:
    """Let uv write the pins as a pylock: pinned and without dependencies there is nothing to resolve."""
    lines = [f"{pin.name}=={pin.version}{f' ; {pin.marker}' if pin.marker else ''}" for pin in pins]
    return run_uv(
        [
            *("pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--format=pylock.toml"),
            *("--no-deps", "--universal", f"--python-version={lookup.python[0]}.{lookup.python[1]}"),
            "--index-strategy=unsafe-best-match",  # safe here: the lock's hashes decide
        ],
        doing="look up the locked files at the index",
        cwd=lookup.directory,
        where=pins[0].where.rpartition(":")[0] or pins[0].where,
        environment=lookup.indexes.uv_environment(),
        stdin="\n".join([*options, *lines, ""]),
    )


def _culprit(said: str, pins: Sequence[Pin]) -> Pin | None:
    found = _MISSING.search(said) or _TOO_OLD.search(said)
    name = next(filter(None, found.groups()), "") if found else ""
    return next((pin for pin in pins if pin.name == name), None)


def _refused(error: UvInputError, pin: Pin | None) -> InputError:
    """What uv found wrong, placed at the pin it is about."""
    if pin is None:
        return error
    needs = _TOO_OLD.search(error.stderr)
    if needs and needs[1] == pin.name:
        return InputError(
            f"{pin.title} needs Python {needs[2]}, which the image does not have",
            where=pin.where,
            mend='choose a base with a fitting Python, such as base = "debian:trixie", or lock for this one',
        )
    return InputError(
        f"{pin.title} is not at the configured index",
        where=pin.where,
        mend="configure the index that has it (UV_INDEX, pip.conf), or give its wheel with --find-links DIR",
    )


def _files_by_title(written: str, directory: Path) -> dict[str, dict[str, KnownFile]]:
    from packaging.pylock import Pylock, PylockValidationError  # noqa: PLC0415 - only when uv was asked

    try:
        parsed = Pylock.from_dict(tomllib.loads(written))
    except (PylockValidationError, tomllib.TOMLDecodeError) as error:
        raise WorldError(
            f"uv answered with something that is no pylock: {error}", mend="update uv"
        ) from error
    offered: dict[str, dict[str, KnownFile]] = {}
    for package in parsed.packages:
        title = f"{package.name} {package.version}"
        offered.setdefault(title, {}).update((file.sha256, file) for file in _known_files(package, directory))
    return offered


def _known_files(package: Package, directory: Path) -> Iterator[KnownFile]:
    files: list[PackageWheel | PackageSdist] = [*(package.wheels or ())]
    if package.sdist:
        files.append(package.sdist)
    for file in files:
        digits = file.hashes.get("sha256")
        if digits is None:
            continue  # an index without hashes; --find-links directories are looked in by us
        where = f"the index's answer for {package.name}"
        found = values.locked_file(
            file.filename,
            values.sha256(file.hashes, file.filename, where),
            where=where,
            root=directory,
            url=file.url,
            path=file.path if not file.url else None,
            size_bytes=file.size,
        )
        path = str(found.path) if found.path else None
        yield KnownFile(found.digest.hex, found.filename, found.url, found.size_bytes, path)


def _local_files(pins: Sequence[Pin], lookup: Lookup) -> dict[Digest, Path]:
    """Files in the --find-links directories that are named like a pin, by their hash."""
    wanted = {(pin.name, pin.version) for pin in pins}
    found: dict[Digest, Path] = {}
    for directory in lookup.find_links:
        try:
            entries = sorted(entry for entry in directory.iterdir() if entry.is_file())
        except OSError as error:
            raise InputError(
                f"--find-links {directory} cannot be read: {error.strerror}", where=str(directory)
            ) from error
        for entry in entries:
            if _title_of(entry.name) in wanted:
                found.setdefault(_digest_of(entry, lookup.store), entry)
    return found


def _title_of(name: str) -> tuple[NormalizedName, Version] | None:
    try:
        if values.is_wheel(name):
            return parse_wheel_filename(name)[:2]
        return parse_sdist_filename(name) if values.is_sdist(name) else None
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


class _Hashed(msgspec.Struct, frozen=True):
    sha256: str


def _digest_of(path: Path, store: Store) -> Digest:
    """The hash of a file on this disk, made once for each state of it."""
    try:
        facts = path.stat()
        key = f"{path.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}\n{facts.st_ino}"
        remembered = store.index.get("local-files", key, _Hashed)
        if remembered:
            return Digest.from_hex(remembered.sha256)
        digest = Digest.of_file(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError:  # the remembered digest is none: hash again
        digest = Digest.of_file(path)
    store.index.put("local-files", key, _Hashed(digest.hex))
    return digest


def with_places(lookup: Lookup, options: Iterable[str], find_links: Iterable[Path]) -> Lookup:
    """*lookup*, looking also where the lock itself says."""
    return replace(lookup, options=(*lookup.options, *options), find_links=(*lookup.find_links, *find_links))
