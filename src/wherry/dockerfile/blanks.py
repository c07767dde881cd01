"""What BuildKit takes for white space, in bytes.

Go knows three kinds, and BuildKit uses all of them: Unicode's in UTF-8, Unicode's in Latin-1 (where it
looks at single bytes), and ASCII's. A byte offset found here is always the start or the end of a code point.
"""

from __future__ import annotations

from typing import Final

from wherry.regex import regex

ASCII: Final = b"\t\n\v\f\r "
_BEYOND_ASCII: Final = (
    rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2(?:\x80[\x80-\x8a\xa8\xa9\xaf]|\x81\x9f)|\xe3\x80\x80"
)
UNICODE: Final = rb"(?:[\t-\r ]|" + _BEYOND_ASCII + rb")"
"""A pattern: one blank, as Go's ``unicode.IsSpace`` has it, in UTF-8."""

NOT_UNICODE: Final = rb"(?!" + _BEYOND_ASCII + rb")[\x80-\xff]"
"""A pattern: one byte beyond ASCII that does not begin a blank."""

LATIN1: Final = rb"[\t-\r \x85\xa0]"
"""A pattern: one blank where BuildKit takes each byte for a code point."""

_LEADING: Final = regex(UNICODE + rb"*+")
_TRAILING: Final = regex(rb"(?:" + _BEYOND_ASCII + rb")\Z")
_LONGEST: Final = 3  # bytes of a blank


def skip(data: bytes, start: int, end: int) -> int:
    """Where the blanks that begin at *start* end."""
    if start < end and 0x20 < data[start] < 0x80:  # noqa: PLR2004 - most often there is none
        return start
    found = _LEADING.match(data, start, end)
    return found.end() if found else start


def trim(data: bytes, start: int, end: int) -> int:
    """Where what stands before the last blanks ends: the end of *data* without them, not before *start*."""
    while end > start:
        last = data[end - 1]
        if last in ASCII:
            end -= 1
        elif last >= 0x80 and (found := _TRAILING.search(data, max(start, end - _LONGEST), end)):  # noqa: PLR2004 - beyond ASCII
            end = found.start()
        else:
            break
    return end
