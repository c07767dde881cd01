"""Start a program, pass signals on to it, and report how it ended as a shell would."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_PASSED_ON: Final = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH")
    if hasattr(signal, name)
)
_FROM_THE_KEYBOARD: Final = frozenset({signal.SIGINT, signal.SIGQUIT, signal.SIGWINCH})
_LOGGED: Final = re.compile(r'\bmsg="(.*?)"(?: \w+=|$)')  # logrus, as runc writes
_PATIENCE: Final = 3  # as docker: who asks three times to end means it


def run_process(  # noqa: PLR0913 - how to start it, and how to reach it afterwards
    argv: Sequence[str],
    *,
    tty: bool = False,
    interactive: bool = False,
    directory: Path | None = None,
    pass_fds: Sequence[int] = (),
    started: Callable[[int], None] | None = None,
    send: Callable[[int, int], None] = os.kill,
    kill: Callable[[], None] | None = None,
) -> int:
    """Run *argv* to its end.

    Args:
        argv: The program and its arguments.
        tty: It owns the terminal: what is typed there reaches it without us.
        interactive: It reads our standard input.
        directory: Where it starts.
        pass_fds: Descriptors it inherits.
        started: Called with its process id.
        send: How to pass a signal on, given the process id and the signal's number.
        kill: How to end it by force, when the user has asked three times.

    Returns:
        Its exit code; 128 + n when signal n ended it.

    Raises:
        WorldError: It cannot be started.

    """
    # Without the terminal it is put in a process group of its own: Ctrl-C then reaches us only, and we pass
    # it on once.
    pid: list[int] = []
    waiting: list[int] = []
    ends = 0

    def handle(number: int, _frame: object) -> None:
        nonlocal ends
        if tty and number in _FROM_THE_KEYBOARD:
            return  # the terminal has told the whole foreground
        if not pid:
            waiting.append(number)
            return
        ends += number in {signal.SIGINT, signal.SIGTERM}
        with suppress(ProcessLookupError, PermissionError):
            if ends >= _PATIENCE:
                (kill or (lambda: os.kill(pid[0], signal.SIGKILL)))()
            else:
                send(pid[0], number)

    with _handling(handle):
        try:
            process = subprocess.Popen(  # noqa: S603 - argv is ours, and no shell reads it
                argv,
                stdin=None if tty or interactive else subprocess.DEVNULL,
                cwd=directory,
                pass_fds=pass_fds,
                process_group=None if tty else 0,
            )
        except OSError as error:
            raise WorldError(
                f"cannot start {argv[0]}: {(error.strerror or str(error)).lower()}", where=str(argv[0])
            ) from None
        pid.append(process.pid)
        if started:
            started(process.pid)
        for number in waiting:
            handle(number, None)
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
    return code if code >= 0 else 128 - code


@contextmanager
def _handling(handle: Callable[[int, object], None]) -> Iterator[None]:
    """Let *handle* have the signals for the block. Python hands them to the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _PASSED_ON}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # nohup, or a shell's background job
                signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ask(argv: Sequence[str], *, timeout_s: float = 20, directory: Path | None = None) -> tuple[str, str]:
    """Run a short question to another program.

    Returns:
        Its answer and, when it failed, its complaint in one line (never empty then).

    """
    try:
        done = subprocess.run(  # noqa: S603 - as above
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            cwd=directory,
        )
    except subprocess.TimeoutExpired:
        return "", f"no answer within {timeout_s:.0f} s"
    except OSError as error:
        return "", (error.strerror or str(error)).lower()
    answer = done.stdout.decode(errors="replace").strip()
    if done.returncode == 0:
        return answer, ""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return answer, last_words(lines) or f"exit code {done.returncode}"


def last_words(lines: Sequence[str]) -> str:
    """The line of a complaint that says most: the last one that says anything."""
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    logged = _LOGGED.search(last)
    return (logged[1].replace('\\"', '"') if logged else last)[:300]


def terminal_is_ours() -> bool:
    """Whether both standard input and output are a terminal."""
    with suppress(ValueError, AttributeError):
        return sys.stdin.isatty() and sys.stdout.isatty()
    return False


def input_is_given() -> bool:
    """Whether standard input is something to read that is not a terminal: a pipe or a file."""
    with suppress(ValueError, AttributeError):
        return not sys.stdin.isatty()
    return False
