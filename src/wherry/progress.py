"""What long work tells whoever is watching. The work reports; only the command line draws."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Task(Protocol):
    """One running piece of work with a known or unknown number of bytes."""

    def advance(self, size_bytes: int) -> None:
        """Another *size_bytes* are done. Callable from any thread."""


class Progress(Protocol):
    """Where work announces itself."""

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
        """Show *title* as running until the block ends. Callable from any thread."""
        ...

    def note(self, line: str) -> None:
        """Say one line that the user should see even without progress bars."""


class _SilentTask:
    def advance(self, size_bytes: int) -> None:
        """Nobody is watching."""


class SilentProgress:
    """Progress that nobody watches: for libraries, tests and ``--quiet``."""

    @contextmanager
    def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:  # noqa: ARG002 - the protocol's names
        """Run the block."""
        yield _SilentTask()

    def note(self, line: str) -> None:
        """Say nothing."""
