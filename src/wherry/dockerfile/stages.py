"""The stages of a Dockerfile, what each is built from and what it takes from others.

As BuildKit has it: a stage's name is lower case, ``FROM name`` is the last stage of that name so far, and
``--from=name`` the last of all. What BuildKit refuses only when it builds is told in ``problems``.
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from wherry.dockerfile.mounts import FieldsError, split_fields
from wherry.dockerfile.scopes import DEFAULT_SHELL, FILE_STEPS, Problem, Scope, Settings, StageScopes
from wherry.dockerfile.words import Budget, WordError, expand
from wherry.errors import InputError
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wherry.dockerfile.source import Span
    from wherry.dockerfile.syntax import Dockerfile, Instruction

__all__ = ["DEFAULT_SHELL", "Problem", "Scope", "Stage", "StageGraph", "Use", "build_graph", "scope_before"]

DEFAULT_PLATFORM: Final = "linux/amd64"
_NO_ARGS: Final[Mapping[str, str]] = MappingProxyType({})
_NUMBER: Final = regex(r"[+-]?[0-9]{1,18}")
_WINDOWS: Final = regex(r"windowsservercore|nanoserver|(?:^|/)windows(?:[/:@]|$)")
_MAX_TRIGGERED: Final = 100_000  # instructions that ONBUILD brings into stages of the same file, in all


class Stage:
    """One stage: its FROM and what follows it.

    Attributes:
        index: From 0, in the order of the file.
        name: Of ``AS name``, in lower case.
        start: The FROM.
        instructions: What follows it.
        base: What it is built from, variables put in; empty when one that is needed has no value.
        parent: The stage that *base* names.
        platform: Of ``--platform``, variables put in.
        root_base: The base of the first of the stages that it is built from, or its own.
        triggered: What the ONBUILDs of *parent* do at its beginning.

    """

    __slots__ = (
        "_scopes",
        "base",
        "index",
        "instructions",
        "name",
        "parent",
        "platform",
        "root_base",
        "start",
        "triggered",
    )

    def __init__(  # noqa: PLR0913 - what a FROM says
        self,
        index: int,
        start: Instruction,
        instructions: tuple[Instruction, ...],
        *,
        base: str,
        parent: Stage | None,
        platform: str | None,
        triggered: tuple[Instruction, ...],
        scopes: StageScopes,
    ) -> None:
        self.index = index
        self.name = start.values[2].lower() if len(start.arguments) > 2 else None  # noqa: PLR2004 - AS name
        self.start = start
        self.instructions = instructions
        self.base = base
        self.parent = parent
        self.platform = platform
        self.root_base: str = parent.root_base if parent else base
        self.triggered = triggered
        self._scopes = scopes

    def __repr__(self) -> str:
        return f"Stage({self.index}, {self.name!r}, base={self.base!r})"

    @property
    def is_windows(self) -> bool:
        """It is one of Windows, where cmd is the shell and nobody is root, as far as names tell."""
        return (self.platform or "").startswith("windows") or _WINDOWS.search(self.root_base) is not None

    def chain(self) -> tuple[Stage, ...]:
        """Itself, then the stages of this file that it is built from, nearest first."""
        return tuple(self.ancestry())

    def ancestry(self) -> Iterator[Stage]:
        """The same, one by one."""
        stage: Stage | None = self
        while stage is not None:
            yield stage
            stage = stage.parent


class Use(Frozen):
    """That one stage needs another, or an image."""

    kind: Literal["from", "copy", "mount"]
    stage: Stage  # the one that needs
    instruction: Instruction
    reference: str  # as BuildKit looks it up
    source: Stage | None  # None: an image from elsewhere, or nothing at all
    span: Span

    @property
    def is_possible(self) -> bool:
        """What it names stands before it in the file, or elsewhere."""
        return self.source is None or self.source.index < self.stage.index


class StageGraph:
    """The stages of a file and what leads from one to another.

    Attributes:
        dockerfile: The file.
        stages: In the order of the file.
        target: What is built: the last, unless another was asked for.
        args: The ARGs above the first FROM that have a value, and the platform's.
        uses: Every FROM, COPY --from and mount from= that names a stage or an image, in order.

    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        stages: tuple[Stage, ...],
        args: Mapping[str, str],
        problems: list[Problem],
    ) -> None:
        self.dockerfile = dockerfile
        self.stages = stages
        self.target = stages[-1]
        self.args = args
        self._named = {stage.name: stage for stage in stages if stage.name}
        self._problems = problems
        self.uses = tuple(use for stage in stages for use in self._uses(stage))

    def find(self, reference: str | int) -> Stage | None:
        """The stage that ``--from=reference`` means: by number, else the last one of that name."""
        if isinstance(reference, str):
            if not _NUMBER.fullmatch(reference):
                return self._named.get(reference.lower())
            reference = int(reference)
        return self.stages[reference] if 0 <= reference < len(self.stages) else None

    def used_by(self, stage: Stage) -> tuple[Use, ...]:
        """What *stage* needs."""
        return self._by_user.get(stage.index, ())

    def users_of(self, stage: Stage) -> tuple[Use, ...]:
        """What needs *stage*."""
        return self._by_source.get(stage.index, ())

    @cached_property
    def reachable(self) -> frozenset[int]:
        """The indexes of the stages that building the target builds."""
        found = {self.target.index}
        waiting = [self.target]
        while waiting:
            for use in self.used_by(waiting.pop()):
                if use.source is not None and use.source.index not in found:
                    found.add(use.source.index)
                    waiting.append(use.source)
        return frozenset(found)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What BuildKit would refuse while building, so far as anybody looked; all of it after `check`."""
        return tuple(self._problems)

    def check(self) -> tuple[Problem, ...]:
        """Look at every instruction, and tell what BuildKit would refuse while building."""
        for stage in self.stages:
            scope_before(stage, None)
        return self.problems

    @cached_property
    def _by_user(self) -> dict[int, tuple[Use, ...]]:
        return _grouped((use.stage, use) for use in self.uses)

    @cached_property
    def _by_source(self) -> dict[int, tuple[Use, ...]]:
        return _grouped((use.source, use) for use in self.uses if use.source is not None)

    def _uses(self, stage: Stage) -> Iterator[Use]:
        base = stage.start.arguments[0].span
        yield Use("from", stage, stage.start, stage.base, stage.parent, base)
        for instruction in (*stage.triggered, *stage.instructions):
            yield from self._taken(stage, instruction)

    def _taken(self, stage: Stage, instruction: Instruction) -> Iterator[Use]:
        if not instruction.flags:
            return
        if instruction.keyword == "copy":
            flag = instruction.flag("from")
            if flag and flag.value:
                source = self._copied(instruction, flag.value)
                yield Use("copy", stage, instruction, flag.value, source, flag.span)
        elif instruction.keyword == "run":
            for flag in instruction.flag_values("mount"):
                if reference := _mounted_from(flag.value or ""):
                    source = self._named.get(reference.lower())
                    yield Use("mount", stage, instruction, reference, source, flag.span)

    def _copied(self, instruction: Instruction, reference: str) -> Stage | None:
        source = self.find(reference)
        if source is None and _NUMBER.fullmatch(reference):
            mend = f"stages are numbered from 0 to {len(self.stages) - 1}"
            self._problems.append(Problem(instruction, f"there is no stage {reference}", mend))
        elif source is None and "$" in reference:
            what = "--from takes no variable"
            self._problems.append(Problem(instruction, what, "give FROM the variable, and its stage a name"))
        return source


def build_graph(
    dockerfile: Dockerfile,
    build_args: Mapping[str, str] = _NO_ARGS,
    target: str | None = None,
    platform: str = DEFAULT_PLATFORM,
) -> StageGraph:
    """The stages of a file.

    Args:
        dockerfile: The file.
        build_args: Of ``--build-arg``.
        target: Of ``--target``: a stage's name or number; the last stage without it.
        platform: What is built for, and on.

    Raises:
        InputError: There is no stage *target*.

    """
    problems: list[Problem] = []
    first = next(at for at, found in enumerate(dockerfile.instructions) if found.keyword == "from")
    args = _platform_args(platform, target or "default") | build_args_of(build_args)
    reader = _Bases(args, dockerfile.escape, problems)
    for instruction in dockerfile.instructions[:first]:
        reader.declare(instruction, build_args)
    scopes = StageScopes(Settings(reader.args, build_args, dockerfile.escape, problems, Budget(FILE_STEPS)))
    graph = StageGraph(dockerfile, _stages(dockerfile, first, reader, scopes), reader.args, problems)
    if target is not None:
        found = graph.find(target)
        if found is None:
            raise InputError(
                f"there is no stage {target[:80]!r}",
                where=dockerfile.source.name,
                mend=f"its stages: {', '.join(s.name or str(s.index) for s in graph.stages[:20])}",
            )
        graph.target = found
    return graph


def scope_before(stage: Stage, instruction: Instruction | None) -> Scope:
    """What is in force before an instruction of a stage; at its end, for None."""
    scopes = stage._scopes.of(stage)  # noqa: SLF001 - the other half of the class
    return scopes[-1 if instruction is None else instruction.index - stage.start.index - 1]


def build_args_of(build_args: Mapping[str, str]) -> dict[str, str]:
    """Those of the platform's variables that ``--build-arg`` sets anew."""
    return {name: value for name, value in build_args.items() if name in _PLATFORM_ARGS}


_PLATFORM_ARGS: Final = frozenset(
    f"{side}{part}"
    for side in ("BUILD", "TARGET")
    for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
)


def _platform_args(platform: str, target: str) -> dict[str, str]:
    system, architecture, variant = (*platform.split("/"), "", "")[:3]
    said = {"PLATFORM": platform, "OS": system, "OSVERSION": "", "ARCH": architecture, "VARIANT": variant}
    sides = ("BUILD", "TARGET")
    return {f"{side}{part}": text for side in sides for part, text in said.items()} | {"TARGETSTAGE": target}


class _Bases:
    """What FROM sees: the ARGs above it."""

    def __init__(self, args: dict[str, str], escape: str, problems: list[Problem]) -> None:
        self.args = args
        self._escape = escape
        self.problems = problems
        self._budget = Budget(FILE_STEPS)

    def declare(self, instruction: Instruction, build_args: Mapping[str, str]) -> None:
        for pair in instruction.pairs:
            name = pair.name.value
            if name in build_args:
                self.args[name] = build_args[name]
            elif pair.value is not None:
                self.args[name] = self.value(instruction, pair.value.value)

    def value(self, instruction: Instruction, text: str) -> str:
        try:
            return expand(text, self.args, escape=self._escape, budget=self._budget).value
        except WordError as error:
            self.problems.append(Problem(instruction, error.what, error.mend))
            return ""


def _stages(dockerfile: Dockerfile, first: int, reader: _Bases, scopes: StageScopes) -> tuple[Stage, ...]:
    instructions = dockerfile.instructions
    starts = [at for at in range(first, len(instructions)) if instructions[at].keyword == "from"]
    stages: list[Stage] = []
    named: dict[str, Stage] = {}
    triggers = _Triggers(reader.problems)
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], len(instructions)], strict=True)):
        head = instructions[start]
        base = reader.value(head, head.arguments[0].value)
        platform = head.flag("platform")
        parent = named.get(base.lower())
        stage = Stage(
            index,
            head,
            instructions[start + 1 : end],
            base=base,
            parent=parent,
            platform=reader.value(head, platform.value or "") if platform else None,
            triggered=triggers.of(parent) if parent else (),
            scopes=scopes,
        )
        stages.append(stage)
        if stage.name:
            named[stage.name] = stage
    scopes.prepare(stages)
    return tuple(stages)


class _Triggers:
    """What the ONBUILDs of a stage do to those built from it."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems
        self._of: dict[int, tuple[Instruction, ...]] = {}
        self._left = _MAX_TRIGGERED

    def of(self, stage: Stage) -> tuple[Instruction, ...]:
        if stage.index not in self._of:
            self._of[stage.index] = tuple(found.trigger for found in stage.instructions if found.trigger)
        found = self._of[stage.index]
        self._left -= len(found)
        if self._left < 0 and found:
            what = "ONBUILD triggers more instructions than can be looked at"
            self._problems.append(Problem(stage.start, what))
            return ()
        return found


def _mounted_from(value: str) -> str:
    """The ``from=`` of a mount; nothing is taken for a tmpfs."""
    if "from" not in value.lower():
        return ""
    try:
        fields = [field.partition("=") for field in split_fields(value)]
    except FieldsError:
        return ""
    said = {name.lower(): text for name, _, text in fields}
    return "" if said.get("type", "").lower() == "tmpfs" else said.get("from", "")


def _grouped(pairs: Iterator[tuple[Stage, Use]]) -> dict[int, tuple[Use, ...]]:
    found: dict[int, list[Use]] = {}
    for stage, use in pairs:
        found.setdefault(stage.index, []).append(use)
    return {index: tuple(uses) for index, uses in found.items()}
