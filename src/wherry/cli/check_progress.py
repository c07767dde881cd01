"""A display for work that is nearly always over before anybody could read it: shown only when it lasts."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.progress import Progress, Task

_PATIENCE_S: Final = 0.5


class LateProgress:
    """Hands a task on to *shown* once it has taken half a second; what draws bars takes a while to load.

    Args:
        shown: Where tasks that last are shown.

    """

    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
        """Count until it is worth a bar."""
        with ExitStack() as stack:
            yield _LateTask(lambda: stack.enter_context(self._shown.task(title, total_bytes)))

    def note(self, line: str) -> None:
        """Said at once."""
        self._shown.note(line)


class _LateTask:
    """One task; its bar is made when it has lasted."""

    def __init__(self, show: Callable[[], Task]) -> None:
        self._show = show
        self._bar: Task | None = None
        self._size_bytes = 0
        self._since = time.monotonic()

    def advance(self, size_bytes: int) -> None:
        """So much more is done."""
        if self._bar is not None:
            self._bar.advance(size_bytes)
            return
        self._size_bytes += size_bytes
        if time.monotonic() - self._since >= _PATIENCE_S:
            self._bar = self._show()
            self._bar.advance(self._size_bytes)
