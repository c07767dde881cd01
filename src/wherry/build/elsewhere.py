"""A copy of a project elsewhere, with all that it is built from at the same relative places."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.build.distributions import read_locks
from wherry.project.locks.model import DirectorySource
from wherry.project.revision import find_git_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.build.workshop import Workshop
    from wherry.project.target import Target

_GIT: Final = ".git"
_VENV_MARK: Final = "pyvenv.cfg"
"""What makes a directory a virtual environment (PEP 405): gigabytes that no image gets."""


def copy_elsewhere(workshop: Workshop, target: Target, elsewhere: Path) -> Path:
    """Copy the project, its lock, its workspace and the directories it depends on, names in reverse order.

    Args:
        workshop: The project.
        target: For what its lock is read.
        elsewhere: A directory that is not there yet.

    Returns:
        Where the project is now.

    Raises:
        InputError: The lock is not valid.
        WorldError: The index or the disk failed.

    """
    root = workshop.project.root
    trees, files = _needed(workshop, target)
    top = Path(os.path.commonpath([*trees, *(file.parent for file in files)]))
    copy = elsewhere / (top.name or "top")
    for tree in trees:
        _copy_in_reverse(tree, copy / tree.relative_to(top))
    for file in files:
        (copy / file.relative_to(top)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy / file.relative_to(top))
    git = find_git_directory(root)
    copied = any((copy / place.relative_to(top) / _GIT).exists() for place in _upwards(root, top))
    if git is not None and not copied:
        (copy / _GIT).write_text(f"gitdir: {git}\n")  # the labels name the same revision
    return copy / root.relative_to(top)


def _needed(workshop: Workshop, target: Target) -> tuple[list[Path], list[Path]]:
    """Directories, none within another, and single files beside them."""
    project = workshop.project
    locks = read_locks(workshop, target)
    wanted = {project.root, *(lock.path.parent.resolve() for lock in locks)}
    if project.workspace:
        wanted.add(project.workspace.resolve())
    packages = (package for lock in locks for package in lock.packages)
    wanted |= {p.source.path.resolve() for p in packages if isinstance(p.source, DirectorySource)}
    trees = [tree for tree in sorted(wanted) if not wanted & set(tree.parents)]
    inputs = {path.resolve() for lock in locks for path in lock.inputs}
    return trees, sorted(path for path in inputs if path.is_file() and not set(path.parents) & set(trees))


def _upwards(root: Path, top: Path) -> Iterator[Path]:
    """*root* and every directory over it up to *top*."""
    yield root
    for place in root.parents if root != top else ():
        yield place
        if place == top:
            return


def _copy_in_reverse(source: Path, target: Path) -> None:
    """Copy a tree, writing names last to first: a directory then lists them in another order."""
    target.mkdir(parents=True, exist_ok=True)
    with os.scandir(source) as entries:
        backwards = sorted(entries, key=lambda entry: entry.name, reverse=True)
    for entry in backwards:
        if entry.is_symlink():
            (target / entry.name).symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            if not Path(entry.path, _VENV_MARK).exists():
                _copy_in_reverse(source / entry.name, target / entry.name)
        elif entry.is_file():
            with suppress(FileNotFoundError):  # a file that an editor or a test has taken away since
                shutil.copy2(entry.path, target / entry.name)
