"""Between bytes of a file and the Language Server Protocol: lines from 0, UTF-16 units in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol.types import Position, Range

from wherry.dockerfile.source import Span, decode, encode

if TYPE_CHECKING:
    from wherry.dockerfile.source import Source


def range_of(source: Source, span: Span) -> Range:
    """The range of some bytes."""
    return Range(position_of(source, span.start), position_of(source, span.end))


def position_of(source: Source, offset: int) -> Position:
    """The position of a byte."""
    line = source.line(offset)
    before = decode(source.data[source.line_span(line).start : offset])
    return Position(line - 1, len(before.encode("utf-16-le", "surrogatepass")) // 2)


def offset_of(source: Source, position: Position) -> int:
    """The byte at a position; one behind the line's end is the line's end."""
    line = source.line_span(position.line + 1)
    units = source.text(line).encode("utf-16-le", "surrogatepass")
    before = units[: 2 * position.character].decode("utf-16-le", "surrogatepass")
    if "\ud800" <= before[-1:] <= "\udbff":  # inside a letter
        before = before[:-1]
    return min(line.start + len(encode(before)), line.end)
