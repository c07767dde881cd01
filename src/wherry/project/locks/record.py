"""A lock as the store remembers it, so that an unchanged lock is not parsed again.

What is remembered holds no credentials: addresses lost theirs when the lock was read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from wherry.digest import Digest
from wherry.project.locks.model import DirectorySource, GitSource, Lock, LockedFile, LockedPackage

if TYPE_CHECKING:
    from collections.abc import Callable


class _File(msgspec.Struct, frozen=True, array_like=True):
    sha256: str
    filename: str
    url: str | None
    path: str | None
    size_bytes: int | None


class _Package(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    version: str | None = None
    wheels: tuple[_File, ...] = ()
    sdist: _File | None = None
    git: tuple[str, str, str] | None = None
    directory: tuple[str, bool] | None = None
    marker: str | None = None
    requires_python: str | None = None
    where: str = ""
    subdirectory: str = ""


class Input(msgspec.Struct, frozen=True, array_like=True):
    """A file besides the lock that the answer depends on."""

    path: str
    sha256: str  # empty: it was not there

    @classmethod
    def of(cls, path: Path) -> Input:
        """The file as it is now."""
        try:
            return cls(str(path), Digest.of_file(path).hex)
        except (OSError, ValueError):  # ValueError: no path at all, from a record that is not ours
            return cls(str(path), "")

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is as it was."""
        return self == Input.of(Path(self.path))


class LockRecord(msgspec.Struct, frozen=True):
    """A ``Lock`` in types that JSON has, with the other files it was made from."""

    kind: str
    packages: tuple[_Package, ...]
    requires_python: str | None
    notes: tuple[str, ...]
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    environments: tuple[str, ...]
    inputs: tuple[Input, ...] = ()

    @classmethod
    def of(cls, lock: Lock) -> LockRecord:
        """What to remember of *lock*."""
        return cls(
            kind=lock.kind,
            packages=tuple(_remember(package) for package in lock.packages),
            requires_python=_text(lock.requires_python),
            notes=lock.notes,
            extras=tuple(sorted(lock.extras)),
            groups=tuple(sorted(lock.groups)),
            environments=tuple(str(environment) for environment in lock.environments),
            inputs=tuple(map(Input.of, lock.inputs)),
        )

    def lock(self, path: Path, digest: Digest) -> Lock:
        """The lock again, as it was read from the file at *path* with these bytes.

        Raises:
            ValueError: The record does not hold what ``of`` writes.

        """
        markers: dict[str, Marker] = {}

        def marker_of(text: str) -> Marker:  # many packages of a lock have the same
            return markers.setdefault(text, markers.get(text) or Marker(text))

        return Lock(
            path=path,
            kind=self.kind,
            digest=digest,
            packages=tuple(_recall(package, marker_of) for package in self.packages),
            requires_python=None if self.requires_python is None else SpecifierSet(self.requires_python),
            notes=self.notes,
            extras=frozenset(self.extras),
            groups=frozenset(self.groups),
            environments=tuple(map(marker_of, self.environments)),
            inputs=tuple(Path(item.path) for item in self.inputs),
        )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _remember(package: LockedPackage) -> _Package:
    source = package.source
    return _Package(
        name=package.name,
        version=_text(package.version),
        wheels=tuple(map(_remember_file, package.wheels)),
        sdist=_remember_file(package.sdist) if package.sdist else None,
        git=(source.url, source.commit, source.subdirectory) if isinstance(source, GitSource) else None,
        directory=(str(source.path), source.editable) if isinstance(source, DirectorySource) else None,
        marker=_text(package.marker),
        requires_python=_text(package.requires_python),
        where=package.where,
        subdirectory=package.subdirectory,
    )


def _remember_file(file: LockedFile) -> _File:
    return _File(file.digest.hex, file.filename, file.url, _text(file.path), file.size_bytes)


def _recall(package: _Package, marker_of: Callable[[str], Marker]) -> LockedPackage:
    source: GitSource | DirectorySource | None = None
    if package.git:
        source = GitSource(*package.git)
    elif package.directory:
        source = DirectorySource(Path(package.directory[0]), package.directory[1])
    return LockedPackage(
        name=NormalizedName(package.name),
        version=None if package.version is None else Version(package.version),
        wheels=tuple(map(_recall_file, package.wheels)),
        sdist=_recall_file(package.sdist) if package.sdist else None,
        source=source,
        marker=marker_of(package.marker) if package.marker else None,
        requires_python=None if package.requires_python is None else SpecifierSet(package.requires_python),
        where=package.where,
        subdirectory=package.subdirectory,
    )


def _recall_file(file: _File) -> LockedFile:
    path = Path(file.path) if file.path else None
    return LockedFile(file.filename, Digest.from_hex(file.sha256), file.url, path, file.size_bytes)
