"""The lines of a place, with what is meant underlined.

Made for files that nobody trusts: control characters are shown as escapes, what looks like a secret as
asterisks, and of a line of any length only what is near the place is read.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from wherry.check.masking import masked
from wherry.dockerfile.source import Span, decode
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.model import Place
    from wherry.dockerfile.source import Source

MOST_LINES: Final = 4
TAB: Final = "    "

_NEAR_BYTES: Final = 4400  # a secret that begins or ends farther from what is shown is not known as one
_KEY_BYTES: Final = 8192
_KEY: Final = b"PRIVATE KEY"
_CUT: Final = "…"
_ZERO_WIDTH: Final = frozenset({"Mn", "Me"})
_LAST_ASCII: Final = "~"


class Shown(Frozen):
    """One line as a terminal shows it, and the cells of it that are meant."""

    number: int
    text: str
    start: int
    width: int


class _Near(Frozen):
    """The part of a line that is looked at, in bytes of the file."""

    span: Span
    mark: Span
    is_cut_before: bool
    is_cut_behind: bool


def excerpt(place: Place, source: Source, columns: int) -> tuple[list[Shown], int]:
    """The first lines of *place*, no wider than *columns*, and how many more there are.

    A place without width at the head of the file is the file itself: nothing is shown.
    """
    if place.span == (0, 0):
        return [], 0
    ends_before = place.end.column == 1 and place.end.line > place.start.line
    last = place.end.line - ends_before
    numbers = range(place.start.line, min(last, place.start.line + MOST_LINES - 1) + 1)
    near = [_near(source, number, place.span, columns) for number in numbers]
    texts = _masked(source, [one.span for one in near])
    shown = [
        _shown(source, number, one, text, columns)
        for number, one, text in zip(numbers, near, texts, strict=True)
    ]
    return shown, last - numbers[-1]


def first_words(place: Place, source: Source, columns: int) -> str:
    """What stands at a place, up to the end of its line: for a list of places."""
    if place.span == (0, 0):
        return ""
    near = _near(source, place.start.line, place.span, columns)
    (text,) = _masked(source, [near.span])
    cells = [_cell(letter) for letter in text[_letters_before(source, near, text) :].rstrip()]
    end = _fitting(cells, 0, 0, columns)[1]
    return "".join(cells[:end]) + (_CUT if end < len(cells) or near.is_cut_behind else "")


def printable(text: str) -> str:
    """*text* with control characters escaped: a hostile file must not move the cursor."""
    return text if text.isprintable() else "".join(_cell(letter, tab="\\t") for letter in text)


def width_of(text: str) -> int:
    """How many cells of a terminal printable *text* takes."""
    return len(text) if text.isascii() else sum(_letter_width(letter) for letter in text)


def _near(source: Source, number: int, span: Span, columns: int) -> _Near:
    """What to read of a line: all of it, or what is around its mark."""
    line = source.line_span(number)
    start = min(max(span.start, line.start), line.end)
    end = max(start, min(span.end, line.end))
    if span.start < line.start:
        start += _blanks(source.data, start, end)
    end -= _continued(source.data, start, end) if span.end > line.end else 0
    reach = _NEAR_BYTES + 4 * columns
    first = max(line.start, start - reach)
    behind = min(line.end, start + reach)
    while line.start < first < behind and source.data[first] & 0xC0 == 0x80:  # noqa: PLR2004 - inside a letter
        first += 1
    return _Near(Span(first, behind), Span(start, end), first > line.start, behind < line.end)


def _blanks(data: bytes, start: int, end: int) -> int:
    line = data[start : min(end, start + _NEAR_BYTES)]
    return len(line) - len(line.lstrip(b" \t"))


def _continued(data: bytes, start: int, end: int) -> int:
    """How many bytes at a line's end are blank or continue it: they are not worth a mark."""
    line = data[max(start, end - _NEAR_BYTES) : end]
    return len(line) - len(line.rstrip(b"\\` \t"))


def _masked(source: Source, spans: Sequence[Span]) -> Iterator[str]:
    """The texts without their secrets; some are known by a line that stands above."""
    above = _above(source, spans[0])
    texts = [source.text(span) for span in spans]
    shown = masked("\n".join([above, *texts]) if above else "\n".join(texts))
    at = len(above) + 1 if above else 0
    for text in texts:
        yield shown[at : at + len(text)]
        at += len(text) + 1


def _above(source: Source, span: Span) -> str:
    """What stands above a line, where that says what the line holds: a key's head, a variable's name."""
    before = max(0, span.start - _KEY_BYTES)
    key = source.data.rfind(_KEY, before, span.start)
    if key >= 0:
        return decode(source.data[max(before, key - 40) : span.start])
    is_value = source.data[span.start : span.end].lstrip(b" \t-\"'").startswith(b"value")
    number = source.line(span.start)
    if not is_value or number == 1:
        return ""
    line = source.line_span(number - 1)
    return source.text(Span(max(line.start, line.end - _NEAR_BYTES), line.end))


def _shown(source: Source, number: int, near: _Near, text: str, columns: int) -> Shown:
    cells = [_cell(letter) for letter in text]
    before = _letters_before(source, near, text)
    marked = len(source.text(Span(near.mark.start, min(near.mark.end, near.span.end))))
    first, last = _fitting(cells, before, marked, columns)
    head = _CUT if first or near.is_cut_before else ""
    tail = _CUT if last < len(cells) or near.is_cut_behind else ""
    start = len(head) + _width(cells[first:before])
    width = _width(cells[before : min(before + marked, last)])
    return Shown(number, f"{head}{''.join(cells[first:last])}{tail}", start, max(1, width))


def _letters_before(source: Source, near: _Near, text: str) -> int:
    """How many letters stand before the mark; one that begins inside a letter has not more than there are."""
    return min(len(source.text(Span(near.span.start, near.mark.start))), len(text))


def _fitting(cells: Sequence[str], before: int, marked: int, columns: int) -> tuple[int, int]:
    """The first and the end of so many cells that they fit; where the mark begins is among them."""
    if _width(cells) <= columns:
        return 0, len(cells)
    first = 0
    if _width(cells[: before + marked]) > columns - 2:
        first, room = before, columns // 3
        while first > 0 and (room := room - width_of(cells[first - 1])) >= 0:
            first -= 1
    last, room = first, columns - 1 - (first > 0)
    while last < len(cells) and (room := room - width_of(cells[last])) >= 0:
        last += 1
    return first, last


def _cell(letter: str, tab: str = TAB) -> str:
    """One character as it is shown."""
    if " " <= letter <= _LAST_ASCII:
        return letter
    if letter == "\t":
        return tab
    if "\udc80" <= letter <= "\udcff":  # a byte that is not UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter if letter.isprintable() else letter.encode("unicode_escape", "replace").decode()


def _width(cells: Sequence[str]) -> int:
    return sum(width_of(cell) for cell in cells)


def _letter_width(letter: str) -> int:
    if unicodedata.category(letter) in _ZERO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
