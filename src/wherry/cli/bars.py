"""Bars as rich draws them: a title that is cut before the bar is, what is done, and for how long it runs.

Imported when there is work to show: rich takes 60 ms, which a cached build should not pay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

if TYPE_CHECKING:
    from rich.progress import Task

_BAR: Final = 16
_BESIDE_TITLE: Final = 45  # the bar, "1000.0/1000.0 MB", "0:00:00" and the spaces between
_TITLE: Final = range(12, 41)


def bars_on_stderr(console: Console | None = None) -> Progress:
    """An empty display, not started yet, whose bars vanish when it stops."""
    console = console or Console(stderr=True)
    room = min(max(console.width - _BESIDE_TITLE, _TITLE.start), _TITLE.stop - 1)
    title = Column(no_wrap=True, overflow="ellipsis", max_width=room)
    return Progress(
        TextColumn("  {task.description}", markup=False, table_column=title),
        BarColumn(bar_width=_BAR),
        _Amount(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        console=console,
        transient=True,
    )


class _Amount(DownloadColumn):
    """Bytes done of all; nothing for work that is not measured in bytes."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total or task.completed else Text("")
