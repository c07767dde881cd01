"""Bytecode, the same on every machine: one process of the target's interpreter, modules in a fixed order.

What marshal writes depends on what the process compiled before and, up to Python 3.10, on the hash seed;
so the seed is 0, and every module of a wheel is compiled, in tar order, even if not every one is wanted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import subprocess
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, Protocol, Self

from wherry.errors import InputError, WorldError
from wherry.layers.wheel import Compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.layers.model import BytecodeCompiler, Layout
    from wherry.layers.wheel import OpenWheel, Placed

TIME_LIMIT_S: Final = 1800.0
MAX_SOURCE_BYTES: Final = 32 << 20
"""A larger file is left to the interpreter that imports it, if one ever does."""

MAX_BYTECODE_BYTES: Final = 256 << 20
MEMORY_LIMIT_BYTES: Final = 4 << 30
_WORKER: Final = Path(__file__).with_name("compile_worker.py")
_LENGTH: Final = struct.Struct(">I")


class Sources(Protocol):
    """Python modules that can be read by their paths in the image."""

    @property
    def title(self) -> str:
        """What they are together, for errors: a wheel's filename."""
        ...

    def size_bytes(self, path: str) -> int:
        """How large the module is: asked of every one before any is read."""
        ...

    def read(self, path: str) -> bytes | bytearray:
        """The whole module.

        Raises:
            InputError: It is damaged.

        """
        ...


def compile_sources(
    sources: Sources, paths: Sequence[str], compiler: BytecodeCompiler, file: Path
) -> dict[str, Compiled]:
    """Compile modules in one process, in the order of *paths*: the same modules so, the same bytecode.

    Args:
        sources: Where the modules are read, from another thread.
        paths: Of every module, relative to the image's root: the bytecode names its source by it.
        compiler: The interpreter; it is not started where there is nothing to compile.
        file: Where the bytecode waits.

    Returns:
        Bytecode by the path of its module. Modules that do not compile have none, as with pip, nor have those
        larger than `MAX_SOURCE_BYTES`.

    Raises:
        InputError: A source is damaged.
        WorldError: The interpreter cannot be started, crashed, or took too long.

    """
    wanted = [path for path in paths if sources.size_bytes(path) <= MAX_SOURCE_BYTES]
    if not wanted:
        return {}
    found = {}
    offset = 0
    with file.open("wb") as out, _Compiler(compiler, sources) as process:
        for path, bytecode in process.compile(wanted):
            if bytecode:
                out.write(bytecode)
                found[path] = Compiled(file, offset, len(bytecode))
                offset += len(bytecode)
    return found


def compile_wheel(
    wheel: OpenWheel, layout: Layout, compiler: BytecodeCompiler, scratch: Path
) -> dict[str, Compiled]:
    """Compile every module that *wheel* installs.

    Args:
        wheel: Open.
        layout: Where it is installed.
        compiler: The interpreter.
        scratch: A directory for the results.

    Returns:
        Bytecode by its path relative to the image's root.

    Raises:
        InputError: A source is damaged.
        WorldError: The interpreter cannot be started, crashed, or took too long.

    """
    placed = {source.path: source for source in wheel.python_sources(layout)}
    compiled = compile_sources(_WheelSources(wheel, placed), tuple(placed), compiler, scratch / "bytecode")
    return {cached_path(path, layout.python): bytecode for path, bytecode in compiled.items()}


def cached_path(path: str, python: tuple[int, int]) -> str:
    """Where *python*, such as ``(3, 12)``, looks for the bytecode of the module at *path* (PEP 3147)."""
    directory, _, name = path.rpartition("/")
    return f"{directory}/__pycache__/{name.removesuffix('.py')}.cpython-{python[0]}{python[1]}.pyc"


class _WheelSources(NamedTuple):
    """The modules of an open wheel."""

    wheel: OpenWheel
    placed: Mapping[str, Placed]

    @property
    def title(self) -> str:
        return self.wheel.filename

    def size_bytes(self, path: str) -> int:
        content = self.placed[path].content
        return len(content) if isinstance(content, bytes) else content.size_bytes

    def read(self, path: str) -> bytes | bytearray:
        return self.wheel.content(self.placed[path], MAX_SOURCE_BYTES)


class _Compiler:
    """A running interpreter that compiles some modules."""

    def __init__(self, compiler: BytecodeCompiler, sources: Sources) -> None:
        self._sources = sources
        self._compiler = compiler
        self._late = False
        self._failure: BaseException | None = None
        self._feeder: threading.Thread | None = None
        command = [*compiler.argv, "-s", "-S", "-B", "-X", "utf8", str(_WORKER)]
        # Not -I or -E: they ignore PYTHONHASHSEED. The environment has nothing else for Python anyway.
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter of the plan
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PATH": os.defpath},
                cwd="/",
                start_new_session=True,  # so that a wrapper's children end with it
            )
        except OSError as error:
            raise WorldError(
                f"cannot start {compiler.argv[0]} to compile bytecode: {error.strerror}",
                where=sources.title,
                mend="install that Python, or set bytecode = false in [tool.wherry]",
            ) from error
        _limit_memory(self._process.pid)
        self._timer = threading.Timer(TIME_LIMIT_S, self._time_out)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._kill()
        self._process.wait()
        if self._feeder is not None:
            self._feeder.join()  # it reads the sources, which are about to be closed
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def compile(self, paths: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Each path with its bytecode. A thread sends the sources: neither side waits for the other."""
        self._feeder = threading.Thread(target=self._feed, args=(paths,), name="wherry-compile", daemon=True)
        self._feeder.start()
        for path in paths:
            (length,) = _LENGTH.unpack(self._read(_LENGTH.size, path))
            if length > MAX_BYTECODE_BYTES:
                raise self._broken(path)
            yield path, self._read(length, path)

    def _feed(self, paths: Sequence[str]) -> None:
        pipe = self._pipe(self._process.stdin)
        try:
            for path in paths:
                content = self._sources.read(path)
                name = f"/{path}".encode()
                pipe.write(struct.pack(">II", len(name), len(content)) + name)
                pipe.write(content)
                pipe.flush()
        except OSError:
            pass  # it died; whoever reads its answers says so
        except BaseException as error:  # noqa: BLE001 - raised again where the answers are read
            self._failure = error
            self._kill()

    def _read(self, size_bytes: int, path: str) -> bytes:
        data = self._pipe(self._process.stdout).read(size_bytes)
        if len(data) < size_bytes:
            raise self._broken(path)
        return data

    def _broken(self, path: str) -> BaseException:
        if isinstance(self._failure, InputError | WorldError):
            return self._failure
        why = f"took more than {TIME_LIMIT_S:.0f} s" if self._late else "crashed"
        return WorldError(
            f"{self._compiler.argv[0]} {why} while compiling {self._sources.title}",
            where=f"/{path}",
            mend="set bytecode = false in [tool.wherry]",
        )

    def _time_out(self) -> None:
        self._late = True
        self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        if pipe is None:
            raise TypeError
        return pipe


def _limit_memory(pid: int) -> None:
    """Hold the interpreter to a size that honest sources never need. Only Linux can."""
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every system

        resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
