"""Bytes and UTF-16 units: there and back, whatever a line holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import Position, PositionEncodingKind

from wherry.dockerfile.source import Source, Span
from wherry.editor.positions import offset_of, position_of, range_of


@pytest.mark.parametrize(
    ("data", "offset", "position"),
    [
        (b"FROM x\nRUN y\n", 11, Position(1, 4)),
        ("é🐳x".encode(), 6, Position(0, 3)),
        (b"a\xff\xfeb", 3, Position(0, 3)),
        ("\ufeffFROM".encode(), 3, Position(0, 1)),
        (b"", 0, Position(0, 0)),
        (b"a\r\nb", 3, Position(1, 0)),
    ],
)
def test_a_byte_has_one_position(data: bytes, offset: int, position: Position) -> None:
    source = Source("Dockerfile", data)

    assert position_of(source, offset) == position
    assert offset_of(source, position) == offset


@pytest.mark.parametrize(
    ("encoding", "character"),
    [
        (PositionEncodingKind.Utf8, 6),
        (PositionEncodingKind.Utf16, 3),
        (PositionEncodingKind.Utf32, 2),
    ],
)
def test_a_line_is_counted_as_the_editor_counts(encoding: PositionEncodingKind, character: int) -> None:
    source = Source("Dockerfile", "é🐳x".encode())

    assert position_of(source, 6, encoding) == Position(0, character)
    assert offset_of(source, Position(0, character), encoding) == 6
    assert offset_of(source, Position(0, 0), encoding) == 0


def test_a_position_behind_the_lines_end_is_its_end() -> None:
    source = Source("Dockerfile", b"ab\ncd\n")

    assert offset_of(source, Position(0, 99)) == 2
    assert range_of(source, Span(0, 5)).end == Position(1, 2)


def test_half_of_a_letter_is_before_it() -> None:
    source = Source("Dockerfile", "🐳".encode())

    assert offset_of(source, Position(0, 1)) == 0


@given(st.text(max_size=40), st.data())
def test_there_and_back(text: str, data: st.DataObject) -> None:
    source = Source("Dockerfile", text.encode("utf-8", "surrogatepass"))
    before = data.draw(st.integers(0, len(text)))
    offset = len(text[:before].encode("utf-8", "surrogatepass"))
    line = source.line_span(source.line(offset))
    if offset <= line.end:  # else it is inside a line ending
        assert offset_of(source, position_of(source, offset)) == offset
