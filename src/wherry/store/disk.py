"""What the disk can refuse, said so that a user knows what to do about it."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
MEND_SPACE: Final = "run `wherry cache prune`, or set WHERRY_CACHE_DIR to a directory on a larger disk"
MEND_WRITE: Final = "set WHERRY_CACHE_DIR to a directory that can be written"


def readable_size(size_bytes: int) -> str:
    """A size in three digits, ``3.21 GB``: powers of ten, as disks count and registries bill."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:  # noqa: PLR2004 - the step between the units
            return f"{size:.0f} {unit}" if unit == "B" else f"{_three_digits(size)} {unit}"
        size /= 1000
    return f"{_three_digits(size)} TB"


def _three_digits(number: float) -> str:
    places = sum(number < limit for limit in (10, 100))
    return f"{number:.{places}f}"


def free_bytes(directory: Path) -> int | None:
    """What a writer without privileges may still put on the disk; None where it will not say."""
    try:
        numbers = os.statvfs(directory)
    except OSError:
        return None
    return numbers.f_bavail * numbers.f_frsize


@contextmanager
def explained(directory: Path, doing: str) -> Iterator[None]:
    """Turn an OSError of the block into a WorldError.

    Args:
        directory: Where the block writes; its disk is the one a message speaks of.
        doing: What the block does, for the message: "write a blob". Only disk calls belong in the block:
            a socket's OSError would be blamed on the disk.

    Raises:
        WorldError: The block met an OSError.

    """
    try:
        yield
    except OSError as error:
        raise _explain(error, directory, doing) from error


def _explain(error: OSError, directory: Path, doing: str) -> WorldError:
    if error.errno in _FULL:
        free = free_bytes(directory)
        left = "" if free is None else f" ({readable_size(free)} free)"
        return WorldError(f"the disk is full{left}: cannot {doing}", where=str(directory), mend=MEND_SPACE)
    if error.errno in _FORBIDDEN:
        return WorldError(
            f"the store may only be read: cannot {doing}", where=str(directory), mend=MEND_WRITE
        )
    reason = (error.strerror or str(error)).lower()
    return WorldError(f"cannot {doing}: {reason}", where=str(directory), mend=MEND_WRITE)
