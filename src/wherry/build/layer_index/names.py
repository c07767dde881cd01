"""What the files of pins are called, asked of the team before any package index.

A requirements file knows hashes alone, so a machine with an empty disk would ask the package index for a page
of every pin only to learn which of its wheels it does not need. Names are told, and sizes; never an address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherry.errors import InputError
from wherry.project.locks import values
from wherry.project.locks.offers import KnownFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.digest import Digest
    from wherry.project.locks.pins import Pin

VERSION: Final = 1
"""Raised when the same pin would be told otherwise."""


class ToldPin(msgspec.Struct, frozen=True):
    """The pin's files in the order of their hashes: name and size, or nothing for what no index has."""

    files: tuple[tuple[str, int | None] | None, ...]


def pin_key(pin: Pin, python: tuple[int, int]) -> str:
    """What the team knows a pin by: equal keys, equal files, whatever index has them."""
    head = f"pin={VERSION}|{pin.name}=={pin.version}|python={python[0]}.{python[1]}"
    return "|".join((head, *_digests(pin)))


def tell_pin(pin: Pin, files: Sequence[KnownFile]) -> ToldPin:
    """What to tell of a pin for which an index has *files*."""
    known = {file.sha256: (file.filename, file.size_bytes) for file in files}
    return ToldPin(tuple(known.get(digest.hex) for digest in _digests(pin)))


def told_files(pin: Pin, told: ToldPin) -> tuple[KnownFile, ...] | None:
    """The files of a pin, without their addresses; None where they cannot be the pin's."""
    digests = _digests(pin)
    if len(told.files) != len(digests):
        return None
    files = [(digest, file) for digest, file in zip(digests, told.files, strict=True) if file is not None]
    if not all(_may_be(pin, name) and (size_bytes or 0) >= 0 for _, (name, size_bytes) in files):
        return None
    return tuple(KnownFile(digest.hex, name, None, size_bytes) for digest, (name, size_bytes) in files)


def _digests(pin: Pin) -> list[Digest]:
    return sorted({file.digest for file in pin.files})


def _may_be(pin: Pin, name: str) -> bool:
    """Whether a file called *name* can be one of the pin."""
    from packaging.utils import parse_wheel_filename  # noqa: PLC0415 - only with an index

    try:
        values.filename(name, "")
        if values.is_wheel(name):
            return parse_wheel_filename(name)[:2] == (pin.name, pin.version)
    except (InputError, ValueError):  # what packaging raises are ValueErrors
        return False
    stem = name.replace("_", "-").replace(".", "-").lower()
    return stem.startswith(f"{pin.name}-")
