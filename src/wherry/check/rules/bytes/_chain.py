"""Commands put into a RUN, or taken out, where its author would have; None where that is not certain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Edit
from wherry.dockerfile.shell.segments import removal_spans
from wherry.dockerfile.source import Span, decode
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.runs import RunFacts
    from wherry.dockerfile.shell import Command, Word
    from wherry.dockerfile.shell.segments import Segment

_LAYOUT: Final = regex(r"(?P<lead>[ \t]*(?:\S\n[ \t]*)?)(?:&&|;)(?P<trail>[ \t]*(?:\S\n[ \t]*)?)")


def option_behind(run: RunFacts, word: Word, option: str) -> Edit | None:
    """Give a command an option, right behind one of its words."""
    if run.instruction.is_json or run.script.errors or not word.is_literal:
        return None
    end = word.span.end
    return Edit(run.stage.facts.file.name, Span(end, end), f" {option}")


def command_behind(run: RunFacts, command: Command, *texts: str) -> Edit | None:
    """Run *texts* where *command* has succeeded, in the layout of the commands around it."""
    segment = command.segment
    if run.instruction.is_json or run.script.errors or segment is None or command.nesting:
        return None
    separator = _separator(segment)
    if separator is None:
        return None
    prefix = "sudo " if "sudo" in command.wrapped_by and not run.is_root else ""
    end = segment.span.end
    joiner = f"\n{_indent(run, segment)}" if separator == "\n" else _joiner(run, segment, separator)
    text = "".join(f"{joiner}{prefix}{text}" for text in texts)
    return Edit(run.stage.facts.file.name, Span(end, end), text)


def without(run: RunFacts, command: Command) -> tuple[Edit, ...] | None:
    """The RUN without one of its commands."""
    if run.instruction.is_json or run.script.errors:
        return None
    spans = removal_spans(command, run.instruction)
    return tuple(Edit(run.stage.facts.file.name, span, "") for span in spans) if spans else None


def _separator(segment: Segment) -> str | None:
    """What must stand between a command and one put behind it, so that every failure stays one."""
    statement = segment.statement
    if segment.commands != 1 or segment.documents or not statement.is_editable or segment.operator == "||":
        return None
    if segment.following is not None:
        return "&&" if segment.following.operator == "&&" else None
    if statement.terminator == "&":
        return None
    # The last command's status is the step's: what follows it must not hide that it failed.
    return "&&" if statement.following is None else statement.terminator


def _joiner(run: RunFacts, segment: Segment, operator: str) -> str:
    """What joins the commands around this one, with *operator* in its place."""
    for gap in (_gap_before(run, segment), _gap_behind(run, segment)):
        layout = _LAYOUT.fullmatch(gap)
        if layout and "\n" in gap:
            lead = layout["lead"] if "\n" in layout["lead"] else " " if operator == "&&" else ""
            return f"{lead}{operator}{layout['trail'] or ' '}"
    own = _text(run, *segment.span)
    if "\n" not in own:
        return " && " if operator == "&&" else "; "
    last = own.rpartition("\n")[2]
    indent = last[: len(last) - len(last.lstrip())]
    broken = f" {run.stage.facts.dockerfile.escape}\n{indent}"
    return f"{broken}&& " if operator == "&&" else f";{broken}"


def _gap_before(run: RunFacts, segment: Segment) -> str:
    if segment.previous is not None:
        return _text(run, segment.previous.span.end, segment.span.start)
    before = segment.statement.previous
    return _text(run, before.segments[-1].span.end, segment.span.start) if before else ""


def _gap_behind(run: RunFacts, segment: Segment) -> str:
    following = segment.following
    return _text(run, segment.span.end, following.span.start) if following else ""


def _text(run: RunFacts, start: int, end: int) -> str:
    return decode(run.stage.facts.file.data[start:end]).replace("\r\n", "\n")


def _indent(run: RunFacts, segment: Segment) -> str:
    data = run.stage.facts.file.data
    start = segment.span.start
    line = decode(data[data.rfind(b"\n", 0, start) + 1 : start])
    return line[: len(line) - len(line.lstrip())]
