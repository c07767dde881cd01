"""One bounded walk over a build context: what ``docker build`` would send, path by path.

The walk goes by breadth and takes turns: a directory of a million files is read a stretch at a time, and
what lies beside it is seen all the same. Links are never followed. Directories that the ignore file leaves
out whole are not entered, so nothing is known of what they hold but that they are there.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from contextlib import ExitStack
from enum import Enum
from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from wherry.frozen import Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.dockerfile.ignore import IgnoreFile
    from wherry.progress import Progress, Task

MAX_ENTRIES: Final = 200_000
MAX_SECONDS: Final = 20.0
_TURN: Final = 2048
_WORTH_A_BAR: Final = 20_000  # entries


class Kind(Enum):
    """What a path of the context is."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"


class Entry(NamedTuple):
    """One path that would be sent; ``/`` between its parts, relative to the context."""

    path: str
    size_bytes: int  # 0 unless it is a file
    kind: Kind

    @property
    def name(self) -> str:
        """The last part."""
        return self.path.rpartition("/")[2]


class Walk(Record):
    """What one walk saw.

    Attributes:
        entries: What would be sent, sorted by path.
        left_out_files: How many files were seen and would not be sent; of pruned directories none is known.
        left_out_bytes: Their bytes.
        pruned: Directories that the ignore file leaves out whole.
        is_complete: False when the bounds were met: then every figure is a lower bound.
        unreadable: Directories that could not be listed.

    """

    entries: list[Entry] = msgspec.field(default_factory=list)
    left_out_files: int = 0
    left_out_bytes: int = 0
    pruned: list[str] = msgspec.field(default_factory=list)
    is_complete: bool = True
    unreadable: list[str] = msgspec.field(default_factory=list)


def walk_context(
    root: Path,
    ignore: IgnoreFile | None,
    progress: Progress,
    *,
    max_entries: int = MAX_ENTRIES,
    max_seconds: float = MAX_SECONDS,
) -> Walk:
    """Walk *root* within the bounds; unreadable directories are noted, never raised."""
    walker = _Walker(root, ignore)
    deadline = time.monotonic() + max_seconds
    with ExitStack() as shown:
        task: Task | None = None
        while walker.queue:
            if walker.seen >= max_entries or time.monotonic() > deadline:
                walker.found.is_complete = False
                break
            if task is None and walker.seen >= _WORTH_A_BAR:  # most contexts are read before a bar is drawn
                task = shown.enter_context(progress.task("reading the build context"))
            walker.turn(min(_TURN, max_entries - walker.seen), task)
    walker.close()
    walker.found.entries.sort(key=itemgetter(0))
    return walker.found


class _Walker:
    """The directories still to read, and what was found so far."""

    def __init__(self, root: Path, ignore: IgnoreFile | None) -> None:
        self.root = os.fspath(root)
        self.ignore = ignore if ignore and ignore.patterns else None
        self.queue: deque[tuple[str, Iterator[os.DirEntry[str]] | None]] = deque([("", None)])
        self.found = Walk()
        self.seen = 0

    def turn(self, most: int, task: Task | None) -> None:
        """Read up to *most* names of the next directory; one with more goes to the end of the queue."""
        directory, listing = self.queue.popleft()
        prefix = f"{directory}/" if directory else ""
        size_bytes = 0
        try:
            listing = listing or os.scandir(os.path.join(self.root, directory))  # noqa: PTH118 - a Path for each directory is slow
            for _ in range(most):
                item = next(listing, None)
                if item is None:
                    break
                self.seen += 1
                size_bytes += self.take(item, f"{prefix}{item.name}")
            else:
                self.queue.append((directory, listing))
        except OSError:
            self.found.unreadable.append(directory or ".")
        if task is not None:
            task.advance(size_bytes)

    def take(self, item: os.DirEntry[str], path: str) -> int:
        """One name: remember it when it would be sent, and its directory for later. Returns its bytes."""
        ignore = self.ignore
        is_left_out = ignore is not None and ignore.matches(path)
        if item.is_dir(follow_symlinks=False):
            if is_left_out and ignore is not None and ignore.can_prune(path):
                self.found.pruned.append(path)
                return 0
            self.queue.append((path, None))
            if not is_left_out:
                self.found.entries.append(Entry(path, 0, Kind.DIRECTORY))
            return 0
        if item.is_symlink():
            if not is_left_out:
                self.found.entries.append(Entry(path, 0, Kind.LINK))
            return 0
        status = _status(item)
        if status is None or not stat.S_ISREG(status.st_mode):
            return 0  # sockets and devices are not sent
        if is_left_out:
            self.found.left_out_files += 1
            self.found.left_out_bytes += status.st_size
            return 0
        self.found.entries.append(Entry(path, status.st_size, Kind.FILE))
        return status.st_size

    def close(self) -> None:
        """Give back the directories that were not read to their end."""
        for _, listing in self.queue:
            close = getattr(listing, "close", None)
            if close:
                close()


def _status(item: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return item.stat(follow_symlinks=False)
    except OSError:
        return None  # it went away in between
