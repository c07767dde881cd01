"""One stage cut in two: where packages are built, and where they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherry.check.edits import put_before, put_behind, without_word, written
from wherry.check.model import Aspect, Edit, Effect, Fix, Safety
from wherry.check.rules.multi_stage._tools import is_tool, runtime_of
from wherry.dockerfile.source import Span
from wherry.frozen import Record
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.syntax import Instruction

_SETTINGS: Final = frozenset(
    {
        *("arg", "env", "label", "maintainer", "shell", "workdir"),
        *("cmd", "entrypoint", "expose", "healthcheck", "stopsignal"),
    }
)
_SMALL: Final = frozenset(
    {"useradd", "groupadd", "adduser", "addgroup", "usermod", "mkdir", "set", "true", "echo"}
)
_ELSEWHERE: Final = ("--user", "--target", "--prefix", "--root", "--python")
_VENV: Final = "/opt/venv"
_PIP: Final = regex(r"pip[\d.]*|python[\d.]*")
_NAMES: Final = ("build", "builder", "dependencies")


def split_fix(facts: Facts) -> Fix | None:
    """Cut the target in two; None where something in it is not understood."""
    target = facts.target
    base = target.base
    is_alone = target.parent is None and target.stage is facts.graph.stages[-1]
    is_slim = base.family == "python" and not base.has_compiler and base.flavour in {"slim", "alpine"}
    is_numbered = any(service.target and service.target.value.isdecimal() for service in facts.compose)
    if (
        is_numbered
        or not is_alone
        or not is_slim
        or facts.graph.users_of(target.stage)
        or target.base_span is None
    ):
        return None
    cut = _cut_of(target)
    if cut is None or any(map(_goes_by_others_lists, target.installs)):
        return None
    return _Split(facts, target, cut).fix()


def _cut_of(stage: StageFacts) -> Instruction | None:
    """The last RUN that installs Python packages."""
    python = [install for install in stage.installs if install.is_python and install.brings_packages]
    if not python or not all(map(_is_plain, python)):
        return None
    cut = python[-1].run.instruction
    return None if any(run.compiles for run in stage.runs if run.index > cut.index) else cut


def _is_plain(install: Install) -> bool:
    """pip, as everybody calls it, into the Python on the PATH."""
    command = install.command
    return (
        install.manager == "pip"
        and install.action == "install"
        and _PIP.fullmatch(command.name) is not None
        and not command.nesting
        and not command.wrapped_by
        and not install.has(*_ELSEWHERE)
    )


class _Split(Record):
    """What the two stages consist of."""

    facts: Facts
    stage: StageFacts
    cut: Instruction
    kept: list[str] = msgspec.field(default_factory=list)  # what the second stage has of the first
    venv: str = ""  # an environment that is made already

    def fix(self) -> Fix | None:
        """The edits, or None."""
        head = [one for one in self.stage.stage.instructions if one.index <= self.cut.index]
        name = next((one for one in _NAMES if self.facts.stage_named(one) is None), None)
        if name is None or not all(map(self._take, head)):
            return None
        dockerfile = self.facts.dockerfile
        venv = self.venv or _VENV
        path = f'ENV PATH="{venv}/bin:$PATH"\n'
        made = [] if self.venv else [f"RUN python -m venv {venv}\n", path]
        second = [*self.kept, f"COPY --from={name} {venv} {venv}\n", *([] if self.venv else [path])]
        edits = [
            self._named(name),
            put_behind(dockerfile, self.cut, "\n" + self._start() + "".join(second)),
        ]
        if made:
            edits.append(put_before(dockerfile, self._first_pip(), "".join(made)))
        effect = Effect(
            frozenset({self.stage.start.index}),
            len(made) + len(second) + 1,
            frozenset(Aspect) - {Aspect.FILES},
        )
        return Fix("build in a stage of its own", tuple(edits), Safety.UNSAFE, effect)

    def _start(self) -> str:
        """The FROM of the second stage, which has the name of the one."""
        return f"{self.facts.text(self.stage.start.span)}\n"

    def _named(self, name: str) -> Edit:
        start = self.stage.start
        if self.stage.name:
            return Edit(self.facts.file.name, start.arguments[2].span, name)
        end = start.arguments[0].span.end
        return Edit(self.facts.file.name, Span(end, end), f" AS {name}")

    def _first_pip(self) -> Instruction:
        return next(
            install.run.instruction
            for install in self.stage.installs
            if install.is_python and install.brings_packages
        )

    def _take(self, instruction: Instruction) -> bool:
        """Decide what of an instruction the second stage has; False where that is not known."""
        if instruction.keyword in _SETTINGS:
            self.kept.append(written(self.facts.dockerfile, instruction))
            return True
        if copy := self.facts.copy_of(instruction):
            if not self._is_list(copy):
                self.kept.append(written(self.facts.dockerfile, instruction))
            return copy.from_ is None
        if instruction.keyword == "user":
            return instruction.values[:1] in {("root",), ("0",)}
        run = self.facts.run_of(instruction)
        return run is not None and self._take_run(run)

    def _is_list(self, copy: CopyFacts) -> bool:
        """It brings what installs read, and nothing else."""
        read = {
            install.call.path(name)
            for install in self.stage.installs
            for name in (*install.requirement_files, *install.constraint_files)
        }
        return bool(copy.sources) and all(copy.target_of(source) in read for source in copy.sources)

    def _take_run(self, run: RunFacts) -> bool:
        if run.instruction.is_json or run.instruction.heredocs or run.script.errors or run.compiles:
            return False
        if all(call.program in _SMALL for call in run.calls):
            self.kept.append(written(self.facts.dockerfile, run.instruction))
            return True
        if self._makes_environment(run):
            return True
        python = [install for install in run.installs if install.is_python]
        if python:
            return len(python) == len(run.calls)
        return self._take_system(run)

    def _makes_environment(self, run: RunFacts) -> bool:
        """``python -m venv /venv`` alone."""
        if len(run.calls) != 1 or run.calls[0].texts[:2] != ("-m", "venv") or self.venv:
            return False
        (call,) = run.calls
        places = [word for word in call.texts[2:] if not word.startswith("-")]
        if len(places) != 1 or not call.directory:
            return False
        self.venv = call.path(places[0])
        on_path = self.stage.facts.known_before(self.cut).get("PATH", "")
        path = next((one.value for one in self.stage.variables if one.name == "PATH"), on_path)
        return path.startswith(f"{self.venv}/bin")

    def _take_system(self, run: RunFacts) -> bool:
        """A RUN of the distribution's manager: the same without tools, and gone where nothing is left."""
        calls = {install.call.command.span for install in run.installs if install.is_system}
        others = [call for call in run.calls if call.command.span not in calls]
        if not calls or any(call.program not in {"rm", "set", "echo"} for call in others):
            return False
        installs = [install for install in run.installs if install.action in {"install", "upgrade"}]
        if any(install.has_unknown or install.has("--virtual") for install in installs) or run.purged:
            return False
        cuts: list[tuple[Span, str]] = []
        stays = False
        for install in installs:
            found = self._without_tools(install)
            if found is None:
                return False
            cuts += found
            stays = stays or len(found) < len(install.packages) or any(text for _, text in found)
        if stays and any(self._is_emptied(install, cuts) for install in installs):
            return False
        if stays:
            self.kept.append(self._edited(run.instruction, cuts))
        return True

    @staticmethod
    def _is_emptied(install: Install, cuts: Sequence[tuple[Span, str]]) -> bool:
        """Nothing would be left to install by this very command."""
        gone = {span.end for span, text in cuts if not text}
        return all(package.word.span.end in gone for package in install.packages)

    def _without_tools(self, install: Install) -> list[tuple[Span, str]] | None:
        """What to take out, and the libraries that stand for headers; None where one is not known."""
        cuts: list[tuple[Span, str]] = []
        named = set(install.names)
        for package in install.packages:
            if not is_tool(package.name):
                continue
            library = runtime_of(install.manager, package.name)
            if library is None or not package.word.is_literal:
                return None
            if library and library not in named:
                named.add(library)
                cuts.append((package.word.span, library))
            else:
                cuts.append((without_word(self.facts.dockerfile, package.word.span), ""))
        return cuts

    def _edited(self, instruction: Instruction, cuts: Sequence[tuple[Span, str]]) -> str:
        text = written(self.facts.dockerfile, instruction).encode("utf-8", "surrogateescape")
        offset = instruction.span.end - len(text.rstrip(b"\r\n"))
        for span, replacement in sorted(cuts, reverse=True):
            text = text[: span.start - offset] + replacement.encode() + text[span.end - offset :]
        return text.decode("utf-8", "surrogateescape")


def _goes_by_others_lists(install: Install) -> bool:
    """It installs by lists that an earlier RUN fetched, which the second stage may not have."""
    if install.manager not in {"apt", "apk", "zypper"} or install.action not in {"install", "upgrade"}:
        return False
    if install.has("--no-cache", "--update-cache", "--update"):
        return False
    before = [
        one
        for one in install.run.stage.installs
        if one.action == "update" and one.manager == install.manager and one.span.start < install.span.start
    ]
    return bool(before) and all(one.run is not install.run for one in before)
