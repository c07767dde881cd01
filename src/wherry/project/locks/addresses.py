"""From pins with hashes to files with names and addresses: asked of the configured index, and remembered.

A requirements file, a Pipfile.lock and a poetry.lock know what bytes they want and not where they lie. The
index is believed about places alone: what counts is the hash, and a file the lock does not name is not there.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import without_userinfo
from wherry.project.locks import values
from wherry.project.locks.local_files import local_files
from wherry.project.locks.model import LockedFile, LockedPackage
from wherry.project.locks.offers import KnownFile, offers
from wherry.project.locks.pins import configuration_key
from wherry.project.uv import UvWorldError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wherry.digest import Digest
    from wherry.project.locks.pins import Lookup, Pin

_KIND: Final = "addresses"


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
    local = local_files(pins, lookup)
    known = {pin: found for pin in pins if (found := _remembered(pin, lookup)) is not None}
    unknown = [pin for pin in pins if pin not in known and not _is_complete(pin)]
    told = _told(unknown, lookup)
    unknown = [pin for pin in unknown if pin not in told]
    if unknown and not lookup.offline:
        try:
            known |= _ask(unknown, lookup)
        except UvWorldError:
            if not all(_has_local(pin, local) for pin in unknown):
                raise
    if lookup.names:
        for pin, files in known.items():
            lookup.names.saw(pin, lookup.python, files)
    answers = {**told, **known}
    return tuple(_package(pin, answers, local, lookup) for pin in pins)


def _told(pins: Sequence[Pin], lookup: Lookup) -> Mapping[Pin, tuple[KnownFile, ...]]:
    """What others know of *pins*, where the names of files are enough."""
    enough = [pin for pin in pins if not any(file.digest in lookup.addressed for file in pin.files)]
    return lookup.names.find(enough, lookup.python) if enough and lookup.names else {}


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
            *(without_userinfo(option) for option in lookup.options),
            *configuration_key(lookup.indexes),
        )
    )


def _ask(pins: Sequence[Pin], lookup: Lookup) -> dict[Pin, tuple[KnownFile, ...]]:
    """What the index offers for *pins*, remembered."""
    offered = offers(pins, lookup)
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
