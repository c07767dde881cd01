"""``pylock.toml`` (PEP 751), read through ``packaging.pylock``: also the form uv exports its lock in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from packaging.pylock import Package, Pylock, PylockValidationError
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.project.locks import values
from wherry.project.locks.model import DirectorySource, Lock, LockedFile, LockedPackage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from packaging.pylock import PackageArchive, PackageSdist, PackageWheel

    from wherry.project.locks.document import Document
    from wherry.project.locks.model import Choice, GitSource

_KNOWN: Final = Version("1.0")
_LOCK_AGAIN: Final = "lock again: wherry lock"


def read_pylock(document: Document, choice: Choice) -> Lock:
    """What a ``pylock.toml`` pins for the choice's groups (besides its default groups) and extras.

    Raises:
        InputError: The file is not a valid lock, is of another major version, or has no such group or extra.

    """
    return pylock_of(document, document.toml(_LOCK_AGAIN), choice)


def pylock_of(
    document: Document, table: Mapping[str, Any], choice: Choice, kind: str = "pylock.toml"
) -> Lock:
    """As ``read_pylock``, from a *table* that says what the lock in *document* says, as *kind*."""
    notes = tuple(_version_notes(document, table))
    try:
        parsed = Pylock.from_dict(table)
    except PylockValidationError as error:
        what = f"{document.name} is not a valid lock: {error}"
        raise InputError(what, where=str(document.path), mend=_LOCK_AGAIN) from error
    except (RecursionError, ValueError, TypeError, AttributeError) as error:
        raise document.unreadable(error, _LOCK_AGAIN) from error
    inputs = tuple(_require_fresh(document, table))
    directory = document.path.parent
    read = (
        _package(package, directory, f"{document.name}: packages[{position}] ({package.name})")
        for position, package in enumerate(parsed.packages)
    )
    return Lock(
        path=document.path,
        kind=kind,
        digest=document.digest,
        packages=tuple(package for package in read if not _is_project(package, choice.root)),
        requires_python=parsed.requires_python,
        notes=notes,
        extras=frozenset(_chosen("extra", choice.extras, parsed.extras, document)),
        groups=frozenset(_chosen("dependency group", choice.groups, parsed.dependency_groups, document))
        | frozenset(parsed.default_groups or ()),
        environments=tuple(parsed.environments or ()),
        inputs=inputs,
    )


def _version_notes(document: Document, table: Mapping[str, Any]) -> Iterator[str]:
    """lock-version: "Tools that don't support the major version MUST raise an error", minor: SHOULD warn."""
    written = table.get("lock-version")
    try:
        found = Version(written) if isinstance(written, str) else None
    except InvalidVersion:
        found = None
    if found is None or found.major != _KNOWN.major:
        raise InputError(
            f"{document.name} has lock-version {str(written)[:40]!r}; wherry reads {_KNOWN}",
            where=str(document.path),
            mend="update wherry, or lock again with a tool that writes lock-version 1.0",
        )
    if found > _KNOWN:
        yield f"{document.name} has lock-version {found}: what is newer than {_KNOWN} in it is not read"


def _require_fresh(document: Document, table: Mapping[str, Any]) -> Iterator[Path]:
    """Hold a lock of ours against the files that ``[tool.wherry]`` says it was made from, and name those."""
    tool = table.get("tool")
    ours = tool.get("wherry") if isinstance(tool, dict) else None
    inputs = ours.get("inputs") if isinstance(ours, dict) else None
    for name, digest in inputs.items() if isinstance(inputs, dict) else ():
        path = document.path.parent / values.filename(name, str(document.path))
        try:
            now = Digest.of_file(path)
        except OSError:
            continue  # a lock outlives the wish it was made from
        if now != digest:
            raise InputError(
                f"{document.name} is stale: {name} has changed since",
                where=str(path),
                mend="run: wherry lock",
            )
        yield path


def _chosen(
    what: str, asked: Collection[str], offered: Collection[str] | None, document: Document
) -> Iterator[str]:
    """The names *asked*, spelt as the lock spells them."""
    spelling = {canonicalize_name(name): name for name in offered or ()}
    for name in asked:
        spelt = spelling.get(canonicalize_name(name))
        if spelt is None:
            known = ", ".join(sorted(spelling.values())[:20]) or "none"
            raise InputError(
                f"{document.name} has no {what} {name!r}; it has {known}",
                where=str(document.path),
                mend=f"lock it with that {what}, or leave it out of [tool.wherry]",
            )
        yield spelt


def _is_project(package: LockedPackage, root: Path) -> bool:
    """Whether an entry is the project itself, which has a layer of its own."""
    return isinstance(package.source, DirectorySource) and package.source.path == root.resolve()


def _package(package: Package, directory: Path, where: str) -> LockedPackage:
    files = tuple(_file(wheel, wheel.filename, directory, where) for wheel in package.wheels or ())
    sdist = _file(package.sdist, package.sdist.filename, directory, where) if package.sdist else None
    subdirectory = ""
    if package.archive:
        name = values.url_filename(package.archive.url or package.archive.path or "")
        archive = _file(package.archive, name, directory, where)
        subdirectory = values.subdirectory_of(package.archive.subdirectory or "", where)
        if values.is_wheel(archive.filename):
            files = (archive,)
        else:
            sdist = archive
    return LockedPackage(
        name=package.name,
        version=package.version,
        wheels=files,
        sdist=sdist,
        source=_source(package, directory, where),
        marker=package.marker,
        requires_python=package.requires_python,
        where=where,
        subdirectory=subdirectory,
    )


def _file(
    entry: PackageWheel | PackageSdist | PackageArchive, name: str, directory: Path, where: str
) -> LockedFile:
    # "Tools SHOULD use path when both are given and the file is there": an address works on every machine
    path = entry.path if not entry.url else None
    return values.locked_file(
        name,
        values.sha256(entry.hashes, name, where),
        where=where,
        root=directory,
        url=entry.url,
        path=path,
        size_bytes=entry.size,
    )


def _source(package: Package, directory: Path, where: str) -> GitSource | DirectorySource | None:
    if package.vcs:
        if package.vcs.type != "git":
            raise InputError(
                f"{package.name} comes from {package.vcs.type!r}; wherry builds from git",
                where=where,
                mend="depend on its released wheel",
            )
        address = package.vcs.url or f"file://{values.local_path(package.vcs.path or '', directory, where)}"
        return values.git_source(address, package.vcs.commit_id, package.vcs.subdirectory or "", where)
    if package.directory:
        inner = values.subdirectory_of(package.directory.subdirectory or "", where)
        path = f"{package.directory.path}/{inner}" if inner else package.directory.path
        return values.directory_source(path, directory, where, editable=bool(package.directory.editable))
    return None
