"""Places in a file: lines, columns, and what continued lines were put together from."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.dockerfile.source import Joined, Position, Source, Span, decode, encode, join

_FILES = st.one_of(
    st.binary(max_size=200),
    st.text(alphabet="ab\n\ré\U0001f433", max_size=200).map(str.encode),
    st.integers(0, 9000).map(lambda n: b"ab\n" * n),
)


@given(_FILES, st.data())
def test_a_line_is_one_more_than_the_newlines_before_it(data: bytes, draw: st.DataObject) -> None:
    offset = draw.draw(st.integers(0, len(data)))
    source = Source("f", data)
    line_start = data.rfind(b"\n", 0, offset) + 1
    assert source.line(offset) == 1 + data[:offset].count(b"\n")
    assert source.position(offset) == Position(
        source.line(offset), 1 + len(data[line_start:offset].decode("utf-8", "surrogateescape"))
    )


@given(_FILES)
def test_line_spans_are_the_lines_without_their_endings(data: bytes) -> None:
    source = Source("f", data)
    lines = data.split(b"\n")
    ended = lines[:-1] if data.endswith(b"\n") or not data else lines
    assert source.lines == len(ended)
    for number, line in list(enumerate(ended, start=1))[:: max(1, len(ended) // 20)]:
        span = source.line_span(number)
        has_newline = number < len(lines)
        assert data[span.start : span.end] == (line.removesuffix(b"\r") if has_newline else line)


def test_a_line_that_is_not_there_is_empty_and_at_the_end() -> None:
    assert Source("f", b"a\nb").line_span(7) == Span(3, 3)
    assert Source("f", b"").line_span(1) == Span(0, 0)


def test_text_that_is_no_utf_8_comes_back_as_it_was() -> None:
    source = Source("f", b"a\xffb")
    assert encode(source.text(Span(0, 3))) == b"a\xffb"
    assert decode(b"\xc3\xa9") == "é"
    assert re.fullmatch(r"Source\('f', 3 bytes\)", repr(source))


_PIECES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8)


@given(_PIECES, st.data())
def test_each_joined_byte_knows_where_it_stands(gaps: list[tuple[int, int]], draw: st.DataObject) -> None:
    data = bytes(range(100))
    pieces: list[tuple[int, int]] = []
    at = 0
    for gap, length in gaps:
        pieces.append((at + gap, at + gap + length))
        at += gap + length
    joined = join(data, pieces)
    start = draw.draw(st.integers(0, len(joined.data)))
    end = draw.draw(st.integers(start, len(joined.data)))
    for text in (joined, joined.cut(start, end)):
        assert [data[text.at(offset)] for offset in range(len(text.data))] == list(text.data)
        if text.data:
            assert text.at(len(text.data)) == text.at(len(text.data) - 1) + 1
    if end > start:
        cut = joined.cut(start, end)
        assert cut.data == joined.data[start:end]
        assert joined.span(start, end) == cut.span(0, end - start)
        assert joined.span(start, end) == Span(joined.at(start), joined.at(end - 1) + 1)


def test_nothing_joined_stands_where_it_would_begin() -> None:
    joined = Joined(b"", (0,), (7,))
    assert joined.span(0, 0) == Span(7, 7)
    assert joined.text == ""
    assert repr(joined) == "Joined(b'')"


@pytest.mark.parametrize("offset", [0, 4095, 4096, 4097, 10**6])
def test_lines_are_found_far_into_a_file_of_newlines(offset: int) -> None:
    source = Source("f", b"\n" * 1_000_001)
    assert source.position(offset) == Position(offset + 1, 1)
    assert source.line_span(offset + 1) == Span(offset, offset)
