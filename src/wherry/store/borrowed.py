"""Files of the user's that stand in for blobs as long as nothing about them changes."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest
from wherry.frozen import ready
from wherry.store.temporary import replace_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

DIRECTORY: Final = "borrowed"
_SETTLED_S: Final = 1.0


class _Loan(msgspec.Struct, frozen=True):
    """What git's index keeps of a file, for the same reason: nobody changes a file and keeps all of these."""

    path: str
    size_bytes: int
    inode: int
    device: int
    modified_ns: int
    changed_ns: int


class Borrowed:
    """Where each borrowed blob lies: ``borrowed/<hex>.json``."""

    def __init__(self, root: Path) -> None:
        """Look at the loans below the store's *root*."""
        self._root = root
        self._directory = root / DIRECTORY

    def put(self, path: Path, digest: Digest, seen: os.stat_result) -> bool:
        """Remember the file; False when it changed, or so lately that a further change might not show.

        Args:
            path: Absolute.
            digest: Of its bytes.
            seen: Its status before they were read.

        Raises:
            OSError: The disk refused.

        """
        loan = _loan(path, seen)
        if loan != _loan(path, path.stat()) or abs(time.time() - seen.st_ctime) < _SETTLED_S:
            return False
        try:
            data = msgspec.json.encode(loan)
        except UnicodeEncodeError:  # a path that is not UTF-8
            return False
        replace_file(self._root, self._file(digest), data)
        return True

    def find(self, digest: Digest) -> tuple[Path, int] | None:
        """The file and its size, if it is as it was."""
        try:
            loan = msgspec.json.decode(self._file(digest).read_bytes(), type=ready(_Loan))
            path = Path(loan.path)
            if loan == _loan(path, path.stat()):
                return path, loan.size_bytes
        except (OSError, ValueError):  # msgspec's errors are ValueErrors
            pass
        return None

    def forget(self, digest: Digest) -> None:
        """Remember the file no more."""
        with suppress(FileNotFoundError):
            self._file(digest).unlink()

    def items(self) -> Iterator[tuple[Digest, os.stat_result]]:
        """Every loan, good or not, with the status of its record."""
        with suppress(FileNotFoundError):
            for file in list(self._directory.iterdir()):
                with suppress(OSError, ValueError):
                    yield Digest.from_hex(file.stem), file.stat()

    def _file(self, digest: Digest) -> Path:
        return self._directory / f"{digest.hex}.json"


def _loan(path: Path, status: os.stat_result) -> _Loan:
    return _Loan(
        path=str(path),
        size_bytes=status.st_size,
        inode=status.st_ino,
        device=status.st_dev,
        modified_ns=status.st_mtime_ns,
        changed_ns=status.st_ctime_ns,
    )
