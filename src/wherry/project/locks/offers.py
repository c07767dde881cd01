"""What the configured index has of pinned versions, asked of it through uv.

Pinned and without their dependencies, packages leave uv nothing to resolve: it lists the files of each.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from wherry.errors import InputError, WorldError
from wherry.project.locks import values
from wherry.project.uv import UvInputError, UvWorldError, run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from packaging.pylock import Package, PackageSdist, PackageWheel

    from wherry.project.locks.pins import Lookup, Pin

_MISSING: Final = re.compile(
    r"(?:no version of ([\w.-]+)==|Because ([\w.-]+) was not found|([\w.-]+) was not found in)"
)
_TOO_OLD: Final = re.compile(r"and ([\w.-]+)==\S+ depends on Python\s*([^\s,]+)")
_EXTRA_INDEX: Final = ("--extra-index-url", "--index=", "--index ")
_MOST_RETRIES: Final = 30


class KnownFile(msgspec.Struct, frozen=True):
    """One file as the store's index remembers it; the hash in hex, an address without credentials."""

    sha256: str
    filename: str
    url: str | None
    size_bytes: int | None = None
    path: str | None = None  # of a file in an index that is a directory


Offers: TypeAlias = dict[str, dict[str, KnownFile]]
"""``name version`` → SHA-256 in hex → file."""


def offers(pins: Sequence[Pin], lookup: Lookup) -> Offers:
    """Every file the index has of *pins*. A pin for other Pythons, by its marker, is left out.

    uv takes the files of a version from one index alone. Where an extra index is configured or named by the
    lock, hashes may be from either, so a second round asks the default index by itself for what is missing.

    Raises:
        InputError: The index lacks one of them.
        WorldError: The index cannot be reached, or refuses.

    """
    plain = tuple(option for option in lookup.options if not option.startswith(_EXTRA_INDEX))
    if plain == lookup.options and not lookup.indexes.extra:
        return _required(pins, lookup, ("first-index",))
    found = _required(pins, lookup, ("first-index", "unsafe-best-match"))
    missing = [pin for pin in pins if not _is_complete(pin, found) and not pin.version.local]
    for title, files in _tolerated(missing, lookup, plain).items():
        found.setdefault(title, {}).update(files)
    return found


def _is_complete(pin: Pin, found: Offers) -> bool:
    return {file.digest.hex for file in pin.files} <= found.get(pin.title, {}).keys()


def _required(pins: Sequence[Pin], lookup: Lookup, strategies: Sequence[str]) -> Offers:
    """What the indexes have, by the first of uv's strategies that finds every pin. Hashes make each safe.

    Where they find none, the first one's words are told: it alone says when an index refused access.
    """
    first: UvInputError | None = None
    for strategy in strategies:
        try:
            written = _compile(pins, lookup, lookup.options, f"--index-strategy={strategy}")
        except UvInputError as error:
            first = first or error
        else:
            return _files_by_title(written, lookup.directory)
    if first is None:
        raise AssertionError
    raise _refused(first, _culprit(first.stderr, pins)) from first


def _tolerated(pins: Sequence[Pin], lookup: Lookup, options: Sequence[str]) -> Offers:
    """What the default index has by itself; a pin that it lacks is left out, and so is all where it fails."""
    asked = list(pins)
    default = {"UV_DEFAULT_INDEX": lookup.indexes.default} if lookup.indexes.default else {}
    alone = {"UV_INDEX": "", "UV_EXTRA_INDEX_URL": "", **default}
    for _ in range(_MOST_RETRIES):
        if not asked:
            break
        try:
            return _files_by_title(_compile(asked, lookup, options, "--no-config", **alone), lookup.directory)
        except UvInputError as error:
            culprit = _culprit(error.stderr, asked)
            asked = [pin for pin in asked if culprit and pin.name != culprit.name]
        except UvWorldError:
            break
    return {}


def _compile(
    pins: Sequence[Pin], lookup: Lookup, options: Sequence[str], argument: str, **environment: str
) -> str:
    """Let uv write the pins as a pylock: pinned and without dependencies there is nothing to resolve."""
    lines = [f"{pin.name}=={pin.version}{f' ; {pin.marker}' if pin.marker else ''}" for pin in pins]
    return run_uv(
        [
            *("pip", "compile", "-", "--quiet", "--no-header", "--no-annotate", "--format=pylock.toml"),
            *(
                "--no-deps",
                "--universal",
                f"--python-version={lookup.python[0]}.{lookup.python[1]}",
                argument,
            ),
        ],
        doing="look up the locked files at the index",
        cwd=lookup.directory,
        where=pins[0].where.rpartition(":")[0] or pins[0].where,
        environment={**lookup.indexes.uv_environment(), **environment},
        stdin="\n".join([*options, *lines, ""]),
    )


def _culprit(said: str, pins: Sequence[Pin]) -> Pin | None:
    found = _MISSING.search(said) or _TOO_OLD.search(said)
    name = next(filter(None, found.groups()), "") if found else ""
    return next((pin for pin in pins if pin.name == name), None)


def _refused(error: UvInputError, pin: Pin | None) -> InputError | WorldError:
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


def _files_by_title(written: str, directory: Path) -> Offers:
    from packaging.pylock import Pylock, PylockValidationError  # noqa: PLC0415 - only when uv was asked

    try:
        parsed = Pylock.from_dict(tomllib.loads(written))
    except (PylockValidationError, tomllib.TOMLDecodeError) as error:
        raise WorldError(
            f"uv answered with something that is no pylock: {error}", mend="update uv"
        ) from error
    offered: Offers = {}
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
