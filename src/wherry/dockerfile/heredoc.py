"""Heredocs: which an instruction's line announces, and their bodies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.heredoc_words import split_words
from wherry.dockerfile.source import Span, encode, join
from wherry.dockerfile.syntax import Heredoc
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.lines import LineReader

_MARKER: Final = regex(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)", re.DOTALL)
_MAX_DESCRIPTOR: Final = 2**64 - 1
_MAX_DIGITS: Final = 100


class HeredocError(ValueError):
    """An announcement or a body that BuildKit refuses."""


class Announcement(Frozen):
    """``3<<-"EOF"`` in an instruction's line."""

    name: str
    expands: bool
    strips_tabs: bool
    descriptor: int


def announced(line: str) -> list[Announcement]:
    """The heredocs that a joined line announces, in order.

    Raises:
        HeredocError: A name's quotes do not end.

    """
    words = split_words(line, raw_quotes=True, raw_escapes=True, wanted="<<") or []
    return [found for word in words if (found := read_announcement(word))]


def read_announcement(word: str) -> Announcement | None:
    """One word as an announcement; None if it is none.

    Raises:
        HeredocError: Its name's quotes do not end.

    """
    marker = _MARKER.fullmatch(word)
    if marker is None or not marker[3]:
        return None
    names = split_words(marker[3], raw_quotes=False, raw_escapes=False)
    raw_names = split_words(marker[3], raw_quotes=True, raw_escapes=False)
    if names is None or raw_names is None or (len(names) == 1 and len(raw_names) != 1):
        raise HeredocError
    if len(names) != 1:
        return None
    expands = _quotes(names[0]) == _quotes(raw_names[0])
    return Announcement(names[0], expands, bool(marker[2]), _descriptor(marker[1]))


def read_body(reader: LineReader, announcement: Announcement) -> Heredoc | None:
    """Read the lines up to the closing one; None if the file ends before."""
    data = reader.source.data
    name = encode(announcement.name)
    body_start = reader.offset
    pieces: list[tuple[int, int]] = []  # without the leading tabs
    while (line := reader.next_line()) is not None:
        start, end = line
        text = start
        if announcement.strips_tabs:
            while data.startswith(b"\t", text, end):
                text += 1
        if data[text:end] == name:
            kept = pieces if announcement.strips_tabs and pieces else [(body_start, start)]
            return Heredoc(
                name=announcement.name,
                expands=announcement.expands,
                strips_tabs=announcement.strips_tabs,
                descriptor=announcement.descriptor,
                body=Span(body_start, start),
                text=join(data, kept),
                span=Span(body_start, end),
            )
        if announcement.strips_tabs:
            pieces.append((text, reader.offset))
    return None


def _descriptor(digits: str) -> int:
    return min(int(digits[:_MAX_DIGITS] or "0"), _MAX_DESCRIPTOR)


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
