"""Between bytes of a file and the Language Server Protocol: lines from 0, and in them what the editor counts.

That is UTF-16 units, or what it asked for instead: bytes of UTF-8, or letters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lsprotocol.types import Position, PositionEncodingKind, Range

from wherry.dockerfile.source import Span, decode, encode

if TYPE_CHECKING:
    from wherry.dockerfile.source import Source

UTF16: Final = PositionEncodingKind.Utf16

_CODECS: Final = {
    PositionEncodingKind.Utf8: ("utf-8", 1),
    PositionEncodingKind.Utf16: ("utf-16-le", 2),
    PositionEncodingKind.Utf32: ("utf-32-le", 4),
}


def range_of(source: Source, span: Span, encoding: PositionEncodingKind = UTF16) -> Range:
    """The range of some bytes."""
    return Range(position_of(source, span.start, encoding), position_of(source, span.end, encoding))


def position_of(source: Source, offset: int, encoding: PositionEncodingKind = UTF16) -> Position:
    """The position of a byte."""
    line = source.line(offset)
    before = decode(source.data[source.line_span(line).start : offset])
    return Position(line - 1, _units(before, encoding))


def offset_of(source: Source, position: Position, encoding: PositionEncodingKind = UTF16) -> int:
    """The byte at a position; one behind the line's end is the line's end, one inside a letter its start."""
    line = source.line_span(position.line + 1)
    offset, left = line.start, position.character
    for letter in source.text(line):
        left -= _units(letter, encoding)
        if left < 0:
            break
        offset += len(encode(letter))
    return offset


def _units(text: str, encoding: PositionEncodingKind) -> int:
    codec, size_bytes = _CODECS[encoding]
    return len(text.encode(codec, "surrogatepass")) // size_bytes
