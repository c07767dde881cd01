r"""One ``.dockerignore`` pattern as a Python regular expression that accepts exactly what Moby's accepts.

Moby checks a pattern with Go's ``filepath.Match``, then writes a Go regular expression for it. Here the
same Go expression is written and then said in Python's dialect, so that oddities (``[!a]`` is no negation,
``\d`` is a digit) come out the same.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MAX_CHARS: Final = 4096
"""No path is longer, so no honest pattern is."""

_GO_QUOTED: Final = frozenset(
    ".+()|{}$"
)  # what Moby escapes: special to a regular expression, not to filepath.Match
_STAR: Final = "[^/]*"
_DEEP: Final = "(.*/)?"
_REST: Final = ".*"
_CHARACTER_ESCAPES: Final = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_SETS: Final = {"d": "0-9", "s": r"\t\n\f\r ", "w": "0-9A-Za-z_"}
_OUTSIDE_SETS: Final = {"b": r"(?a:\b)", "B": r"(?a:\B)", "A": r"\A", "z": r"\Z"}
_NAMED_SETS: Final = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


class PatternError(ValueError):
    """A pattern that Docker refuses."""


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> re.Pattern[str]:
    """The expression of a cleaned pattern, to be used with ``fullmatch`` on a relative path.

    Raises:
        PatternError: ``filepath.Match`` or Go's regular expressions refuse it.

    """
    if len(text) > MAX_CHARS:
        raise PatternError(f"the pattern is longer than {MAX_CHARS} characters")
    _check_syntax(text)
    try:
        return re.compile(_expression(text))
    except (re.error, OverflowError, RecursionError):
        raise _refused(text) from None


def _refused(text: str) -> PatternError:
    return PatternError(f"{text[:80]!r} is not a valid pattern")


def _check_syntax(text: str) -> None:
    """What Moby finds wrong with a pattern by asking ``filepath.Match`` whether it matches ``.``.

    That reads no further than the first star after which nothing can match, so errors behind it pass: they
    are left to the regular expression, which is more lenient.
    """
    name = "."
    rest = text
    while rest:
        star, chunk, rest = _scan_chunk(rest)
        if star and not chunk:
            return
        left = _match_chunk(chunk, name, text)
        if (left is None or (left and not rest)) and star:
            left = _match_chunk(chunk, name[1:], text) if name else None
        if left is None or (left and not rest):
            return
        name = left


def _scan_chunk(text: str) -> tuple[bool, str, str]:
    """Leading stars, the text up to the next star outside brackets, and the rest."""
    start = len(text) - len(text.lstrip("*"))
    at = start
    is_range = False
    while at < len(text) and (is_range or text[at] != "*"):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        elif text[at] in "[]":
            is_range = text[at] == "["
        at += 1
    return start > 0, text[start:at], text[at:]


def _match_chunk(chunk: str, name: str, text: str) -> str | None:
    """What is left of *name* behind a starless chunk, or None. The chunk is checked to its end either way."""
    at = 0
    left: str | None = name
    while at < len(chunk):
        if chunk[at] == "[":
            at, ranges, is_negated = _read_class(chunk, at + 1, text)
            fits = left and any(low <= left[0] <= high for low, high in ranges) != is_negated
        elif chunk[at] == "?":
            at += 1
            fits = left and left[0] != "/"
        else:
            at += chunk[at] == "\\"
            if at == len(chunk):
                raise _refused(text)
            fits = left and left[0] == chunk[at]
            at += 1
        left = left[1:] if left and fits else None
    return left


def _read_class(chunk: str, at: int, text: str) -> tuple[int, list[tuple[str, str]], bool]:
    """``^a-z]``: where it ends, its ranges, and whether it is negated. *at* is behind the bracket."""
    is_negated = chunk.startswith("^", at)
    at += is_negated
    ranges: list[tuple[str, str]] = []
    while not (ranges and chunk.startswith("]", at)):
        low, at = _read_class_character(chunk, at, text)
        high = low
        if chunk.startswith("-", at):
            high, at = _read_class_character(chunk, at + 1, text)
        ranges.append((low, high))
    return at + 1, ranges, is_negated


def _read_class_character(chunk: str, at: int, text: str) -> tuple[str, int]:
    if chunk.startswith("\\", at):
        at += 1
    elif chunk[at : at + 1] in {"-", "]"}:
        raise _refused(text)
    if at + 1 >= len(chunk):  # a class is never the last thing without its closing bracket
        raise _refused(text)
    return chunk[at], at + 1


def _expression(text: str) -> str:
    """The pattern in the fastest of Moby's four forms that fits it; the forms differ in what they accept."""
    go, form = _go_expression(text)
    if form == "exact":
        return re.escape(text)
    if form == "prefix":
        return re.escape(text[:-2]) + r"(?s:.*)"
    if form == "suffix":
        suffix = text[2:]
        whole = f"|{re.escape(suffix[1:])}" if suffix.startswith("/") else ""
        return rf"(?s:.*){re.escape(suffix)}{whole}"
    return _join(_python_units(go, text))


def _go_expression(text: str) -> tuple[str, str]:
    """What ``Pattern.compile`` of Moby writes, and the form it settles on."""
    go: list[str] = []
    form = "exact"
    at = 0
    while at < len(text):
        character = text[at]
        start = at
        at += 1
        if character == "*" and text.startswith("*", at):
            at += 1
            at += text.startswith("/", at)  # "**/" is "**"
            if at < len(text):
                form = "regexp"
                go.append(_DEEP)
            elif form == "exact":
                form = "prefix"
            else:
                form = "regexp"
                go.append(_REST)
            form = "suffix" if start == 0 else form
        elif character in "*?":
            go.append(_STAR if character == "*" else "[^/]")
            form = "regexp"
        elif character == "\\":
            go.append(text[start : at + 1])
            at += 1
            form = "regexp"
        else:
            go.append(f"\\{character}" if character in _GO_QUOTED else character)
            form = "regexp" if character in "[]" else form
    return "".join(go), form


def _python_units(go: str, text: str) -> list[str]:
    """The Go expression, unit by unit, in Python's dialect."""
    units: list[str] = []
    at = 0
    while at < len(go):
        unit = next((unit for unit in (_STAR, _DEEP, _REST) if go.startswith(unit, at)), "")
        if unit:
            at += len(unit)
            if units[-1:] != [_DEEP] or unit != _DEEP:  # twice is the same as once, and slow
                units.append(unit)
        elif go[at] == "[":
            expression, at = _python_class(go, at + 1, text)
            units.append(expression)
        elif go[at] == "\\":
            # A lone one at the end quotes the dollar sign that Moby puts behind it.
            units.append(_python_escape(go[at + 1], text) if at + 1 < len(go) else r"\$(?s:.*)")
            at += 2
        else:
            units.append("^" if go[at] == "^" else re.escape(go[at]))
            at += 1
    return units


def _join(units: list[str]) -> str:
    """Put units together; a star before a later star takes its first fit and is never asked again.

    ``*a*b`` would else try every ``a`` for every ``b``: hostile patterns would run for hours.
    """
    joined: list[str] = []
    stars = [index for index, unit in enumerate(units) if unit == _STAR]
    closing = -1
    for index, unit in enumerate(units):
        later = next((star for star in stars if star > index), None) if unit == _STAR else None
        between = units[index + 1 : later] if later else []
        if later and not any(unit in {_DEEP, _REST} or unit.startswith("[^") for unit in between):
            joined.append("(?>[^/]*?")
            closing = later
        else:
            joined.append(unit)
        if index + 1 == closing:
            joined.append(")")
    return "".join(joined)


def _python_escape(character: str, text: str) -> str:
    """A backslash and one character, outside a class."""
    lower = character.lower()
    if lower in _SETS and character.isascii():
        return f"[{'' if character == lower else '^'}{_SETS[lower]}]"
    if character in _OUTSIDE_SETS:
        return _OUTSIDE_SETS[character]
    return re.escape(_plain_escape(character, text))


def _plain_escape(character: str, text: str) -> str:
    """The one character that an escape stands for. Go refuses escapes it does not know."""
    if character in _CHARACTER_ESCAPES:
        return _CHARACTER_ESCAPES[character]
    if not character.isascii() or character.isalnum():
        raise _refused(text)
    return character


def _python_class(go: str, at: int, text: str) -> tuple[str, int]:
    """A bracket expression; *at* is behind its bracket. Returns it and where it ends."""
    sign = "^" if go.startswith("^", at) else ""
    at += len(sign)
    items: list[str] = []
    while not (items and go.startswith("]", at)):
        named = re.compile(r"\[:(\w+):\]").match(go, at)
        if named and named.group(1) in _NAMED_SETS:
            items.append(_NAMED_SETS[named.group(1)])
            at = named.end()
        elif go[at : at + 1] == "\\" and go[at + 1 : at + 2] in _SETS:
            items.append(_SETS[go[at + 1]])
            at += 2
        else:
            low, at = _class_character(go, at, text)
            high = low
            if go.startswith("-", at) and not go.startswith("-]", at):
                high, at = _class_character(go, at + 1, text)
            items.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
    return f"[{sign}{''.join(items)}]", at + 1


def _class_character(go: str, at: int, text: str) -> tuple[str, int]:
    if at >= len(go):
        raise _refused(text)
    if go[at] != "\\":
        return go[at], at + 1
    return _plain_escape(go[at + 1 : at + 2], text), at + 2
