"""Debian's order of package versions, ``[epoch:]upstream[-revision]`` (Debian Policy 5.6.12)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from wherry.errors import InputError

_GRAMMAR: Final = re.compile(r"(?:[0-9]+:)?[A-Za-z0-9.+~:-]*[A-Za-z0-9.+~]")
_PAIR: Final = re.compile(r"([^0-9]*)([0-9]*)")
_MAX_LENGTH: Final = 256

VersionKey = tuple[object, ...]


def is_version(text: str) -> bool:
    """Whether *text* has the form of a Debian version (and a sane length)."""
    return len(text) <= _MAX_LENGTH and _GRAMMAR.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def version_key(version: str) -> VersionKey:
    """What to sort versions by: the keys of two versions compare as ``dpkg --compare-versions`` says.

    Raises:
        InputError: The text is not a Debian version.

    """
    if not is_version(version):
        raise InputError(f"not a Debian version: {version[:80]!r}")
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-")
    if not upstream:
        upstream, revision = rest, "0"
    return (_number(epoch), _part_key(upstream), _part_key(revision))


def satisfies(version: str, relation: str, wanted: str) -> bool:
    """Whether ``version relation wanted`` holds, with the relations of dependency fields (Policy 7.1)."""
    have, want = version_key(version), version_key(wanted)
    match relation:
        case "<<":
            return have < want
        case "<=" | "<":  # the single < and > are the deprecated spellings of <= and >=
            return have <= want
        case "=":
            return have == want
        case ">=" | ">":
            return have >= want
        case ">>":
            return have > want
        case _:
            raise InputError(f"not a relation between Debian versions: {relation!r}")


def _part_key(part: str) -> VersionKey:
    """Non-digits and numbers in turn, at least one pair: nothing equals (nothing, zero).

    Only the first pair can have no letters, so every part begins alike and ``~`` is met by the other's end.
    """
    pairs = [(_letters(m[1]), _number(m[2])) for m in _PAIR.finditer(part) if m[0]] or [(_END, _ZERO)]
    return (*(element for pair in pairs for element in pair), _END)


def _letters(text: str) -> tuple[int, ...]:
    """Letters sort before everything else, ``~`` even before the end."""
    return (*(_order(character) for character in text), 0)


def _order(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _number(digits: str) -> tuple[int, str]:
    """Compared by length, then text: a hostile number may have more digits than ``int`` takes."""
    significant = digits.lstrip("0")
    return (len(significant), significant)


_END: Final = (0,)
_ZERO: Final = (0, "")
