"""What a source tree says about how it is built: what its backend requires, and what of that is local."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name

from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_MAX_BYTES: Final = 4 << 20
_ASK_GIT: Final = frozenset(
    {
        "dunamai",
        "flit-scm",
        "hatch-vcs",
        "pbr",
        "poetry-dynamic-versioning",
        "setuptools-git",
        "setuptools-git-versioning",
        "setuptools-scm",
        "setuptools-vcs-versioning",
        "uv-dynamic-versioning",
        "vcs-versioning",
        "versioneer",
        "versioningit",
    }
)
"""Build requirements that ask git for the version or the list of files."""

_ASKS_GIT: Final = re.compile(r"\b(?:use_scm_version|setuptools_scm|versioneer|pbr)\b")
_BUILD_SETTINGS: Final = (
    "build-constraint-dependencies",
    "config-settings",
    "config-settings-package",
    "exclude-newer",
    "extra-build-dependencies",
    "extra-build-variables",
)


@dataclass(frozen=True, slots=True)
class BuildSystem:
    """The part of pyproject.toml and setup.py that decides how a tree is built."""

    name: NormalizedName | None  # of the distribution, where [project] says
    asks_git: bool = False
    local: tuple[tuple[NormalizedName, Path], ...] = ()  # build requirements that are trees on this disk
    keep: tuple[str, ...] = ()  # model files that [tool.wherry] names


def read_build_system(root: Path, *, local: bool = True) -> BuildSystem:
    """Read how the tree at *root* is built.

    Args:
        root: The directory with pyproject.toml or setup.py.
        local: Whether ``[tool.uv.sources]`` may name other trees of this disk: not in what was fetched.

    Raises:
        InputError: There is nothing to build, or pyproject.toml is not TOML or not what PEP 518 says.

    """
    file = root / "pyproject.toml"
    if not file.is_file():
        if not (root / "setup.py").is_file():
            raise InputError(
                "the source has neither pyproject.toml nor setup.py, so it cannot be built",
                where=str(root),
                mend="lock a version with a wheel, or check the path",
            )
        return BuildSystem(None, asks_git=_setup_asks_git(root))
    table = _toml(file)
    requires = _requirements(table, file)
    scm_backend = _string(table, "tool", "pdm", "version", "source") == "scm"
    sources = _table(table, "tool", "uv", "sources") if local else {}
    named = _string(table, "project", "name")
    keep = _table(table, "tool", "wherry").get("include", [])
    return BuildSystem(
        canonicalize_name(named) if named else None,
        asks_git=scm_backend or not _ASK_GIT.isdisjoint(requires) or _setup_asks_git(root),
        local=tuple((name, path) for name in requires if (path := _local(name, sources, root)) is not None),
        keep=tuple(p for p in keep if isinstance(p, str)) if isinstance(keep, list) else (),
    )


def build_settings(root: Path) -> str:
    """What a project's ``[tool.uv]`` says of how others are built: part of a built wheel's key."""
    file = root / "pyproject.toml"
    table = _table(_toml(file), "tool", "uv") if file.is_file() else {}
    return repr([(key, table[key]) for key in _BUILD_SETTINGS if key in table])


def _toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.loads(stream.read(_MAX_BYTES).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"pyproject.toml cannot be read: {error}", where=str(file), mend="mend the file"
        ) from error


def _requirements(table: dict[str, Any], file: Path) -> list[NormalizedName]:
    requires = _table(table, "build-system").get("requires", [])
    try:
        return [canonicalize_name(Requirement(line).name) for line in requires]
    except (InvalidRequirement, TypeError) as error:
        raise InputError(
            f"build-system.requires is not a list of requirements: {error}",
            where=str(file),
            mend="mend the line",
        ) from error


def _local(name: NormalizedName, sources: dict[str, Any], root: Path) -> Path | None:
    """The tree of this disk that a build requirement stands for."""
    entries = next((entry for key, entry in sources.items() if canonicalize_name(key) == name), None)
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict):
            continue
        path = entry.get("path")
        if isinstance(path, str) and (root / path).is_dir():
            return (root / path).resolve()
        if entry.get("workspace") is True:
            return _member(name, root)
    return None


def _member(name: NormalizedName, root: Path) -> Path | None:
    """The workspace member of that name, in the nearest workspace above."""
    for above in (root, *root.parents):
        file = above / "pyproject.toml"
        members = _table(_toml(file), "tool", "uv", "workspace").get("members") if file.is_file() else None
        if not isinstance(members, list):
            continue
        for pattern in [m for m in members if isinstance(m, str) and m and not m.startswith("/")]:
            for candidate in sorted(above.glob(pattern)):
                own = candidate / "pyproject.toml"
                named = _string(_toml(own), "project", "name") if own.is_file() else None
                if named and canonicalize_name(named) == name:
                    return candidate.resolve()
        return None
    return None


def _setup_asks_git(root: Path) -> bool:
    for name in ("setup.py", "setup.cfg"):
        try:
            with (root / name).open("rb") as stream:
                if _ASKS_GIT.search(stream.read(_MAX_BYTES).decode("utf-8", "replace")):
                    return True
        except OSError:
            continue
    return False


def _table(table: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        value = table.get(key)
        table = value if isinstance(value, dict) else {}
    return table


def _string(table: dict[str, Any], *keys: str) -> str | None:
    value = _table(table, *keys[:-1]).get(keys[-1])
    return value if isinstance(value, str) else None
