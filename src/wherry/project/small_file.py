"""Small files of the user's, read whole: a hostile one does not fill memory, and only InputError leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def read_small_file(path: Path, limit_bytes: int) -> bytes:
    """The content of *path*.

    Raises:
        InputError: It is missing, unreadable, not a file, or larger than *limit_bytes*.

    """
    try:
        with path.open("rb") as stream:
            content = stream.read(limit_bytes + 1)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", where=str(path)) from error
    if len(content) > limit_bytes:
        raise InputError(f"{path.name} is larger than {limit_bytes >> 20} MiB", where=str(path))
    return content


def as_text(content: bytes, path: Path) -> str:
    """The *content* of *path* as text; a byte order mark, as some editors leave one, is no part of it.

    Raises:
        InputError: It is not UTF-8.

    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = f"{path}:{line}"
        raise InputError(f"{path.name} is not UTF-8 text", where=where, mend="save it as UTF-8") from error
