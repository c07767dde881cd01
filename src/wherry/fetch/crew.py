"""Several threads at one pile of work: the first failure ends it."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from wherry.fetch.failures import CancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_FAREWELL_S: Final = 1.0
"""For all threads together: one may be waiting for a server that never answers."""


class Crew(Generic[T]):
    """Does one piece of work for each item, on threads, in the items' order."""

    def __init__(self, work: Callable[[T], None], items: Sequence[T], give_up: Callable[[], None]) -> None:
        """Prepare the work; *give_up* makes running pieces end soon, from another thread."""
        self._work = work
        self._waiting = deque(items)
        self._give_up = give_up
        self._failures: list[BaseException] = []
        self._running = 0
        self._change = threading.Condition()

    def run(self, threads: int) -> None:
        """Do all the work on at most *threads* threads.

        Raises:
            BaseException: The first failure, once every thread has ended or been left behind.

        """
        self._running = min(threads, len(self._waiting))
        # Daemons: after Ctrl-C nobody waits for a silent server. What they have written so far is whole.
        for _ in range(self._running):
            threading.Thread(target=self._go, name="wherry-fetch", daemon=True).start()
        try:
            with self._change:
                self._change.wait_for(lambda: self._failures or not self._running)
        except BaseException as error:  # noqa: BLE001 - raised again below, when the threads know
            self._fail(error)
        if self._failures:
            with self._change:
                self._change.wait_for(lambda: not self._running, _FAREWELL_S)
            raise next((f for f in self._failures if not isinstance(f, CancelledError)), self._failures[0])

    def _go(self) -> None:
        while not self._failures:
            try:
                item = self._waiting.popleft()
            except IndexError:
                break
            try:
                self._work(item)
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                self._fail(error)
        with self._change:
            self._running -= 1
            self._change.notify_all()

    def _fail(self, error: BaseException) -> None:
        self._failures.append(error)
        self._give_up()
        with self._change:
            self._change.notify_all()
