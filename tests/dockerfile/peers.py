"""Two other parsers of Dockerfiles, and ours, brought to one form that can be compared.

``dockerfile`` is BuildKit's own parser of version 0.12.5 behind Python; ``e2b_dockerfile_utils`` is a port of
a newer one. Both do what our first pass does; neither asks whether the instructions can be built.
"""

from __future__ import annotations

from dataclasses import dataclass

import e2b_dockerfile_utils as e2b
import pytest

from wherry.dockerfile.parser import read_syntax
from wherry.dockerfile.source import Source
from wherry.dockerfile.syntax import Dockerfile, DockerfileError, Instruction


@dataclass(frozen=True)
class Seen:
    """One instruction, as a parser saw it."""

    keyword: str
    trigger: str
    flags: tuple[str, ...]
    values: tuple[str, ...]
    is_json: bool
    lines: tuple[int, int]
    heredocs: tuple[tuple[str, str], ...]  # names and bodies


@dataclass(frozen=True)
class Refused:
    """No instructions: the file is refused."""

    what: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Refused)

    __hash__ = None  # type: ignore[assignment]


def seen_by_us(text: str) -> tuple[Seen, ...] | Refused:
    try:
        dockerfile = read_syntax(Source("Dockerfile", text.encode()))
    except DockerfileError as error:
        return Refused(str(error))
    return tuple(_seen(dockerfile, instruction) for instruction in dockerfile.instructions)


def _seen(dockerfile: Dockerfile, instruction: Instruction) -> Seen:
    source = dockerfile.source
    inner = instruction.trigger or instruction
    last = source.data.rfind(b"\n", 0, instruction.span.end) + 1  # an end on an empty line is on that line
    return Seen(
        instruction.keyword,
        instruction.trigger.keyword if instruction.trigger else "",
        tuple(flag.name if flag.value is None else f"{flag.name}={flag.value}" for flag in instruction.flags),
        inner.values,
        inner.is_json,
        (source.line(instruction.span.start), source.line(last)),
        tuple((heredoc.name, source.text(heredoc.body)) for heredoc in instruction.heredocs),
    )


def seen_by_buildkit(text: str) -> tuple[Seen, ...] | Refused:
    """As BuildKit 0.12.5 has it. Heredocs of a trigger it does not show."""
    dockerfile = pytest.importorskip("dockerfile", reason="is built for Linux only")
    try:
        commands = dockerfile.parse_string(text)
    except dockerfile.GoParseError as error:
        return Refused(str(error))
    return tuple(
        Seen(
            (command.cmd or "").lower(),
            (command.sub_cmd or "").lower(),
            tuple(flag.removeprefix("--") for flag in command.flags),
            tuple(command.value),
            command.json,
            (command.start_line, command.end_line),
            tuple((heredoc.name, heredoc.content) for heredoc in command.heredocs),
        )
        for command in commands
    )


def seen_by_port(text: str) -> tuple[Seen, ...] | Refused:
    """As the port has it; it knows nothing of what stands behind ONBUILD."""
    try:
        instructions = e2b.parse_dockerfile_ast(text).instructions
    except e2b.DockerfileSyntaxError as error:
        return Refused(str(error))
    return tuple(
        Seen(
            instruction.name.lower(),
            "",
            tuple(flag.removeprefix("--") for flag in instruction.flags),
            _without_signs(instruction.name.lower(), instruction.args),
            instruction.json,
            (instruction.start_line, instruction.end_line),
            tuple((heredoc.name, heredoc.content) for heredoc in instruction.heredocs),
        )
        for instruction in instructions
    )


def _without_signs(keyword: str, values: list[str]) -> tuple[str, ...]:
    """Behind each name and value of ENV and LABEL it says whether ``=`` stood between them."""
    return tuple(v for at, v in enumerate(values) if keyword not in {"env", "label"} or at % 3 < 2)
