from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from wherry.build.run.process import ask, input_is_given, last_words, run_process, terminal_is_ours
from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A program that says when it is ready, and how often it was asked to end.
PATIENT = """
import os, signal, sys, time
asked = []
def handle(number, frame):
    asked.append(number)
    if len(asked) == int(sys.argv[2]): os._exit(40 + len(asked))
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1): signal.signal(number, handle)
open(sys.argv[1], 'w').write('ready')
while True: time.sleep(0.02)
"""


def _run_and_signal(ready: Path, numbers: Sequence[int], until: int) -> int:
    """Run PATIENT; once it is ready send ourselves *numbers*, one after another."""
    done = threading.Event()

    def send() -> None:
        while not ready.exists() and not done.wait(0.02):
            pass
        for number in numbers:
            if done.wait(0.1):
                return
            os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        return run_process([sys.executable, "-c", PATIENT, str(ready), str(until)])
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_reaches_the_program_once_and_its_answer_is_ours(tmp_path: Path, number: int) -> None:
    before = signal.getsignal(number)
    assert _run_and_signal(tmp_path / "ready", [number], until=1) == 41
    assert signal.getsignal(number) is before


def test_asking_three_times_ends_a_program_that_will_not(tmp_path: Path) -> None:
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGTERM, signal.SIGTERM]
    assert _run_and_signal(tmp_path / "ready", numbers, until=99) == 128 + signal.SIGKILL


def test_exit_codes_are_a_shells() -> None:
    assert run_process(["/bin/sh", "-c", "exit 7"]) == 7
    assert run_process(["/bin/sh", "-c", "kill -TERM $$"]) == 143


def test_without_input_a_program_reads_an_empty_one() -> None:
    assert run_process(["/bin/sh", "-c", "read x"]) == 1


def test_a_program_starts_where_it_is_told_and_its_id_is_known(tmp_path: Path) -> None:
    started: list[int] = []
    assert run_process(["/bin/sh", "-c", "[ -f here ]"], directory=tmp_path, started=started.append) == 1
    (tmp_path / "here").touch()
    assert run_process(["/bin/sh", "-c", "[ -f here ]"], directory=tmp_path, started=started.append) == 0
    assert all(started)


def test_a_signal_that_comes_before_the_program_is_passed_on_later() -> None:
    sent: list[int] = []

    def started(_pid: int) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    def send(pid: int, number: int) -> None:
        sent.append(number)
        os.kill(pid, signal.SIGKILL)

    assert run_process(["/bin/sh", "-c", "sleep 60"], started=started, send=send) == 137
    assert sent == [signal.SIGUSR1]


def test_what_a_terminal_tells_its_program_is_not_told_twice() -> None:
    sent: list[int] = []

    def started(_pid: int) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)

    def send(pid: int, number: int) -> None:
        sent.append(number)
        os.kill(pid, signal.SIGKILL)

    assert run_process(["/bin/sh", "-c", "sleep 60"], tty=True, started=started, send=send) == 137
    assert sent == [signal.SIGTERM]


def test_outside_the_main_thread_programs_run_without_signals() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(run_process(["/bin/sh", "-c", "exit 3"])))
    thread.start()
    thread.join()
    assert codes == [3]


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run_process(["/bin/sh", "-c", f"kill -HUP {os.getpid()}; exit 5"]) == 5
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_program_that_is_not_there_is_the_worlds_fault() -> None:
    with pytest.raises(WorldError, match="cannot start /none"):
        run_process(["/none"])


def test_a_question_is_answered_or_complained_about() -> None:
    assert ask(["/bin/sh", "-c", "echo yes"]) == ("yes", "")
    assert ask(["/bin/sh", "-c", "echo first >&2; echo last >&2; echo >&2; exit 1"]) == ("", "last")
    assert ask(["/bin/sh", "-c", "exit 9"]) == ("", "exit code 9")
    assert ask(["/none"]) == ("", "no such file or directory")
    assert ask(["/bin/sh", "-c", "sleep 60"], timeout_s=0.1) == ("", "no answer within 0 s")


def test_the_last_words_of_runc_are_taken_out_of_its_log() -> None:
    line = r'time="2026-01-01T00:00:00Z" level=error msg="exec: \"x\": not found"'
    assert last_words(["first", line, ""]) == 'exec: "x": not found'
    assert last_words([]) == ""


def test_standard_streams_that_are_closed_are_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert not terminal_is_ours()
    assert not input_is_given()
