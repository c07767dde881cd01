"""``poetry.lock`` of lock-version 2.1 (Poetry 2), where packages know their groups and markers, and 2.0.

In the older (Poetry 1.5 to 1.8) those are worked out from the dependencies between packages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from wherry.errors import InputError
from wherry.project.locks import values
from wherry.project.locks.content_hash import poetry_hash, table_at
from wherry.project.locks.document import Document, read_document
from wherry.project.locks.entries import (
    Entry,
    addressed,
    archive,
    either,
    merged,
    pinned_file,
    with_conditions,
)
from wherry.project.locks.model import Choice, Lock, LockedPackage
from wherry.project.locks.pins import Lookup, Pin, with_places

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from packaging.markers import Marker

_LOCK_AGAIN: Final = "run: poetry lock"
_MAIN: Final = "main"
_EXTRA: Final = re.compile(r"""\bextra\s*(==|!=)\s*(["'])([\w.-]+)\2""")


class _File(msgspec.Struct, frozen=True):
    file: str
    hash: str


class _Source(msgspec.Struct, frozen=True):
    type: str
    url: str = ""
    reference: str = ""
    resolved_reference: str = ""
    subdirectory: str = ""


class LockedEntry(msgspec.Struct, frozen=True, rename="kebab"):
    """One ``[[package]]``."""

    name: str
    version: str
    python_versions: str = "*"
    optional: bool = False
    groups: tuple[str, ...] = ()
    markers: str | dict[str, str] | None = None
    files: tuple[_File, ...] = ()
    develop: bool = False
    dependencies: dict[str, Any] = {}
    source: _Source | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="kebab"):
    lock_version: str
    content_hash: str = ""
    python_versions: str = "*"


class PoetryLock(msgspec.Struct, frozen=True):
    """The file."""

    metadata: _Metadata
    package: tuple[LockedEntry, ...] = ()
    extras: dict[str, tuple[str, ...]] = {}


def read_poetry(document: Document, choice: Choice, lookup: Lookup) -> Lock:
    """What a ``poetry.lock`` pins for the choice's groups and extras.

    Raises:
        InputError: It is broken, of an unknown version, stale, has no hashes, or no such group or extra.
        WorldError: The index that says where its files lie cannot be reached.

    """
    table = document.toml(_LOCK_AGAIN)
    lock = document.shaped(table, PoetryLock, _LOCK_AGAIN)
    version = lock.metadata.lock_version
    if version not in {"2.0", "2.1"}:
        raise InputError(
            f"poetry.lock has lock-version {version[:40]!r}; wherry reads 2.0 and 2.1",
            where=str(document.path),
            mend="lock again with a current Poetry: poetry lock",
        )
    pyproject = read_document(choice.root / "pyproject.toml").toml()
    _require_fresh(document, lock, pyproject)
    extras = frozenset(_known("extra", choice.extras, lock.extras, document))
    groups = (_MAIN, *_known("group", choice.groups, _groups(lock, pyproject), document))
    if version == "2.0":
        from wherry.project.locks.poetry_graph import reached  # noqa: PLC0415 - of Poetry 1 alone

        wanted = reached(lock, pyproject, groups, extras, document)
    else:
        wanted = list(_in_groups(lock, groups, document))
    entries = merged(
        with_conditions(_entry(package, document, where), marker, _python(package.python_versions))
        for package, marker, where in wanted
    )
    sources = {package.source.url for package, _, _ in wanted if package.source and _is_index(package.source)}
    options = [f"--extra-index-url {values.public_url(url, str(document.path))}" for url in sorted(sources)]
    return Lock(
        path=document.path,
        kind="poetry.lock",
        digest=document.digest,
        packages=addressed(list(entries), with_places(lookup, options, ()), choice.root),
        requires_python=_python(lock.metadata.python_versions),
        extras=extras,
        inputs=(choice.root / "pyproject.toml",),
    )


def _groups(lock: PoetryLock, pyproject: Mapping[str, Any]) -> set[str]:
    """Every group that the lock or the project speaks of: one without packages stands in the project only."""
    standard = pyproject.get("dependency-groups")
    poetry = table_at(pyproject, "tool", "poetry", "group")
    old = {"dev"} if "dev-dependencies" in table_at(pyproject, "tool", "poetry") else set()
    return {
        *(group for package in lock.package for group in package.groups),
        *(standard if isinstance(standard, dict) else ()),
        *poetry,
        *old,
    }


def _known(what: str, asked: Iterable[str], offered: Collection[str], document: Document) -> Iterator[str]:
    spelling = {canonicalize_name(name): name for name in offered}
    known = ", ".join(sorted(offered)[:20]) or "none"
    for name in asked:
        spelt = spelling.get(canonicalize_name(name))
        if spelt is None:
            raise InputError(
                f"{document.name} has no {what} {name!r}; it has {known}",
                where=str(document.path),
                mend=f"add the {what} to pyproject.toml and run: poetry lock",
            )
        yield spelt


def _in_groups(
    lock: PoetryLock, groups: tuple[str, ...], document: Document
) -> Iterator[tuple[LockedEntry, Marker | None, str]]:
    """Packages of the groups, each wanted where the marker of one of its groups holds."""
    for position, package in enumerate(lock.package):
        where = f"{document.name}: package[{position}] ({package.name})"
        chosen = [group for group in groups if group in package.groups]
        if not chosen:
            continue
        markers = [_marker_of(package, group, where) for group in chosen]
        combined = markers[0]
        for marker in markers[1:]:
            combined = either(combined, marker)
        yield package, combined, where


def _marker_of(package: LockedEntry, group: str, where: str) -> Marker | None:
    text = package.markers.get(group) if isinstance(package.markers, dict) else package.markers
    return values.marker(chosen_extras(text), where) if text else None


def chosen_extras(text: str) -> str:
    """A Poetry marker in PEP 751's words: extras are a set there, so that several may be chosen."""
    return _EXTRA.sub(lambda found: f'"{found[3]}" {"in" if found[1] == "==" else "not in"} extras', text)


def _is_index(source: _Source) -> bool:
    return source.type == "legacy" and source.reference.lower() != "pypi"


def _entry(package: LockedEntry, document: Document, where: str) -> Entry:
    name, version = values.package_name(package.name, where), values.version(package.version, where)
    source, root = package.source, document.path.parent
    if source is None or source.type in {"legacy", "pypi"}:
        files = tuple(pinned_file(file.file, None, file.hash, where) for file in package.files)
        return Pin(name, version, files, where=where)
    if source.type == "directory":
        directory = values.directory_source(source.url, root, where, editable=package.develop)
        return LockedPackage(name, version, source=directory, where=where)
    if source.type == "git":
        git = values.git_source(source.url, source.resolved_reference, source.subdirectory, where)
        return LockedPackage(name, version, source=git, where=where)
    if source.type not in {"url", "file"}:
        raise InputError(
            f"{name} comes from {source.type[:40]!r}, which wherry does not know",
            where=where,
            mend=_LOCK_AGAIN,
        )
    return archive(
        name,
        version,
        [file.hash for file in package.files],
        url=source.url if source.type == "url" else None,
        path=source.url if source.type == "file" else None,
        root=root,
        where=where,
        subdirectory=source.subdirectory,
    )


def _python(text: str) -> SpecifierSet | None:
    """Poetry's constraint where PEP 440 has the same words; ``^3.11`` or ``a || b`` hold nobody back here."""
    try:
        return SpecifierSet("" if text == "*" else text)
    except (InvalidSpecifier, ValueError):
        return None


def _require_fresh(document: Document, lock: PoetryLock, pyproject: Mapping[str, Any]) -> None:
    """Hold ``content-hash`` against what it is a hash of: what a lock depends on in pyproject.toml."""
    written = lock.metadata.content_hash
    if written and written not in {poetry_hash(pyproject, groups=groups) for groups in (True, False)}:
        raise InputError(
            "poetry.lock is stale: pyproject.toml has changed since",
            where=str(document.path),
            mend=_LOCK_AGAIN,
        )
