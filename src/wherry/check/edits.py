"""Edits of a Dockerfile that leave what the author wrote: whole lines moved, taken out or put in between.

A comment that stands directly above an instruction belongs to it and goes where it goes. Text ends its
lines with a newline alone: `wherry.check.fix` writes the file's own ending.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from wherry.check.model import Edit
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.dockerfile.syntax import Dockerfile, Instruction

_MOST_LEAD: Final = 1000


def block_of(dockerfile: Dockerfile, instruction: Instruction) -> Span:
    """An instruction's lines, with the comments directly above and the last line's ending."""
    data = dockerfile.source.data
    start = data.rfind(b"\n", 0, instruction.span.start) + 1
    starts = {data.rfind(b"\n", 0, comment.span.start) + 1 for comment in dockerfile.comments}
    while start and (above := data.rfind(b"\n", 0, start - 1) + 1) in starts:
        start = above
    newline = data.find(b"\n", instruction.span.end)
    return Span(start, newline + 1 if newline >= 0 else len(data))


def written(dockerfile: Dockerfile, instruction: Instruction) -> str:
    """An instruction as it stands, its comments above included, each line ended."""
    text = dockerfile.source.text(block_of(dockerfile, instruction))
    return text if text.endswith("\n") else f"{text}\n"


def put_before(dockerfile: Dockerfile, instruction: Instruction, text: str) -> Edit:
    """Put whole lines above an instruction and its comments."""
    start = block_of(dockerfile, instruction).start
    return Edit(dockerfile.source.name, Span(start, start), text)


def put_behind(dockerfile: Dockerfile, instruction: Instruction, text: str) -> Edit:
    """Put whole lines, each ended, below an instruction."""
    end = block_of(dockerfile, instruction).end
    if end and not dockerfile.source.data.endswith(b"\n", 0, end):
        text = f"\n{text.removesuffix(chr(10))}"
    return Edit(dockerfile.source.name, Span(end, end), text)


def taken_out(dockerfile: Dockerfile, instruction: Instruction) -> Edit:
    """Remove an instruction with its comments, and an empty line that would be one too many."""
    return all_taken_out(dockerfile, [instruction])[0]


def all_taken_out(dockerfile: Dockerfile, instructions: Iterable[Instruction]) -> tuple[Edit, ...]:
    """Remove several; of empty lines between them none is left over."""
    stretches: list[Span] = []
    for span in sorted(block_of(dockerfile, one) for one in instructions):
        if stretches and stretches[-1].end == span.start:
            stretches[-1] = Span(stretches[-1].start, span.end)
        else:
            stretches.append(span)
    return tuple(Edit(dockerfile.source.name, _with_gap(dockerfile, span), "") for span in stretches)


def _with_gap(dockerfile: Dockerfile, span: Span) -> Span:
    """Lines with the empty one below, where there is one above too."""
    data = dockerfile.source.data
    below = data.find(b"\n", span.end)
    is_gap = below >= 0 and not data[span.end : below].strip()
    return Span(span.start, below + 1) if is_gap and _is_empty_above(dockerfile, span.start) else span


def is_apart(dockerfile: Dockerfile, instruction: Instruction) -> bool:
    """An empty line stands above it."""
    return _is_empty_above(dockerfile, block_of(dockerfile, instruction).start)


def _is_empty_above(dockerfile: Dockerfile, start: int) -> bool:
    data = dockerfile.source.data
    above = data.rfind(b"\n", 0, max(start - 1, 0)) + 1
    return start > 0 and not data[above:start].strip()


def moved_behind(
    dockerfile: Dockerfile, instructions: Sequence[Instruction], last: Instruction
) -> tuple[Edit, ...]:
    """Move instructions, in their order, below *last*."""
    text = "".join(written(dockerfile, one) for one in instructions)
    if is_apart(dockerfile, instructions[0]):
        text = f"\n{text}"
    return (*all_taken_out(dockerfile, instructions), put_behind(dockerfile, last, text))


def without_word(dockerfile: Dockerfile, word: Span) -> Span:
    """A word of an instruction with the blanks and line breaks that lead to it; a comment before it stays."""
    data = dockerfile.source.data
    lead = _lead_of(dockerfile.escape).search(data[max(0, word.start - _MOST_LEAD) : word.start])
    return Span(word.start - (len(lead[0]) if lead else 0), word.end)


@cache
def _lead_of(escape: str) -> re.Pattern[bytes]:
    broken = re.escape(escape.encode()) + rb"[ \t]*\r?\n"
    return re.compile(rb"(?:" + broken + rb"|[ \t])+\Z")
