"""Texts put together of pieces of a file, so that every byte still knows where it stands."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from wherry.dockerfile.shell.quoting import unquote
from wherry.dockerfile.source import Joined, encode
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.dockerfile.shell.tokens import Extent
    from wherry.dockerfile.syntax import Heredoc, Instruction

Placed = tuple[int, bytes]
"""Where a piece stands in the file, and its bytes."""

_STRING: Final = regex(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_JSON_PIECE: Final = regex(
    rb"[^\\]+|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\."
)


def put_together(pieces: Iterable[Placed]) -> Joined:
    """One text of several pieces."""
    starts: list[int] = []
    offsets: list[int] = []
    data: list[bytes] = []
    length = 0
    for offset, piece in pieces:
        if piece:
            starts.append(length)
            offsets.append(offset)
            data.append(piece)
            length += len(piece)
    return Joined(b"".join(data), tuple(starts) or (0,), tuple(offsets) or (0,))


def with_heredocs(instruction: Instruction) -> Joined:
    """What the shell gets of ``RUN command <<EOF``: the line, then each document and its closing line."""
    body = instruction.body
    pieces = [*body.pieces(), (body.at(len(body.data)), b"\n")]
    for heredoc, following in zip(instruction.heredocs, [*instruction.heredocs[1:], None], strict=True):
        pieces += heredoc.text.pieces()
        pieces.append((heredoc.body.end, _closing_line(heredoc)))
        if following is not None:
            pieces.append((following.body.start - 1, b"\n"))
    return put_together(pieces)


def _closing_line(heredoc: Heredoc) -> bytes:
    name = encode(heredoc.name)
    return b"\t" * (heredoc.span.end - heredoc.body.end - len(name)) + name


def unquoted(text: Joined, extent: Extent) -> tuple[Joined, bool] | None:
    """A word of a script as a script of its own, and whether deleting bytes of it does no harm to its quotes.

    Returns:
        None for a word whose bytes are not those of the script: of ``$'...'``.

    """
    pieces, _ = unquote(text.data[extent.start : extent.end])
    placed: list[Placed] = []
    for piece in pieces:
        if piece.start < 0:
            return None
        start = extent.start + piece.start
        placed += text.cut(start, start + len(piece.data)).pieces()
    return put_together(placed), len(pieces) == 1


def json_strings(instruction: Instruction) -> list[tuple[Joined, bool]]:
    """The strings of a JSON form, and of each whether it is written without escapes."""
    body = instruction.body
    found: list[tuple[Joined, bool]] = []
    for string in _STRING.finditer(body.data):
        placed: list[Placed] = []
        for piece in _JSON_PIECE.finditer(body.data, *string.span(1)):
            if piece[0].startswith(b"\\"):
                placed.append((body.at(piece.start()), _unescaped(piece[0])))
            else:
                placed += body.cut(*piece.span()).pieces()
        found.append((put_together(placed), b"\\" not in string[1]))
    return found


def _unescaped(escape: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + escape + b'"')).encode("utf-8", "replace")
    except ValueError:
        return escape
