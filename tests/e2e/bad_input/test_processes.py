"""Kills, interrupts, two builds at once and a wrong clock leave a whole store."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from tests.programs import require_program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

from tests.e2e.bad_input.bench import DEADLINE_S, Bench

pytestmark = pytest.mark.e2e


def many_wheels(bench: Bench) -> None:
    """Enough work for a kill to come in the middle of it."""
    for n in range(4):
        files = {
            f"pkg{n}/part{i}.bin": hashlib.sha256(f"{n} {i}".encode()).digest() * 40_000 for i in range(12)
        }
        bench.add(f"pkg{n}", files)


@pytest.mark.parametrize(
    ("sign", "count"), [("tmp/*", 1), ("blobs/sha256/*", 3), ("blobs/sha256/*", 5), ("tags/*", 1)]
)
def test_a_kill_in_the_middle_and_then_again(
    bench: Bench, tmp_path: Path, base: Path, sign: str, count: int
) -> None:
    many_wheels(bench)
    undisturbed = Bench(tmp_path / "other", base)
    shutil.copytree(bench.links, undisturbed.links, dirs_exist_ok=True)
    shutil.copytree(bench.project, undisturbed.project, dirs_exist_ok=True)

    arguments = [*bench.build_arguments, "-o", f"oci:{bench.root}/out"]
    process = subprocess.Popen(
        bench.command(*arguments),
        env=bench.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(process, lambda: len(list(bench.cache.glob(sign))) >= count)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    assert bench.digest() == undisturbed.digest()
    assert not list((bench.cache / "tmp").glob("*"))
    assert bench.run("cache", "verify").code == 0
    again = bench.run(*arguments)
    assert again.code == 0, again.err


def wait_for(process: subprocess.Popen[Any], seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not seen() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def test_an_interrupt_ends_with_130_and_leaves_a_whole_store(bench: Bench) -> None:
    many_wheels(bench)
    process = subprocess.Popen(
        bench.command(*bench.build_arguments), env=bench.variables, stderr=subprocess.PIPE, text=True
    )
    wait_for(process, lambda: bool(list((bench.cache / "tmp").glob("*"))))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode in {130, 0}  # 0: it was quicker
    assert "Traceback" not in err
    assert not list((bench.cache / "tmp").glob("*"))
    assert bench.run("cache", "verify").code == 0


def test_two_builds_at_once(bench: Bench) -> None:
    many_wheels(bench)
    processes = [
        subprocess.Popen(
            bench.command(*bench.build_arguments, "-o", f"oci:{bench.root}/out"),
            env=bench.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ended = [(*process.communicate(timeout=DEADLINE_S), process.returncode) for process in processes]
    assert [(err, code) for _, err, code in ended] == [("", 0)] * 3
    assert len({out for out, _, _ in ended}) == 1
    assert bench.run("cache", "verify").code == 0


def test_a_clock_in_1970(bench: Bench) -> None:
    faketime = require_program("faketime")
    bench.add("demo")
    early = bench.build(
        "-o", f"oci-archive:{bench.root}/out.tar", before=(faketime, "-f", "1970-01-01 00:00:10")
    )
    assert early.code == 0, early.err
    shutil.rmtree(bench.cache)
    bench.cache.mkdir()
    assert bench.digest() == early.out.strip()
