"""Flags before the arguments, ``--name=value``: how they are read, and which instruction takes which."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from wherry.dockerfile import blanks
from wherry.dockerfile.source import decode
from wherry.dockerfile.syntax import Flag
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.dockerfile.source import Joined

Kind = Literal["bool", "text", "texts"]

_COPY: Final[dict[str, Kind]] = {"chown": "text", "chmod": "text", "link": "bool", "exclude": "texts"}
TAKEN: Final[Mapping[str, Mapping[str, Kind]]] = {
    "add": {**_COPY, "keep-git-dir": "bool", "checksum": "text", "unpack": "bool"},
    "copy": {**_COPY, "from": "text", "parents": "bool"},
    "from": {"platform": "text"},
    "healthcheck": dict.fromkeys(
        ("interval", "timeout", "start-period", "start-interval", "retries"), "text"
    ),
    "run": {"mount": "texts", "device": "texts", "network": "text", "security": "text"},
}
"""The flags of each instruction; all others take none. What only the labs channel of old knew is in it."""


class _Grammar(Frozen):
    """How one escape character has flags read; BuildKit takes each byte of them for a code point."""

    word: re.Pattern[bytes]
    part: re.Pattern[bytes]  # of a word: an escaped byte, a quoted run, a plain run


@cache
def _grammar(escape: bytes) -> _Grammar:
    e = re.escape(escape)
    quoted = b"|".join(
        rb"%b(?:%b.|[^%b%b])*+(?:%b|%b?\Z)" % (quote, e, quote, e, quote, e) for quote in (b"'", b'"')
    )
    plain = rb"[^\t-\r \x85\xa0'\"%b]" % e
    word = rb"(?:%b++|%b.|%b|%b\Z)++" % (plain, e, quoted, e)
    run = rb"(?P<quote>['\"])(?P<quoted>(?:%b.|(?!(?P=quote))[^%b])*+)(?:(?P=quote)|%b?\Z)" % (e, e, e)
    part = rb"%b(?P<escaped>.)|%b|(?P<plain>[^'\"%b]++)" % (e, run, e)
    return _Grammar(re.compile(word, re.DOTALL), re.compile(part, re.DOTALL))


_BLANKS: Final = regex(blanks.LATIN1 + rb"*+")


def read_flags(text: Joined, start: int, end: int, escape: bytes, limit: int) -> tuple[tuple[Flag, ...], int]:
    """The flags at the beginning of a text, and where the arguments begin.

    Args:
        text: The joined line.
        start: Where flags may begin.
        end: Where the text ends, without blanks.
        escape: The escape character.
        limit: How many flags at most; what comes behind them is not read.

    """
    data = text.data
    at = _end(_BLANKS, data, start, end)
    if not data.startswith(b"--", at, end):
        return (), at
    grammar = _grammar(escape)
    flags: list[Flag] = []
    while data.startswith(b"--", at, end) and len(flags) < limit:
        stop = _end(grammar.word, data, at, end)
        value, places = _unquote(grammar, data, at, stop, escape)
        if value == b"--":
            return tuple(flags), stop
        flags.append(_flag(text, at, stop, value, places))
        at = _end(_BLANKS, data, stop, end)
    return tuple(flags), at


def _end(pattern: re.Pattern[bytes], data: bytes, start: int, end: int) -> int:
    found = pattern.match(data, start, end)
    return found.end() if found else start


def _flag(text: Joined, start: int, end: int, value: bytes, places: list[tuple[int, int]]) -> Flag:
    name, equals, rest = value[2:].partition(b"=")
    span = text.span(start, end)
    if not equals:
        return Flag(decode(name), None, span, None)
    value_start = min(_place(places, 2 + len(name)) + 1, end)
    return Flag(decode(name), decode(rest), span, text.span(value_start, end))


def _place(places: list[tuple[int, int]], offset: int) -> int:
    """Where a byte of the value stands in the text, by the pieces that the value was made of."""
    value_start, text_start = next(place for place in reversed(places) if place[0] <= offset)
    return text_start + offset - value_start


def _unquote(
    grammar: _Grammar, data: bytes, start: int, end: int, escape: bytes
) -> tuple[bytes, list[tuple[int, int]]]:
    """A word without quotes and escapes, and where its pieces begin in it and in the text."""
    raw = data[start:end]
    if escape not in raw and b"'" not in raw and b'"' not in raw:
        return raw, [(0, start)]
    value = bytearray()
    places: list[tuple[int, int]] = []
    for part in grammar.part.finditer(data, start, end):
        group = part.lastgroup or ""
        places.append((len(value), part.start(group)))
        value += _unescape(part[group], escape) if group == "quoted" else part[group]
    return bytes(value), places


def _unescape(piece: bytes, escape: bytes) -> bytes:
    if escape not in piece:
        return piece
    return re.sub(re.escape(escape) + rb"(.)", rb"\1", piece, flags=re.DOTALL)
