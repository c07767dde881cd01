"""Words of a file that know where they stand, and the tolerant reading of files beside a Dockerfile.

Gives:
    Text: a string of a file with its place. ``str(text)`` is the value, ``text.place`` is for a finding,
        ``text.span`` and ``text.source`` are for an edit.
    Note: a neighbour that could not be read, and why. It is never a finding and never a failure.
    Reader: reads small regular files once each; what cannot be read becomes a note.

A file is named as the user would open it: below the directory that was given to ``wherry check``.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar, cast

from wherry.check.model import Place
from wherry.dockerfile.source import Source, Span
from wherry.frozen import Frozen
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping
    from pathlib import Path

    from wherry.progress import Progress

T = TypeVar("T")

LIMIT_BYTES: Final = 4 << 20
"""The largest neighbour that is read, unless its kind says otherwise."""

_MOST_NOTES: Final = 200


@dataclass(frozen=True, slots=True)
class Text:
    """A string and the bytes of a file that it was read from; quotes may stand inside the span."""

    value: str
    source: Source = field(repr=False, compare=False)
    span: Span

    @property
    def place(self) -> Place:
        """Where it stands, for a finding."""
        return Place.of(self.source, self.span)

    def __str__(self) -> str:
        """The value."""
        return self.value


class Note(Frozen):
    """What was passed over, in a sentence without a full stop."""

    path: str
    what: str


class Reader:
    """Reads neighbours; every file once, whatever asks for it.

    Args:
        progress: Told of long walks over build contexts.

    Attributes:
        notes: What could not be read so far, each once.

    """

    def __init__(self, progress: Progress | None = None) -> None:
        self.progress = progress or SilentProgress()
        self.notes: list[Note] = []
        self._known: dict[tuple[str, int], Source | None] = {}
        self._memory: dict[tuple[object, ...], object] = {}
        self.walks: dict[tuple[object, ...], object] = {}  # what is known of directories, whatever texts say
        self._texts: dict[str, bytes] = {}  # by what the name leads to: a file has more names than one
        self._ends: dict[str, str] = {}

    def with_texts(self, texts: Mapping[str, bytes]) -> Reader:
        """A reader that finds *texts* in place of those files, and knows what this one knows of others."""
        other = Reader(self.progress)
        other.notes = self.notes
        other._ends = self._ends
        other._texts = {**self._texts, **{self._end_of(name): text for name, text in texts.items()}}
        other._known = {
            key: source for key, source in self._known.items() if self._end_of(key[0]) not in other._texts
        }
        other.walks = self.walks
        return other

    def read(self, path: Path, limit_bytes: int = LIMIT_BYTES) -> Source | None:
        """The file at *path*; None where there is none, or none that can be read, which is noted."""
        key = (str(path), limit_bytes)
        if key not in self._known:
            self._known[key] = self._read(path, limit_bytes)
        return self._known[key]

    def first(self, paths: Iterable[Path], limit_bytes: int = LIMIT_BYTES) -> Source | None:
        """The first of *paths* that can be read."""
        return next((source for path in paths if (source := self.read(path, limit_bytes))), None)

    def remember(self, make: Callable[..., T], *arguments: Hashable) -> T:
        """What *make* makes of *arguments*, made once: facts of a directory serve all its Dockerfiles."""
        key = (make, *arguments)
        if key not in self._memory:
            self._memory[key] = make(*arguments)
        return cast("T", self._memory[key])

    def note(self, path: str, what: str) -> None:
        """Remember that something at *path* was passed over."""
        note = Note(path, what)
        if len(self.notes) < _MOST_NOTES and note not in self.notes:
            self.notes.append(note)

    def _end_of(self, name: str) -> str:
        """Where a name leads, asked once."""
        if name not in self._ends:
            try:
                self._ends[name] = os.path.realpath(name)
            except ValueError:  # a zero byte
                self._ends[name] = name
        return self._ends[name]

    def _read(self, path: Path, limit_bytes: int) -> Source | None:
        text = self._texts.get(self._end_of(str(path))) if self._texts else None
        if text is not None:
            return Source(str(path), text)
        try:
            data = read_bounded(path, limit_bytes + 1)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.note(str(path), f"cannot be read: {reason}")
            return None
        if len(data) > limit_bytes:
            self.note(str(path), f"is larger than {limit_bytes >> 20} MiB and was not read")
            return None
        return Source(str(path), data)


def read_bounded(path: Path | str, limit_bytes: int) -> bytes:
    """At most *limit_bytes* of a regular file; a pipe or a device is refused without waiting for it.

    Raises:
        OSError: It is not there, not a regular file, or cannot be read.

    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError
        if not stat.S_ISREG(mode):
            raise OSError(0, "it is not a regular file")
        return stream.read(limit_bytes)
