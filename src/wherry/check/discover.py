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
_VARIABLE: Final = regex(r"[$*?\[\\]")
_MOST_SOURCES: Final = 500  # that are looked for to find the context


def find_dockerfiles(paths: Iterable[Path], known: Container[str] = ()) -> list[Path]:
    """The files that *paths* mean, each once, links or not, in the order given and by name below directories.

    Args:
        paths: Files and directories.
        known: Files that need not be on the disk: an editor has them.

    Raises:
        InputError: A path is not there or cannot be reached.

    """
    found: dict[str, Path] = {}
    for path in paths:
        try:
            kind = path.stat().st_mode
        except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
            if str(path) not in known:
                reason = (isinstance(error, OSError) and error.strerror) or "there is no such file"
                raise InputError(f"cannot be checked: {reason.lower()}", where=str(path)) from None
            kind = 0
        for one in _below(path) if stat.S_ISDIR(kind) else [path]:
            found.setdefault(os.path.realpath(one), one)
    return list(found.values())


def is_dockerfile_name(name: str) -> bool:
    """Whether a file of this name is read when its directory is."""
    if name.endswith("~") or _NAMES.fullmatch(name) is None:
        return False
    return name.rpartition(".")[2].lower() not in _NOT


def _below(top: Path) -> Iterator[Path]:
    """Dockerfiles below *top*, by name; links to directories are not entered."""
    for folder, directories, names in os.walk(top):
        directories[:] = sorted(name for name in directories if name not in _CLOSED)
        for name in sorted(names):
            if is_dockerfile_name(name) and (path := Path(folder, name)).is_file():
                yield path
