"""One file's bytes, and where things stand in it.

Everything is counted in bytes of the file, so that a place stays true whatever the encoding; lines and
columns are worked out when somebody asks. Pure: it never opens a file.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Final, NamedTuple

_BLOCK_BYTES: Final = 4096
"""Line ends are counted per block, not listed: a file of 50 million empty lines costs no memory."""


class Span(NamedTuple):
    """Bytes of a file from *start* up to, not including, *end*."""

    start: int
    end: int


class Position(NamedTuple):
    """A line and a column, both from 1; the column counts Unicode code points."""

    line: int
    column: int


class Source:
    """One file's bytes, named.

    Args:
        name: How messages name the file.
        data: The file, whole.

    """

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.data = data

    def __repr__(self) -> str:
        return f"Source({self.name!r}, {len(self.data)} bytes)"

    def text(self, span: Span) -> str:
        """The bytes of a span as text; what is not UTF-8 survives as surrogates."""
        return decode(self.data[span.start : span.end])

    def line(self, offset: int) -> int:
        """The number, from 1, of the line on which a byte stands; a line ends with its newline."""
        block = min(offset, len(self.data)) // _BLOCK_BYTES
        return 1 + self._newlines_before[block] + self.data.count(b"\n", block * _BLOCK_BYTES, offset)

    def position(self, offset: int) -> Position:
        """Line and column of a byte; of the end, if *offset* is the length of the file."""
        line_start = self.data.rfind(b"\n", 0, offset) + 1
        return Position(self.line(offset), 1 + len(decode(self.data[line_start:offset])))

    def line_span(self, line: int) -> Span:
        """A line, from 1, without its newline and the carriage return before it."""
        start = self._line_start(line)
        end = self.data.find(b"\n", start)
        if end < 0:
            return Span(start, len(self.data))
        return Span(start, end - self.data.endswith(b"\r", start, end))

    @property
    def lines(self) -> int:
        """How many lines there are; a last one without a newline counts."""
        return self._newlines_before[-1] + (not self.data.endswith(b"\n") and bool(self.data))

    @cached_property
    def _newlines_before(self) -> list[int]:
        """How many newlines stand before each block, and at the end how many there are."""
        counts = [0]
        for start in range(0, len(self.data), _BLOCK_BYTES):
            counts.append(counts[-1] + self.data.count(b"\n", start, start + _BLOCK_BYTES))
        return counts

    def _line_start(self, line: int) -> int:
        wanted = line - 1  # newlines that stand before the line
        if wanted <= 0:
            return 0
        if wanted > self._newlines_before[-1]:
            return len(self.data)
        block = bisect_left(self._newlines_before, wanted) - 1
        at = block * _BLOCK_BYTES
        for _ in range(wanted - self._newlines_before[block]):
            at = self.data.find(b"\n", at) + 1
        return at


class Joined:
    """Pieces of a file put together, and where each byte stands in the file.

    Args:
        data: The pieces, joined.
        starts: Where each piece begins in *data*, ascending from 0; never empty.
        offsets: Where each piece begins in the file.

    """

    __slots__ = ("_offsets", "_starts", "data")

    def __init__(self, data: bytes, starts: tuple[int, ...], offsets: tuple[int, ...]) -> None:
        self.data = data
        self._starts = starts
        self._offsets = offsets

    def __repr__(self) -> str:
        return f"Joined({self.data!r})"

    @property
    def text(self) -> str:
        """The joined bytes as text; what is not UTF-8 survives as surrogates."""
        return decode(self.data)

    def at(self, offset: int) -> int:
        """Where a byte of the joined data stands in the file; its end stands behind its last byte."""
        if len(self._starts) == 1:
            return self._offsets[0] + offset
        if offset == len(self.data) > 0:
            return self.at(offset - 1) + 1
        piece = bisect_right(self._starts, offset) - 1
        return self._offsets[piece] + offset - self._starts[piece]

    def span(self, start: int, end: int) -> Span:
        """The bytes of the file from the first joined byte to the last, and what was left out between."""
        if len(self._starts) == 1:
            return Span(self._offsets[0] + start, self._offsets[0] + end)
        first = self.at(start)
        return Span(first, self.at(end - 1) + 1 if end > start else first)

    def pieces(self) -> list[tuple[int, bytes]]:
        """Where each piece stands in the file, and its bytes."""
        ends = (*self._starts[1:], len(self.data))
        return [
            (offset, self.data[start:end])
            for offset, start, end in zip(self._offsets, self._starts, ends, strict=True)
        ]

    def cut(self, start: int, end: int) -> Joined:
        """A part of the joined data that still knows where it stands."""
        if len(self._starts) == 1:
            return Joined(self.data[start:end], (0,), (self._offsets[0] + start,))
        first = max(bisect_right(self._starts, start) - 1, 0)
        last = max(bisect_left(self._starts, end), first + 1)
        starts = (0, *(at - start for at in self._starts[first + 1 : last]))
        return Joined(self.data[start:end], starts, (self.at(start), *self._offsets[first + 1 : last]))


def join(data: bytes, pieces: list[tuple[int, int]]) -> Joined:
    """Put pieces of *data*, each from a byte up to another, together."""
    if len(pieces) == 1:
        start, end = pieces[0]
        return Joined(data[start:end], (0,), (start,))
    starts: list[int] = []
    length = 0
    for start, end in pieces:
        starts.append(length)
        length += end - start
    joined = b"".join([data[start:end] for start, end in pieces])
    return Joined(joined, tuple(starts) or (0,), tuple(start for start, _ in pieces) or (0,))


def decode(data: bytes) -> str:
    """UTF-8; bytes that are none survive as surrogates, and come back with :func:`encode`."""
    return data.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """The bytes that :func:`decode` made the text from."""
    return text.encode("utf-8", "surrogateescape")
