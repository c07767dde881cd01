"""A file's lines, and the instructions' lines that they make when joined.

BuildKit reads line by line: a line of comment or blanks is passed over, a line that ends in the escape
character goes on in the next one. Spans and errors are the file's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile import blanks
from wherry.dockerfile.directives import DirectiveReader
from wherry.dockerfile.source import Joined, Source, Span, decode, join
from wherry.dockerfile.syntax import Comment, DockerfileError, refusal
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LINES: Final = 250_000
"""No Dockerfile that people or programs wrote comes near; each line of one may become many objects."""

MAX_LINE_BYTES: Final = 64 * 1024
"""The buffer of BuildKit's scanner: a line with its newline fills it at most, a last one leaves a byte."""

MAX_JOINED_BYTES: Final = 4 * 1024 * 1024
"""What continuations may put together. Linux starts no shell with a command of more than 128 KiB."""

_BOM: Final = b"\xef\xbb\xbf"
_GAPS: Final = (b" ", b"\t")
_COMMENT: Final = 0x23  # "#"


class LogicalLine(Frozen):
    """An instruction's lines, joined."""

    joined: Joined
    start: int  # first byte that is not a blank
    end: int  # of the last line, before its line ending
    comments: tuple[Comment, ...]
    blank_lines: tuple[Span, ...]


class LineReader:
    """Walks over a file once, from its first line to its last.

    Args:
        source: The file.

    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.comments: list[Comment] = []
        self.too_long: int | None = None  # where the line starts that no further line is read from
        self._data = source.data
        self._at = 0
        self._lines_left = MAX_LINES
        self._directives = DirectiveReader(source)
        self._following = (0, 0)
        self._last_end = 0

    @property
    def offset(self) -> int:
        """Where the next line starts."""
        return min(self._at, len(self._data))

    @property
    def escape(self) -> bytes:
        """The escape character in force."""
        return self._directives.escape

    @property
    def directives(self) -> DirectiveReader:
        """What the first lines said."""
        return self._directives

    def logical_lines(self) -> Iterator[LogicalLine]:
        """The instructions' lines in turn; a heredoc read between two turns is passed over.

        Raises:
            DockerfileError: A directive is repeated or sets no escape character; or the file is beyond
                all measure.

        """
        while (line := self.next_line()) is not None:
            start, end = line
            if start == 0 and self._data.startswith(_BOM):
                start = len(_BOM)
            start = blanks.skip(self._data, start, end)
            if start < end and self._data[start] == _COMMENT:
                if not self._directives.take(start, end):
                    self.comments.append(self._comment(start, end))
            elif start < end:
                self._directives.close()
                yield self._join(start, end)
            else:
                self._directives.close()

    def next_line(self) -> tuple[int, int] | None:
        """Where the next line starts and where its text ends, before its line ending; None behind the last.

        Raises:
            DockerfileError: There are too many.

        """
        start = self._at
        if start >= len(self._data) or self.too_long is not None:
            return None
        newline = self._data.find(b"\n", start, start + MAX_LINE_BYTES)
        if newline < 0:
            newline = len(self._data)
            if newline - start >= MAX_LINE_BYTES:
                self.too_long = start
                return None
        self._at = newline + 1
        self._lines_left -= 1
        if self._lines_left < 0:
            raise refusal(
                self.source,
                Span(start, newline),
                f"the file has more than {MAX_LINES} lines",
                "is it a Dockerfile?",
            )
        while newline > start and self._data[newline - 1] == 0x0D:  # noqa: PLR2004 - "\r"
            newline -= 1
        return start, newline

    def _join(self, start: int, end: int) -> LogicalLine:
        if self._continued(start, end) is None:
            return LogicalLine(join(self._data, [(start, end)]), start, end, (), ())
        pieces: list[tuple[int, int]] = []
        comments: list[Comment] = []
        blank_lines: list[Span] = []
        line_start, line_end = start, end
        length = 0
        while (cut := self._continued(line_start, line_end)) is not None:
            pieces.append((line_start, cut))
            length += cut - line_start
            if length > MAX_JOINED_BYTES:
                what = f"the instruction is longer than {MAX_JOINED_BYTES} bytes"
                raise refusal(self.source, Span(start, cut), what, "COPY the text from a file")
            if not self._skip_between(comments, blank_lines):
                break
            line_start, line_end = self._following
            end = line_end
        else:
            pieces.append((line_start, line_end))
        if comments or blank_lines:
            end = max(end, self._last_end)
        self.comments.extend(comments)
        return LogicalLine(join(self._data, pieces), start, end, tuple(comments), tuple(blank_lines))

    def _skip_between(self, comments: list[Comment], blank_lines: list[Span]) -> bool:
        """Go to the next line that is neither comment nor blank; whether there is one."""
        while (line := self.next_line()) is not None:
            start, end = line
            text = blanks.skip(self._data, start, end)
            if text == end:
                blank_lines.append(Span(start, end))
            elif self._data[text] == _COMMENT:
                comments.append(self._comment(text, end))
            else:
                self._following = line
                return True
            self._last_end = end
        return False

    def _continued(self, start: int, end: int) -> int | None:
        """Where a line that goes on is cut: before its escape character; None if it does not go on."""
        data, escape = self._data, self._directives.escape
        while data.endswith(_GAPS, start, end):
            end -= 1
        if not data.endswith(escape, start, end) or data.endswith(escape + escape, start, end):
            return None
        return end - 1

    def _comment(self, start: int, end: int) -> Comment:
        text_start = blanks.skip(self._data, start + 1, end)
        text = self._data[text_start : blanks.trim(self._data, text_start, end)]
        return Comment(decode(text), Span(start, end))

    def too_long_error(self) -> DockerfileError:
        """What to raise when a line did not fit."""
        start = self.too_long or 0
        return refusal(
            self.source,
            Span(start, min(start + MAX_LINE_BYTES, len(self._data))),
            f"the line is longer than the {MAX_LINE_BYTES - 1} bytes that BuildKit reads",
            "break it with a continuation, or COPY the text from a file",
        )
