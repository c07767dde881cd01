"""What the user sees while work runs: bars on a terminal, plain lines elsewhere, nothing with ``--quiet``."""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

from wherry.progress import SilentProgress
from wherry.report.amounts import seconds, size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from wherry.progress import Progress, Task

JSON_VERSION: Final = 1
"""Of what ``--json`` prints: raised when a key goes or means something else, not when one is new."""

_WORTH_A_LINE_S: Final = 0.5  # plain output tells only of work that took at least this long


def print_json(document: Mapping[str, object]) -> None:
    """One JSON object on standard output, which says first which form it has."""
    click.echo(json.dumps({"version": JSON_VERSION, **document}, indent=2))


@contextmanager
def show_progress(*, quiet: bool) -> Iterator[Progress]:
    """The progress display that fits where standard error goes."""
    if quiet:
        yield SilentProgress()
    elif sys.stderr is not None and sys.stderr.isatty():
        with _Bars() as bars:
            yield bars
    else:
        yield _Lines()


class _Counter:
    """Counts bytes; for plain lines."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._lock = threading.Lock()

    def advance(self, size_bytes: int) -> None:
        with self._lock:
            self.size_bytes += size_bytes


class _Lines:
    """One line when a piece of work is done, if it took a while."""

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
        counter = _Counter()
        started = time.monotonic()
        yield counter
        took = time.monotonic() - started
        if took >= _WORTH_A_LINE_S:
            amount = counter.size_bytes or total_bytes
            self.note(f"{title}  {size(amount) + '  ' if amount else ''}{seconds(took)}")

    def note(self, line: str) -> None:
        click.echo(line, err=True)


class _Bar:
    """One running bar."""

    def __init__(self, bars: RichProgress, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def advance(self, size_bytes: int) -> None:
        self._bars.advance(self._task, size_bytes)


class _Bars:
    """Bars of everything that runs now; finished ones go away. Drawn only once there is work to show."""

    def __init__(self) -> None:
        self._rich: RichProgress | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> _Bars:  # noqa: PYI034 - final in this module
        return self

    def __exit__(self, *exc: object) -> None:
        if self._rich is not None:
            self._rich.stop()

    def _started(self) -> RichProgress:
        with self._lock:
            if self._rich is None:
                from wherry.cli.bars import bars_on_stderr

                self._rich = bars_on_stderr()
                self._rich.start()
            return self._rich

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
        bars = self._started()
        task = bars.add_task(title, total=total_bytes)
        try:
            yield _Bar(bars, task)
        finally:
            bars.remove_task(task)

    def note(self, line: str) -> None:
        if self._rich is not None:
            self._rich.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(line, err=True)
