"""One RUN with everything its commands do: `RunFacts`.

run.instruction, run.scope, run.stage     where it stands, and what is in force before it
run.user, .workdir, .env, .home           of the scope; env has ENV and ARG values that are known
run.script                                the shell's commands (`wherry.dockerfile.shell.Script`)
run.calls                                 the same as they will run: arguments expanded, env, directory
run.installs                              package managers (`installs.Install`)
run.mounts, run.mount("cache", path)      `mounts.Mount`
run.downloads                             curl, git clone, hub clients, Python code (`downloads.Download`)
run.python                                Python code it executes (`python_code.PythonCode`)
run.scripts                               Python files of the context it starts: (call, `imports.Script`)
run.removals, run.removes(path, after=n)  rm; whether a path is removed behind an offset of the file
run.is_docker_clean_gone                  apt keeps its archives from here on
run.purged                                names of packages a later command of the same RUN uninstalls
run.ownerships, .extractions, .pipes, .logins, .compiles, .gpu_queries     see `commands`
run.verifies                              some command checks a checksum or a signature
run.network, run.security                 of the flags
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wherry.check.facts import commands
from wherry.check.facts.calls import Call, Environment, read_calls
from wherry.check.facts.downloads import Download, checked_out, read_downloads
from wherry.check.facts.installs import Install, normalise, read_install
from wherry.check.facts.installs.read import is_python
from wherry.check.facts.known import KnownVariables
from wherry.check.facts.mounts import Mount, read_mounts
from wherry.check.facts.python_code import PythonCode
from wherry.dockerfile.shell import Command, Script, Word, read_instruction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.check.facts.imports import Script as StartedScript
    from wherry.check.facts.installed import Inputs
    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.source import Span
    from wherry.dockerfile.stages import Scope
    from wherry.dockerfile.syntax import Instruction


class RunFacts:
    """One RUN. What is given stands at the head of this module.

    Args:
        instruction: The RUN.
        stage: The stage it stands in.
        scope: What is in force before it.

    """

    def __init__(self, instruction: Instruction, stage: StageFacts, scope: Scope) -> None:
        self.instruction = instruction
        self.stage = stage
        self.scope = scope

    def __repr__(self) -> str:
        return f"RunFacts({self.instruction.index})"

    @property
    def span(self) -> Span:
        """The whole instruction."""
        return self.instruction.span

    @property
    def index(self) -> int:
        """Of the instruction, in the file."""
        return self.instruction.index

    @property
    def user(self) -> str:
        """Who runs it: ``app``, ``1000:1000``; empty is root, unless the base says otherwise."""
        return user_of(self.scope, self.stage)

    @property
    def is_root(self) -> bool:
        """It runs as root, as far as is known."""
        return self.user.partition(":")[0] in {"", "root", "0"}

    @property
    def workdir(self) -> str:
        """Where it starts."""
        return workdir_of(self.scope, self.stage)

    @cached_property
    def env(self) -> Mapping[str, str]:
        """ENV and ARG, as far as their values are known."""
        return KnownVariables(self.scope)

    @cached_property
    def home(self) -> str:
        """HOME in force: from the environment, else the usual one of the user; empty: not known."""
        user = self.user.partition(":")[0]
        usual = "" if user.isdigit() or "$" in user else f"/home/{user}"
        return self.env.get("HOME") or ("/root" if self.is_root else usual)

    @cached_property
    def mounts(self) -> tuple[Mount, ...]:
        """Its mounts, in order."""
        return read_mounts(self.instruction, self.env, self.workdir)

    def mount(self, kind: str, path: str) -> Mount | None:
        """The mount of that type that holds *path*."""
        return next((mount for mount in self.mounts if mount.type == kind and mount.holds(path)), None)

    @property
    def network(self) -> str:
        """``--network``; empty when not given."""
        return self._flag("network")

    @property
    def security(self) -> str:
        """``--security``; empty when not given."""
        return self._flag("security")

    def _flag(self, name: str) -> str:
        flag = self.instruction.flag(name)
        return (flag.value or "") if flag else ""

    @cached_property
    def script(self) -> Script:
        """Its commands as the shell reads them; none where it is for another interpreter, or for Windows.

        Of a file with more RUNs than any the last are not read: see `Facts.last_run_read`.
        """
        if self.index > self.stage.facts.last_run_read or self.stage.stage.is_windows:
            return Script(errors=True)
        return read_instruction(self.instruction, self.scope.shell)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Its commands as they will run."""
        return read_calls(self.script.commands, self._environment, self._directory)

    @cached_property
    def _environment(self) -> Mapping[str, str]:
        """The build sets HOME to that of the user."""
        is_told = "HOME" in self.env or not self.home
        return self.env if is_told else Environment(self.env, {"HOME": self.home})

    @property
    def _directory(self) -> str:
        return self.workdir if self.scope.is_workdir_known else ""

    def _started(self, span: Span) -> Call:
        """The call of the interpreter that a script names behind ``#!``."""
        name = self.script.interpreter
        word = Word(name, is_literal=True, span=span, raw=name)
        return Call(Command((word,), span), name, (), self._environment, self._directory)

    @cached_property
    def installs(self) -> tuple[Install, ...]:
        """Every call of a package manager, whatever it does, in order."""
        return tuple(found for call in self.calls if (found := read_install(call, self)))

    def inputs_of(self, install: Install) -> Inputs:
        """What one of its installs reads of the project; made once."""
        from wherry.check.facts.installed import Inputs  # noqa: PLC0415 - few rules ask

        known: dict[int, Inputs] = self.__dict__.setdefault("_inputs", {})
        return known.setdefault(install.span.start, Inputs(install))

    @cached_property
    def python(self) -> tuple[PythonCode, ...]:
        """Python code that it executes."""
        return tuple(self._python())

    def _python(self) -> list[PythonCode]:
        found: list[PythonCode] = []
        whole = self.script.document
        if whole and is_python(self.script.interpreter):
            found.append(PythonCode(whole.content, self._started(whole.span), whole.span))
        for call in self.calls:
            if not is_python(call.program):
                continue
            words = call.arguments
            at = next((i for i, value in enumerate(words) if value.text == "-c"), None)
            if at is not None and at + 1 < len(words):
                found.append(PythonCode(words[at + 1].text, call, words[at + 1].span))
            elif (fed := call.command.heredoc) and not _has_file(call):
                found.append(PythonCode(fed.content, call, fed.span))
        return found

    @cached_property
    def downloads(self) -> tuple[Download, ...]:
        """What is fetched beside packages, by commands and by Python code."""
        found = [one for call in self.calls for one in read_downloads(call)]
        by_command = checked_out(found, self.calls) if found else ()
        return (*by_command, *(one for code in self.python for one in code.downloads))

    @cached_property
    def scripts(self) -> tuple[tuple[Call, StartedScript], ...]:
        """Python files of the context that it starts, and the commands that do: ``python download.py``."""
        from wherry.check.facts.imports import read_script_file  # noqa: PLC0415 - few RUNs start a file
        from wherry.check.facts.origins import run_path  # noqa: PLC0415 - the same

        context = self.stage.facts.context
        found: list[tuple[Call, StartedScript]] = []
        for call in self.calls:
            first = next((value for value in call.arguments if not value.text.startswith("-")), None)
            if context and first and is_python(call.program) and first.text.endswith(".py"):
                path = run_path(self, call.path(first.text))
                script = read_script_file(context, path) if path else self._inline(call.path(first.text))
                found.extend([(call, script)] if script else [])
        return tuple(found)

    def _inline(self, path: str) -> StartedScript | None:
        """A script that a COPY above writes from a here-document."""
        from wherry.check.facts.imports import read_script  # noqa: PLC0415 - as above
        from wherry.dockerfile.source import Source  # noqa: PLC0415 - as above

        for copy in self.stage.all_copies:
            for document in copy.inline_files:
                place = copy.target_of(document.name) if copy.destination.endswith("/") else copy.destination
                if place == path and (copy.stage is not self.stage or copy.index < self.index):
                    return read_script(path, Source(path, document.content.encode("utf-8", "replace")))
        return None

    @cached_property
    def removals(self) -> tuple[commands.Removal, ...]:
        """What it removes."""
        return tuple(found for call in self.calls if (found := commands.read_removal(call)))

    def removes(self, path: str, *, after: int = 0) -> bool:
        """Whether a command behind the offset *after* removes *path* or all that lies in it."""
        return any(
            removal.covers(path) and removal.call.command.span.start >= after for removal in self.removals
        )

    @property
    def is_docker_clean_gone(self) -> bool:
        """This RUN or one before it removed what makes Debian's and Ubuntu's images empty apt's archives."""
        gone_at = self.stage.facts.docker_clean_gone_at[self.stage.index]
        return gone_at is not None and gone_at <= self.index

    @cached_property
    def cleanings(self) -> tuple[Install, ...]:
        """Its commands that empty a package manager's cache."""
        return tuple(install for install in self.installs if install.action == "clean")

    @cached_property
    def purged(self) -> frozenset[str]:
        """Names of packages that it uninstalls; an apk ``--virtual`` name gives what it stands for."""
        removed: set[str] = set()
        virtual: dict[str, tuple[str, ...]] = {}
        for install in self.installs:
            if install.manager == "apk" and (name := install.option("--virtual")):
                virtual[name.text] = install.names
            if install.action == "remove":
                names = install.names
                removed.update(map(normalise, names) if install.is_python else names)
                removed.update(found for name in names for found in virtual.get(name, ()))
        return frozenset(removed)

    @cached_property
    def ownerships(self) -> tuple[commands.Ownership, ...]:
        """Its chown, chgrp and chmod."""
        return tuple(found for call in self.calls if (found := commands.read_ownership(call)))

    @cached_property
    def extractions(self) -> tuple[commands.Extraction, ...]:
        """Archives it unpacks."""
        return tuple(found for call in self.calls if (found := commands.read_extraction(call)))

    @cached_property
    def pipes(self) -> tuple[commands.Pipe, ...]:
        """Downloads that a shell or interpreter runs as they come."""
        return tuple(commands.read_pipes(self.calls))

    @cached_property
    def logins(self) -> tuple[commands.Login, ...]:
        """Commands that give a service credentials."""
        return tuple(found for call in self.calls if (found := commands.read_login(call)))

    @cached_property
    def compiles(self) -> tuple[commands.Compile, ...]:
        """Steps that compile, package installs aside."""
        return tuple(found for call in self.calls if (found := commands.read_compile(call)))

    @cached_property
    def gpu_queries(self) -> tuple[tuple[str, Span], ...]:
        """What asks for a GPU, and where: ``nvidia-smi``, ``torch.cuda.is_available``."""
        by_command = [(call.program, call.command.span) for call in self.calls if commands.is_gpu_query(call)]
        return (*by_command, *((name, code.span) for code in self.python for name in code.gpu_queries))

    @cached_property
    def verifies(self) -> bool:
        """Some command checks a checksum or a signature."""
        return any(map(commands.verifies, self.calls))


def workdir_of(scope: Scope, stage: StageFacts) -> str:
    """Where commands start: as WORKDIR says, else where the base begins, which is mostly the root."""
    return scope.workdir or stage.base.workdir or "/"


def user_of(scope: Scope, stage: StageFacts) -> str:
    """Who is in force: of USER, else of the base; a USER that only the base knows is taken for its own."""
    base = stage.base.user
    return base if not scope.user or ("$" in scope.user and base) else scope.user


def _has_file(call: Call) -> bool:
    """The interpreter runs a file or module: what is fed to it is that program's input."""
    return any(
        not value.text.startswith("-") or value.text == "-m" for value in call.arguments if value.text != "-"
    )
