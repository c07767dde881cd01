"""Words of a Dockerfile: quotes removed and variables expanded, exactly as BuildKit's lexer does it.

It is no shell: ``$(...)``, globs and tildes mean nothing here. A variable that is not set is empty, and
reported. Time and memory are bounded, whatever the word and its variables hold.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.glob import (
    GlobError,
    parse_glob,
    replace_all,
    replace_first,
    reverse_pattern,
    without_prefix,
)
from wherry.errors import InputError
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH: Final = 50
"""How deep ``${a:-${b:-...}}`` may nest. BuildKit has no limit; no honest file has five."""

MAX_STEPS: Final = 1 << 24
"""How many characters variables may bring into one word, patterns and replacements counted too."""

_SPACES: Final = regex(r"[\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
_BROKEN: Final = regex("[\ud800-\udfff]")  # bytes that are no UTF-8
_NAME: Final = regex(r"\d+|[@*#?\-$!]|[^\W\d]\w*")
_SPECIAL: Final = frozenset("}:+-?#%/")


class WordError(InputError):
    """A word that BuildKit refuses: a quote or brace left open, a substitution it does not know."""


class Budget:
    """How many characters may still come from variables; many words may share one.

    Args:
        steps: Characters of values, and of values times patterns.

    """

    __slots__ = ("left",)

    def __init__(self, steps: int = MAX_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Take *steps*.

        Raises:
            WordError: There are not as many left.

        """
        if steps > self.left:
            raise WordError(
                "variables expand to more than can be looked at", mend="keep the values of ENV and ARG short"
            )
        self.left -= steps


class Expansion(Frozen):
    """A word as the build sees it."""

    value: str
    words: tuple[str, ...]  # split at blanks that are neither quoted nor escaped
    used: frozenset[str]  # variables that are set
    unknown: frozenset[str]  # variables that are not


def expand(
    text: str,
    env: Mapping[str, str],
    *,
    escape: str = "\\",
    keeps_unset: bool = False,
    budget: Budget | None = None,
) -> Expansion:
    """BuildKit's ``ProcessWord`` and its kin.

    Args:
        text: The word, as the parser yields it: with its quotes.
        env: The variables that are set.
        escape: The file's escape character: a backslash or a backquote.
        keeps_unset: An unset variable may be set elsewhere, in a base that nobody looked into: it is left as
            ``${name}``. ``:-`` and ``:+`` still take it for unset, and ``:?`` does not refuse.
        budget: Shared among words; each has its own by default.

    Raises:
        WordError: BuildKit would refuse it, or it is beyond all bounds.

    """
    lexer = _Lexer(text, env, escape, budget or Budget(), keeps_unset=keeps_unset)
    pieces = lexer.word("", is_raw=False)
    value = "".join([piece for piece, _ in pieces])
    return Expansion(value, _split(pieces), frozenset(lexer.used), frozenset(lexer.unknown))


def split(text: str, env: Mapping[str, str], *, escape: str = "\\") -> list[str]:
    """BuildKit's ``ProcessWords``: expanded first, then split at blanks; a quoted blank does not split.

    Raises:
        WordError: BuildKit would refuse it.

    """
    return list(expand(text, env, escape=escape).words)


def _split(pieces: list[tuple[str, bool]]) -> tuple[str, ...]:
    words: list[str] = []
    word: list[str] = []
    for piece, is_quoted in pieces:
        if is_quoted:
            word.append(piece)
            continue
        first, *rest = _SPACES.split(piece)
        word.append(first)
        for later in rest:
            words.append("".join(word))
            word = [later]
    words.append("".join(word))
    return tuple(filter(None, words))


@lru_cache(maxsize=64)
def _plain(stops: str) -> re.Pattern[str]:
    """What stands before the next character of *stops*."""
    return re.compile(f"[^{re.escape(stops)}]+")


class _Lexer:
    """One word, read from left to right."""

    def __init__(
        self, text: str, env: Mapping[str, str], escape: str, budget: Budget, *, keeps_unset: bool
    ) -> None:
        text = text if text.isascii() else _BROKEN.sub("\ufffd", text)
        self.text = text.removeprefix("\ufeff")
        self.at = 0
        self.env = env
        self.escape = escape
        self.budget = budget
        self.keeps_unset = keeps_unset
        self.depth = 0
        self.used: set[str] = set()
        self.unknown: set[str] = set()

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def next(self) -> str:
        character = self.text[self.at : self.at + 1]
        self.at += 1
        return character

    def word(self, stop: str, *, is_raw: bool) -> list[tuple[str, bool]]:
        """Pieces up to *stop* (to the end without one), and whether each was quoted. Raw keeps escapes."""
        plain = _plain(f"$'\"{self.escape}{stop}")
        pieces: list[tuple[str, bool]] = []
        while self.at < len(self.text):
            if run := plain.match(self.text, self.at):
                pieces.append((run[0], False))
                self.at = run.end()
                continue
            character = self.peek()
            if character == stop:
                self.at += 1
                return pieces
            if character == "$":
                pieces.append((self.dollar(), False))
            elif character == "'":
                pieces.append((self.single_quoted(), True))
            elif character == '"':
                pieces.append((self.double_quoted(is_raw=is_raw), True))
            else:
                self.at += 1
                pieces.append(((character if is_raw else "") + self.next(), True))
        if stop:
            raise WordError(f"a substitution lacks its {stop!r}", mend=f"add the {stop!r}")
        return pieces

    def inner(self, stop: str, *, is_raw: bool) -> str:
        """A word inside of ``${...}``."""
        return "".join([piece for piece, _ in self.word(stop, is_raw=is_raw)])

    def single_quoted(self) -> str:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise WordError("a single quote is not closed", mend="add the other one")
        quoted = self.text[self.at + 1 : end]
        self.at = end + 1
        return quoted

    def double_quoted(self, *, is_raw: bool) -> str:
        plain = _plain(f'$"{self.escape}')
        pieces: list[str] = []
        self.at += 1
        while self.at < len(self.text):
            if run := plain.match(self.text, self.at):
                pieces.append(run[0])
                self.at = run.end()
                continue
            character = self.peek()
            if character == "$":
                pieces.append(self.dollar())
                continue
            self.at += 1
            if character == '"':
                return "".join(pieces)
            pieces.append(self.escaped_in_quotes(character, is_raw=is_raw))
        raise WordError("a double quote is not closed", mend="add the other one")

    def escaped_in_quotes(self, escape: str, *, is_raw: bool) -> str:
        """Only ``"``, ``$`` and the escape itself are escaped; before others it stays, twice in a pattern."""
        kept = escape if is_raw else ""
        following = self.peek()
        if following in {"", '"', "$", escape}:
            return kept + self.next()
        return kept + escape

    def dollar(self) -> str:
        """A variable; *at* stands on its dollar sign."""
        self.at += 1
        if self.peek() != "{":
            name = self.name()
            return self.plain_value(name) if name else "$"
        self.at += 1
        if self.peek() in {"", "{", "}", ":"}:
            raise WordError("'${' is not followed by a name", mend="write ${NAME}, or \\$ for a dollar sign")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise WordError(f"substitutions nest more than {MAX_DEPTH} deep", mend="use fewer variables")
        value = self.substitution(self.name())
        self.depth -= 1
        return value

    def name(self) -> str:
        found = _NAME.match(self.text, self.at)
        if not found:
            return ""
        self.at = found.end()
        return found[0]

    def lookup(self, name: str) -> str | None:
        value = self.env.get(name)
        (self.unknown if value is None else self.used).add(name)
        self.budget.spend(len(value or ""))
        return value

    def plain_value(self, name: str) -> str:
        value = self.lookup(name)
        if value is None:
            return f"${{{name}}}" if self.keeps_unset else ""
        return value

    def substitution(self, name: str) -> str:
        """What follows the name in ``${name...}``."""
        operator = self.next()
        if not operator:
            raise WordError("a substitution lacks its '}'", mend="add the '}'")
        if operator == "}":
            return self.plain_value(name)
        if operator == "/":
            return self.replacement(name)
        empty_is_unset = operator == ":"
        if empty_is_unset:
            operator = self.next()
        elif operator not in _SPECIAL:
            raise self.unsupported(name, operator)
        word = self.inner("}", is_raw=operator in {"#", "%"})
        value = self.lookup(name)
        is_set = bool(value) if empty_is_unset else value is not None
        if operator == "-":
            return (value or "") if is_set else word
        if operator == "+":
            return word if is_set else ""
        if operator == "?":
            return self.required(name, value, word, is_set=is_set)
        if operator in {"#", "%"}:
            return self.trimmed(name, value, operator, word)
        raise self.unsupported(name, f":{operator}")

    def unsupported(self, name: str, operator: str) -> WordError:
        return WordError(
            f"'${{{name[:40]}{operator}' is a substitution that Docker does not know",
            mend="it knows :- :+ :? # ## % %% / //",
        )

    def required(self, name: str, value: str | None, message: str, *, is_set: bool) -> str:
        if is_set:
            return value or ""
        if value is None and self.keeps_unset:
            return f"${{{name}}}"
        said = message[:80] or f"is not allowed to be {'unset' if value is None else 'empty'}"
        raise WordError(f"{name[:40]}: {said}", mend=f"give --build-arg {name[:40]}=... or a default")

    def trimmed(self, name: str, value: str | None, operator: str, pattern: str) -> str:
        if value is None and self.keeps_unset:
            return f"${{{name}{operator}{pattern}}}"
        is_greedy = pattern.startswith(operator)
        pattern = pattern.removeprefix(operator)
        if operator == "#":
            return self.without(value or "", pattern, is_greedy=is_greedy)
        return self.without((value or "")[::-1], reverse_pattern(pattern), is_greedy=is_greedy)[::-1]

    def without(self, value: str, pattern: str, *, is_greedy: bool) -> str:
        try:
            glob = parse_glob(pattern)
        except GlobError as error:
            raise WordError(f"a pattern is not valid: {error}", mend="escape * ? and \\ only") from None
        self.budget.spend(glob.cost(value))
        return without_prefix(value, glob, is_greedy=is_greedy)

    def replacement(self, name: str) -> str:
        is_all = self.peek() == "/"
        self.at += is_all
        pattern = self.inner("/", is_raw=True)
        text = self.inner("}", is_raw=True)
        value = self.lookup(name)
        if value is None and self.keeps_unset:
            return f"${{{name}{'//' if is_all else '/'}{pattern}/{text}}}"
        try:
            glob = parse_glob(pattern)
        except GlobError as error:
            raise WordError(f"a pattern is not valid: {error}", mend="escape * ? and \\ only") from None
        value = value or ""
        self.budget.spend(glob.cost(value) + (len(value) + 1 if is_all else 1) * len(text))
        return (replace_all if is_all else replace_first)(value, glob, text)
