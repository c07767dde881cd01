"""The patterns inside ``${name#pattern}``, ``${name%pattern}`` and ``${name/pattern/text}``: BuildKit's.

``*`` is any text and ``?`` any character, of one line; brackets mean themselves. Matching takes the time of
the text times the parts of the pattern, whatever both hold: nothing is tried twice.
"""

from __future__ import annotations

from typing import Final

from wherry.frozen import Frozen
from wherry.regex import regex

_TEMPLATE: Final = regex(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


class GlobError(ValueError):
    """A backslash before what needs none. The message says where."""


class _Part(Frozen):
    """What stands between stars: characters, or None for any character but a newline."""

    characters: tuple[str | None, ...]
    literal: str | None  # the characters, if none is open

    @property
    def width(self) -> int:
        return len(self.characters)

    def fits(self, text: str, at: int) -> bool:
        if self.literal is not None:
            return text.startswith(self.literal, at)
        found = text[at : at + len(self.characters)]
        return len(found) == len(self.characters) and all(
            there == wanted if wanted is not None else there != "\n"
            for there, wanted in zip(found, self.characters, strict=True)
        )

    def find(self, text: str, low: int, high: int) -> int:
        """The first place from *low* to *high*, both included, where it fits; -1 for none."""
        if self.literal is not None:
            return text.find(self.literal, low, high + len(self.literal))
        return next((at for at in range(low, high + 1) if self.fits(text, at)), -1)

    def find_last(self, text: str, low: int, high: int) -> int:
        if self.literal is not None:
            return text.rfind(self.literal, low, high + len(self.literal))
        return next((at for at in range(high, low - 1, -1) if self.fits(text, at)), -1)


class Glob(Frozen):
    """A pattern: parts with a star between each and the next."""

    parts: tuple[_Part, ...]

    def cost(self, text: str) -> int:
        """How many steps a search in *text* may take at most, roughly."""
        open_characters = sum(part.width for part in self.parts if part.literal is None)
        return (len(text) + 1) * (len(self.parts) + open_characters)

    def end(self, text: str, start: int, *, is_greedy: bool) -> int:
        """Where a match that begins at *start* ends, -1 if there is none.

        The first fit of every part leaves the most room for the next, so only the last part of a greedy match
        is looked for from behind.
        """
        if not self.parts[0].fits(text, start):
            return -1
        at = start + self.parts[0].width
        for part in self.parts[1:]:
            newline = text.find("\n", at)
            reach = len(text) if newline < 0 else newline
            look = part.find_last if is_greedy and part is self.parts[-1] else part.find
            found = look(text, at, reach)
            if found < 0:
                return -1
            at = found + part.width
        return at

    def search(self, text: str, start: int) -> tuple[int, int] | None:
        """The first match at or behind *start*, as long as it can be."""
        first = self.parts[0]
        while (start := first.find(text, start, len(text))) >= 0:
            end = self.end(text, start, is_greedy=True)
            if end >= 0:
                return start, end
            # A later beginning on the same line finds no more than this one did.
            newline = text.find("\n", start + first.width)
            if newline < 0:
                return None
            start = newline + 1 - first.width
        return None


def parse_glob(pattern: str) -> Glob:
    r"""Read a pattern.

    Raises:
        GlobError: A backslash stands before something else than ``* ? \ } /``.

    """
    parts: list[list[str | None]] = [[]]
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*":
            parts.append([])
        elif character == "?":
            parts[-1].append(None)
        elif character == "\\" and pattern[at : at + 1] not in {"}", "/"}:
            if pattern[at : at + 1] not in {"*", "?", "\\"}:
                raise GlobError(f"a backslash stands before {pattern[at : at + 1]!r}")
            parts[-1].append(pattern[at])
            at += 1
        elif character != "\\":
            parts[-1].append(character)
    return Glob(tuple(_part(characters) for characters in parts))


def _part(characters: list[str | None]) -> _Part:
    known = [character for character in characters if character is not None]
    literal = "".join(known) if len(known) == len(characters) else None
    return _Part(tuple(characters), literal)


def without_prefix(text: str, pattern: Glob, *, is_greedy: bool) -> str:
    """``${text#pattern}``; greedy is ``##``."""
    return text[max(pattern.end(text, 0, is_greedy=is_greedy), 0) :]


def reverse_pattern(pattern: str) -> str:
    """A pattern that matches reversed text; what a backslash stands before stays behind it."""
    units: list[str] = []
    at = 0
    while at < len(pattern):
        width = 2 if pattern[at] == "\\" and at + 1 < len(pattern) else 1
        units.append(pattern[at : at + width])
        at += width
    return "".join(reversed(units))


def replace_first(text: str, pattern: Glob, replacement: str) -> str:
    """``${text/pattern/replacement}``."""
    found = pattern.search(text, 0)
    return f"{text[: found[0]]}{replacement}{text[found[1] :]}" if found else text


def replace_all(text: str, pattern: Glob, replacement: str) -> str:
    """``${text//pattern/replacement}``; ``$0`` in the replacement is the match, as in Go's templates."""
    pieces: list[str] = []
    at = last_end = 0
    while at <= len(text) and (found := pattern.search(text, at)):
        start, end = found
        pieces.append(text[last_end:start])
        if end > last_end or start == 0:
            pieces.append(_filled(replacement, text[start:end]))
        last_end = end
        at = max(end, at + 1)
    return "".join([*pieces, text[last_end:]])


def _filled(template: str, match: str) -> str:
    """Go's ``Regexp.Expand`` of a pattern without groups."""
    if "$" not in template:
        return template
    return _TEMPLATE.sub(
        lambda found: "$" if found[1] else match if (found[2] or found[3]) == "0" else "", template
    )
