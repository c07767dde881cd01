"""Where a command stands among its neighbours, so that it can be taken out without breaking them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from wherry.dockerfile.shell.model import Command
    from wherry.dockerfile.shell.tokens import Extent
    from wherry.dockerfile.source import Joined
    from wherry.dockerfile.syntax import Instruction

_GLUING: Final = frozenset({b";", b"&", b"|", b"<", b">", b"("})


class Segment:
    """One element of a chain of ``&&`` and ``||``: a command, a pipeline, or a compound command.

    Attributes:
        text: What the offsets count in.
        start: Where it begins.
        end: Where it ends, here-documents not counted.
        statement: The chain it stands in.
        operator: What joins it to the one before, and where that stands.
        commands: How many commands are in it, those of substitutions and branches not counted.
        documents: Of here-documents, the lines with the closing ones.

    """

    __slots__ = (
        *("commands", "documents", "end", "following", "operator", "operator_at", "previous", "start"),
        *("statement", "text"),
    )

    def __init__(self, text: Joined, start: int, end: int, statement: Statement) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.statement = statement
        self.operator = ""
        self.operator_at = 0
        self.commands = 0
        self.documents: list[Extent] = []
        self.previous: Segment | None = None
        self.following: Segment | None = None

    @property
    def span(self) -> Span:
        """Its bytes in the file."""
        return self.text.span(self.start, self.end)


class Statement:
    """A chain, and what ends it.

    Attributes:
        is_editable: Segments of it can be taken out: it is no condition, and no quotes lie between.
        terminator: ``;``, ``&``, a newline, or empty at the end of a block.
        terminator_at: Where the terminator begins.

    """

    __slots__ = ("following", "is_editable", "previous", "segments", "terminator", "terminator_at")

    def __init__(self, previous: Statement | None, *, is_editable: bool) -> None:
        self.is_editable = is_editable
        self.terminator = ""
        self.terminator_at = 0
        self.previous = previous
        self.following: Statement | None = None
        self.segments: list[Segment] = []

    @property
    def start(self) -> int:
        """Where its first segment begins."""
        return self.segments[0].start

    @property
    def end(self) -> int:
        """Where its last segment ends."""
        return self.segments[-1].end


def removal_spans(command: Command, instruction: Instruction) -> tuple[Span, ...] | None:
    """The bytes of the file to delete so that a command is gone and its neighbours stay as they are.

    They run as if the command had succeeded. Its operator goes with it, and its here-document; a comment
    between it and the one before goes too, one between it and the next stays.

    Returns:
        None where a command cannot be taken out alone: it is the only one of its block, one of a pipeline, a
        condition, or the left side of ``||`` or the right; or its quotes do not let it.

    """
    segment = command.segment
    if segment is None or segment.commands != 1 or not segment.statement.is_editable:
        return None
    if _is_alternative(segment):
        return None
    if segment.previous is not None:
        cuts = [(segment.previous.end, segment.end)]
    elif segment.following is not None:
        cuts = _up_to_next(segment, segment.following, instruction)
    else:
        found = _statement_cuts(segment.statement)
        if found is None:
            return None
        cuts = found
    apart = [_apart(segment.text.data, start, end) for start, end in cuts]
    spans = [segment.text.span(*cut) for cut in apart if cut is not None and cut[1] > cut[0]]
    if None in apart:
        return None
    spans += [segment.text.span(document.start, document.end) for document in segment.documents]
    return _merged(spans)


def _apart(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """The cut, less a blank where two operators would else become another: ``&`` and ``>``, twice ``(``."""
    if data[start - 1 : start] in _GLUING and data[end : end + 1] in _GLUING and start > 0:
        if data[end - 1 : end] == b" ":
            return start, end - 1
        return (start + 1, end) if data[start : start + 1] == b" " else None
    return start, end


def _is_alternative(segment: Segment) -> bool:
    following = segment.following
    if segment.operator == "||":
        return True
    return segment.previous is None and following is not None and following.operator == "||"


def _up_to_next(segment: Segment, following: Segment, instruction: Instruction) -> list[tuple[int, int]]:
    """The first of a chain, its operator, and what lies between but for comments."""
    operator_end = following.operator_at + len(following.operator)
    text = segment.text
    before = _has_comment(instruction, text, segment.end, following.operator_at)
    behind = _has_comment(instruction, text, operator_end, following.start)
    if not before and not behind:
        return [(segment.start, following.start)]
    first = (segment.start, _behind_blank(text, segment.end if before else operator_end))
    second = (following.operator_at, operator_end if behind else following.start)
    return [first, second] if before else [first]


def _behind_blank(text: Joined, end: int) -> int:
    """*end*, or behind the blank that stands there."""
    is_blank = text.data[end : end + 1] == b" " and text.at(end) == text.at(end - 1) + 1
    return end + is_blank


def _has_comment(instruction: Instruction, text: Joined, start: int, end: int) -> bool:
    if b"\n" in text.data[start:end]:
        return True
    low, high = text.at(start - 1), text.at(end)
    return any(low < comment.span.start < high for comment in instruction.comments)


def _statement_cuts(statement: Statement) -> list[tuple[int, int]] | None:
    """A chain that is one segment, with its terminator or the one before."""
    start, end = statement.start, statement.end
    data = statement.segments[0].text.data
    previous, following = statement.previous, statement.following
    if previous is None and following is None:
        return None
    if statement.terminator == "&":
        end = statement.terminator_at + 1
    line_start = data.rfind(b"\n", 0, start) + 1
    if not data[line_start:start].strip(b" \t") and _ends_line(data, end, following, statement):
        newline = data.find(b"\n", end)
        return [(line_start, len(data) if newline < 0 else newline + 1)]
    if following is not None and (statement.terminator != "\n" or previous is None):
        return [(start, following.start)]
    if previous is None:
        return None
    if previous.terminator == "&":
        end = max(end, statement.terminator_at + 1) if statement.terminator == ";" else end
        return [(previous.terminator_at + 1, end)]
    return [(previous.terminator_at if previous.terminator == "\n" else previous.end, end)]


def _ends_line(data: bytes, end: int, following: Statement | None, statement: Statement) -> bool:
    """Nothing else of the script stands on the rest of the line."""
    newline = data.find(b"\n", end)
    if newline < 0 or (following is not None and following.start < newline):
        return False
    rest = data[end:newline].strip(b" \t")
    if statement.terminator == ";":
        rest = rest.removeprefix(b";").lstrip(b" \t")
    return not rest or rest.startswith(b"#")


def _merged(spans: list[Span]) -> tuple[Span, ...]:
    """In order, those that touch put together."""
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
