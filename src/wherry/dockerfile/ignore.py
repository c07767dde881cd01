"""``.dockerignore``, read and matched as ``docker build`` does it.

The rules are Moby's (``moby/patternmatcher``), quirks included, because a file that Docker leaves out must
be left out here: patterns are Go's ``filepath.Match`` plus ``**``; ``!`` takes back; what a pattern says of
a directory holds below it, and the last pattern that speaks decides. One quirk is easily missed: both of
Docker's builders judge a path while walking down to it, and a directory already left out is not shown to
further patterns that would leave it out. So with ``a``, ``!a/b/c``, ``a/b`` the file ``a/b/c`` stays,
although the last line names its directory.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.pattern import PatternError, compile_pattern
from wherry.errors import InputError
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable

_BOM: Final = "\ufeff"
_SPANS: Final = regex(r"[\[\\]")
_GO_SPACE: Final = (  # what strings.TrimSpace strips
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005"
    "\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)


class Pattern(Frozen):
    """One line: what it matches, and whether it takes back (``!``)."""

    text: str  # cleaned, without the exclamation mark
    takes_back: bool
    grammar: re.Pattern[str]
    line: int = 0

    def matches_exactly(self, path: str) -> bool:
        """Whether the pattern matches this very path; directories above are not asked."""
        return self.grammar.fullmatch(path) is not None

    def may_reach_below(self, directory: str) -> bool:
        """Whether the pattern may match something strictly below *directory*."""
        parts, names = self.text.split("/"), directory.split("/")
        # A part with "**" spans directories; brackets and escapes may too, and are rare: all may reach.
        plain = next((i for i, part in enumerate(parts) if "**" in part or _SPANS.search(part)), None)
        if plain is None and len(parts) <= len(names):
            return False
        fixed = parts if plain is None else parts[:plain]
        return all(compile_pattern(part).fullmatch(name) for part, name in zip(fixed, names, strict=False))


@dataclass(frozen=True)
class IgnoreFile:
    """A parsed ``.dockerignore``: an ordered list of patterns."""

    patterns: tuple[Pattern, ...] = ()
    _cache: dict[str, tuple[bool, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str, where: str = ".dockerignore") -> IgnoreFile:
        """Read a file's text.

        Args:
            text: The file. A byte order mark, CRLF, comments and blank lines are passed over.
            where: How messages name the file.

        Raises:
            InputError: A line holds a pattern that Docker refuses; the place is its line.

        """
        patterns: list[Pattern] = []
        for number, raw in enumerate(text.removeprefix(_BOM).split("\n"), start=1):
            try:
                found = _read_line(raw.removesuffix("\r"), number)
            except PatternError as error:
                raise InputError(
                    str(error), where=f"{where}:{number}", mend="Docker refuses it too"
                ) from None
            if found:
                patterns.append(found)
        return cls(tuple(patterns))

    @classmethod
    def of_patterns(cls, texts: Iterable[str]) -> IgnoreFile:
        """The same matching for a list of patterns from elsewhere; ``#`` and ``!`` begin a name there.

        Raises:
            PatternError: One of them is a pattern that Docker refuses.

        """
        cleaned = (clean(text.strip(_GO_SPACE)) for text in texts)
        return cls(tuple(Pattern(text, takes_back=False, grammar=compile_pattern(text)) for text in cleaned))

    def matches(self, path: str) -> bool:
        """Whether a path is left out.

        Args:
            path: Relative to the context, ``/`` between parts, without ``.`` and ``..``.

        """
        left_out = False
        for (takes_back, expression), inherited in zip(self._runs, self._above(path), strict=True):
            if inherited or (takes_back == left_out and expression.fullmatch(path)):
                left_out = not takes_back
        return left_out

    def can_prune(self, directory: str) -> bool:
        """Whether nothing at or below *directory* is wanted: it is left out and no ``!`` reaches inside."""
        return self.matches(directory) and not any(
            pattern.takes_back and pattern.may_reach_below(directory) for pattern in self.patterns
        )

    def may_reach_below(self, directory: str) -> bool:
        """Whether some pattern may match something strictly below *directory*."""
        return any(pattern.may_reach_below(directory) for pattern in self.patterns)

    @cached_property
    def _runs(self) -> tuple[tuple[bool, re.Pattern[str]], ...]:
        """Neighbouring patterns of one kind as one expression: which of them matched makes no difference."""
        groups = groupby(self.patterns, key=lambda pattern: pattern.takes_back)
        joined = [
            (takes_back, "|".join(f"(?:{p.grammar.pattern})" for p in run)) for takes_back, run in groups
        ]
        return tuple((takes_back, re.compile(expression)) for takes_back, expression in joined)

    def _above(self, path: str) -> tuple[bool, ...]:
        """Which runs hold for the directory of *path*."""
        unknown: list[str] = []
        directory = path.rpartition("/")[0]
        while directory and directory not in self._cache:
            unknown.append(directory)
            directory = directory.rpartition("/")[0]
        held = self._cache[directory] if directory else (False,) * len(self._runs)
        for below in reversed(unknown):
            held = self._cache[below] = self._held(below, held)
        return held

    def _held(self, directory: str, above: tuple[bool, ...]) -> tuple[bool, ...]:
        """Which runs hold for a directory: those that hold above it, and those that match it newly.

        A run that could not change the verdict is not asked, and so is not inherited further down.
        """
        left_out = False
        held: list[bool] = []
        for (takes_back, expression), inherited in zip(self._runs, above, strict=True):
            holds = inherited or (takes_back == left_out and expression.fullmatch(directory) is not None)
            held.append(holds)
            if holds:
                left_out = not takes_back
        return tuple(held)


def clean(path: str) -> str:
    """Go's ``filepath.Clean``: the shortest equal path, ``.`` for none."""
    cleaned = posixpath.normpath(path) if path else "."
    return cleaned[1:] if cleaned.startswith("//") else cleaned  # POSIX lets // be special; Go does not


def _read_line(raw: str, number: int) -> Pattern | None:
    """One line of the file, as ``ignorefile.ReadAll`` and then ``patternmatcher.New`` treat it."""
    text = "" if raw.startswith("#") else raw.strip(_GO_SPACE)
    if not text:
        return None
    mark = "!" if text.startswith("!") else ""
    text = text.removeprefix("!").strip(_GO_SPACE)
    if text:
        text = clean(text)
        text = text[1:] if len(text) > 1 and text.startswith("/") else text
    text = clean(f"{mark}{text}".strip(_GO_SPACE))
    if text == "!":
        raise PatternError("'!' takes back nothing")
    takes_back = text.startswith("!")
    text = text.removeprefix("!")
    return Pattern(text, takes_back, compile_pattern(text), number)
