"""What is in force before each instruction: variables, user, directory, shell.

All scopes of a file share one history of its ENV and ARG; a scope is a point in it. So a file of 100,000
instructions costs what it says, not its square, and a look at any scope is quick.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from wherry.dockerfile.words import Budget, Expansion, WordError, expand
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.dockerfile.stages import Stage
    from wherry.dockerfile.syntax import Instruction

DEFAULT_SHELL: Final = ("/bin/sh", "-c")
_WINDOWS_SHELL: Final = ("cmd", "/S", "/C")
SCRATCH_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The PATH that BuildKit gives to an image from nothing."""

FILE_STEPS: Final = 1 << 25
"""How many characters variables may bring into all words of a file."""

MAX_PATH: Final = 4096
"""Linux takes no longer one."""

_ABSOLUTE: Final = regex(
    r"[/\\]|[A-Za-z]:|\$\{"
)  # also of Windows, or one that begins with what is not known
_NOT_ENV: Final = frozenset({"BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"})

Kind = Literal["env", "arg"]


class Value(Frozen):
    """A variable's value; what a base image may bring stands in it as ``${NAME}``."""

    text: str
    is_known: bool
    version: int = 0


class History:
    """Which variable got which value when, along one path through the stages.

    Args:
        parent: The history that this one branched from.
        version: When it did.

    """

    __slots__ = ("_parent", "_values", "_versions", "start", "version")

    def __init__(self, parent: History | None = None, version: int = 0) -> None:
        self.start = self.version = version
        self._parent = parent
        self._values: dict[Kind, dict[str, list[Value]]] = {"env": {}, "arg": {}}
        self._versions: dict[Kind, dict[str, list[int]]] = {"env": {}, "arg": {}}

    def put(self, kind: Kind, name: str, text: str, *, is_known: bool) -> None:
        """Set a variable, in a new version."""
        self.version += 1
        self._values[kind].setdefault(name, []).append(Value(text, is_known, self.version))
        self._versions[kind].setdefault(name, []).append(self.version)

    def get(self, kind: Kind, name: str, version: int) -> Value | None:
        """What a variable was in a version; None if it was not set."""
        history: History | None = self
        while history is not None:
            versions = history._versions[kind].get(name)  # noqa: SLF001 - another one of the same class
            if versions and (at := bisect_right(versions, version)):
                return history._values[kind][name][at - 1]  # noqa: SLF001 - the same
            version = min(version, history.start)
            history = history._parent  # noqa: SLF001 - the same
        return None

    def names(self, kind: Kind, version: int) -> Iterator[str]:
        """The variables that were set in a version, each once."""
        seen: set[str] = set()
        history: History | None = self
        while history is not None:
            for name, versions in history._versions[kind].items():  # noqa: SLF001 - another one of the same class
                if versions[0] > version:
                    break  # names stand in the order in which they were first set
                if name not in seen:
                    seen.add(name)
                    yield name
            version = min(version, history.start)
            history = history._parent  # noqa: SLF001 - the same


class Variables(Mapping[str, str]):
    """Names and values in one scope; a view, which copies nothing.

    Args:
        scope: The scope.
        kinds: ENV, ARG, or both as a word of the Dockerfile sees them.

    """

    __slots__ = ("_kinds", "_scope")

    def __init__(self, scope: Scope, kinds: tuple[Kind, ...]) -> None:
        self._scope = scope
        self._kinds = kinds

    def __repr__(self) -> str:
        return f"Variables({dict(self)!r})"

    def __getitem__(self, name: str) -> str:
        found = self.look_up(name)
        if found is None:
            raise KeyError(name)
        return found.text

    def __iter__(self) -> Iterator[str]:
        first, *rest = self._kinds
        history, version = self._scope.history, self._scope.version
        yield from history.names(first, version)
        for kind in rest:
            for name in history.names(kind, version):
                if history.get(first, name, version) is None:
                    yield name

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.look_up(name) is not None

    def look_up(self, name: str) -> Value | None:
        """The value with whether all of it is known."""
        scope = self._scope
        env = scope.history.get("env", name, scope.version) if "env" in self._kinds else None
        arg = scope.history.get("arg", name, scope.version) if "arg" in self._kinds else None
        if env is None or arg is None:
            return env or arg
        # ENV wins over an ARG before it, and over those of the stages below; an ARG after it wins.
        return arg if arg.version > env.version and arg.version > scope.stage_version else env


class Scope(Frozen):
    """What is in force before an instruction.

    Attributes:
        user: Of the last USER; empty when there was none and the base's is in force.
        workdir: Absolute, of the WORKDIRs so far; empty when there was none. A relative one without an
            absolute one before it counts from ``/``.
        shell: What the shell form is handed to.
        is_workdir_known: Nothing of the directory depends on the base or on a variable nobody knows.
        is_whole: Nothing lies below that could set more: the first base is ``scratch``.

    """

    history: History
    version: int = 0
    stage_version: int = 0
    user: str = ""
    workdir: str = ""
    shell: tuple[str, ...] = DEFAULT_SHELL
    is_workdir_known: bool = True
    is_whole: bool = False

    @property
    def env(self) -> Mapping[str, str]:
        """What ENV set, here and in the stages below; a base image's own is not known."""
        return Variables(self, ("env",))

    @property
    def args(self) -> Mapping[str, str]:
        """The ARGs that have a value."""
        return Variables(self, ("arg",))

    @property
    def variables(self) -> Mapping[str, str]:
        """ENV and ARG together as words of the Dockerfile and commands of a RUN see them."""
        return Variables(self, ("env", "arg"))

    def is_known(self, name: str) -> bool:
        """The variable is set here, and nothing of its value depends on the base image."""
        found = Variables(self, ("env", "arg")).look_up(name)
        return found is not None and found.is_known

    def expand(self, text: str, *, escape: str = "\\", budget: Budget | None = None) -> Expansion:
        """A word of the Dockerfile; what the base may set stays as ``${NAME}``, and is in ``unknown``.

        Raises:
            WordError: BuildKit refuses the word.

        """
        return expand(text, self.variables, escape=escape, keeps_unset=not self.is_whole, budget=budget)


class Problem(Frozen):
    """What BuildKit refuses when it comes to an instruction; not before, so an unused stage may hold one."""

    instruction: Instruction
    what: str
    mend: str = ""


class Settings(Frozen):
    """What the scopes of all stages share.

    Attributes:
        args: The values that an ARG without a default has: those above the first FROM, and the platform's.
        build_args: Those of ``--build-arg``, which win over defaults.
        escape: The file's escape character.
        problems: Where refused words are told.
        budget: Of all words of the file.

    """

    args: Mapping[str, str]
    build_args: Mapping[str, str]
    escape: str
    problems: list[Problem]
    budget: Budget


class _ScopeMaker:
    """Makes the scopes of one stage, instruction by instruction.

    Args:
        scope: What is in force behind FROM.
        settings: Of the file.

    """

    def __init__(self, scope: Scope, settings: Settings) -> None:
        self.scope = scope
        self._settings = settings
        self._steps = {
            "env": self._env,
            "arg": self._arg,
            "user": self._user,
            "workdir": self._workdir,
            "shell": self._shell,
        }

    def apply(self, instruction: Instruction) -> Scope:
        """What is in force behind an instruction."""
        step = self._steps.get(instruction.keyword)
        if step:
            step(instruction)
            if self.scope.version != self.scope.history.version:
                self.scope = replace(self.scope, version=self.scope.history.version)
        return self.scope

    def _expand(self, instruction: Instruction, text: str) -> tuple[str, bool]:
        """The text as far as it is known, and whether all of it is."""
        if not ("$" in text or "'" in text or '"' in text or self._settings.escape in text):
            return text, True
        try:
            found = self.scope.expand(text, escape=self._settings.escape, budget=self._settings.budget)
        except WordError as error:
            self._settings.problems.append(Problem(instruction, error.what, error.mend))
            return text, False
        is_known = (self.scope.is_whole or not found.unknown) and all(map(self.scope.is_known, found.used))
        return found.value, is_known

    def _env(self, instruction: Instruction) -> None:
        history = self.scope.history
        for pair in instruction.pairs:
            # All of one line see the variables as they were before it.
            name, _ = self._expand(instruction, pair.name.value)
            value, is_known = self._expand(instruction, pair.value.value if pair.value else "")
            history.put("env", name, value, is_known=is_known)

    def _arg(self, instruction: Instruction) -> None:
        history = self.scope.history
        for pair in instruction.pairs:
            name = pair.name.value
            if name in _NOT_ENV:
                continue
            if name in self._settings.build_args:
                value, is_known = self._settings.build_args[name], True
            elif pair.value is not None:
                value, is_known = self._expand(instruction, pair.value.value)
            elif name in self._settings.args:
                value, is_known = self._settings.args[name], True
            else:
                continue
            history.put("arg", name, value, is_known=is_known)
            self.scope = replace(self.scope, version=history.version)

    def _user(self, instruction: Instruction) -> None:
        self.scope = replace(self.scope, user=self._expand(instruction, _text(instruction))[0])

    def _workdir(self, instruction: Instruction) -> None:
        path, is_known = self._expand(instruction, _text(instruction))
        is_absolute = _ABSOLUTE.match(path) is not None
        if not path.startswith("/"):
            is_known = is_known and (
                is_absolute or (self.scope.is_workdir_known and bool(self.scope.workdir))
            )
        if not is_absolute:
            path = posixpath.join(self.scope.workdir or "/", path)
        if len(path) > MAX_PATH:
            self._settings.problems.append(
                Problem(instruction, "the directory's path is longer than any may be")
            )
            self.scope = replace(self.scope, is_workdir_known=False)
            return
        if path.startswith("/"):
            path = re.sub(r"\A//", "/", posixpath.normpath(path))
        self.scope = replace(self.scope, workdir=path, is_workdir_known=is_known)

    def _shell(self, instruction: Instruction) -> None:
        self.scope = replace(self.scope, shell=instruction.values)


def _text(instruction: Instruction) -> str:
    return instruction.arguments[0].value if instruction.arguments else ""


class StageScopes:
    """The scopes of all stages, each made when somebody first asks for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[int, list[Scope]] = {}
        self._heir: dict[int, int] = {}

    def prepare(self, stages: list[Stage]) -> None:
        """Choose of each stage the child with most descendants: it goes on in the stage's own history.

        So a look-up passes through no more histories than the logarithm of how many stages there are.
        """
        sizes = [1] * len(stages)
        for stage in reversed(stages):
            if stage.parent is not None:
                parent = stage.parent.index
                sizes[parent] += sizes[stage.index]
                heir = self._heir.get(parent)
                if heir is None or sizes[heir] < sizes[stage.index]:
                    self._heir[parent] = stage.index

    def of(self, stage: Stage) -> list[Scope]:
        """The scope before each instruction of a stage, and the one at its end."""
        waiting = []
        for ancestor in stage.ancestry():
            if ancestor.index in self._made:
                break
            waiting.append(ancestor)
        for ancestor in reversed(waiting):
            self._made[ancestor.index] = self._make(ancestor)
        return self._made[stage.index]

    def _make(self, stage: Stage) -> list[Scope]:
        maker = _ScopeMaker(self._start(stage), self._settings)
        for trigger in stage.triggered:
            maker.apply(trigger)
        return [maker.scope, *(maker.apply(instruction) for instruction in stage.instructions)]

    def _start(self, stage: Stage) -> Scope:
        if stage.parent is None:
            history = History()
            is_scratch = stage.base == "scratch"
            if is_scratch:
                history.put("env", "PATH", SCRATCH_PATH, is_known=True)
            shell = _WINDOWS_SHELL if stage.is_windows else DEFAULT_SHELL
            return Scope(history, history.version, history.version, is_whole=is_scratch, shell=shell)
        end = self._made[stage.parent.index][-1]
        is_heir = self._heir[stage.parent.index] == stage.index
        history = end.history if is_heir else History(end.history, end.version)
        return replace(end, history=history, stage_version=end.version)
