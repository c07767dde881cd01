"""The repository around a user's directory, for backends that ask git for the version or the list of files.

A copy of a tree gets a small ``.git`` that borrows the original's objects and writes nothing there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wherry.build.sources.git import git_environment

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Repository:
    """What git says about the directory *prefix* of the work tree *top*."""

    top: Path
    prefix: str  # of the directory below top, "" or "pkgs/foo/"
    state: str  # hash over commit, tags and changes: what a version made by git depends on


def find_repository(directory: Path) -> Repository | None:
    """The repository that *directory* is in; None when there is none, or no git, or no commit yet."""
    if shutil.which("git") is None:
        return None
    asked = _git(directory, "rev-parse", "--show-toplevel", "--show-prefix", "HEAD")
    if asked is None:
        return None
    top, prefix, _head = asked.decode("utf-8", "surrogateescape").split("\n")[:3]
    state = hashlib.sha256(asked)
    for arguments in (
        ("symbolic-ref", "-q", "HEAD"),
        ("for-each-ref", "--format=%(objectname) %(refname)", "refs/tags"),
        ("status", "--porcelain", "-z", "--untracked-files=no", "--", "."),
    ):
        state.update(_git(directory, *arguments) or b"")
        state.update(b"\0\0")
    return Repository(Path(top), prefix, state.hexdigest())


def lend(repository: Repository, into: Path) -> bool:
    """Make ``into/.git``, so that *into*, with its copy of the directory, looks like the work tree.

    Tracked files that were not copied are marked as not checked out: git must not call the tree changed.

    Returns:
        Whether it was made: some kinds of repositories cannot be borrowed from.

    """
    top, git = repository.top, into / ".git"
    found = _git(
        top,
        *("rev-parse", "--path-format=absolute", "--show-object-format", "--git-path", "objects"),
        *("--git-path", "index", "--git-path", "shallow", "--git-path", "HEAD"),
    )
    refs = _git(top, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags", "refs/heads")
    if found is None or refs is None:
        return False
    form, objects, index, shallow, head = found.decode("utf-8", "surrogateescape").splitlines()
    if _git(into, "init", "--quiet", "--template=", f"--object-format={form}") is None:
        return False
    (git / "objects" / "info").mkdir(parents=True, exist_ok=True)
    (git / "objects" / "info" / "alternates").write_text(f"{objects}\n", "utf-8", "surrogateescape")
    (git / "packed-refs").write_bytes(refs)
    for name, path in (("index", index), ("shallow", shallow), ("HEAD", head)):
        if Path(path).is_file():
            shutil.copyfile(path, git / name)
    for shared in Path(index).parent.glob("sharedindex.*"):
        shutil.copyfile(shared, git / shared.name)
    tracked = _git(into, "ls-files", "-z")
    if tracked is None:
        shutil.rmtree(git)
        return False
    absent = [
        name
        for name in tracked.split(b"\0")
        if name and not os.path.lexists(into / os.fsdecode(name)) and os.path.lexists(top / os.fsdecode(name))
    ]
    _git(into, "update-index", "-z", "--skip-worktree", "--stdin", given=b"\0".join(absent))
    return True


def _git(directory: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """What git prints, or None where it fails. The directory's own settings start no programs."""
    options: Sequence[str] = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
    done = subprocess.run(  # noqa: S603 - git, with arguments we wrote
        ["git", *options, *arguments],  # noqa: S607 - the user's own
        cwd=directory,
        env=git_environment(),
        input=given,
        capture_output=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
