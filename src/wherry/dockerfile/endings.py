"""What an image of a stage is told to do when it runs: what is in force at the stage's end.

Later instructions win over earlier ones and over those of the stages below; EXPOSE, LABEL and VOLUME add up.
An ENTRYPOINT takes away a CMD that came from the base, not one of its own stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherry.dockerfile.stages import scope_before
from wherry.dockerfile.words import WordError
from wherry.frozen import Record

if TYPE_CHECKING:
    from wherry.dockerfile.stages import Scope, Stage
    from wherry.dockerfile.syntax import Instruction

_LATEST: Final = {
    "cmd": "cmd",
    "entrypoint": "entrypoint",
    "healthcheck": "healthcheck",
    "stopsignal": "stopsignal",
}


class Ending(Record):
    """The settings of a stage's image, as far as this file makes them.

    Attributes:
        scope: ENV, USER, WORKDIR and SHELL at the end.
        cmd: The CMD in force.
        entrypoint: The ENTRYPOINT in force.
        healthcheck: The HEALTHCHECK in force, be it NONE.
        stopsignal: The STOPSIGNAL in force.
        exposed: Ports with their protocol, ``8080/tcp``, each with the EXPOSE that first names it; a range is
            as it is written.
        labels: Names and values.
        volumes: Paths.

    """

    scope: Scope
    cmd: Instruction | None = None
    entrypoint: Instruction | None = None
    healthcheck: Instruction | None = None
    stopsignal: Instruction | None = None
    exposed: dict[str, Instruction] = msgspec.field(default_factory=dict)
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    volumes: dict[str, Instruction] = msgspec.field(default_factory=dict)

    @property
    def is_watched(self) -> bool:
        """A HEALTHCHECK is in force, and is not NONE."""
        return self.healthcheck is not None and self.healthcheck.values[0].upper() != "NONE"


def ending_of(stage: Stage, *, escape: str = "\\") -> Ending:
    """What is in force at the end of a stage."""
    ending = Ending(scope_before(stage, None))
    for ancestor in reversed(stage.chain()):
        _apply(ending, ancestor, escape)
    return ending


def _apply(ending: Ending, stage: Stage, escape: str) -> None:
    has_own_cmd = False
    first = scope_before(stage, stage.instructions[0]) if stage.instructions else ending.scope
    for instruction in (*stage.triggered, *stage.instructions):
        keyword = instruction.keyword
        if keyword in _LATEST:
            setattr(ending, _LATEST[keyword], instruction)
            has_own_cmd = has_own_cmd or keyword == "cmd"
            if keyword == "entrypoint" and not has_own_cmd:
                ending.cmd = None
        elif keyword in {"expose", "label", "volume"}:
            is_own = instruction.index > stage.start.index
            _add(ending, instruction, scope_before(stage, instruction) if is_own else first, escape)


def _add(ending: Ending, instruction: Instruction, scope: Scope, escape: str) -> None:
    for pair in instruction.pairs:
        name = _expanded(scope, pair.name.value, escape)
        ending.labels[name] = _expanded(scope, pair.value.value if pair.value else "", escape)
    if instruction.keyword == "expose":
        for port in _split(scope, instruction, escape):
            number, _, protocol = port.partition("/")
            ending.exposed.setdefault(f"{number}/{protocol.lower() or 'tcp'}", instruction)
    elif instruction.keyword == "volume":
        for path in instruction.values:
            ending.volumes.setdefault(_expanded(scope, path, escape), instruction)


def _expanded(scope: Scope, text: str, escape: str) -> str:
    try:
        return scope.expand(text, escape=escape).value
    except WordError:
        return text


def _split(scope: Scope, instruction: Instruction, escape: str) -> list[str]:
    found: list[str] = []
    for text in instruction.values:
        try:
            found += scope.expand(text, escape=escape).words
        except WordError:
            found.append(text)
    return found
