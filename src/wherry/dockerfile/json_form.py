"""The JSON form of arguments: ``["a", "b"]``.

What is no JSON array is the shell form, without a word of warning; an array with something else than
strings in it is refused. Read without recursion, so that a million brackets do no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile.source import decode
from wherry.dockerfile.syntax import Argument
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    import re

    from wherry.dockerfile.source import Joined

_MAX_DEPTH: Final = 10_000
"""Go's limit: what is nested deeper is no JSON to it."""

_TOKEN: Final = regex(
    rb'[ \t\r\n]*+(?:"((?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+)"'
    rb"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null)|([\[\]{},:]))"
)
_ESCAPED: Final = regex(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\(.)"
)
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT: Final = "\ufffd"


class JsonArray(Frozen):
    """A JSON array that was recognised."""

    arguments: tuple[Argument, ...]
    is_strings: bool  # of strings only


def read_array(text: Joined, start: int, end: int, limit: int) -> JsonArray | None:
    """The array that is the whole text from *start* (where no blank stands) to *end*; None if it is none."""
    data = text.data
    if not data.startswith(b"[", start, end):
        return None
    scanner = _Scanner()
    if not scanner.scan(data, start, end):
        return None
    if not scanner.is_strings:
        return JsonArray((), is_strings=False)
    arguments = tuple(
        Argument(_unescape(decode(data[first:last])), text.span(first - 1, last + 1))
        for first, last in scanner.strings[:limit]
    )
    return JsonArray(arguments, is_strings=True)


class _Scanner:
    """Reads one JSON value token by token; the open brackets are a stack of bytes."""

    def __init__(self) -> None:
        self.strings: list[tuple[int, int]] = []  # of the outermost array
        self.is_strings = True
        self._stack = bytearray()
        self._wants = "value"

    def scan(self, data: bytes, start: int, end: int) -> bool:
        """Whether the bytes are one JSON value and nothing else."""
        at = start
        while found := _TOKEN.match(data, at, end):
            at = found.end()
            mark = found[3]
            taken = self._take_value(found) if mark is None else self._take_mark(mark)
            if not taken:
                return False
            if not self._stack:
                return not data[at:end].strip(b" \t\r\n")
        return False

    def _take_value(self, found: re.Match[bytes]) -> bool:
        is_string = found[2] is None
        if is_string and self._wants in {"key", "key or end"}:
            self._wants = "colon"
            return True
        if self._wants not in {"value", "value or end"}:
            return False
        if len(self._stack) == 1:
            self.strings.append(found.span(1))
            self.is_strings &= is_string
        self._wants = "comma"
        return True

    def _take_mark(self, mark: bytes) -> bool:
        if mark in b"[{":
            return self._open(mark)
        if mark in b"]}":
            return self._close(mark)
        wanted, then = ("colon", "value") if mark == b":" else ("comma", "")
        if self._wants != wanted:
            return False
        self._wants = then or ("value" if self._stack.endswith(b"[") else "key")
        return True

    def _open(self, mark: bytes) -> bool:
        if self._wants not in {"value", "value or end"} or len(self._stack) >= _MAX_DEPTH:
            return False
        self.is_strings &= not self._stack
        self._stack += mark
        self._wants = "value or end" if mark == b"[" else "key or end"
        return True

    def _close(self, mark: bytes) -> bool:
        opened, emptied = (b"[", "value or end") if mark == b"]" else (b"{", "key or end")
        if not self._stack.endswith(opened) or self._wants not in {"comma", emptied}:
            return False
        self._stack.pop()
        self._wants = "comma"
        return True


def _unescape(text: str) -> str:
    return _ESCAPED.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    high, low, single, short = found.groups()
    if high:
        return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + (int(low, 16) - 0xDC00))
    if single:
        code = int(single, 16)
        return _REPLACEMENT if 0xD800 <= code <= 0xDFFF else chr(code)  # noqa: PLR2004 - half a pair
    return _SHORT.get(short, short)
