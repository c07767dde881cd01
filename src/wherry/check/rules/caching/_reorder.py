"""COPYs of the source that stand before installs, and how they come to stand behind them."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.edits import all_taken_out, block_of, is_apart, put_behind, written
from wherry.check.facts.context import normal
from wherry.check.facts.installed import heaviest
from wherry.check.model import Aspect, Edit, Effect, Fix, Safety
from wherry.check.rules.caching._passing import Passage, Step, context_origin
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts

_CODE: Final = frozenset({"src", "app", "lib", "server", "service", "backend", "api", "code", "package"})
_CODE_SUFFIXES: Final = (
    ".py",
    ".js",
    ".ts",
    ".tsx",
    ".rs",
    ".go",
    ".cpp",
    ".cu",
    ".java",
    ".scala",
    ".r",
    ".R",
)
_TOOLS: Final = frozenset({"pip", "setuptools", "wheel", "uv", "poetry", "pdm", "pipenv", "build"})
_PROJECTS: Final = frozenset({"uv", "poetry", "pdm", "pipenv", "npm", "yarn", "pnpm"})
_PLAIN: Final = regex(r"[\w./+@-]+\*?")
_KEPT_FLAGS: Final = frozenset({"chown", "chmod", "link"})
_LEAVES_STATE: Final = frozenset({"cd", "export", ".", "source", "set"})
_NAMED: Final = 2
_MOST_COPIES: Final = 500  # that are looked at
_MOST_MOVED: Final = 20
_MOST_STEPS: Final = 200


class Late(Frozen):
    """COPYs of the source before installs that do not need them.

    Attributes:
        copies: In order.
        installs: What is installed again for each change of them.
        steps: What the copies could be moved behind, up to the last install; empty where they cannot.

    """

    stage: StageFacts
    copies: tuple[CopyFacts, ...]
    installs: tuple[Install, ...]
    steps: tuple[Step, ...] = ()

    @property
    def what(self) -> str:
        """What is installed, as a sentence goes on."""
        return described(max(self.installs, key=_weight))

    def fix(self) -> Fix | None:
        """Move the copies below the installs; None where that is not possible."""
        return _Move(self).fix() if self.steps else None


def late_copies(stage: StageFacts) -> Iterator[Late]:
    """COPYs of the source in a stage that stand before installs; those that stay only where none can move."""
    if not any(install.brings_packages for install in stage.installs):
        return
    last = max(install.run.index for install in stage.installs)
    early = [copy for copy in stage.copies if copy.index < last][:_MOST_COPIES]
    sources = [copy for copy in early if is_source(copy)][:_MOST_MOVED]
    movable: list[Late] = []
    end = 0
    for at, first in enumerate(sources):
        found = _movable(stage, sources[at:]) if first.index > end else None
        if found:
            end = found.steps[-1].instruction.index
            movable.append(found)
    kept = _fixed(stage, sources, {install.span for one in movable for install in one.installs})
    if kept:  # what only the system gains by then is not worth a sentence of its own
        movable = [one for one in movable if not all(install.is_system for install in one.installs)]
    yield from movable
    if kept:
        yield kept


def is_source(copy: CopyFacts) -> bool:
    """It takes a directory of code out of the context, or all of it."""
    if not copy.is_from_context or copy.inline_files or copy.urls or copy.parents or copy.excludes:
        return False
    return copy.takes_all or any(_is_code(copy, source) for source in copy.sources)


def _is_code(copy: CopyFacts, source: str) -> bool:
    context = copy.stage.facts.context
    plain = source.strip("/")
    if context is not None and context.exists(plain):
        return any(entry.path.endswith(_CODE_SUFFIXES) for entry in context.below(plain))
    return posixpath.basename(plain) in _CODE


def _movable(stage: StageFacts, sources: Sequence[CopyFacts]) -> Late | None:
    """The copies that the installs behind the first of them could pass."""
    facts = stage.facts
    moved: list[CopyFacts] = []
    steps: list[Step] = []
    start = sources[0].index - stage.start.index - 1
    for instruction in stage.stage.instructions[start : start + _MOST_STEPS]:
        copy = next((copy for copy in sources if copy.instruction is instruction), None)
        if copy is not None:
            moved.append(copy)
            continue
        step = Passage(moved, facts).step(instruction)
        if step is None or _only_completes(step, sources[0]):
            break
        steps.append(step)
        if any(needs.without_project for _, needs in step.installs):
            break
    while steps and not steps[-1].installs:
        steps.pop()
    installs = [install for step in steps for install, _ in step.installs]
    if not any(map(_matters, installs)):
        return None
    end = steps[-1].instruction.index
    copies = tuple(copy for copy in moved if copy.index < end)
    return Late(stage, copies, tuple(installs), tuple(steps))


def _only_completes(step: Step, copy: CopyFacts) -> bool:
    """It installs the project alone: what that requires was installed ahead of the source."""
    stage = copy.stage
    takes_project = any(needs.without_project for _, needs in step.installs)
    return takes_project and any(
        _brings_lists(install) for install in stage.all_installs if _is_before(install, copy, stage)
    )


def _fixed(stage: StageFacts, sources: Sequence[CopyFacts], moved: AbstractSet[Span]) -> Late | None:
    """Copies before installs that something keeps in their place, once those that can be *moved* are."""
    for copy in reversed(sources):
        before = [
            one
            for one in stage.all_installs
            if one.brings_packages and (_is_before(one, copy, stage) or one.span in moved)
        ]
        if any(map(_brings_lists, before)) or _several(before):
            continue
        behind = [
            install
            for install in stage.installs
            if install.run.index > copy.index and install.span not in moved
        ]
        installs = [
            install
            for install in behind
            if _matters(install)
            and (_goes_by_lists(install) or _brings_dependencies(install) or _names_them(install))
        ]
        if installs:
            return Late(stage, (copy,), tuple(installs))
    return None


def _goes_by_lists(install: Install) -> bool:
    if install.manager in _PROJECTS:
        return install.action in {"install", "sync"} and not install.packages and not install.installs_project
    return bool(install.requirement_files) and not install.installs_project


def _names_them(install: Install) -> bool:
    """Its command line alone says what it installs, and that is several packages or a heavy one."""
    if not install.is_python or install.requirement_files or install.installs_project:
        return False
    is_named = bool(install.packages) and not any(package.is_local for package in install.packages)
    return is_named and (_several([install]) or heaviest((install,)) is not None)


def _brings_dependencies(install: Install) -> bool:
    """It installs the project, and with it what the project requires."""
    if not install.installs_project or install.has("--no-deps"):
        return False
    pyproject = install.inputs.pyproject
    return pyproject is None or pyproject.is_dynamic or bool(pyproject.dependencies)


def _is_before(install: Install, copy: CopyFacts, stage: StageFacts) -> bool:
    return install.run.stage is not stage or install.run.index < copy.index


def _brings_lists(install: Install) -> bool:
    """It installed dependencies ahead of the source."""
    if not install.brings_packages or install.is_system:
        return False
    if install.manager in _PROJECTS and install.action in {"install", "sync"} and not install.packages:
        return True
    return bool(install.requirement_files) or _several([install])


def _several(installs: Iterable[Install]) -> bool:
    """Several packages are named, the installers themselves not counted."""
    named = {name for install in installs if not install.is_system for name in install.names}
    return len(named - _TOOLS) > 1


def _matters(install: Install) -> bool:
    """It installs more than the installers themselves."""
    return not install.packages or not _TOOLS.issuperset(install.names) or install.has_unknown


def _weight(install: Install) -> tuple[bool, bool, int]:
    return _goes_by_lists(install) or install.installs_project, _matters(install), len(install.packages)


def described(install: Install) -> str:
    """An install in words: "pip installs requirements.txt"."""
    names = install.requirement_files or install.names
    if not names and install.installs_project and install.manager not in _PROJECTS:
        return f"{install.manager} installs the project with all it requires"
    if not names:
        return f"{install.manager} {install.subcommand}"
    rest = len(names) - _NAMED
    return f"{install.manager} installs {', '.join(names[:_NAMED])}{f' and {rest} more' if rest > 0 else ''}"


class _Move:
    """The edits that put copies behind installs."""

    def __init__(self, late: Late) -> None:
        self._late = late
        self._facts: Facts = late.stage.facts
        self._dockerfile = self._facts.dockerfile
        self._needs = [needs for step in late.steps for _, needs in step.installs]

    def fix(self) -> Fix | None:
        """All of them, or None where one cannot be made."""
        ahead = self._ahead()
        again = self._again()
        if ahead is None or again is None:
            return None
        copies, last = self._late.copies, self._late.steps[-1].instruction
        edits = [self._replaced(copy, ahead[copy.index]) for copy in copies if copy.index in ahead]
        gone = [copy.instruction for copy in copies if copy.index not in ahead]
        edits += all_taken_out(self._dockerfile, gone)
        text = "".join(written(self._dockerfile, copy.instruction) for copy in copies)
        text = f"\n{text}" if is_apart(self._dockerfile, copies[0].instruction) else text
        edits.append(put_behind(self._dockerfile, last, text + again[1]))
        edits += again[0]
        return Fix(
            self._title(ahead), tuple(edits), self._safety(), self._effect(ahead, is_split=bool(again[1]))
        )

    def _title(self, ahead: dict[int, list[str]]) -> str:
        if not any(ahead.values()):
            return "copy the source below the install"
        return "copy what the install reads first, and the source below it"

    def _safety(self) -> Safety:
        is_known = self._facts.context is not None and all(step.is_certain for step in self._late.steps)
        return Safety.SAFE if is_known else Safety.UNSAFE

    def _effect(self, ahead: dict[int, list[str]], *, is_split: bool) -> Effect:
        inserts = sum(map(len, ahead.values())) + is_split
        aspects = {Aspect.ORDER}
        if inserts > is_split:
            aspects.add(Aspect.COPIES)
        touched = {copy.index for copy in self._late.copies}
        if is_split:
            touched.add(self._late.steps[-1].instruction.index)
            aspects |= {Aspect.COMMANDS, Aspect.MOUNTS}
        return Effect(frozenset(touched), inserts, frozenset(aspects))

    def _replaced(self, copy: CopyFacts, lines: list[str]) -> Edit:
        block = block_of(self._dockerfile, copy.instruction)
        return Edit(self._facts.file.name, block, "".join(f"{line}\n" for line in lines))

    def _ahead(self) -> dict[int, list[str]] | None:
        """COPYs of the lists, by the index of the copy that would have brought them."""
        groups: dict[tuple[int, str], list[str]] = {}
        for path in dict.fromkeys(path for needs in self._needs for path in needs.paths):
            copy = next((copy for copy in self._late.copies if _is_in(path, copy)), None)
            origin = context_origin(copy, path) if copy else None
            if copy is None or self._is_there(path, origin):
                continue
            if origin is None or not _PLAIN.fullmatch(origin):
                return None
            groups.setdefault((copy.index, posixpath.dirname(path)), []).append(origin)
        lines: dict[int, list[str]] = {}
        for (index, directory), origins in groups.items():
            copy = next(copy for copy in self._late.copies if copy.index == index)
            lines.setdefault(index, []).append(self._line(copy, origins, directory))
        return lines

    def _line(self, copy: CopyFacts, origins: Iterable[str], directory: str) -> str:
        flags = [flag.span for flag in copy.instruction.flags if flag.name in _KEPT_FLAGS]
        inner = posixpath.relpath(directory, copy.destination.rstrip("/") or "/")
        own = copy.instruction.arguments[-1].value.rstrip("/")
        below = f"{inner}/" if inner != "." else ""
        own = (
            below or "./"
            if own in {"", "."} and not copy.written_destination.startswith("/")
            else f"{own}/{below}"
        )
        return " ".join(["COPY", *map(self._facts.text, flags), *origins, own])

    def _is_there(self, path: str, origin: str | None) -> bool:
        """A COPY that stays where it is brings the very file, or the only one of that name."""
        context = self._facts.context
        is_only = origin is None or (context is not None and not context.exists(origin))
        moved = {copy.index for copy in self._late.copies}
        end = self._late.steps[-1].instruction.index
        others = (
            copy
            for copy in self._late.stage.all_copies
            if copy.index not in moved and (copy.stage is not self._late.stage or copy.index < end)
        )
        return any(
            copy.target_of(source) == path and (is_only or (copy.from_ is None and normal(source) == origin))
            for copy in others
            for source in copy.sources
        )

    def _again(self) -> tuple[list[Edit], str] | None:
        """The install without the project, and the line that installs the project afterwards."""
        step = self._late.steps[-1]
        split = [(install, needs) for install, needs in step.installs if needs.without_project]
        if not split:
            return [], ""
        install, needs = split[0]
        line = repeated(install)
        if line is None or len(split) > 1:
            return None
        end = install.command.words[-1].span.end
        return [Edit(self._facts.file.name, Span(end, end), f" {needs.without_project}")], line


def repeated(install: Install) -> str | None:
    """A RUN that carries out an install once more; None where it would not be the same."""
    command, facts = install.command, install.run.stage.facts
    programs = {call.program for call in install.run.calls}
    if command.nesting or command.wrapped_by or command.redirects or programs & _LEAVES_STATE:
        return None
    text = facts.text(command.span)
    if "\n" in text:
        raw = [f"{name}={word.raw}" for name, word in command.assignments]
        text = " ".join([*raw, *(word.raw for word in command.words)])
    flags = [facts.text(flag.span) for flag in install.run.instruction.flags]
    return " ".join(["RUN", *flags, text]) + "\n"


def _is_in(path: str, copy: CopyFacts) -> bool:
    tree = copy.destination.rstrip("/")
    return path.startswith(f"{tree}/")
