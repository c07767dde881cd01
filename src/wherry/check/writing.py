"""Mended files on the disk: each whole or as it was, those of one Dockerfile all or none.

A file that changed since it was read is not written over, nor is one whose mode says that nobody may write
it, though root could. What cannot be written keeps nobody from the rest.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from wherry.check.facts.texts import read_bounded
from wherry.check.review import review
from wherry.errors import InputError, WherryError, WorldError
from wherry.store.whole import whole_file, world_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.check.fix import Mended
    from wherry.check.review import Asked, Reviewed

_WRITERS: Final = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def write_mended(asked: Asked, reviewed: Reviewed) -> tuple[Reviewed, tuple[WherryError, ...]]:
    """Write what was mended.

    Args:
        asked: What *reviewed* came of.
        reviewed: With fixes.

    Returns:
        What stands now, where a file that could not be written is judged as it lies there; and a failure
        for each such file.

    """
    barred = {path: why for one in reviewed.mended for path, why in one.barred.items()}
    failures: list[WherryError] = [_not_writable(path, why) for path, why in barred.items()]
    mended: list[Mended] = []
    dockerfiles = {one.path for one in reviewed.mended}
    lost: set[str] = set()  # files whose mends were not written
    again: list[Path] = []  # Dockerfiles that were judged as if a file beside them had been
    for one in reviewed.mended:
        if lost - dockerfiles:
            again.append(Path(one.path))
            continue
        try:
            write_files(one.before, one.after)
        except WherryError as error:
            lost.update(one.after)
            failures.append(error)
            mended.append(_refused(one, error))
        else:
            mended.append(one)
    later, more = _written_anew(asked, again)
    mended += later
    failures += (error for error in more if error.where not in barred)
    if lost:
        with suppress(InputError):  # the file that vanished was asked for by its name
            reviewed = review(replace(asked, allowed=None))
    return replace(reviewed, mended=tuple(mended)), tuple(failures)


def _written_anew(asked: Asked, again: Sequence[Path]) -> tuple[tuple[Mended, ...], tuple[WherryError, ...]]:
    """What comes of Dockerfiles when all is read as it lies there now."""
    if not again:
        return (), ()
    asked = replace(asked, paths=tuple(again))
    try:
        reviewed, failures = write_mended(asked, review(asked))
    except InputError as error:  # one of them went away
        return (), (error,)
    return reviewed.mended, failures


def _refused(mended: Mended, error: WherryError) -> Mended:
    """What was mended and is not, because of *error*."""
    refused = tuple((finding, f"{error.where}: {error.what}") for finding in mended.applied)
    return replace(mended, before={}, after={}, applied=(), refused=(*mended.refused, *refused))


def write_files(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> None:
    """Write whole files, all or none; modes, owners, extended attributes and links stay.

    Args:
        before: What was read; nothing where there was no file.
        after: What is written.

    Raises:
        WorldError: A file cannot be written, or is not as it was read.

    """
    with ExitStack() as stack:
        for name, text in after.items():
            stack.enter_context(_written(name, before[name], text))


def obstacle(name: str) -> str | None:
    """Why a file is not written, by its mode or its directory's; None where it may be."""
    path = Path(os.path.realpath(name))
    for place, whose in ((path, ""), (path.parent, "the directory of ")):
        try:
            mode = place.stat().st_mode
        except OSError:
            continue  # not there yet, or what writing it will tell
        if not mode & _WRITERS or not os.access(place, os.W_OK):
            return f"{whose}{name} is not writable (mode {stat.S_IMODE(mode):04o})"
    return None


def _not_writable(name: str, why: str) -> WorldError:
    return WorldError(
        f"not mended: {why}", where=name, mend="make it writable, or print the change with --diff"
    )


@contextmanager
def _written(name: str, before: bytes, text: bytes) -> Iterator[None]:
    """A file that is whole on the disk, but takes its place only when the block ends well."""
    path = Path(os.path.realpath(name))
    try:
        with world_errors(path):
            was = path.stat() if os.path.lexists(path) else None
            if _content(path, len(before) + 1) != before or (before and was is None):
                raise _changed(name, was)
        with whole_file(path) as sink:
            sink.write(text)
            if was is not None:
                _dress(sink.fileno(), path, was)
            sink.flush()
            os.fsync(sink.fileno())
            yield
    except WorldError as error:
        raise _named(error, path, name) from error


def _content(path: Path, limit_bytes: int) -> bytes | None:
    """What is there now; nothing where no file is, and None for a directory."""
    try:
        return read_bounded(path, limit_bytes)
    except FileNotFoundError:
        return b""
    except IsADirectoryError:
        return None


def _changed(name: str, was: os.stat_result | None) -> WorldError:
    what = "went away" if was is None else "was changed"
    return WorldError(
        f"not mended: the file {what} after it had been read",
        where=name,
        mend="run the same command again",
    )


def _named(error: WorldError, path: Path, name: str) -> WorldError:
    """The failure as one of mending: of the file as the user calls it."""
    if error.where != str(path) or not isinstance(error.__cause__, OSError):
        return error  # of another file, or in our words already
    if error.__cause__.errno in {errno.ENOSPC, errno.EDQUOT}:
        return WorldError(f"not mended: {error.what}", where=name, mend=error.mend)
    return _not_writable(name, error.what)


def _dress(descriptor: int, path: Path, was: os.stat_result) -> None:
    """Give the new file what the old one had beside its content."""
    with suppress(PermissionError):  # who may not give files away keeps them
        os.fchown(descriptor, was.st_uid, was.st_gid)
    if hasattr(os, "listxattr"):
        with suppress(OSError):  # a file system without them
            for attribute in os.listxattr(path):
                with suppress(OSError):  # some are the system's to give
                    os.setxattr(descriptor, attribute, os.getxattr(path, attribute))
    os.fchmod(descriptor, stat.S_IMODE(was.st_mode))
