"""RUNs that follow each other made one, where that is the same: chains of ``&&``, and no state between."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.model import Edit
from wherry.dockerfile.source import Span, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts.runs import RunFacts

_LEAVES_STATE: Final = frozenset(
    {
        "cd",
        "pushd",
        "popd",
        "export",
        "declare",
        "readonly",
        "typeset",
        "set",
        "unset",
        "source",
        ".",
        "umask",
        "exec",
        "eval",
        "alias",
        "shopt",
        "trap",
        "exit",
        "return",
        "ulimit",
        "local",
    }
)


_OWN_SHELL: Final = frozenset({"subshell", "substitution", "script"})


def merged(runs: Sequence[RunFacts]) -> tuple[Edit, ...] | None:
    """The edits that make one RUN of several, in their order; None where that might not be the same."""
    if len(runs) < 2 or not all(map(_is_chain, runs)) or not _are_adjacent(runs):  # noqa: PLR2004 - two
        return None
    if any(_leaves_state(run) for run in runs[:-1]):
        return None
    return tuple(_joined(first, second) for first, second in pairwise(runs))


def _is_chain(run: RunFacts) -> bool:
    """One chain of ``&&`` and nothing else: another can be put behind it."""
    instruction = run.instruction
    is_plain = not (instruction.is_json or instruction.heredocs or instruction.flags or run.script.errors)
    if not is_plain or not run.script.is_shell or not run.script.commands or instruction.blank_lines:
        return False
    segments = [command.segment for command in run.script.commands if not command.nesting]
    if not segments or None in segments:
        return False
    for segment in segments:
        statement = segment.statement if segment else None
        if statement is None or statement.previous or statement.following or statement.terminator:
            return False
        if any(one.operator == "||" for one in statement.segments):
            return False
    return True


def _leaves_state(run: RunFacts) -> bool:
    """A directory, a variable or an option of the shell would be in force for what is put behind it."""
    return any(
        not command.words or command.program in _LEAVES_STATE
        for command in run.script.commands
        if _OWN_SHELL.isdisjoint(command.nesting)
    )


def _are_adjacent(runs: Sequence[RunFacts]) -> bool:
    first = runs[0]
    return all(
        run.stage is first.stage and run.index == first.index + at and run.scope.shell == first.scope.shell
        for at, run in enumerate(runs)
    )


def _joined(first: RunFacts, second: RunFacts) -> Edit:
    """What stands between two RUNs, as a continuation; comments between them stay."""
    file = first.stage.facts.file
    escape = first.stage.facts.dockerfile.escape
    start, end = first.span.end, second.instruction.body.at(0)
    between = decode(file.data[start : second.span.start]).replace("\r\n", "\n")
    comments = [line for line in between.split("\n")[1:] if line.strip().startswith("#")]
    lines = "".join(f"{line}\n" for line in comments)
    return Edit(file.name, Span(start, end), f" {escape}\n{lines}    && ")
