"""Which Dockerfiles a path means: a directory means all that lie below it, by the names they usually have."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_NAMES: Final = regex(
    r"(?:dockerfile|containerfile)(?:[._-].+)?|.*\.(?:dockerfile|containerfile)", re.IGNORECASE | re.DOTALL
)
_NOT: Final = frozenset(
    {
        *("dockerignore", "containerignore"),
        *("md", "rst", "txt", "adoc", "html", "log", "diff", "patch", "lock", "png", "svg", "ipynb"),
        *("orig", "rej", "bak", "swp", "swo", "gz", "zip", "tar", "whl", "pyc"),
        *("py", "pyi", "sh", "bash", "zsh", "ps1", "bat", "rb", "go", "rs", "js", "mjs", "ts", "tsx", "jsx"),
        *(
            "c",
            "h",
            "cc",
            "cpp",
            "hpp",
            "java",
            "kt",
            "scala",
            "swift",
            "php",
            "pl",
            "lua",
            "hs",
            "el",
            "vim",
        ),
        *("yaml", "yml", "json", "jsonc", "json5", "toml", "ini", "cfg", "xml", "css", "nix", "tf", "rego"),
        *("j2", "jinja", "jinja2", "tmpl", "tpl", "template", "in", "erb", "mustache", "ejs", "gotmpl"),
    }
)
"""Endings of what is about a Dockerfile, reads one, or makes one."""
_CLOSED: Final = frozenset(
    {".git", ".hg", ".svn", "node_modules", "__pycache__", "site-packages", ".tox", ".nox", ".venv", "venv"}
)
LOOKED_FOR: Final = "Dockerfile, Containerfile, Dockerfile.NAME and NAME.Dockerfile"
"""The names that a directory is searched for, in words."""


def find_dockerfiles(paths: Iterable[Path], known: Container[str] = ()) -> list[Path]:
    """The files that *paths* mean, each once, links or not, in the order given and by name below directories.

    Args:
        paths: Files and directories.
        known: Files that need not be on the disk: an editor has them.

    Raises:
        InputError: A path is not there or cannot be reached, or no Dockerfile is below a directory: who
            checks a wrong path would be told for ever that nothing is wrong.

    """
    found: dict[str, Path] = {}
    for path in paths:
        try:
            kind = path.stat().st_mode
        except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
            if str(path) not in known:
                raise _unreachable(path, error) from None
            kind = 0
        for one in _found_below(path) if stat.S_ISDIR(kind) else [path]:
            found.setdefault(os.path.realpath(one), one)
    return list(found.values())


def is_dockerfile_name(name: str) -> bool:
    """Whether a file of this name is read when its directory is."""
    if name.endswith("~") or _NAMES.fullmatch(name) is None:
        return False
    return name.rpartition(".")[2].lower() not in _NOT


def _unreachable(path: Path, error: OSError | ValueError) -> InputError:
    """Why a path that was asked for cannot be looked at."""
    reason = (isinstance(error, OSError) and error.strerror) or "there is no such file"
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        reason = f"the link leads to {path.readlink()}, which is not there"
    mend = "name a Dockerfile, or a directory to search"
    return InputError(f"cannot be checked: {reason[:1].lower()}{reason[1:]}", where=str(path), mend=mend)


def _found_below(top: Path) -> list[Path]:
    """The Dockerfiles below a directory; at least one.

    Raises:
        InputError: There is none, or the directory may not be read.

    """
    refused: list[OSError] = []
    dangling: list[Path] = []
    found = list(_below(top, refused, dangling))
    if found:
        return found
    if dangling:
        raise InputError(
            f"below {top} is no Dockerfile but a link that leads to {dangling[0].readlink()}, "
            "which is not there",
            where=str(dangling[0]),
            mend="mend the link, or name a Dockerfile",
        )
    if refused:
        raise InputError(
            f"below {top} no Dockerfile was found, and not all could be searched: "
            f"{(refused[0].strerror or 'it is refused').lower()}",
            where=os.fsdecode(refused[0].filename or top),
            mend="make the directory readable, or name a Dockerfile",
        )
    raise InputError(
        "there is no Dockerfile in this directory or below it",
        where=str(top),
        mend=f"files called {LOOKED_FOR} are looked for; name one that is called otherwise",
    )


def _below(top: Path, refused: list[OSError], dangling: list[Path]) -> Iterator[Path]:
    """Dockerfiles below *top*, by name; links to directories are not entered."""
    for folder, directories, names in os.walk(top, onerror=refused.append):
        directories[:] = sorted(name for name in directories if name not in _CLOSED)
        for name in sorted(names):
            path = os.path.join(folder, name)  # noqa: PTH118 - Path.is_file raises where one may not look
            if not is_dockerfile_name(name):
                continue
            if os.path.isfile(path):  # noqa: PTH113 - the same
                yield Path(path)
            elif os.path.islink(path) and not os.path.exists(path):  # noqa: PTH110, PTH114 - the same
                dangling.append(Path(path))
