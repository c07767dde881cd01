"""Reads a Dockerfile as BuildKit does, and loses nothing of it.

As in BuildKit there are two passes: the first makes instructions of lines, the second asks whether each
instruction is one that can be built. So of two mistakes the same one is told first. Where BuildKit's versions
differ, the newest is followed (0.33): ``<< EOF`` with a gap is a heredoc, an array with text behind is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from wherry.dockerfile import blanks
from wherry.dockerfile.arguments import ArgumentsError, Text, read_arguments
from wherry.dockerfile.flags import read_flags
from wherry.dockerfile.heredoc import HeredocError, announced, read_body
from wherry.dockerfile.instructions import check_instructions
from wherry.dockerfile.lines import LineReader, LogicalLine
from wherry.dockerfile.source import Span, decode
from wherry.dockerfile.syntax import (
    Argument,
    Dockerfile,
    DockerfileError,
    Flag,
    Heredoc,
    Instruction,
    refusal,
    shown,
)
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.source import Joined, Source

MAX_WORDS: Final = 500_000
"""Flags, arguments and comments a file may have in all: what is beyond is no Dockerfile but an attack."""

_GAP: Final = regex(rb"[\t\v\f\r ]++")
_TAKE_HEREDOCS: Final = frozenset({"add", "copy", "run"})


def parse(source: Source) -> Dockerfile:
    """Read a Dockerfile.

    Raises:
        DockerfileError: BuildKit would not accept it either; or it is beyond all measure. The line is the one
            that BuildKit names, but for a directive that is wrong and a line that is too long: of those
            BuildKit names the line before.

    """
    dockerfile = read_syntax(source)
    check_instructions(source, dockerfile.instructions)
    return dockerfile


def read_syntax(source: Source) -> Dockerfile:
    """The first pass alone: instructions that nobody asked yet whether they can be built.

    Raises:
        DockerfileError: BuildKit's parser stops here too; or the file is beyond all measure.

    """
    reader = LineReader(source)
    maker = _Maker(source, reader)
    instructions = tuple(maker.make(index, line) for index, line in enumerate(reader.logical_lines()))
    if reader.too_long is not None:
        raise reader.too_long_error()
    if not instructions:
        what = "the file holds no instruction" if source.data else "the file is empty"
        raise refusal(source, Span(0, len(source.data)), what, "a Dockerfile begins with FROM")
    return Dockerfile(
        source=source,
        directives=tuple(reader.directives.found),
        escape=reader.escape.decode("ascii"),
        instructions=instructions,
        comments=tuple(reader.comments),
    )


class _Maker:
    """Makes instructions of joined lines."""

    def __init__(self, source: Source, reader: LineReader) -> None:
        self._source = source
        self._reader = reader
        self._words_left = MAX_WORDS

    def make(self, index: int, line: LogicalLine) -> Instruction:
        """The instruction of a joined line; its heredocs are read from the lines that follow."""
        outer, inner, is_chain = self._heads(line)
        head = inner or outer
        arguments, is_json = self._arguments(line, head)
        flags = len(outer.flags) + (len(inner.flags) if inner else 0)
        words = flags + len(arguments) + len(line.comments) + len(line.blank_lines)
        if words > self._words_left:
            raise self._too_many(line)
        self._words_left -= words
        heredocs: tuple[Heredoc, ...] = ()
        if head.keyword in _TAKE_HEREDOCS and not is_json and not is_chain and b"<<" in line.joined.data:
            heredocs = self._heredocs(line)
        if inner is None:
            return _build(index, line, outer, arguments, is_json, heredocs, None)
        if is_chain:  # what it would trigger is not built, so nobody asks for its arguments
            inner, arguments, is_json = inner._replace(keyword="onbuild"), (), False
        trigger = _build(index, line, inner, arguments, is_json, heredocs, None)
        trigger = _begin_at_keyword(trigger)
        return _build(index, line, outer, (), is_json=False, heredocs=heredocs, trigger=trigger)

    def _heads(self, line: LogicalLine) -> tuple[_Head, _Head | None, bool]:
        """The instruction's head; of an ONBUILD also its trigger's, which in a chain is the innermost."""
        data = line.joined.data
        end = blanks.trim(data, 0, len(data))
        outer = self._head(line.joined, blanks.skip(data, 0, end), end)
        inner: _Head | None = None
        is_chain = False
        head = outer
        while head.keyword == "onbuild" and head.body_start < end:
            is_chain = inner is not None
            inner = head = self._head(line.joined, head.body_start, end)
        return outer, inner, is_chain

    def _head(self, joined: Joined, start: int, end: int) -> _Head:
        gap = _GAP.search(joined.data, start, end)
        keyword_end, flags_start = gap.span() if gap else (end, end)
        flags, body_start = read_flags(joined, flags_start, end, self._reader.escape, self._words_left + 1)
        keyword = decode(joined.data[start:keyword_end]).lower()
        return _Head(keyword, start, keyword_end, flags, blanks.skip(joined.data, body_start, end), end)

    def _arguments(self, line: LogicalLine, head: _Head) -> tuple[tuple[Argument, ...], bool]:
        text = Text(line.joined, head.body_start, head.end, self._reader.escape, self._words_left + 1)
        try:
            return read_arguments(head.keyword, text)
        except ArgumentsError as error:
            name = head.keyword.upper()
            raise self._refuse(line, f"{name}: {error.what}", error.mend) from None

    def _heredocs(self, line: LogicalLine) -> tuple[Heredoc, ...]:
        bodies: list[Heredoc] = []
        try:
            announcements = announced(line.joined.text)
        except HeredocError:
            raise self._refuse(
                line, "the name of a heredoc has a quote that does not end", "quote it whole, <<'EOF'"
            ) from None
        for announcement in announcements:
            body = read_body(self._reader, announcement)
            if body is None:
                name = shown(announcement.name)
                mend = f"close it with a line that is {name} and nothing else; quote a '<<' that begins none"
                raise self._refuse(line, f"the heredoc {name} does not end", mend)
            bodies.append(body)
        return tuple(bodies)

    def _too_many(self, line: LogicalLine) -> DockerfileError:
        what = f"the file has more than {MAX_WORDS} flags, arguments and comments"
        return self._refuse(line, what, "is it a Dockerfile?")

    def _refuse(self, line: LogicalLine, what: str, mend: str) -> DockerfileError:
        return refusal(self._source, Span(line.start, line.end), what, mend)


class _Head(NamedTuple):
    """Keyword and flags, as offsets in the joined line."""

    keyword: str
    start: int
    keyword_end: int
    flags: tuple[Flag, ...]
    body_start: int
    end: int


def _build(  # noqa: PLR0913, PLR0917 - each is a part of the instruction
    index: int,
    line: LogicalLine,
    head: _Head,
    arguments: tuple[Argument, ...],
    is_json: bool,  # noqa: FBT001 - one of the parts
    heredocs: tuple[Heredoc, ...],
    trigger: Instruction | None,
) -> Instruction:
    end = heredocs[-1].span.end if heredocs else line.end
    return Instruction(
        index,
        head.keyword,
        Span(line.start, end),
        line.joined.span(head.start, head.keyword_end),
        head.flags,
        arguments,
        is_json,
        line.joined.cut(head.body_start, head.end),
        heredocs,
        line.comments,
        line.blank_lines,
        trigger,
    )


def _begin_at_keyword(trigger: Instruction) -> Instruction:
    """What a trigger shares with its ONBUILD, as far as it stands behind the trigger's keyword."""
    start = trigger.keyword_span.start
    return replace(
        trigger,
        span=Span(start, trigger.span.end),
        comments=tuple(comment for comment in trigger.comments if comment.span.start > start),
        blank_lines=tuple(line for line in trigger.blank_lines if line.start > start),
    )
