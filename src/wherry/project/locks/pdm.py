"""``pdm.lock`` of lock version 4, with groups and markers on each package (strategy ``inherit_metadata``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from packaging.utils import canonicalize_name

from wherry.errors import InputError
from wherry.project.locks import values
from wherry.project.locks.content_hash import pdm_hash
from wherry.project.locks.document import Document, read_document
from wherry.project.locks.entries import Entry, addressed, archive, merged, pinned_file, with_conditions
from wherry.project.locks.model import Choice, Lock, LockedPackage
from wherry.project.locks.pins import Lookup, Pin

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK_AGAIN: Final = "run: pdm lock"
_MAIN: Final = "default"


class _File(msgspec.Struct, frozen=True):
    hash: str
    file: str | None = None
    url: str | None = None


class _Package(msgspec.Struct, frozen=True):
    name: str
    version: str | None = None
    requires_python: str = ""
    groups: tuple[str, ...] = ()
    marker: str = ""
    files: tuple[_File, ...] = ()
    editable: bool = False
    path: str = ""
    url: str = ""
    git: str = ""
    revision: str = ""
    subdirectory: str = ""


class _Target(msgspec.Struct, frozen=True):
    requires_python: str = ""


class _Metadata(msgspec.Struct, frozen=True):
    lock_version: str
    groups: tuple[str, ...] = (_MAIN,)
    strategy: tuple[str, ...] = ()
    content_hash: str = ""
    targets: tuple[_Target, ...] = ()


class _PdmLock(msgspec.Struct, frozen=True):
    metadata: _Metadata
    package: tuple[_Package, ...] = ()


def read_pdm(document: Document, choice: Choice, lookup: Lookup) -> Lock:
    """What a ``pdm.lock`` pins for the choice's groups and extras, which are groups to PDM.

    Raises:
        InputError: It is broken, of an unknown version, without groups, stale, or has no such group or extra.
        WorldError: The index that says where its files lie cannot be reached.

    """
    lock = document.shaped(document.toml(_LOCK_AGAIN), _PdmLock, _LOCK_AGAIN)
    if lock.metadata.lock_version.split(".")[0] != "4":
        raise InputError(
            f"pdm.lock has lock_version {lock.metadata.lock_version[:40]!r}; wherry reads 4",
            where=str(document.path),
            mend="lock again with a current PDM: pdm lock",
        )
    if "inherit_metadata" not in lock.metadata.strategy:
        raise InputError(
            "pdm.lock does not say which package belongs to which group",
            where=str(document.path),
            mend="run: pdm lock --strategy inherit_metadata",
        )
    _require_fresh(document, lock, choice)
    groups = {_MAIN, *_known(lock, choice, document)}
    entries = merged(
        with_conditions(
            _entry(package, document, where),
            values.marker(package.marker, where) if package.marker else None,
            values.specifiers(package.requires_python, where) if package.requires_python else None,
        )
        for position, package in enumerate(lock.package)
        if groups.intersection(package.groups)
        for where in [f"{document.name}: package[{position}] ({package.name})"]
    )
    pythons = {target.requires_python for target in lock.metadata.targets}
    one = pythons.pop() if len(pythons) == 1 else ""  # several targets: each package's own markers decide
    return Lock(
        path=document.path,
        kind="pdm.lock",
        digest=document.digest,
        packages=addressed(list(entries), lookup, choice.root),
        inputs=(choice.root / "pyproject.toml",),
        requires_python=values.specifiers(one, str(document.path)) if one else None,
    )


def _known(lock: _PdmLock, choice: Choice, document: Document) -> Iterator[str]:
    spelling = {canonicalize_name(name): name for name in lock.metadata.groups}
    for name in (*choice.groups, *choice.extras):
        spelt = spelling.get(canonicalize_name(name))
        if spelt is None:
            raise InputError(
                f"pdm.lock has no group {name!r}; it has {', '.join(lock.metadata.groups[:20])}",
                where=str(document.path),
                mend=f"run: pdm lock --group {name}",
            )
        yield spelt


def _entry(package: _Package, document: Document, where: str) -> Entry:
    name = values.package_name(package.name, where)
    version = values.version(package.version, where) if package.version else None
    root = document.path.parent
    if package.git:
        git = values.git_source(package.git, package.revision, package.subdirectory, where)
        return LockedPackage(name, version, source=git, where=where)
    is_file = values.is_wheel(package.path) or values.is_sdist(package.path)
    if package.url or is_file:
        return archive(
            name,
            version,
            [file.hash for file in package.files],
            url=package.url or None,
            path=package.path or None,
            root=root,
            where=where,
            subdirectory=package.subdirectory,
        )
    if package.path:
        directory = values.directory_source(package.path, root, where, editable=package.editable)
        return LockedPackage(name, version, source=directory, where=where)
    if version is None:
        raise InputError(f"{name} has no version", where=where, mend=_LOCK_AGAIN)
    files = tuple(pinned_file(file.file, file.url, file.hash, where) for file in package.files)
    return Pin(name, version, files, where=where)


def _require_fresh(document: Document, lock: _PdmLock, choice: Choice) -> None:
    """Hold ``content_hash`` against what it is a hash of: what a lock depends on in pyproject.toml."""
    algorithm, _, written = lock.metadata.content_hash.partition(":")
    pyproject = read_document(choice.root / "pyproject.toml").toml()
    if algorithm == "sha256" and written != pdm_hash(pyproject):
        raise InputError(
            "pdm.lock is stale: pyproject.toml has changed since", where=str(document.path), mend=_LOCK_AGAIN
        )
