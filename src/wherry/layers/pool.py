"""Make many layers on all cores: one process for each core, the largest work first.

A job says what it is, how large, and how it is made; the pool knows nothing of wheels. Workers are started
only when there is enough to do, die with the program however it ends, and hand errors back as they are.
"""

from __future__ import annotations

import gc
import heapq
import multiprocessing
import os
import signal
import threading
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from wherry.errors import WorldError
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnContext

    from wherry.layers.model import LayerBlob
    from wherry.progress import Progress, Task
    from wherry.store.store import Store

WORTH_A_PROCESS_BYTES: Final = 24 << 20
"""Less work than this is done before a worker has started."""

_REPORT_BYTES: Final = 4 << 20
_PATIENCE_S: Final = 5.0


class Job(Protocol):
    """Something that makes one layer. It is sent to another process, so it holds plain values only."""

    def cost_bytes(self, store: Store) -> int:
        """How much work it is, in bytes read: decides who comes first."""
        ...

    def parts(self, store: Store) -> Sequence[Part]:
        """What may be made before and beside each other, so that `make` finds it in the store."""
        ...

    def make(self, store: Store, progress: Progress, *, beside: bool) -> LayerBlob:
        """Find or make the layer; *beside*: a core is idle, for a thread beside this one."""
        ...


class Part(Protocol):
    """A piece of a job's work that leaves its result in the store."""

    def make(self, store: Store, progress: Progress, *, beside: bool) -> object:
        """Find or make it, as `Job.make`."""
        ...


J = TypeVar("J", bound=Job)


def make_layers(
    jobs: Sequence[J], store: Store, progress: Progress | None = None, *, workers: int | None = None
) -> Iterator[tuple[J, LayerBlob]]:
    """Make the layer of every job; give each as soon as it is finished.

    Closing the iterator early, or an exception where it is used, ends all work; nothing half-made stays.

    Args:
        jobs: In any order.
        store: Where layers go; workers open it again.
        progress: Told of what runs, from this process.
        workers: Processes at most; None: one for each core this process may use.

    Raises:
        InputError: A job failed so; the others are ended.
        WorldError: A job failed so, or a worker died.

    """
    progress = progress or SilentProgress()
    if workers is None:
        workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cost_bytes = {id(job): job.cost_bytes(store) for job in jobs}
    if workers < 2 or sum(cost_bytes.values()) < WORTH_A_PROCESS_BYTES:  # noqa: PLR2004 - nothing beside us
        for job in sorted(jobs, key=lambda job: -cost_bytes[id(job)]):
            yield job, job.make(store, progress, beside=False)
        return
    with _Workers(workers, store, progress) as crew:
        schedule = _Schedule(jobs, store, workers)  # while the workers start
        while schedule or crew.busy:
            for worker in crew.idle:
                if schedule:
                    worker.start(*schedule.pop())
            for number, result in crew.finished():
                if done := schedule.finish(number):
                    yield done, result


class _Schedule(Generic[J]):
    """Who is next: the largest that waits for nothing."""

    def __init__(self, jobs: Sequence[J], store: Store, workers: int) -> None:
        self._workers = workers
        self._left_bytes = 0
        self._work: list[Part] = []
        self._costs: list[int] = []
        self._whole: dict[int, J] = {}  # work that finishes a job
        self._then: dict[int, int] = {}  # a part's number to its job's
        self._missing: dict[int, int] = {}  # parts that a job still waits for
        self._ready: list[tuple[int, int]] = []
        for job in jobs:
            parts = job.parts(store)
            cost_bytes = job.cost_bytes(store)
            whole = self._add(job, cost_bytes, ready=not parts)
            self._whole[whole] = job
            self._missing[whole] = len(parts)
            for part in parts:
                # All that stands before the end of a job is as urgent as the job.
                self._then[self._add(part, cost_bytes, ready=True)] = whole

    def __len__(self) -> int:
        return len(self._ready)

    def pop(self) -> tuple[int, Part, bool]:
        """The next piece of work, its number, and whether a core will be idle beside it.

        One is, where the piece takes longer than the others do with all that is left.
        """
        _, number = heapq.heappop(self._ready)
        return number, self._work[number], self._costs[number] * self._workers > self._left_bytes

    def finish(self, number: int) -> J | None:
        """Note that work is done: the job it finished, if it was the whole of one."""
        self._left_bytes -= self._costs[number]
        whole = self._then.get(number)
        if whole is None:
            return self._whole[number]
        self._missing[whole] -= 1
        if not self._missing[whole]:
            self._push(whole)
        return None

    def _add(self, work: Part, cost_bytes: int, *, ready: bool) -> int:
        self._work.append(work)
        self._costs.append(cost_bytes)
        self._left_bytes += cost_bytes
        number = len(self._work) - 1
        if ready:
            self._push(number)
        return number

    def _push(self, number: int) -> None:
        heapq.heappush(self._ready, (-self._costs[number], number))


class _Workers:
    """The processes, and what each is doing."""

    def __init__(self, count: int, store: Store, progress: Progress) -> None:
        # spawn: the program has threads, and a forked thread's lock stays locked for ever.
        context = multiprocessing.get_context("spawn")
        self._workers = [_Worker(context, store, progress) for _ in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for worker in self._workers:
            worker.dismiss(at_once=kind is not None)
        for worker in self._workers:
            worker.end()

    @property
    def idle(self) -> list[_Worker]:
        """Workers without work."""
        return [worker for worker in self._workers if worker.number is None]

    @property
    def busy(self) -> list[_Worker]:
        """Workers with work."""
        return [worker for worker in self._workers if worker.number is not None]

    def finished(self) -> list[tuple[int, Any]]:
        """Wait until something happens; what was finished by it."""
        busy = {worker.connection: worker for worker in self.busy}
        results = [busy[connection].hear() for connection in wait(list(busy))]  # type: ignore[index]
        return [result for result in results if result is not None]


class _Worker:
    """One process."""

    def __init__(self, context: SpawnContext, store: Store, progress: Progress) -> None:
        self._progress = progress
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, store), name="wherry-layers", daemon=True)
        # It starts with the signal blocked: a Ctrl-C before it can ignore that would show a traceback.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        self.number: int | None = None
        self._tasks = ExitStack()
        self._task: Task | None = None

    def start(self, number: int, work: Part, beside: bool) -> None:  # noqa: FBT001 - as `_Schedule.pop` says
        """Give it work."""
        self.number = number
        try:
            self.connection.send((work, beside))
        except OSError:
            raise self._died() from None

    def hear(self) -> tuple[int, Any] | None:
        """Take one message; the work's number and result if it was the last of it."""
        try:
            kind, value = self.connection.recv()
        except (EOFError, OSError):
            raise self._died() from None
        if kind == "task":
            self._tasks.close()
            self._task = self._tasks.enter_context(self._progress.task(*value))
        elif kind == "advance" and self._task is not None:
            self._task.advance(value)
        elif kind == "note":
            self._progress.note(value)
        elif kind == "failed":
            raise value
        elif kind == "done" and self.number is not None:
            self._tasks.close()
            number, self.number = self.number, None
            return number, value
        return None

    def dismiss(self, *, at_once: bool) -> None:
        """Tell it to end; *at_once* in the middle of its work: what it has not committed is nowhere."""
        self._tasks.close()
        if at_once:
            self._process.kill()
        else:
            with suppress(OSError):
                self.connection.send(None)

    def end(self) -> None:
        """Wait for its end."""
        self._process.join(_PATIENCE_S)
        self._process.kill()
        self._process.join()
        self.connection.close()

    def _died(self) -> WorldError:
        self._process.join(1)
        code = self._process.exitcode
        how = f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"
        return WorldError(
            f"a process that was making layers ended {how}",
            mend="the machine may be short of memory; run the build again, it goes on where it was",
        )


def _work(connection: Connection, store: Store) -> None:
    """The life of a worker: one piece of work after the other, until the program ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's to hear; it ends us
    gc.disable()  # a worker lives for seconds, and layers leave no cycles behind
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reporter = _Reporter(connection)
    with suppress(EOFError, OSError):
        while (given := connection.recv()) is not None:
            work, beside = given
            try:
                result = work.make(store, reporter, beside=beside)
            except Exception as error:  # noqa: BLE001 - raised again in the program
                reporter.send("failed", error)
            else:
                reporter.send("done", result)


def _end_with_parent() -> None:
    """Leave when the program was killed: without it nobody wants the layers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


class _Reporter:
    """Progress in a worker: told to the program in messages, not too many."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, kind: str, value: object) -> None:
        with self._lock:
            self._connection.send((kind, value))

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
        self.send("task", (title, total_bytes))
        task = _ReportedTask(self)
        yield task
        task.flush()

    def note(self, line: str) -> None:
        self.send("note", line)


class _ReportedTask:
    """A task whose advances are gathered."""

    def __init__(self, reporter: _Reporter) -> None:
        self._reporter = reporter
        self._waiting_bytes = 0

    def advance(self, size_bytes: int) -> None:
        self._waiting_bytes += size_bytes
        if self._waiting_bytes >= _REPORT_BYTES:
            self.flush()

    def flush(self) -> None:
        waiting, self._waiting_bytes = self._waiting_bytes, 0
        if waiting:
            self._reporter.send("advance", waiting)
