"""The store as a whole: where it is, and its parts."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.store import locks, temporary
from wherry.store.blobs import Blobs
from wherry.store.disk import MEND_SPACE, MEND_WRITE, explained, free_bytes, readable_size
from wherry.store.index import Index
from wherry.store.tags import Tags

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

FORMAT: Final = "1"
LOCKS: Final = "locks"
PARTIAL: Final = "partial"  # downloads that have begun; pruning must know of them
_FORMAT_FILE: Final = "format"
_USING: Final = "using"
_CACHE_TAG: Final = (
    b"Signature: 8a477f597d28d172789f06886806bc55\n# bford.info/cachedir: backups may skip this\n"
)


class Store:
    """Blobs, index and tags under one directory, for several processes at once.

    Holds nothing but its root: it may be sent to a worker process, which then opens its own.
    """

    def __init__(self, root: Path) -> None:
        """Look at the store at *root* as it is; `open` finds and makes it."""
        self.root: Final = root
        self.blobs: Final = Blobs(root)
        self.index: Final = Index(root)
        self.tags: Final = Tags(root)

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        """Travel as the root alone."""
        return Store, (self.root,)

    def __repr__(self) -> str:
        """Name the directory."""
        return f"Store({str(self.root)!r})"

    @classmethod
    def open(cls, root: Path | None = None) -> Store:
        """Find the store, make it if it is not there, and sweep what killed processes left in it.

        A store that cannot be written opens all the same, for reading.

        Args:
            root: Where it is; else WHERRY_CACHE_DIR, XDG_CACHE_HOME/wherry or ~/.cache/wherry.

        Raises:
            InputError: The place is not a directory.
            WorldError: The directory cannot be made, or a newer wherry made it.

        """
        store = cls(default_root() if root is None else root.absolute())
        found = _format_of(store.root)
        if found is None:
            _make(store.root)
        elif found != FORMAT:
            raise WorldError(
                f"another version of wherry made this store (format {found[:20]!r}, ours is {FORMAT})",
                where=str(store.root),
                mend="use that version, or set WHERRY_CACHE_DIR to another directory",
            )
        temporary.sweep(store.root)
        return store

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the lock *name* for the block, against other processes and threads.

        Not reentrant: a thread that takes a lock it holds waits for itself.

        Raises:
            WorldError: The store cannot be written, or its file system has no locks.

        """
        with locks.held(self.root / LOCKS / Digest.of_bytes(name.encode()).hex):
            yield

    @contextmanager
    def using(self) -> Iterator[None]:
        """Keep everything in the store for the block; any number of builds may. Pruning is refused then."""
        with locks.held(self._using, shared=True):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one at work in the store for the block: for pruning.

        Raises:
            WorldError: A build is at work in it, or it cannot be written.

        """
        with locks.held(self._using, wait=False) as alone:
            if not alone:
                raise WorldError(
                    "a build is using the store",
                    where=str(self.root),
                    mend="wait until it has ended and run the command again",
                )
            yield

    def scratch(self, purpose: str) -> AbstractContextManager[Path]:
        """Make a private directory in the store's file system, removed after the block or a crash.

        Raises:
            WorldError: The store cannot be written.

        """
        return temporary.temporary_directory(self.root, purpose)

    def require_space(self, size_bytes: int, what: str) -> None:
        """Make sure that the disk can take *size_bytes* more, before the first byte.

        Args:
            size_bytes: What is about to be written, at most.
            what: For the message: "61 files".

        Raises:
            WorldError: The disk has less left.

        """
        free = free_bytes(self.root)
        if free is not None and size_bytes > free:
            raise WorldError(
                f"no space for {what}: {readable_size(size_bytes)} needed, {readable_size(free)} free",
                where=str(self.root),
                mend=MEND_SPACE,
            )

    @property
    def _using(self) -> Path:
        return self.root / LOCKS / _USING


def default_root() -> Path:
    """Where the store is when nobody says: WHERRY_CACHE_DIR, XDG_CACHE_HOME/wherry, ~/.cache/wherry.

    Raises:
        WorldError: There is no home directory.

    """
    if named := os.environ.get("WHERRY_CACHE_DIR"):
        return Path(named).absolute()
    shared = os.environ.get("XDG_CACHE_HOME", "")
    # "All paths must be absolute"; a relative one is to be ignored (XDG base directory specification).
    if Path(shared).is_absolute():
        return Path(shared) / "wherry"
    try:
        return Path.home() / ".cache" / "wherry"
    except RuntimeError as error:
        raise WorldError(
            "there is no home directory to put the store in", mend="set WHERRY_CACHE_DIR"
        ) from error


def _format_of(root: Path) -> str | None:
    try:
        # An empty file is what a power loss leaves of a store that was just made.
        return (root / _FORMAT_FILE).read_bytes()[:100].decode("utf-8", "replace").strip() or None
    except OSError:
        return None


def _make(root: Path) -> None:
    if root.exists() and not root.is_dir():
        raise InputError(
            "the store is not a directory", where=str(root), mend="set WHERRY_CACHE_DIR to a directory"
        )
    was_there = root.is_dir()
    try:
        with explained(root, "make the store"):
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary.replace_file(root, root / "CACHEDIR.TAG", _CACHE_TAG)
            temporary.replace_file(root, root / _FORMAT_FILE, f"{FORMAT}\n".encode())
    except WorldError as error:
        readable = False
        with suppress(OSError):
            readable = was_there and os.access(root, os.R_OK | os.X_OK)
        if not readable:
            raise WorldError(error.what, where=error.where, mend=MEND_WRITE) from error
