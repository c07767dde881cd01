"""Where a Dockerfile holds secrets: `scan_file`, which gives `facts.secrets`."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.facts.secrets import Secret, find_secrets, is_value_of, redacted
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.dockerfile.syntax import Instruction

_ASSIGNED: Final = regex(r"(?:--?|-D)?([A-Za-z_][\w.-]{0,100})=(.+)", re.DOTALL)
_HEADER: Final = regex(r"(?i)authorization:\s{0,3}(?:bearer|token|basic)\s{1,3}(\S{8,4096})")


def scan_file(facts: Facts) -> tuple[Secret, ...]:
    """Every secret value in the Dockerfile, each once, in the order of the file."""
    found = {secret.span: secret for secret in _by_form(facts)}
    spans = sorted(found)
    for secret in _by_name(facts):
        # what has a credential's form inside is told as that
        at = bisect_right(spans, secret.span.end, key=lambda span: span.start) - 1
        if at < 0 or spans[at].end <= secret.span.start:
            found.setdefault(secret.span, secret)
    return tuple(found[span] for span in sorted(found))


def _by_form(facts: Facts) -> Iterator[Secret]:
    source = facts.file
    instructions = facts.dockerfile.instructions
    starts = [instruction.span.start for instruction in instructions]
    text = source.data.decode("latin-1")  # characters are bytes: places need no counting
    for one in find_secrets(text):
        at = bisect_right(starts, one.start) - 1
        inside = instructions[at] if at >= 0 and one.start < instructions[at].span.end else None
        yield Secret(
            one.kind,
            "",
            redacted(text[one.start : one.end]),
            Span(one.start, one.end),
            inside,
            inside.keyword if inside else "comment",
            is_certain=True,
        )


def _by_name(facts: Facts) -> Iterator[Secret]:
    for variable in facts.variables:
        if variable.value_span is not None and variable.is_known:
            yield from _valued(variable.name, variable.value, variable.value_span, variable.instruction)
    for run in facts.runs:
        for call in run.calls:
            yield from _in_call(call, run.instruction)
        for first, second in pairwise(run.calls):
            if second.program == "chpasswd" and second.command.before == "|":
                yield from _given_to_chpasswd(first, run.instruction)


def _in_call(call: Call, instruction: Instruction) -> Iterator[Secret]:
    """``export WANDB_API_KEY=...``, ``--token ...``, ``-H "Authorization: Bearer ..."``, ``KEY=... cmd``."""
    for name, word in call.command.assignments:
        if word.is_literal:
            yield from _valued(name, word.value, word.span, instruction)
    before = ""
    for value in call.arguments:
        text = value.text
        if value.is_whole_word:
            if assigned := _ASSIGNED.fullmatch(text):
                yield from _valued(assigned[1], assigned[2], value.span, instruction)
            elif before.startswith("--"):
                yield from _valued(before.lstrip("-"), text, value.span, instruction)
            elif header := _HEADER.search(text):
                yield from _valued("AUTHORIZATION_TOKEN", header[1], value.span, instruction)
        before = text


def _given_to_chpasswd(call: Call, instruction: Instruction) -> Iterator[Secret]:
    """``echo "app:password" | chpasswd``."""
    for value in call.arguments if call.program in {"echo", "printf"} else ():
        user, colon, password = value.text.removesuffix("\\n").partition(":")
        if colon and user and password and "$" not in value.text:
            kind = f"password of the user {user}"
            yield Secret(
                kind, "", redacted(password), value.span, instruction, instruction.keyword, is_certain=False
            )


def _valued(name: str, value: str, span: Span, instruction: Instruction) -> Iterator[Secret]:
    if is_value_of(value, name):
        kind = f"value of {name}"
        yield Secret(kind, name, redacted(value), span, instruction, instruction.keyword, is_certain=False)
