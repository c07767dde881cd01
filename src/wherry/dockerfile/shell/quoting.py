"""A shell word without its quotes, what of it is known, and where each byte of it stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.shell.model import Word
from wherry.dockerfile.source import decode, encode
from wherry.dockerfile.words import WordError
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.shell.tokens import Extent
    from wherry.dockerfile.source import Joined
    from wherry.dockerfile.stages import Scope

MAX_EXPANDED: Final = 1 << 16
"""How many characters variables may bring into one word."""

_LITERAL: Final = regex(rb"[A-Za-z0-9_./:=@,+%^\x80-\xff-]+")
_PIECE: Final = regex(
    rb"(?P<plain>[^\\'\"$`*?\[{~]+)|\\(?P<escaped>.)|'(?P<single>[^']*)'|\$'(?P<ansi>(?:[^'\\]|\\.)*)'"
    rb"|\$?\"(?P<double>(?:[^\"\\]|\\.)*)\"|(?P<open>.)",
    re.DOTALL,
)
_IN_DOUBLE: Final = regex(rb"(?P<plain>[^\\]+)|\\(?P<escaped>[$`\"\\\n])|(?P<kept>\\)", re.DOTALL)
_EXPANSION: Final = regex(rb"\$[A-Za-z0-9_{(\[@*#?!$-]|`")
_BRACES: Final = regex(rb"\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}")
_ANSI: Final = regex(r"\\(?:([abefnrtv\\'\"?E])|([0-7]{1,3})|x([0-9a-fA-F]{1,2})|(.))", re.DOTALL)
_ANSI_LETTERS: Final = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
_UNKNOWN: Final = regex(r"\$\(|`|\$[0-9@*#?!$-]|\$\{[0-9@*#?!$-]")


class Piece(Frozen):
    """Bytes of a word without quotes, and where they begin in the raw word."""

    data: bytes
    start: int
    is_quoted: bool


def make_word(text: Joined, extent: Extent) -> Word:
    """The word that stands somewhere in a script."""
    raw = text.data[extent.start : extent.end]
    span = text.span(extent.start, extent.end)
    if _LITERAL.fullmatch(raw):
        value = decode(raw)
        return Word(value, True, span, value)  # noqa: FBT003 - a field
    pieces, is_literal = unquote(raw)
    return Word(decode(b"".join([piece.data for piece in pieces])), is_literal, span, decode(raw))


def unquote(raw: bytes) -> tuple[list[Piece], bool]:
    """The pieces of a word, and whether it is literal."""
    if (b"$(" in raw or b"`" in raw) and b'"' in raw:
        return _whole(raw), False  # quotes inside of substitutions are theirs
    pieces: list[Piece] = []
    is_literal = not raw.startswith(b"~") and not (b"{" in raw and _BRACES.search(raw))
    for found in _PIECE.finditer(raw):
        kind = found.lastgroup
        if kind == "double":
            start, end = found.span("double")
            is_literal = is_literal and not _expands(found["double"])
            pieces += _in_double(raw, start, end)
        elif kind == "ansi":
            pieces.append(Piece(_ansi(found["ansi"]), -1, is_quoted=True))
        elif kind == "open":
            is_literal = is_literal and _means_itself(raw, found.start())
            pieces.append(Piece(found[0], found.start(), is_quoted=False))
        elif kind == "escaped" and found["escaped"] == b"\n":
            continue
        elif kind:
            pieces.append(Piece(found[kind], found.start(kind), is_quoted=kind != "plain"))
    return pieces, is_literal


def _means_itself(raw: bytes, at: int) -> bool:
    """Whether a special character that is not quoted has nothing to be special about."""
    byte = raw[at : at + 1]
    if byte == b"[":
        return b"]" not in raw
    if byte == b"$":
        return not _EXPANSION.match(raw, at)
    return byte in {b"{", b"~", b"\\"}


def _whole(raw: bytes) -> list[Piece]:
    """A word with a substitution: only quotes around all of it are taken away."""
    is_quoted = len(raw) > 1 and raw.startswith(b'"') and raw.endswith(b'"')
    return [Piece(raw[1:-1], 1, is_quoted=True) if is_quoted else Piece(raw, 0, is_quoted=False)]


def _in_double(raw: bytes, start: int, end: int) -> list[Piece]:
    pieces = []
    for found in _IN_DOUBLE.finditer(raw, start, end):
        kind = found.lastgroup or "kept"
        if kind == "escaped" and found["escaped"] == b"\n":
            continue
        group = 0 if kind == "kept" else kind
        pieces.append(Piece(found[group], found.start(group), is_quoted=True))
    return pieces or [Piece(b"", start, is_quoted=True)]


def _expands(quoted: bytes) -> bool:
    """Whether something between double quotes is expanded."""
    return any(_EXPANSION.search(found[0]) for found in _IN_DOUBLE.finditer(quoted) if found["plain"])


def _ansi(text: bytes) -> bytes:
    def replaced(found: re.Match[str]) -> str:
        if found[1]:
            return _ANSI_LETTERS.get(found[1], found[1])
        if found[2] or found[3]:
            return chr(int(found[2], 8) & 0xFF if found[2] else int(found[3], 16))
        return found[0]

    return encode(_ANSI.sub(replaced, decode(text)))


def expand_in(word: Word, scope: Scope) -> str | None:
    """What a word is when ENV and ARG are put in; None where it depends on anything else.

    Variables that the script itself sets are not looked at; globs stay as they are.
    """
    if word.is_literal:
        return word.value
    raw = word.raw
    if _UNKNOWN.search(raw) or raw.startswith("~") or "$'" in raw or _BRACES.search(encode(raw)):
        return None
    try:
        found = scope.expand(raw)
    except WordError:
        return None
    if len(found.value) > MAX_EXPANDED or (found.unknown and not scope.is_whole):
        return None
    return found.value if all(map(scope.is_known, found.used)) else None
