"""How a container of a stage starts: `stage.ending`, what its chain leaves in force.

ending.user, .workdir, .env           as the last instructions leave them
ending.user_instruction               the USER in force; None when the base's stays
ending.is_root                        it starts as root, as far as is known
ending.entrypoint, .cmd               `Entry`, or None; a CMD below an ENTRYPOINT of a later stage is void
ending.calls                          the commands a container starts with: ENTRYPOINT with CMD's arguments
ending.healthcheck                    the HEALTHCHECK in force; None when there is none or it is NONE
ending.exposed                        `Port`: number, protocol, where
ending.volumes                        absolute paths
ending.stop_signal                    empty when not set
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from wherry.check.facts.calls import Call, read_calls
from wherry.check.facts.expanding import expanded
from wherry.check.facts.known import KnownVariables
from wherry.check.facts.runs import user_of
from wherry.dockerfile.endings import Ending as ImageEnding
from wherry.dockerfile.endings import ending_of
from wherry.dockerfile.shell import Word, read_instruction
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.source import Span
    from wherry.dockerfile.stages import Scope
    from wherry.dockerfile.syntax import Instruction

_PORT: Final = regex(r"(\d{1,5})(?:-(\d{1,5}))?(?:/(\w+))?")
_SHELLS: Final = frozenset({"bash", "sh", "zsh", "fish", "ash", "dash"})
_MOST_PORTS: Final = 100


class Port(Frozen):
    """One exposed port, or a range."""

    first: int
    last: int
    protocol: str  # "tcp", "udp"
    span: Span
    instruction: Instruction


class Entry:
    """A CMD or ENTRYPOINT.

    Attributes:
        instruction: The CMD or ENTRYPOINT.
        is_json: Its form: of JSON it is executed as it stands, else by a shell, which is then PID 1.

    """

    def __init__(self, instruction: Instruction, scope: Scope, shell: tuple[str, ...]) -> None:
        self.instruction = instruction
        self.is_json = instruction.is_json
        self._scope = scope
        self._shell = shell

    @property
    def argv(self) -> tuple[str, ...]:
        """The arguments of the JSON form; of the shell form the shell, ``-c`` and the text."""
        if self.is_json:
            return self.instruction.values
        return (*self._shell, self.instruction.body.text)

    @property
    def is_void(self) -> bool:
        """``CMD []``, ``ENTRYPOINT []``: it takes away what was there."""
        return self.is_json and not self.instruction.arguments

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Its commands as they will run, whatever its form."""
        env, workdir = KnownVariables(self._scope, with_args=False), self._scope.workdir or "/"
        return read_calls(read_instruction(self.instruction, self._shell).commands, env, workdir)


def is_shell_alone(calls: Sequence[Call]) -> bool:
    """A container starts with a shell that is given nothing to do: somebody works in it."""
    if len(calls) != 1 or calls[0].program not in _SHELLS:
        return False
    return all(text in {"-l", "--login", "-i"} for text in calls[0].texts)


class Ending:
    """What is in force at the end of a stage. What is given stands at the head of this module.

    Args:
        stage: The stage.
        scope: At its end.

    """

    def __init__(self, stage: StageFacts, scope: Scope) -> None:
        self._stage = stage
        self.scope = scope

    @property
    def user(self) -> str:
        """USER in force, else the base's where known; empty: root, or not known."""
        return user_of(self.scope, self._stage)

    @property
    def is_root(self) -> bool:
        """It starts as root, as far as is known."""
        return self.user.partition(":")[0] in {"", "root", "0"}

    @property
    def workdir(self) -> str:
        """WORKDIR in force; ``/`` when none is known."""
        return self.scope.workdir or "/"

    @property
    def env(self) -> Mapping[str, str]:
        """ENV in force, as far as its values are known."""
        return KnownVariables(self.scope, with_args=False)

    @cached_property
    def _said(self) -> ImageEnding:
        return ending_of(self._stage.stage, escape=self._stage.facts.dockerfile.escape)

    @cached_property
    def user_instruction(self) -> Instruction | None:
        """The USER in force."""
        return next((one for one in reversed(self._stage.all_instructions) if one.keyword == "user"), None)

    @cached_property
    def entrypoint(self) -> Entry | None:
        """The ENTRYPOINT in force."""
        return self._entry(self._said.entrypoint)

    @cached_property
    def cmd(self) -> Entry | None:
        """The CMD in force."""
        return self._entry(self._said.cmd)

    def _entry(self, found: Instruction | None) -> Entry | None:
        # Variables of CMD are the container's, which are those at the end; its shell is that of its place.
        entry = Entry(found, self.scope, self._shell_at(found)) if found else None
        return None if entry is None or entry.is_void else entry

    def _shell_at(self, instruction: Instruction) -> tuple[str, ...]:
        """The shell before an instruction; of a trigger, that at the end."""
        stage = self._stage.facts.stage_of(instruction)
        is_own = stage is not None and instruction in stage.stage.instructions
        return stage.scope(instruction).shell if stage and is_own else self.scope.shell

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The commands a container starts with: ENTRYPOINT's with CMD's arguments, else CMD's."""
        entrypoint, cmd = self.entrypoint, self.cmd
        if entrypoint is None:
            return cmd.calls if cmd else ()
        if cmd is None or not (entrypoint.is_json and cmd.is_json):
            return entrypoint.calls
        arguments = (*entrypoint.instruction.arguments, *cmd.instruction.arguments)
        both = msgspec.structs.replace(entrypoint.instruction, arguments=arguments)
        return _fed(Entry(both, self.scope, self.scope.shell).calls, cmd)

    @property
    def healthcheck(self) -> Instruction | None:
        """The HEALTHCHECK in force."""
        return self._said.healthcheck if self._said.is_watched else None

    @cached_property
    def exposed(self) -> tuple[Port, ...]:
        """What EXPOSE names, in the order of the build."""
        ports: list[Port] = []
        for instruction in self._stage.all_instructions:
            if instruction.keyword != "expose":
                continue
            env = self._stage.facts.known_before(instruction)
            for argument in instruction.arguments[:_MOST_PORTS]:
                found = _PORT.fullmatch(expanded(argument.value, env)[0])
                if found:
                    first = int(found[1])
                    last, protocol = int(found[2] or first), (found[3] or "tcp").lower()
                    ports.append(Port(first, last, protocol, argument.span, instruction))
        return tuple(ports)

    @property
    def volumes(self) -> tuple[str, ...]:
        """What VOLUME names."""
        return tuple(self._said.volumes)

    @property
    def stop_signal(self) -> str:
        """What STOPSIGNAL names."""
        found = self._said.stopsignal
        return found.values[0] if found else ""


def _fed(calls: tuple[Call, ...], cmd: Entry) -> tuple[Call, ...]:
    """The calls of ``sh -c '... exec "$@"'`` with CMD's words where the script hands them on."""
    if not calls or not calls[-1].command.words or calls[-1].command.words[-1].value != "$@":
        return calls
    *before, last = calls
    own = [word for word in last.command.words if word.value not in {"$0", "$@"}]
    given = [
        Word(one.value, is_literal=True, span=one.span, raw=one.value) for one in cmd.instruction.arguments
    ]
    command = replace(last.command, words=(*own, *given))
    return (*before, *read_calls([command], last.env, last.directory))


def read_ending(stage: StageFacts) -> Ending:
    """What is in force at the end of *stage*."""
    return Ending(stage, stage.facts.scope_at_end(stage.stage))
