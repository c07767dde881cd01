"""Secrets handed to a RUN by BuildKit: the flag, and the frontend that knows it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.model import Edit
from wherry.dockerfile.shell.segments import removal_spans
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.runs import RunFacts
    from wherry.dockerfile.shell import Command

_BOM: Final = b"\xef\xbb\xbf"


def with_secret(facts: Facts, run: RunFacts, fields: str) -> Edit:
    """Give a RUN the secret that *fields* describe: ``id=token,env=TOKEN``."""
    at = run.instruction.keyword_span.end
    return Edit(facts.file.name, Span(at, at), f" --mount=type=secret,{fields}")


def syntax_line(facts: Facts) -> list[Edit]:
    """The frontend that knows secrets, where the file names none."""
    if facts.dockerfile.directive("syntax") is not None:
        return []
    at = len(_BOM) if facts.file.data.startswith(_BOM) else 0
    return [Edit(facts.file.name, Span(at, at), "# syntax=docker/dockerfile:1\n")]


def without(facts: Facts, run: RunFacts, commands: Sequence[Command]) -> list[Edit] | None:
    """A RUN without some of its commands, no RUN where it has no others; None where that is not certain."""
    if run.instruction.is_json or run.script.errors:
        return None
    if len(run.script.commands) == len(commands):
        return [taken_out(facts.dockerfile, run.instruction)]
    spans: list[Span] = []
    for command in commands:
        found = removal_spans(command, run.instruction)
        if not found:
            return None
        spans += found
    spans.sort()
    is_apart = all(one.end < other.start for one, other in pairwise(spans))
    return [Edit(facts.file.name, span, "") for span in spans] if is_apart else None
