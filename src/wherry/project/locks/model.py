"""The one model every lock file is read into: packages with hashed files, markers not yet evaluated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from wherry.digest import Digest


@dataclass(frozen=True, slots=True)
class Choice:
    """Which part of a project's dependencies is wanted, besides those it always has."""

    root: Path  # the project's directory, absolute; its own entry in a lock is never part of the answer
    groups: tuple[str, ...] = ()  # dependency groups
    extras: tuple[str, ...] = ()  # the project's optional dependencies


@dataclass(frozen=True, slots=True)
class LockedFile:
    """One wheel or sdist the lock allows, known by its SHA-256."""

    filename: str
    digest: Digest
    url: str | None = None  # None: in --find-links or already in the store; credentials are never part of it
    path: Path | None = None  # a file the lock names on this disk
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class GitSource:
    """A commit of a git repository."""

    url: str  # without credentials
    commit: str  # full hash
    subdirectory: str = ""


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """A directory on this disk: path, workspace or editable dependency."""

    path: Path  # absolute
    editable: bool = False


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One pinned package: exactly one of its files, or a build of its source, is installed."""

    name: NormalizedName
    version: Version | None  # None: only a source tree knows
    wheels: tuple[LockedFile, ...] = ()
    sdist: LockedFile | None = None
    source: GitSource | DirectorySource | None = None
    marker: Marker | None = None
    requires_python: SpecifierSet | None = None
    where: str = ""  # place in the lock for messages, e.g. "uv.lock: packages[3]"
    subdirectory: str = ""  # where the project lies inside *sdist*, an archive of something larger


@dataclass(frozen=True, slots=True)
class Lock:
    """Everything a lock file pins for one choice of groups and extras."""

    path: Path
    kind: str  # "uv.lock", "pylock.toml", "requirements.txt", "poetry.lock", "pdm.lock", "Pipfile.lock"
    digest: Digest  # of the lock file's bytes
    packages: tuple[LockedPackage, ...] = ()
    requires_python: SpecifierSet | None = None
    notes: tuple[str, ...] = field(default=())  # things worth saying in the plan
    extras: frozenset[str] = frozenset()  # chosen extras, as PEP 751's marker variable `extras`
    groups: frozenset[str] = frozenset()  # chosen groups, as PEP 751's marker variable `dependency_groups`
    inputs: tuple[
        Path, ...
    ] = ()  # other files that were read: a change in one of them is a change of the lock
    environments: tuple[Marker, ...] = ()  # the lock is for targets that satisfy one of these; empty: for all
