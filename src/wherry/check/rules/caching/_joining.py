"""RUNs that stand directly below one another, made one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.model import Edit
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts import Facts
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


def may_join(first: RunFacts, second: RunFacts) -> bool:
    """The commands of *second* can follow those of *first* behind ``&&``, and mean the same."""
    if second.index != first.index + 1 or first.scope.shell != second.scope.shell:
        return False
    facts = first.stage.facts
    flags = [[facts.text(flag.span) for flag in run.instruction.flags] for run in (first, second)]
    return flags[0] == flags[1] and _is_plain(first) and _is_plain(second) and _is_chain(second)


def _is_plain(run: RunFacts) -> bool:
    """A script in one piece that ends as it looks: no comment, no document, nothing in the background."""
    script, instruction = run.script, run.instruction
    if instruction.is_json or instruction.heredocs or script.errors or not script.is_shell:
        return False
    leaves_nothing = all(command.words for command in script.commands) and not any(
        call.program in _LEAVES_STATE for call in run.calls
    )
    text = instruction.body.data
    return (
        bool(run.calls) and leaves_nothing and b"#" not in text and not text.rstrip().endswith((b"&", b";"))
    )


def _is_chain(run: RunFacts) -> bool:
    """Commands joined by ``&&`` alone: what stands before them decides whether they run."""
    return all(command.before in {"", "&&"} and not command.nesting for command in run.script.commands)


def joined(facts: Facts, runs: Sequence[RunFacts]) -> list[Edit]:
    """One RUN of several; comments between them stay."""
    edits = []
    escape = facts.dockerfile.escape
    for first, second in pairwise(runs):
        start, end = first.span.end, second.instruction.body.at(0)
        inside = (one for one in facts.dockerfile.comments if start <= one.span.start < second.span.start)
        comments = "".join(f"{facts.text(comment.span)}\n" for comment in inside)
        edits.append(Edit(facts.file.name, Span(start, end), f" {escape}\n{comments}    && "))
    return edits
