"""Which Dockerfiles a path means, and which directory each is built from.

A directory means every Dockerfile, Containerfile and ``*.Dockerfile`` below it. The context is not written in
a Dockerfile: it is the nearest directory, from the file's own upwards to the repository's root, that has most
of what the file copies.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

_NAMES: Final = re.compile(
    r"(?:dockerfile|containerfile)(?:[.-][\w.-]+)?|[\w.-]+\.(?:dockerfile|containerfile)", re.IGNORECASE
)
_NOT: Final = re.compile(
    r".*(?:\.dockerignore|\.containerignore|\.md|\.rst|\.txt|\.orig|\.rej|\.bak|\.swp|~|\.py|\.sh|\.ya?ml|\.json"
    r"|\.j2|\.jinja2?|\.tmpl|\.tpl|\.template|\.in|\.erb|\.mustache)",
    re.IGNORECASE,
)
_CLOSED: Final = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", "site-packages", ".tox", ".nox", ".venv", "venv"}
)
_VARIABLE: Final = re.compile(r"[$*?\[\\]")


def find_dockerfiles(paths: Iterable[Path], known: Container[str] = ()) -> list[Path]:
    """The files that *paths* mean, each once, in the order given and by name below directories.

    Args:
        paths: Files and directories.
        known: Files that need not be on the disk: an editor has them.

    Raises:
        InputError: A path is not there, or is neither file nor directory.

    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            found.update(dict.fromkeys(_below(path)))
        elif str(path) in known or path.exists():
            found[path] = None
        else:
            raise InputError("there is no such file or directory", where=str(path))
    return list(found)


def is_dockerfile_name(name: str) -> bool:
    """Whether a file of this name is read when its directory is."""
    return bool(_NAMES.fullmatch(name)) and not _NOT.fullmatch(name)


def context_of(dockerfile: Path, sources: Sequence[str]) -> Path:
    """The directory that a Dockerfile is most likely built from.

    Args:
        dockerfile: The file.
        sources: What its COPY and ADD take from the context, as written.

    """
    own = dockerfile.parent
    plain = [source.lstrip("/") for source in sources if not _VARIABLE.search(source)]
    named = [source for source in plain if source.strip("./")]
    best, most = own, _present(own, named)
    for directory in _upwards(own):
        if most == len(named):
            break
        present = _present(directory, named)
        if present > most:
            best, most = directory, present
    return best


def repository_root(directory: Path) -> Path | None:
    """The nearest directory above, itself included, that holds ``.git``."""
    return next((one for one in (directory, *_parents(directory)) if (one / ".git").exists()), None)


def _below(top: Path) -> Iterator[Path]:
    """Dockerfiles below *top*, by name; links to directories are not entered."""
    for folder, directories, names in os.walk(top):
        directories[:] = sorted(name for name in directories if name not in _CLOSED)
        for name in sorted(names):
            if is_dockerfile_name(name) and (path := Path(folder, name)).is_file():
                yield path


def _present(directory: Path, sources: Sequence[str]) -> int:
    return sum(os.path.lexists(directory / source) for source in sources)


def _upwards(own: Path) -> list[Path]:
    """The directories above, up to the repository's root; none outside a repository."""
    root = repository_root(own)
    if root is None:
        return []
    above: list[Path] = []
    for directory in _parents(own):
        if own.absolute() == root.absolute():
            break
        above.append(directory)
        if directory.absolute() == root.absolute():
            break
    return above


def _parents(directory: Path) -> list[Path]:
    """What lies above, written as the user would: ``..`` of ``.``, ``a`` of ``a/b``."""
    absolute = directory.absolute()
    here = Path.cwd()
    return [
        parent.relative_to(here) if parent.is_relative_to(here) else parent for parent in absolute.parents
    ]
