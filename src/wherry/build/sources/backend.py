"""Run a build backend through ``uv build``, follow what it says, and end it with its children if need be."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wherry.build.sources.environment import build_environment
from wherry.build.sources.outcome import Failure, explain_failure
from wherry.build.sources.python import as_program, is_here
from wherry.errors import WorldError
from wherry.project.uv import find_uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from wherry.layers.model import BytecodeCompiler

_LOG_LIMIT_BYTES: Final = 32 << 20
_TAIL_LINES: Final = 500
_LINE_LIMIT: Final = 4000


@dataclass(frozen=True)
class Backend:
    """How all builds of one command are run.

    Attributes:
        python: The target's minor version: ``(3, 11)``.
        offline: Whether uv may use the network for build requirements.
        find_links: Directories with distributions, for build requirements.
        cwd: Whose ``[tool.uv]`` settings hold (indexes, build constraints): the project's root.
        logs: Where full logs of failed builds are kept.
        redact: Takes credentials out of what is logged.
        variables: More environment, such as the configured indexes.
        interpreter: Of that minor version, for where uv finds none.

    """

    python: tuple[int, int]
    offline: bool
    cwd: Path
    logs: Path
    redact: Callable[[str], str]
    find_links: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    interpreter: BytecodeCompiler | None = None
    _running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _stopped: threading.Event = field(default_factory=threading.Event)

    def build(self, title: str, tree: Path, work: Path, options: BuildOptions) -> Path:
        """Build one wheel from *tree*, which the build may change, and return the wheel's path.

        Args:
            title: What is built, for messages: ``"foo 1.0"``.
            tree: A private copy of the source, the directory with pyproject.toml or setup.py.
            work: A private directory that holds *tree*; home, temporary files and the wheel go below it.
            options: What this one build needs beyond the others.

        Raises:
            InputError: The backend failed, or made no wheel.
            WorldError: The network, the disk or uv failed.

        """
        out = work / "wheel"
        variables = build_environment(os.environ, work) | dict(self.variables) | dict(options.variables)
        command = [
            str(find_uv()),
            "build",
            "--wheel",
            "--no-create-gitignore",
            "--no-progress",
            "--color",
            "never",
        ]
        command += ["--python", self._python(work, variables), "--out-dir", str(out)]
        command += ["--offline"] * self.offline
        for directory in (*self.find_links, *options.find_links):
            command += ["--find-links", str(directory)]
        for name in options.without_sources:
            command += ["--no-sources-package", name]
        code, lines, log = self._run([*command, str(tree)], variables, work, title)
        wheels = sorted(out.glob("*.whl")) if out.is_dir() else []
        if code or len(wheels) != 1:
            kept = self._keep_log(log, title)
            raise explain_failure(Failure(title, lines, kept, self.python, self.offline, code))
        return wheels[0]

    def _python(self, work: Path, variables: Mapping[str, str]) -> str:
        if self.interpreter is not None and not is_here(self.python, variables, self.cwd):
            return str(as_program(self.interpreter, work / "python"))
        return f"{self.python[0]}.{self.python[1]}"

    def stop(self) -> None:
        """End every running build with all its children, and those that are about to begin."""
        self._stopped.set()
        with self._guard:
            for process in self._running:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _run(
        self, command: list[str], variables: Mapping[str, str], work: Path, title: str
    ) -> tuple[int, list[str], Path]:
        log = work / "build.log"
        try:
            process = subprocess.Popen(  # noqa: S603 - uv, with arguments we wrote
                command,
                cwd=self.cwd,
                env=dict(variables),
                stdin=subprocess.DEVNULL,  # a backend that asks questions gets no answer instead of waiting
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o022,
            )
        except OSError as error:
            raise WorldError(
                f"uv could not be started to build {title}: {error.strerror}", mend="pip install uv"
            ) from error
        with self._guard:
            self._running.add(process)
        if self._stopped.is_set():
            self.stop()
        try:
            with process, log.open("w", encoding="utf-8") as file:
                lines = self._follow(process.stdout, file)
            return process.returncode, lines, log
        finally:
            with self._guard:
                self._running.discard(process)

    def _follow(self, output: IO[bytes] | None, log: IO[str]) -> list[str]:
        """Log all that is said, up to a limit, and remember the end of it."""
        tail: deque[str] = deque(maxlen=_TAIL_LINES)
        for line in _lines(output):
            said = self.redact(line)
            tail.append(said)
            if log.tell() < _LOG_LIMIT_BYTES:
                log.write(said + "\n")
        return list(tail)

    def _keep_log(self, log: Path, title: str) -> Path:
        kept = self.logs / f"build-{''.join(c if c.isalnum() or c in '.-_' else '-' for c in title)}.log"
        with suppress(OSError):  # a full disk must not hide why the build failed
            self.logs.mkdir(parents=True, exist_ok=True)
            log.replace(kept)
        return kept


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What one build needs beyond the others."""

    find_links: tuple[Path, ...] = ()  # wheels of local build requirements, made before
    without_sources: tuple[
        str, ...
    ] = ()  # those requirements, whose path in [tool.uv.sources] is not in the copy
    variables: Mapping[str, str] = field(default_factory=dict)


def _lines(output: IO[bytes] | None) -> Iterator[str]:
    """Lines of a program's output as they come, none longer than a limit."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest = ""
    while piece := os.read(output.fileno(), 1 << 16) if output else b"":
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        yield from (line.rstrip("\r")[:_LINE_LIMIT] for line in lines)
        rest = rest[:_LINE_LIMIT]
    if rest:
        yield rest
