"""Files outside the store that appear whole or not at all, whatever happens while they are written.

What the user names (an archive, a lock, a metadata file) is written here; the store's own small files have
`temporary.replace_file`, which need not wait for the disk.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes *path*'s place when the block ends, and leaves no trace when it fails.

    A link stays, and what it leads to is written. What is no file (``/dev/stdout``, a named pipe) is written
    as it comes: in its place no file must ever stand.

    Raises:
        WorldError: The file cannot be written: no such directory, no permission, a full disk.

    """
    with world_errors(path):
        if _is_stream(path):
            with path.open("wb") as stream:
                yield stream
            return
        path = Path(os.path.realpath(path))
        # A nameless file (O_TMPFILE) is gone by itself even after kill -9; not every file system has them.
        temporary = path.with_name(f".{path.name[:200]}.{os.urandom(6).hex()}.tmp")
        try:
            fd = os.open(path.parent, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
            nameless = True
        except (OSError, AttributeError):
            fd = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o666)
            nameless = False
        try:
            with os.fdopen(fd, "wb") as sink:
                yield sink
                sink.flush()
                os.fsync(fd)
                if nameless:
                    # Only with a directory descriptor does os.link follow the magic link to the open file.
                    os.link(f"/proc/self/fd/{fd}", temporary, src_dir_fd=fd, follow_symlinks=True)
            temporary.replace(path)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()


def _is_stream(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def world_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about writing *path* into a `WorldError`."""
    try:
        yield
    except OSError as error:
        mend = "free some space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "choose another place"
        raise WorldError(
            f"cannot write: {(error.strerror or str(error)).lower()}", where=str(path), mend=mend
        ) from error
