"""Reads a Dockerfile as BuildKit does, and loses nothing of it.

As in BuildKit there are two passes: the first makes instructions of lines, the second asks whether each
instruction is one that can be built. So of two mistakes the same one is told first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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
)

if TYPE_CHECKING:
    from wherry.dockerfile.source import Joined, Source

MAX_WORDS: Final = 500_000
"""Flags, arguments and comments a file may have in all: what is beyond is no Dockerfile but an attack."""

_GAP: Final = re.compile(rb"[\t\v\f\r ]++")
_CHAINED: Final = 2  # ONBUILD ONBUILD, which nothing builds
_TAKE_HEREDOCS: Final = frozenset({"add", "copy", "run"})


def parse(source: Source) -> Dockerfile:
    """Read a Dockerfile.

    Raises:
        DockerfileError: BuildKit would not accept it either; or it is beyond all measure.

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
        data = line.joined.data
        outer, *inner = self._heads(line)
        arguments, is_json = self._arguments(line, (inner or [outer])[-1])
        self._count(line, len(outer.flags) + len(arguments) + len(line.comments) + len(line.blank_lines))
        takes_heredocs = len(inner) < _CHAINED and (inner or [outer])[-1].keyword in _TAKE_HEREDOCS
        heredocs: tuple[Heredoc, ...] = ()
        if takes_heredocs and not is_json and b"<<" in data:
            heredocs = self._heredocs(line)
        build = _Builder(index, line, heredocs)
        if not inner:
            return build(outer, arguments, is_json=is_json)
        if len(inner) > 1:
            arguments, is_json = (), False
        trigger = build(inner[0], arguments, is_json=is_json, is_outermost=False)
        return build(outer, (), is_json=False, trigger=trigger)

    def _heads(self, line: LogicalLine) -> list[_Head]:
        """The instruction's head; of an ONBUILD also its trigger's, and if that is one too the innermost."""
        data = line.joined.data
        end = blanks.trim(data, 0, len(data))
        heads = [self._head(line.joined, blanks.skip(data, 0, end), end)]
        while heads[-1].keyword == "onbuild" and heads[-1].body_start < end:
            head = self._head(line.joined, heads[-1].body_start, end)
            if len(heads) > _CHAINED:
                heads.pop()
            heads.append(head)
        return heads

    def _head(self, joined: Joined, start: int, end: int) -> _Head:
        gap = _GAP.search(joined.data, start, end)
        keyword_end, flags_start = gap.span() if gap else (end, end)
        flags, body_start = read_flags(joined, flags_start, end, self._reader.escape, self._words_left + 1)
        body_start = blanks.skip(joined.data, body_start, end)
        keyword = decode(joined.data[start:keyword_end]).lower()
        return _Head(keyword, start, keyword_end, flags, body_start, end)

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
                name = announcement.name[:80]
                raise self._refuse(
                    line,
                    f"the heredoc {name!r} does not end",
                    f"close it with a line that is {name!r} and nothing else",
                )
            bodies.append(body)
        return tuple(bodies)

    def _count(self, line: LogicalLine, words: int) -> None:
        self._words_left -= words
        if self._words_left < 0:
            raise self._refuse(
                line,
                f"the file has more than {MAX_WORDS} flags, arguments and comments",
                "is it a Dockerfile?",
            )

    def _refuse(self, line: LogicalLine, what: str, mend: str) -> DockerfileError:
        return refusal(self._source, Span(line.start, line.end), what, mend)


@dataclass(frozen=True, slots=True)
class _Head:
    """Keyword and flags, as offsets in the joined line."""

    keyword: str
    start: int
    keyword_end: int
    flags: tuple[Flag, ...]
    body_start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Builder:
    """Makes an instruction and its trigger, which share lines, heredocs and comments."""

    index: int
    line: LogicalLine
    heredocs: tuple[Heredoc, ...]

    def __call__(
        self,
        head: _Head,
        arguments: tuple[Argument, ...],
        *,
        is_json: bool,
        trigger: Instruction | None = None,
        is_outermost: bool = True,
    ) -> Instruction:
        joined = self.line.joined
        end = self.heredocs[-1].span.end if self.heredocs else self.line.end
        keyword_span = joined.span(head.start, head.keyword_end)
        start = self.line.start if is_outermost else keyword_span.start
        return Instruction(
            index=self.index,
            keyword=head.keyword,
            span=Span(start, end),
            keyword_span=keyword_span,
            flags=head.flags,
            arguments=arguments,
            is_json=is_json,
            body=joined.cut(head.body_start, head.end),
            heredocs=self.heredocs,
            comments=self.line.comments,
            blank_lines=self.line.blank_lines,
            trigger=trigger,
        )
