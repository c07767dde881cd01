"""Which files of an image a container opens, in the order of first use: what a lazy pull wants first.

strace watches the runtime and all that it starts. It is no parent of theirs (``-D``), so that exit code and
signals are as without it, and stops them only at the few calls that open files (``--seccomp-bpf``). What was
opened before the container's own command was started is the runtime's and does not count.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import stat
import threading
from contextlib import contextmanager, nullcontext, suppress
from typing import IO, TYPE_CHECKING, Final, cast

from wherry.build.run.process import ask
from wherry.build.unpack import Escape, resolve
from wherry.errors import WorldError
from wherry.layers.paths import path_problem
from wherry.store.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from elftools.elf.segments import InterpSegment

_SHOWN_BYTES: Final = 512  # of each argument, by strace
_SHOWN_ARGUMENTS: Final = 32  # likewise
_OPTIONS: Final = (
    *("-D", "-f", "-qq", "-y", "-xx", "-s", str(_SHOWN_BYTES), "--seccomp-bpf", "-e", "signal=none"),
    *("-e", "trace=?open,openat,?openat2,execve,execveat"),
)
_LINE: Final = re.compile(rb"(\d+) +(.*)", re.DOTALL)
_OPENED: Final = re.compile(rb"\) += \d+<((?:\\x[0-9a-f]{2})+)>\n?")
_STARTED: Final = re.compile(rb'execve\("((?:\\x[0-9a-f]{2})+)", \[(.*?)\](?:, |\n| <)')
_TEXT: Final = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
_LINE_LIMIT_BYTES: Final = 1 << 20
_SCRIPT_LINE_BYTES: Final = 256  # what the kernel reads of a "#!" line
_AGAIN_S: Final = 5.0
_POLL_MS: Final = 200
_PATIENCE_S: Final = 10.0


class Trace:
    """The wish to know which files are opened, and where to write them."""

    def __init__(self, file: Path, seconds: float | None = None) -> None:
        """Write to *file*, when the container has ended; end it after *seconds*, if given."""
        self.file = file
        self.was_stopped = False
        self._seconds = seconds
        self._timer: threading.Timer | None = None

    def require(self) -> None:
        """See that files can be watched.

        Raises:
            WorldError: strace is missing, or may not do it here.

        """
        program = shutil.which("strace")
        if program is None:
            raise WorldError("--trace needs strace, which is not installed", mend="apt-get install strace")
        complaint = ask([program, *_OPTIONS, "-o", os.devnull, "--", "/bin/sh", "-c", ":"])[1]
        if complaint:
            raise WorldError(
                f"--trace needs strace, and it does not work here: {complaint}",
                mend="run it on a machine whose processes may be traced",
            )

    @contextmanager
    def recording(self, argv: Sequence[str], root: Path, scratch: Path) -> Iterator[tuple[str, ...]]:
        """What must stand before the command that starts the container, for the block.

        Args:
            argv: The container's own command.
            root: The unpacked image.
            scratch: A private directory.

        Raises:
            WorldError: The list cannot be written.

        """
        pipe = scratch / "trace"
        os.mkfifo(pipe, 0o600)
        opened, ended = Opened(argv, root), threading.Event()
        # Without a writer yet; reading must not wait for one that may never come.
        with os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as lines:
            reader = threading.Thread(
                target=_read, args=(lines, ended, opened), name="wherry-trace", daemon=True
            )
            reader.start()
            self._stop_later(self._seconds)
            try:
                yield (shutil.which("strace") or "strace", *_OPTIONS, "-o", str(pipe), "--")
            finally:
                if self._timer is not None:
                    self._timer.cancel()
                ended.set()
                reader.join()
        with whole_file(self.file) as file:
            file.writelines(f"/{path}\n".encode() for path in opened.paths)

    def _stop_later(self, seconds: float | None) -> None:
        if seconds is not None:
            self._timer = threading.Timer(seconds, self._stop)
            self._timer.daemon = True
            self._timer.start()

    def _stop(self) -> None:
        """End the container as a user would: by a signal to us, which is passed on; the third by force."""
        self.was_stopped = True
        os.kill(os.getpid(), signal.SIGTERM)
        self._stop_later(_AGAIN_S)


def tracing(
    trace: Trace | None, argv: Sequence[str], root: Path, scratch: Path
) -> AbstractContextManager[tuple[str, ...]]:
    """`Trace.recording`, or nothing to put before the command where there is nothing to record."""
    return nullcontext(()) if trace is None else trace.recording(argv, root, scratch)


class Opened:
    """What strace's lines say of the image's files."""

    def __init__(self, argv: Sequence[str], root: Path) -> None:
        """Look for the start of *argv*, then for files that are in *root*."""
        self._argv = tuple(os.fsencode(word)[:_SHOWN_BYTES] for word in argv[:_SHOWN_ARGUMENTS])
        self._root = os.fsencode(root)
        self._outside: set[bytes] = set()
        self._is_started = False
        self._found: dict[str, None] = {}

    @property
    def paths(self) -> tuple[str, ...]:
        """The files in the order of first use, relative to the image's root."""
        return tuple(self._found)

    def hear(self, line: bytes) -> None:
        """Take one line."""
        parts = _LINE.fullmatch(line)
        if parts is None:
            return
        process, call = parts.groups()
        started = _STARTED.match(call)
        if not self._is_started:
            words = tuple(_bytes(word) for word in _TEXT.findall(started[2])) if started else ()
            if words != self._argv:
                self._outside.add(process)
                return
            self._is_started = True
            self._outside.discard(process)
        if process in self._outside:
            return
        if started:
            self._add_program(_bytes(started[1]))
        elif opened := _OPENED.search(call):
            self._add(_bytes(opened[1]))

    def _add_program(self, path: bytes, depth: int = 0) -> None:
        """A program, and what the kernel opens with it: a script's interpreter, the loader of libraries."""
        real = self._add(path)
        if real is None or depth > 4:  # noqa: PLR2004 - as the kernel: BINPRM_BUF recursion
            return
        with suppress(OSError):
            if interpreter := _interpreter(real):
                self._add_program(interpreter, depth + 1)

    def _add(self, path: bytes) -> bytes | None:
        """Note the file at *path*, if the image has one there; where it is on this machine."""
        try:
            real = resolve(self._root, tuple(path.split(b"/")), make=False)
            if not stat.S_ISREG(os.lstat(real).st_mode):
                return None
            name = real[len(self._root) + 1 :].decode()
        except (OSError, Escape, UnicodeDecodeError):
            return None
        if "\n" in name or "\r" in name or path_problem(name):
            return None
        self._found.setdefault(name)
        return real


def _read(lines: IO[bytes], ended: threading.Event, opened: Opened) -> None:
    """Take lines until the tracer has closed its end, or did not come while the container ran."""
    poll = select.poll()
    poll.register(lines, select.POLLIN)
    waiting, patience_ms = b"", _PATIENCE_S * 1000
    while patience_ms > 0:
        if not poll.poll(_POLL_MS):
            patience_ms -= _POLL_MS if ended.is_set() else 0
            continue
        data = lines.read(1 << 16)
        if not data:
            return
        *whole, waiting = (waiting + data).split(b"\n")
        waiting = waiting[:_LINE_LIMIT_BYTES]
        for line in whole:
            opened.hear(line)


def _interpreter(program: bytes) -> bytes:
    """What the kernel starts *program* with: a script's first word, an ELF's loader; empty where nothing."""
    with open(program, "rb") as stream:  # noqa: PTH123 - a name in an image is bytes
        start = stream.read(_SCRIPT_LINE_BYTES)
        if start.startswith(b"#!"):
            return b"".join(start[2:].partition(b"\n")[0].split()[:1])
        return _loader(stream) if start.startswith(b"\x7fELF") else b""


def _loader(stream: IO[bytes]) -> bytes:
    from elftools.common.exceptions import ELFError  # noqa: PLC0415 - only to trace
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415 - the same

    try:
        for segment in ELFFile(stream).iter_segments("PT_INTERP"):
            return os.fsencode(cast("InterpSegment", segment).get_interp_name())
    except (ELFError, ValueError, UnicodeError):
        return b""
    return b""


def _bytes(text: bytes) -> bytes:
    r"""What strace writes as ``\x2f\x65``."""
    return bytes.fromhex(text.replace(rb"\x", b"").decode("ascii"))
