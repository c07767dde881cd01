"""The words of an instruction in which ``<<NAME`` is looked for.

BuildKit finds them with the lexer that also expands variables, told to expand none and to keep quotes and
escapes, always with the backslash as escape. What that lexer takes offence at (a quote without its twin, a
``${`` without its ``}``) makes the whole line one without heredocs, and is no error.
"""

from __future__ import annotations

from typing import Final

from wherry.frozen import Frozen
from wherry.regex import regex

_PLAIN: Final = regex(r"[^\s\\'\"$}/<\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_QUOTED: Final = regex(r'[^"$\\]+')
_SPACE: Final = frozenset("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000").union(
    map(chr, range(0x2000, 0x200B))
)
_BOM: Final = "\ufeff"  # Go's scanner passes over one at the beginning
_SPECIAL: Final = frozenset("@*#?-$!0")
_QUOTE, _BRACE, _PATTERN = '"', "}", "/"


class _OffenceError(ValueError):
    """The lexer gives up."""


class _Frame(Frozen):
    """Something open: a double quote, or a part of ``${}``."""

    kind: str
    raw_escapes: bool
    close: str = ""  # what to write when it ends


class _Lexer:
    def __init__(self, text: str, wanted: str, *, raw_quotes: bool, raw_escapes: bool) -> None:
        self.text = text
        self.wanted = wanted
        self.raw_quotes = raw_quotes
        self.raw_escapes = raw_escapes
        self.at = 0
        self.frames: list[_Frame] = []
        self.word: list[str] = []
        self.words: list[str] = []
        self.is_quoted = False  # the outermost open element is a quote: blanks do not part words

    def run(self) -> list[str]:
        while self.at < len(self.text):
            frame = self.frames[-1] if self.frames else None
            if frame is not None and frame.kind == _QUOTE:
                self.step_in_quote(frame)
            else:
                self.step(frame)
        if self.frames:
            raise _OffenceError
        self.end_word()
        return self.words

    def step(self, frame: _Frame | None) -> None:
        character = self.text[self.at]
        if frame is not None and character == frame.kind:
            self.at += 1
            self.close_part(frame)
        elif plain := _PLAIN.match(self.text, self.at):
            self.put(plain[0])
            self.at = plain.end()
        elif character == "'":
            self.single_quote()
        elif character == '"':
            self.double_quote()
        elif character == "$":
            self.dollar()
        elif character == "<":
            self.possible_heredoc()
        elif character == "\\":
            self.escaped()
        else:
            self.at += 1
            self.put(character)

    def step_in_quote(self, frame: _Frame) -> None:
        character = self.text[self.at]
        if character == "$":
            self.dollar()
            return
        self.at += 1
        if character == '"':
            self.frames.pop()
            self.put('"' if self.raw_quotes else "")
            self.is_quoted = self.is_quoted and bool(self.frames)
        elif character == "\\":
            following = self.text[self.at : self.at + 1]
            self.put("\\" if frame.raw_escapes else "")
            if following in {'"', "$", "\\"}:
                self.at += 1
                self.put(following)
            elif following:
                self.put("\\")
        else:
            run = _QUOTED.match(self.text, self.at - 1)
            self.put(run[0] if run else character)
            self.at = run.end() if run else self.at

    def escapes_kept(self) -> bool:
        return self.frames[-1].raw_escapes if self.frames else self.raw_escapes

    def put(self, text: str) -> None:
        """Write; outside the outermost quotes a blank ends the word."""
        if self.is_quoted or _SPACE.isdisjoint(text):
            self.word.append(text)
            return
        for character in text:
            if character in _SPACE:
                self.end_word()
            else:
                self.word.append(character)

    def end_word(self) -> None:
        if (word := "".join(self.word)) and self.wanted in word:
            self.words.append(word)
        self.word.clear()

    def double_quote(self) -> None:
        self.at += 1
        self.is_quoted = self.is_quoted or not self.frames
        self.frames.append(_Frame(_QUOTE, self.escapes_kept()))
        self.put('"' if self.raw_quotes else "")

    def single_quote(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise _OffenceError
        inner = self.text[self.at + 1 : end]
        self.at = end + 1
        quoted = f"'{inner}'" if self.raw_quotes else inner
        if self.frames:
            self.put(quoted)
        else:
            self.word.append(quoted)

    def escaped(self) -> None:
        kept = self.escapes_kept()
        following = self.text[self.at + 1 : self.at + 2]
        self.at += 2
        if kept:
            self.put("\\")
        if self.frames:
            self.put(following)
        else:
            self.word.append(following)

    def possible_heredoc(self) -> None:
        self.at += 1
        if not self.text.startswith("<", self.at):
            self.put("<")
            return
        self.at += 1
        start = self.at
        while self.at < len(self.text) and self.text[self.at] in "\t\r ":
            self.at += 1
        found = "<<" + self.text[start : self.at]
        if self.frames:
            self.put(found)
        else:
            self.word.append(found)

    def dollar(self) -> None:
        self.at += 1
        if not self.text.startswith("{", self.at):
            self.put("$" + self.name())
            return
        self.at += 1
        if self.text[self.at : self.at + 1] in {"", "{", "}", ":"}:
            raise _OffenceError
        name = self.name()
        modifier = self.text[self.at : self.at + 1]
        self.at += 1
        if modifier == "}":
            self.put("${" + name + "}")
        elif modifier == "/":
            self.at += self.text.startswith("/", self.at)
            self.open_part(_Frame(_PATTERN, raw_escapes=True), "${" + name + "/")
        else:
            self.open_word(name, modifier)

    def open_word(self, name: str, modifier: str) -> None:
        if modifier == ":":
            what = self.text[self.at : self.at + 1]
            self.at += 1
            if what in {"", "#", "%"}:
                raise _OffenceError
            modifier += what
        elif not modifier or modifier not in "+-?#%":
            raise _OffenceError
        raw_escapes = modifier in {"#", "%"}
        self.open_part(_Frame(_BRACE, raw_escapes, "}"), "${" + name + modifier)

    def open_part(self, frame: _Frame, opening: str) -> None:
        self.frames.append(frame)
        self.put(opening)

    def close_part(self, frame: _Frame) -> None:
        self.frames.pop()
        if frame.kind == _PATTERN:
            self.frames.append(_Frame(_BRACE, raw_escapes=True, close="}"))
            self.put("/")
            return
        self.put(frame.close)

    def name(self) -> str:
        start = self.at
        first = self.text[start : start + 1]
        if first.isdecimal():
            while self.text[self.at : self.at + 1].isdecimal():
                self.at += 1
        elif first in _SPECIAL:
            self.at += 1
        else:
            while (c := self.text[self.at : self.at + 1]) == "_" or c.isalpha() or c.isdecimal():
                self.at += 1
        return self.text[start : self.at]


def split_words(text: str, *, raw_quotes: bool, raw_escapes: bool, wanted: str = "") -> list[str] | None:
    """The words of a line; None when the lexer takes offence.

    Args:
        text: The line, joined.
        raw_quotes: Quotes are kept in the words.
        raw_escapes: Escapes are kept in the words.
        wanted: Only words with this in them are returned.

    """
    try:
        return _Lexer(text.removeprefix(_BOM), wanted, raw_quotes=raw_quotes, raw_escapes=raw_escapes).run()
    except _OffenceError:
        return None
