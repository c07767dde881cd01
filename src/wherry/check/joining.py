"""RUNs that stand directly below one another, made one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.model import Edit
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts.runs import RunFacts

_LEAVES_STATE: Final = frozenset(
    {
        *(
            "cd",
            "pushd",
            "popd",
            "export",
            "declare",
            "readonly",
            "typeset",
            "local",
            "set",
            "unset",
            "umask",
        ),
        *("source", ".", "exec", "eval", "alias", "shopt", "trap", "exit", "return", "ulimit"),
    }
)


_OWN_SHELL: Final = frozenset({"subshell", "substitution", "script"})


def may_join(first: RunFacts, second: RunFacts) -> bool:
    """The commands of *second* can follow those of *first* behind ``&&``, and mean the same."""
    if second.index != first.index + 1 or first.scope.shell != second.scope.shell:
        return False
    facts = first.stage.facts
    flags = [[facts.text(flag.span) for flag in run.instruction.flags] for run in (first, second)]
    return flags[0] == flags[1] and _is_chain(first) and _is_chain(second) and not _leaves_state(first)


def _is_chain(run: RunFacts) -> bool:
    """One chain of ``&&`` and nothing else: another can be put behind it."""
    instruction, script = run.instruction, run.script
    is_plain = not (instruction.is_json or instruction.heredocs or instruction.blank_lines or script.errors)
    if not is_plain or not script.is_shell or not script.commands or b"#" in instruction.body.data:
        return False
    segments = [command.segment for command in script.commands if not command.nesting]
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


def joined(runs: Sequence[RunFacts]) -> tuple[Edit, ...] | None:
    """The edits that make one RUN of several, in their order; None where that might not be the same."""
    if len(runs) < 2 or not all(may_join(first, second) for first, second in pairwise(runs)):  # noqa: PLR2004 - two
        return None
    return tuple(_behind(first, second) for first, second in pairwise(runs))


def _behind(first: RunFacts, second: RunFacts) -> Edit:
    """What stands between two RUNs, as a continuation; comments between them stay."""
    facts = first.stage.facts
    end = second.instruction.body.at(0)
    start = first.span.start + len(
        facts.dockerfile.source.data[first.span.start : first.span.end].rstrip(b" \t")
    )
    between = facts.text(Span(start, second.span.start)).replace("\r\n", "\n")
    comments = [line for line in between.split("\n")[1:] if line.strip().startswith("#")]
    lines = "".join(f"{line}\n" for line in comments)
    return Edit(facts.file.name, Span(start, end), f" {facts.dockerfile.escape}\n{lines}    && ")
