"""What the last commits of a repository changed, as git tells it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from wherry.check.git import Git
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OTHERWISE: Final = "check without --cache-history"
_COMMIT: Final = b"commit "
MOST_COMMITS: Final = 10_000


def recent_changes(directory: Path, number: int) -> list[frozenset[str]]:
    """The paths that each of the last commits changed below *directory*, oldest commit first.

    Merges count as one commit, with all they brought; commits that change nothing there are left out, and so
    is that at which a shallow clone was cut: it seems to bring every file there is.

    Args:
        directory: In a repository; paths are relative to it.
        number: How many commits at most.

    Raises:
        InputError: It is in no repository, or the repository has no commit to replay.
        WorldError: git is not installed or fails.

    """
    git = Git(directory, _OTHERWISE)
    is_shallow = _is_shallow(git)
    said = git.run(
        "log",
        "--first-parent",
        "-m",
        "--raw",
        "--no-renames",
        "--relative",
        "-z",
        f"--max-count={min(number, MOST_COMMITS)}",
        f"--format=%x00{_COMMIT.decode()}%P",
        "--",
        ".",
    ).output
    commits = [paths for parents, paths in _read(said) if paths and (parents or not is_shallow)]
    return commits[::-1]


def _is_shallow(git: Git) -> bool:
    """Whether the history was cut.

    Raises:
        InputError: There is none that could be replayed.

    """
    where = str(git.directory)
    said = git.run("rev-parse", "--is-shallow-repository", may_fail=True)
    if said.code:
        raise InputError(
            "this directory is not in a git repository, and --cache-history replays the commits of one",
            where=where,
            mend=_OTHERWISE,
        )
    if git.run("rev-parse", "--verify", "--quiet", "HEAD", may_fail=True).code:
        raise InputError("there is no commit to replay", where=where, mend=_OTHERWISE)
    is_shallow = said.output.strip() == b"true"
    if is_shallow and git.run("rev-parse", "--verify", "--quiet", "HEAD^", may_fail=True).code:
        raise InputError(
            "this clone is shallow, and nobody knows what its only commit changed",
            where=where,
            mend="git fetch --unshallow, or more of the history with --deepen=100",
        )
    return is_shallow


def _read(said: bytes) -> Iterator[tuple[bytes, frozenset[str]]]:
    """Parents and changed paths of every commit.

    A path comes behind a field that begins with a colon, and so is never taken for a commit, whatever it is
    called.
    """
    parents: bytes | None = None
    paths: set[str] = set()
    fields = iter(said.split(b"\0"))
    for one in fields:
        if one.lstrip(b"\n").startswith(b":"):
            paths.add(os.fsdecode(next(fields)))
        elif one.startswith(_COMMIT):
            if parents is not None:
                yield parents, frozenset(paths)
            parents, paths = one.removeprefix(_COMMIT).strip(), set()
    if parents is not None:
        yield parents, frozenset(paths)
