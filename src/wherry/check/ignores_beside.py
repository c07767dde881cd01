"""Comments that silence findings in the files beside a Dockerfile: requirements, YAML, TOML, ignore files.

``# wherry: ignore=F2 why`` at the end of a line or on a line of its own above it; ``# wherry: ignore-file=F2
why`` anywhere. A file may stand beside several Dockerfiles and its comment be meant for another of them, so
one that silences nothing is not reported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.ignores import WHERRY, Ignore, is_misspelt, read_comment
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.dockerfile.source import Source

_COMMENT: Final = regex(rb"(?<!\S)#[ \t]*(wherry:[^\r\n]*)", re.IGNORECASE)
_IDLE: Final = regex(rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*")
"""Empty lines and comments, which stand between a comment and what it is of."""


def ignores_in(source: Source) -> list[Ignore]:
    """The comments of a neighbour that are wherry's and silence something, in their order."""
    ignores = []
    for text, span, reach in _comments(source):
        words = read_comment(text)
        if words is not None:
            ignores.append(
                Ignore(WHERRY, words.codes, words.reason, span, None if words.is_global else reach)
            )
    return ignores


def misspelt_in(source: Source) -> list[Span]:
    """Where comments speak to wherry and are not understood."""
    return [span for text, span, _ in _comments(source) if is_misspelt(text)]


def _comments(source: Source) -> Iterator[tuple[str, Span, Span]]:
    """Each comment that may be wherry's: its text, where it stands, and the line it is of."""
    end = 0  # of the empty lines and comments looked at last
    for match in _COMMENT.finditer(source.data):
        span = Span(*match.span(1))
        start = source.data.rfind(b"\n", 0, span.start) + 1
        if start >= end:
            idle = _IDLE.match(source.data, start)
            end = idle.end() if idle else start
        yield source.text(span), span, source.line_span(source.line(end))
