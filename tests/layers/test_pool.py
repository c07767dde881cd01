from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.layers.wheel_maker import WheelMaker
from wherry.errors import InputError, WorldError
from wherry.layers import pool
from wherry.layers.model import LayerBlob, Layout
from wherry.layers.pool import make_layers
from wherry.layers.wheel_jobs import WheelLayerJob
from wherry.layers.wheel_layer import Recipe, wheel_layer
from wherry.progress import SilentProgress
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.model import WheelInput
    from wherry.progress import Progress, Task

RECIPE = Recipe(Layout())
NOISE = bytes((i * i * 31 + (i >> 8) * 7) & 0xFF for i in range(100_000))


@pytest.fixture(autouse=True)
def _everything_is_worth_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WORTH_A_PROCESS_BYTES", 0)


@dataclass(frozen=True)
class Tale:
    """A job that is told what to do."""

    what: str
    cost: int = 1
    ends: str = ""

    def cost_bytes(self, _store: Store) -> int:
        return self.cost

    def parts(self, _store: Store) -> tuple[()]:
        return ()

    def make(self, store: Store, progress: Progress, *, beside: bool) -> LayerBlob:
        with progress.task(self.what, 10) as task:
            task.advance(10)
        progress.note(self.what)
        if self.ends == "input":
            raise InputError("no good", where="here", mend="so")
        if self.ends == "bug":
            raise ZeroDivisionError
        if self.ends == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.ends == "slow":
            with store.blobs.writer() as blob:
                blob.write(b"half")
                (store.root / "started").touch()
                time.sleep(60)
        return LayerBlob(self.what, str(os.getpid()), 0, 0, "beside" if beside else "alone", "")


class Watcher(SilentProgress):
    """What was told."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.notes: list[str] = []
        self.told = 0

    def advance(self, size_bytes: int) -> None:
        self.told += size_bytes

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
        assert total_bytes == 10
        self.tasks.append(title)
        yield self

    def note(self, line: str) -> None:
        self.notes.append(line)


def wheels(tmp_path: Path) -> list[WheelInput]:
    return [
        WheelMaker({f"{name}/__init__.py": b"x", f"{name}/data": NOISE[:size]}, name=name).write(tmp_path)
        for name, size in (("one", 100_000), ("two", 10), ("three", 5000), ("four", 90_000))
    ]


def test_layers_made_by_processes_are_those_made_here(tmp_path: Path, store: Store) -> None:
    made = wheels(tmp_path)
    jobs = [
        WheelLayerJob((made[0],), RECIPE),
        WheelLayerJob(tuple(made[1:]), RECIPE),
        WheelLayerJob((made[1],), RECIPE),
    ]
    found = dict(make_layers(jobs, store, workers=2))
    alone = Store.open(tmp_path / "alone")
    assert found == {job: wheel_layer(job.wheels, RECIPE.layout, alone) for job in jobs}
    assert dict(make_layers(jobs, store, workers=1)) == found
    for wheel in made:
        wheel.path.unlink()
    assert dict(make_layers(jobs, store, workers=2)) == found


def test_work_is_spread_and_progress_is_told_here(store: Store) -> None:
    watcher = Watcher()
    jobs = [Tale(str(number), cost=number) for number in range(6)]
    found = dict(make_layers(jobs, store, watcher, workers=2))
    assert {job: blob.diff_id for job, blob in found.items()} == {job: job.what for job in jobs}
    assert str(os.getpid()) not in {blob.digest for blob in found.values()}
    assert sorted(watcher.tasks) == sorted(watcher.notes) == [job.what for job in jobs]
    assert watcher.told == 60


def test_the_piece_that_lasts_longest_may_use_the_core_that_the_others_leave(store: Store) -> None:
    few = [Tale("long", cost=100), *(Tale(str(number), cost=10) for number in range(3))]
    made = dict(make_layers(few, store, workers=2))
    assert {job.what for job, blob in made.items() if blob.codec == "beside"} == {"long"}
    many = [Tale(str(number), cost=100 + number) for number in range(4)]
    first = next(iter(make_layers(many, store, workers=2)))
    assert first[1].codec == "alone"


def test_little_work_starts_no_process(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "WORTH_A_PROCESS_BYTES", 100)
    found = list(make_layers([Tale("a", 1), Tale("b", 2)], store))
    assert [(job.what, blob.digest) for job, blob in found] == [
        ("b", str(os.getpid())),
        ("a", str(os.getpid())),
    ]
    assert list(make_layers([], store)) == []


def test_errors_come_back_as_they_are(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="no good") as caught:
        list(make_layers([Tale("a", ends="input"), Tale("b")], store, workers=2))
    assert (caught.value.where, caught.value.mend) == ("here", "so")
    with pytest.raises(ZeroDivisionError):
        list(make_layers([Tale("a", ends="bug"), Tale("b")], store, workers=2))
    made = wheels(tmp_path)
    made[0].path.write_bytes(made[0].path.read_bytes()[:-9])
    with pytest.raises(InputError, match="one-1"):
        list(make_layers([WheelLayerJob((wheel,), RECIPE) for wheel in made], store, workers=2))


def test_a_worker_that_dies_is_said_so(store: Store) -> None:
    with pytest.raises(WorldError, match="ended by signal 9"):
        list(make_layers([Tale("a", ends="killed"), Tale("b", ends="killed")], store, workers=2))


def temporary_files(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and "file-" in path.name]


def test_leaving_early_ends_the_workers_and_leaves_nothing_half(store: Store) -> None:
    start = time.monotonic()
    with pytest.raises(InputError):
        list(make_layers([Tale("a", 9, ends="slow"), Tale("b", ends="input")], store, workers=2))
    assert time.monotonic() - start < 50
    assert list(store.blobs.items()) == []
    Store.open(store.root)


PROGRAM = """
import sys
from pathlib import Path
from tests.layers.test_pool import Tale
from wherry.layers import pool
from wherry.store.store import Store
if __name__ == "__main__":
    pool.WORTH_A_PROCESS_BYTES = 0
    store = Store.open(Path(sys.argv[1]))
    try:
        list(pool.make_layers([Tale("a", ends="slow"), Tale("b", ends="slow")], store, workers=2))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def unmeasured() -> dict[str, str]:
    """The environment without the measuring of coverage, which complains of processes that are killed."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_when_the_program_ends_so_do_its_workers(tmp_path: Path, how: signal.Signals) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = tmp_path / "store"
    process = subprocess.Popen(
        [sys.executable, program, root],
        env={**unmeasured(), "PYTHONPATH": os.pathsep.join(("src", "."))},
        cwd=Path(__file__).parents[2],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not (root / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if how is signal.SIGINT:
        os.killpg(process.pid, how)  # as a terminal does: every process hears it
    else:
        process.kill()
    out, errors = process.communicate(timeout=30)  # ends only when every worker has let go of the pipes
    assert process.returncode == (130 if how is signal.SIGINT else -how)
    assert (out, errors) == (b"", b"")
    store = Store.open(root)
    assert list(store.blobs.items()) == []


def test_a_job_that_the_store_has_costs_nothing(tmp_path: Path, store: Store) -> None:
    made = wheels(tmp_path)
    job = WheelLayerJob(tuple(made), RECIPE)
    assert job.cost_bytes(store) > 0
    assert len(job.parts(store)) == len(made)
    job.make(store, SilentProgress(), beside=False)
    assert job.cost_bytes(store) == 0
    assert job.parts(store) == ()
    assert replace(job, wheels=job.wheels[::-1]).key == job.key
