"""Where each key of a TOML text stands: the parsers give values without lines, and an error needs its line.

The text is known to be valid TOML (``tomllib`` has read it), so this only walks over it and never judges.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from contextlib import suppress
from typing import Final

from wherry.regex import regex

KeyPath = tuple[str | int, ...]

_BARE_KEY: Final = regex(r"[A-Za-z0-9_-]+")
_BASIC_STRING: Final = regex(r'"(?:[^"\\]|\\.)*"')
_LITERAL_STRING: Final = regex(r"'[^']*'")
_MULTILINE: Final = {
    '"""': regex(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL),
    "'''": regex(r"'''.*?'''(?:'{0,2})", re.DOTALL),
}
_SCALAR: Final = regex(r"[^,\]}#\n]+")
_BLANK: Final = regex(r"[ \t]*")
_GAP: Final = regex(r"(?:[ \t\r\n]+|#[^\n]*)*")


def key_lines(text: str) -> dict[KeyPath, int]:
    """The 1-based line of every key, table header, array element and their parents.

    Args:
        text: Valid TOML.

    Returns:
        Lines by path: ``("tool", "wherry", "ports", 0)`` is the first element of that array. Nesting too deep
        to walk yields what was found before it.

    """
    starts = [match.end() for match in re.finditer("\n", text)]
    return {path: bisect_right(starts, offset) + 1 for path, offset in key_offsets(text).items()}


def key_offsets(text: str) -> dict[KeyPath, int]:
    """The offset, in characters, of every key, table header and array element; otherwise as `key_lines`."""
    walk = _Walk(text)
    with suppress(RecursionError):  # a place for an error message is not worth an error
        walk.document()
    return walk.offsets


class _Walk:
    """One pass over the text, noting the offset of each path's first mention."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.offsets: dict[KeyPath, int] = {}
        self.tables_of: dict[KeyPath, int] = {}  # arrays of tables: how many elements so far

    def document(self) -> None:
        """Expressions and headers until the end."""
        table: KeyPath = ()
        self.skip(_GAP)
        while self.at < len(self.text):
            before = self.at
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.pair(table)
            self.skip(_GAP)
            if self.at == before:
                return  # not TOML after all: stop rather than spin

    def header(self) -> KeyPath:
        """``[a.b]`` or ``[[a.b]]``: the path of the table that the following keys belong to."""
        start = self.at
        is_array = self.text.startswith("[[", self.at)
        self.at += 2 if is_array else 1
        parts = self.key()
        self.at += 2 if is_array else 1
        path = self.resolved(parts[:-1] if is_array else parts)
        if is_array:
            path = (*path, parts[-1])
            count = self.tables_of.get(path, 0)
            self.tables_of[path] = count + 1
            self.note(path, start)
            path = (*path, count)
        self.note(path, start)
        return path

    def resolved(self, parts: list[str]) -> KeyPath:
        """A header names an array of tables: its latest element is meant (TOML v1.0, array of tables)."""
        path: KeyPath = ()
        for part in parts:
            path = (*path, part)
            if path in self.tables_of:
                path = (*path, self.tables_of[path] - 1)
        return path

    def pair(self, table: KeyPath) -> None:
        """``key = value``, noted under every prefix of a dotted key."""
        start = self.at
        parts = self.key()
        path = (*table, *parts)
        self.note(path, start, above=len(table))
        self.skip(_BLANK)
        self.at += 1  # the equals sign
        self.value(path)

    def key(self) -> list[str]:
        """The parts of a key, dots between them, quotes undone."""
        parts: list[str] = []
        while True:
            self.skip(_BLANK)
            parts.append(self.key_part())
            self.skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return parts
            self.at += 1

    def key_part(self) -> str:
        """One bare or quoted key."""
        for grammar in (_BARE_KEY, _BASIC_STRING, _LITERAL_STRING):
            found = grammar.match(self.text, self.at)
            if found:
                self.at = found.end()
                raw = found.group()
                return raw if grammar is _BARE_KEY else str(tomllib.loads(f"key = {raw}")["key"])
        return ""

    def value(self, path: KeyPath) -> None:
        """Step over a value, noting what lies inside it."""
        self.skip(_BLANK)
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline_table(path)
        elif (triple := self.text[self.at : self.at + 3]) in _MULTILINE:
            self.skip(_MULTILINE[triple])
        elif opening == '"':
            self.skip(_BASIC_STRING)
        elif opening == "'":
            self.skip(_LITERAL_STRING)
        else:
            self.skip(_SCALAR)

    def array(self, path: KeyPath) -> None:
        """``[a, b]`` over any number of lines."""
        self.at += 1
        index = 0
        self.skip(_GAP)
        while self.at < len(self.text) and self.text[self.at] != "]":
            self.note((*path, index), self.at)
            self.value((*path, index))
            index += 1
            self.comma()
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        """``{ a = 1, b.c = 2 }``."""
        self.at += 1
        self.skip(_GAP)
        while self.at < len(self.text) and self.text[self.at] != "}":
            self.pair(path)
            self.comma()
        self.at += 1

    def comma(self) -> None:
        """The comma between elements, or nothing before the end."""
        self.skip(_GAP)
        if self.text.startswith(",", self.at):
            self.at += 1
            self.skip(_GAP)

    def skip(self, grammar: re.Pattern[str]) -> None:
        """Go past what matches here, if anything does."""
        found = grammar.match(self.text, self.at)
        if found:
            self.at = found.end()

    def note(self, path: KeyPath, offset: int, above: int = 0) -> None:
        """Remember *path* and its prefixes longer than *above*; the first mention stays."""
        for length in range(above + 1, len(path) + 1):
            self.offsets.setdefault(path[:length], offset)
