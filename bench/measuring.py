"""Run one command and say what it took: seconds of wall time and the memory of its largest process."""

from __future__ import annotations

import os
import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of a command took, and what it printed."""

    seconds: float
    peak_bytes: int  # resident memory of the largest process among the command and all it started
    output: bytes


def measure(argv: Sequence[str], folder: Path, environment: Mapping[str, str], scratch: Path) -> Measured:
    """Run *argv* in *folder*; end the bench if it fails.

    wait4 gives what a child used, and the children it waited for; unlike getrusage(RUSAGE_CHILDREN) of one
    wrapper it starts from nothing for each command.
    """
    log = scratch / "output"
    with log.open("wb") as output:
        started = time.perf_counter()
        child = os.posix_spawn(
            "/usr/bin/env",
            ["env", "--chdir", str(folder), *argv],
            dict(environment),
            file_actions=[(os.POSIX_SPAWN_DUP2, output.fileno(), 1)],
        )
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - started
    code = os.waitstatus_to_exitcode(status)
    if code:
        sys.exit(f"error: {' '.join(argv)} ended with exit code {code}")
    return Measured(seconds, usage.ru_maxrss * 1024, log.read_bytes())


def middle(runs: Sequence[Measured]) -> Measured:
    """The median time, the worst memory, the last output."""
    seconds = statistics.median(run.seconds for run in runs)
    return Measured(seconds, max(run.peak_bytes for run in runs), runs[-1].output)
