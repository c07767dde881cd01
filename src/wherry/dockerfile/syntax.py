"""What a Dockerfile says, as values: directives, instructions, flags, arguments, heredocs, comments.

Nothing of the file is lost: every value knows the bytes it stands on, and what lies between instructions is
blank lines, comments and directives only. Values are BuildKit's: what its parser hands to its instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.dockerfile.source import encode
from wherry.errors import InputError
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.dockerfile.source import Joined, Source, Span


_SHOWN_CHARS: Final = 16
_START_CHARS: Final = 4


class DockerfileError(InputError):
    """What BuildKit would not build from either.

    Args:
        what: What is wrong, one sentence without a full stop.
        where: ``file:line``.
        mend: How to put it right.
        line: The line, from 1, on which the refused instruction begins.
        span: The bytes that are refused.

    """

    def __init__(
        self, what: str, *, where: str = "", mend: str = "", line: int = 0, span: Span | None = None
    ) -> None:
        super().__init__(what, where=where, mend=mend)
        self.line = line
        self.span = span

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip from a worker process with line and span."""
        return _rebuild, (self.what, self.where, self.mend, self.line, self.span)


def _rebuild(what: str, where: str, mend: str, line: int, span: Span | None) -> DockerfileError:
    return DockerfileError(what, where=where, mend=mend, line=line, span=span)


def refusal(source: Source, span: Span, what: str, mend: str) -> DockerfileError:
    """The error of bytes that are refused; its line is the one on which they begin."""
    line = source.line(span.start)
    return DockerfileError(what, where=f"{source.name}:{line}", mend=mend, line=line, span=span)


def shown(text: str) -> str:
    """What a message may show of the user's text: a plain word; of all else, it may be secret, the start."""
    if len(text) <= _SHOWN_CHARS and not any(character in "=:" for character in text):
        return repr(text)
    return f"{text[:_START_CHARS]!r}... ({len(text)} characters)"


class Flag(Frozen):
    """``--name`` or ``--name=value`` before the arguments; the value without its quotes."""

    name: str
    value: str | None
    span: Span
    value_span: Span | None


class Argument(Frozen):
    """One argument as BuildKit's parser yields it: quotes are kept, but for the JSON form."""

    value: str
    span: Span


class Pair(Frozen):
    """A name and its value, of ENV, LABEL and ARG; ``ARG name`` alone has no value."""

    name: Argument
    value: Argument | None


class Heredoc(Frozen):
    """A file written into the Dockerfile, ``<<EOF`` to ``EOF``."""

    name: str
    expands: bool  # variables in it; not when the name was quoted
    strips_tabs: bool  # <<-EOF
    descriptor: int  # 3<<EOF
    body: Span
    text: Joined  # what the build gets, of <<- without the leading tabs, and where it stands
    span: Span  # body and closing line

    @property
    def content(self) -> str:
        """What the build gets."""
        return self.text.text


class Comment(Frozen):
    """A line of comment; its text is without ``#`` and the blanks around."""

    text: str
    span: Span


class Directive(Frozen):
    """``# name=value`` on the first lines: syntax, escape or check."""

    name: str
    value: str
    span: Span


class Instruction(Frozen, eq=False):
    """One instruction with all its lines, from its keyword to the last byte before the line ending.

    It is the one at its place: another that says the same is not equal to it.
    """

    index: int  # in the file, from 0; of a trigger that of its ONBUILD
    keyword: str  # lower case: "run"
    span: Span
    keyword_span: Span
    flags: tuple[Flag, ...]
    arguments: tuple[Argument, ...]
    is_json: bool
    body: Joined  # what follows the flags, continuations joined, comment lines dropped
    heredocs: tuple[Heredoc, ...]
    comments: tuple[Comment, ...]  # between its lines
    blank_lines: tuple[Span, ...]  # between its lines: accepted, and BuildKit warns
    trigger: Instruction | None  # of ONBUILD

    def flag(self, name: str) -> Flag | None:
        """The flag of that name, the last one if it is repeated."""
        return next((flag for flag in reversed(self.flags) if flag.name == name), None)

    def flag_values(self, name: str) -> list[Flag]:
        """All flags of that name, in order: ``--mount`` and its like may be repeated."""
        return [flag for flag in self.flags if flag.name == name]

    @property
    def values(self) -> tuple[str, ...]:
        """The arguments' values."""
        return tuple(argument.value for argument in self.arguments)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Names and values of ENV, LABEL and ARG; nothing for other instructions."""
        if self.keyword == "arg":
            return tuple(self._split_arguments())
        if self.keyword not in {"env", "label"}:
            return ()
        found = self.arguments
        return tuple(Pair(found[i], found[i + 1]) for i in range(0, len(found), 2))

    def _split_arguments(self) -> Iterator[Pair]:
        """``name`` and ``name=value`` of ARG, taken apart where they stand in the body."""
        at = 0
        for argument in self.arguments:
            whole = encode(argument.value)
            start = self.body.data.index(whole, at)
            at = start + len(whole)
            equals = self.body.data.find(b"=", start, at)
            if equals < 0:
                yield Pair(argument, None)
            else:
                name, _, value = argument.value.partition("=")
                spans = self.body.span(start, equals), self.body.span(equals + 1, at)
                yield Pair(Argument(name, spans[0]), Argument(value, spans[1]))

    @property
    def is_legacy_pair(self) -> bool:
        """``ENV name value`` or ``LABEL name value`` without an equals sign."""
        if self.keyword not in {"env", "label"} or len(self.arguments) != 2:  # noqa: PLR2004 - one pair
            return False
        return not self.body.data.startswith(encode(self.arguments[0].value) + b"=")


class Dockerfile(Frozen, eq=False):
    """A file that BuildKit's parser accepts."""

    source: Source
    directives: tuple[Directive, ...]
    escape: str  # "\\" or "`"
    instructions: tuple[Instruction, ...]
    comments: tuple[Comment, ...]  # all, those inside instructions too

    def directive(self, name: str) -> Directive | None:
        """The directive of that name."""
        return next((directive for directive in self.directives if directive.name == name), None)
