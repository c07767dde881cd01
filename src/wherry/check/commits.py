"""What the last commits of a repository changed, as git tells it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from wherry.check.git import Git
from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_MARK: Final = b"\x01"
MOST_COMMITS: Final = 10_000


def recent_changes(directory: Path, number: int) -> list[frozenset[str]]:
    """The paths that each of the last commits changed below *directory*, oldest commit first.

    Merges count as one commit, with all they brought; commits that change nothing there are left out.

    Args:
        directory: In a repository; paths are relative to it.
        number: How many commits at most.

    Raises:
        InputError: It is in no repository, or the repository has no commit.
        WorldError: git is not installed or fails.

    """
    git = Git(directory, "check without --cache-history")
    if git.run("rev-parse", "--verify", "--quiet", "HEAD", may_fail=True).code:
        raise InputError(
            "there is no commit to replay", where=str(directory), mend="check without --cache-history"
        )
    said = git.run(
        "log",
        "--first-parent",
        "-m",
        "--name-only",
        "--no-renames",
        "--relative",
        "-z",
        f"--max-count={min(number, MOST_COMMITS)}",
        "--format=%x01",
        "--",
        ".",
    ).output
    commits = [_paths(one) for one in said.split(_MARK)[1:]]
    return [paths for paths in reversed(commits) if paths]


def _paths(said: bytes) -> frozenset[str]:
    names = (name.strip(b"\n") for name in said.split(b"\0"))
    return frozenset(os.fsdecode(name) for name in names if name)
