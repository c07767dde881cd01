"""Content-addressed files: ``blobs/sha256/<hex>``, there entirely or not at all.

A blob gets its name by a rename after its last byte, so a killed process leaves none half. A power loss
can still cut a file that was never synced (syncing gigabytes would cost more than making them again), so
each blob carries its size as an extended attribute, and a file of another size counts as absent. Where
the file system has no such attributes only the empty file is noticed; `wherry cache verify` reads all.

A large file that is already on this disk (a wheel in ``--find-links``) can be *borrowed* instead of
copied: the store remembers where it lies and its inode, size and times. Any change to the file ends that.
A hard link would be as cheap, but rebuilding a wheel in place would then change the blob under its name.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.store.borrowed import Borrowed
from wherry.store.disk import explained
from wherry.store.writer import BlobWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

DIRECTORY: Final = "blobs/sha256"
EMPTY: Final = Digest.of_bytes(b"")
_SIZE_ATTRIBUTE: Final = "user.wherry.size"
_TOUCH_AFTER_S: Final = 86_400
_COPY_BYTES: Final = 1 << 20


class Blobs:
    """The blobs of one store. Holds nothing but the root, so it may be sent to worker processes."""

    def __init__(self, root: Path) -> None:
        """Look at the blobs below the store's *root*."""
        self._root = root
        self._directory = root / DIRECTORY
        self._borrowed = Borrowed(root)

    def __contains__(self, digest: object) -> bool:
        """Whether the blob is there, whole. Asking counts as a use, for `wherry cache prune`."""
        return isinstance(digest, Digest) and self._find(digest) is not None

    def path(self, digest: Digest) -> Path:
        """Where the blob is, or would be. Read it there, never write: it may be the user's own file."""
        found = self._find(digest)
        return self._own(digest) if found is None else found[0]

    def size_bytes(self, digest: Digest) -> int | None:
        """The size of the blob; None when it is not there."""
        found = self._find(digest)
        return None if found is None else found[1]

    def open(self, digest: Digest, *, touch: bool = True) -> BinaryIO:
        """Open the blob for reading. The stream outlives a prune.

        Args:
            digest: Of the blob.
            touch: Whether that counts as a use; False for those who only look after the store.

        Raises:
            WorldError: The blob is not there or cannot be read.

        """
        found = self._find(digest, touch=touch)
        if found is None:
            raise _missing(digest, self._root)
        try:
            return found[0].open("rb")
        except OSError as error:
            raise _missing(digest, self._root) from error

    @contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """Write a new blob in the block; what is not committed there is thrown away.

        Raises:
            WorldError: The store cannot be written.

        """
        writer = BlobWriter(self._root, self._keep)
        try:
            yield writer
        finally:
            writer.close()

    def add_bytes(self, data: bytes) -> Digest:
        """Keep a small value that is in memory.

        Raises:
            WorldError: The store cannot be written.

        """
        digest = Digest.of_bytes(data)
        if digest in self:
            return digest
        with self.writer() as writer:
            writer.write(data)
            return writer.commit(digest)

    def add_file(self, path: Path, digest: Digest) -> None:
        """Keep a file that the caller knows to have *digest*: moved from inside the store, else copied.

        A copy is hashed once more: the file may change between the caller's look and ours.

        Raises:
            WorldError: The store cannot be written, the file not be read, or it has other bytes.

        """
        with explained(self._root, "keep a blob"):
            if self._root in path.parents:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    self._keep(path, descriptor, digest, os.fstat(descriptor).st_size)
                finally:
                    os.close(descriptor)
                return
        if digest in self:
            return
        with explained(path.parent, "read a file"), path.open("rb") as source, self.writer() as writer:
            while block := source.read(_COPY_BYTES):
                writer.write(block)
            writer.commit(digest)

    def borrow(self, path: Path, digest: Digest, seen: os.stat_result) -> bool:
        """Use a file where it lies, as long as nothing about it changes. False: it is too new, copy it.

        Args:
            path: Absolute, outside the store.
            digest: Of the file's bytes, which the caller has just read.
            seen: The file's status before the first byte was read.

        Raises:
            WorldError: The store cannot be written.

        """
        with explained(self._root, "keep a blob"):
            return self._borrowed.put(path, digest, seen)

    def remove(self, digest: Digest) -> int:
        """Remove the blob and say how many bytes that frees. Only for pruning, under its lock.

        Raises:
            WorldError: The store cannot be written.

        """
        with explained(self._root, "remove a blob"):
            self._borrowed.forget(digest)
            own = self._own(digest)
            try:
                freed = own.stat().st_size
                own.unlink()
            except FileNotFoundError:
                return 0
            return freed

    def items(self) -> Iterator[tuple[Digest, os.stat_result]]:
        """Every blob of the store's own, whole or not, in no order: for the keeping of the store."""
        try:
            entries = list(os.scandir(self._directory))
        except FileNotFoundError:
            return
        for entry in entries:
            with suppress(OSError, ValueError):
                yield Digest.from_hex(entry.name), entry.stat(follow_symlinks=False)

    def borrowed(self) -> Iterator[tuple[Digest, os.stat_result]]:
        """Every borrowed file, changed or not: its digest and the status of our note of it."""
        return self._borrowed.items()

    def _own(self, digest: Digest) -> Path:
        return self._directory / digest.hex

    def _find(self, digest: Digest, *, touch: bool = True) -> tuple[Path, int] | None:
        path = self._own(digest)
        try:
            status = path.stat()
        except OSError:
            return self._borrowed.find(digest)
        if not is_whole(path, status, digest):
            return None
        if touch:
            _touch(path, status)
        return path, status.st_size

    def _keep(self, path: Path, descriptor: int, digest: Digest, size_bytes: int) -> None:
        """Give the finished file its name. Of two writers of one blob the later wins, with equal bytes."""
        with suppress(OSError, AttributeError):  # not on every file system, nor on macOS
            os.setxattr(descriptor, _SIZE_ATTRIBUTE, str(size_bytes).encode())
        os.fchmod(descriptor, 0o444)
        try:
            path.replace(self._own(digest))
        except FileNotFoundError:
            self._directory.mkdir(parents=True, exist_ok=True)
            path.replace(self._own(digest))


def is_whole(path: Path, status: os.stat_result, digest: Digest) -> bool:
    """Whether the file has the size it was committed with, as far as the file system can tell."""
    try:
        return status.st_size == int(os.getxattr(path, _SIZE_ATTRIBUTE))
    except (OSError, AttributeError, ValueError):
        return status.st_size > 0 or digest == EMPTY


def _touch(path: Path, status: os.stat_result) -> None:
    """Note the use in the blob's modification time: mounts with noatime keep no other. At most once a day."""
    if time.time() - status.st_mtime > _TOUCH_AFTER_S:
        with suppress(OSError):
            os.utime(path)


def _missing(digest: Digest, root: Path) -> WorldError:
    return WorldError(
        f"the store has no blob {digest}",
        where=str(root),
        mend="run the build again: it makes or fetches what is missing",
    )
