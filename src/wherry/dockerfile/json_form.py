"""The JSON form of arguments: ``["a", "b"]``.

What is no JSON array is the shell form, without a word of warning; an array with something else than
strings in it is refused. Read without recursion, so that a million brackets do no harm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.source import decode

if TYPE_CHECKING:
    from wherry.dockerfile.source import Joined
from wherry.dockerfile.syntax import Argument

_MAX_DEPTH: Final = 10_000
"""Go's limit: what is nested deeper is no JSON to it."""

_TOKEN: Final = re.compile(
    rb'[ \t\r\n]*+(?:"((?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+)"'
    rb"|(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null)|([\[\]{},:]))"
)
_ESCAPED: Final = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|\\(.)"
)
_SHORT: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_REPLACEMENT: Final = "\ufffd"


@dataclass(frozen=True, slots=True)
class JsonArray:
    """A JSON array that was recognised."""

    arguments: tuple[Argument, ...]
    is_strings: bool  # of strings only


def read_array(text: Joined, start: int, end: int, limit: int) -> JsonArray | None:
    """The array that is the whole text from *start* (where no blank stands) to *end*; None if it is none."""
    data = text.data
    if not data.startswith(b"[", start, end):
        return None
    is_valid, top, is_strings = _scan(data, start, end)
    if not is_valid:
        return None
    arguments = tuple(
        Argument(_unescape(decode(data[first:last])), text.span(first - 1, last + 1))
        for first, last in top[:limit]
    )
    return JsonArray(arguments, is_strings)


def _scan(data: bytes, start: int, end: int) -> tuple[bool, list[tuple[int, int]], bool]:
    """Whether it is JSON; the strings of the outermost array; whether nothing else is in it."""
    stack = bytearray()  # open brackets
    strings: list[tuple[int, int]] = []
    is_strings = True
    wants = "value"  # "value or ]", "key", "key or }", "colon", "comma"
    at = start
    while found := _TOKEN.match(data, at, end):
        at = found.end()
        mark = found[3]
        if mark is None:
            is_string = found[2] is None
            if wants == "value or ]":
                wants = "value"
            if is_string and wants in {"key", "key or }"}:
                wants = "colon"
                continue
            if wants != "value":
                return False, [], False
            if len(stack) == 1:
                strings.append(found.span(1))
                is_strings &= is_string
            wants = "comma"
        elif mark in b"[{":
            if wants not in {"value", "value or ]"} or len(stack) >= _MAX_DEPTH:
                return False, [], False
            is_strings &= not stack
            stack += mark
            wants = "value or ]" if mark == b"[" else "key or }"
        elif mark in b"]}":
            opened, emptied = (b"[", "value or ]") if mark == b"]" else (b"{", "key or }")
            if not stack.endswith(opened) or wants not in {"comma", emptied}:
                return False, [], False
            stack.pop()
            wants = "comma"
            if not stack:
                return not data[at:end].strip(b" \t\r\n"), strings, is_strings
        elif mark == b":" and wants == "colon":
            wants = "value"
        elif mark == b"," and wants == "comma":
            wants = "value" if stack.endswith(b"[") else "key"
        else:
            return False, [], False
    return False, [], False


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
