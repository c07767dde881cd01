"""``uv.lock``: exported by uv itself as a pylock once it is known to be fresh. Offline, never rewritten."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from wherry.errors import InputError, WherryError
from wherry.project.locks.document import Document, read_document
from wherry.project.locks.model import Choice
from wherry.project.locks.pylock import pylock_of
from wherry.project.uv import UvInputError, UvWorldError, run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wherry.project.locks.model import Lock

_LOCK_AGAIN: Final = "run: uv lock"
_REGISTRY: Final = re.compile(rb'\bregistry = "([^"\n]{1,2000})"')
_WANTED_TO_RESOLVE: Final = ("needs to be updated", "No solution found", "network was disabled")
_VERSION: Final = b"1"
_VERSION_LINE: Final = re.compile(rb"^version = ([0-9]{1,9})\s*$", re.MULTILINE)
_MOST_REGISTRIES: Final = 20
_LOCAL_SOURCE: Final = re.compile(rb'\bsource = \{ (?:editable|virtual|directory) = "([^"\n]{1,1000})"')
_MOST_MANIFESTS: Final = 1000


def read_uv_lock(document: Document, choice: Choice) -> Lock:
    """What a ``uv.lock`` pins for the choice's groups and extras; workspace members become directories.

    Args:
        document: The file; it lies in the workspace's root, which may be above the project.
        choice: The project, and its groups and extras.

    Raises:
        InputError: It is broken, of an unknown version, stale, or has no such group or extra.
        WorldError: uv is missing or failed.

    """
    _require_version(document)
    _require_fresh(document)
    exported = run_uv(
        [
            "export",
            "--frozen",
            "--quiet",
            "--no-header",
            "--format=pylock.toml",
            *_selection(document, choice),
        ],
        doing=f"export {document.name}",
        cwd=document.path.parent,
        where=str(document.path),
        mend=_LOCK_AGAIN,
    )
    try:
        table = tomllib.loads(exported)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise document.unreadable(error, _LOCK_AGAIN) from error
    # uv has left out what was not chosen: its export knows neither groups nor extras
    lock = pylock_of(document, table, Choice(choice.root), kind="uv.lock")
    return replace(lock, inputs=tuple(_manifests(document, choice)))


def _require_version(document: Document) -> None:
    """See that the lock is of the version that uv writes; uv would say so in the middle of its own words."""
    found = _VERSION_LINE.search(document.content)
    if found is not None and found[1] != _VERSION:
        raise InputError(
            f"uv.lock is of version {found[1].decode()}, and version {_VERSION.decode()} is known",
            where=str(document.path),
            mend=f"{_LOCK_AGAIN}, with the uv that wherry uses",
        )


def _manifests(document: Document, choice: Choice) -> Iterator[Path]:
    """Every pyproject.toml that the lock was made from."""
    places = {place.decode(errors="replace") for place in _LOCAL_SOURCE.findall(document.content)}
    yield choice.root / "pyproject.toml"
    for place in sorted(places)[:_MOST_MANIFESTS]:
        if "\0" not in place:
            yield document.path.parent / place / "pyproject.toml"


def _selection(document: Document, choice: Choice) -> Iterator[str]:
    yield "--no-default-groups"
    yield "--no-emit-project"
    if choice.root.resolve() != document.path.parent.resolve():
        yield f"--package={_member_name(choice.root)}"
    yield from (f"--group={name}" for name in choice.groups)
    yield from (f"--extra={name}" for name in choice.extras)


def _member_name(root: Path) -> str:
    """The name of the workspace member in *root*."""
    name = _pyproject(root).get("project", {}).get("name")
    if not isinstance(name, str):
        raise InputError(
            "a workspace member needs a name",
            where=str(root / "pyproject.toml"),
            mend='add [project] name = "..."',
        )
    return canonicalize_name(name)


def _require_fresh(document: Document) -> None:
    """Hold the lock against the pyproject files it was made from.

    uv's own check decides. It needs no network for a lock that fits, and an interpreter that the project
    accepts: where it cannot be had (the image's Python is not this machine's), the requirements are
    compared here.
    """
    # A lock names the index it was made with; that this machine is configured with a mirror does not age it.
    registries = {found.decode(errors="replace") for found in _REGISTRY.findall(document.content)}
    indexes = [
        f"--index={place}" if "://" in place else f"--find-links={place}"
        for place in sorted(registries)[:_MOST_REGISTRIES]
    ]
    try:
        run_uv(
            ["lock", "--check", "--offline", "--quiet", *indexes],
            doing=f"check {document.name}",
            cwd=document.path.parent,
            where=str(document.path),
            mend=_LOCK_AGAIN,
        )
    except (UvInputError, UvWorldError) as error:
        said = error.stderr
    else:
        return
    changed = next(_differences(document), None)
    if changed or any(words in said for words in _WANTED_TO_RESOLVE):
        reason = changed or "the project's requirements, sources or indexes have changed since"
        raise InputError(f"{document.name} is stale: {reason}", where=str(document.path), mend=_LOCK_AGAIN)


def _differences(document: Document) -> Iterator[str]:
    """What the pyproject files of local packages ask for now and the lock was not made for, in words.

    Names and version ranges are compared, markers are not: uv rewrites those in a form of its own.
    """
    table = document.toml(_LOCK_AGAIN)
    packages = table.get("package", [])
    for package in packages if isinstance(packages, list) else []:
        source = package.get("source", {}) if isinstance(package, dict) else {}
        place = (
            next((source[kind] for kind in ("editable", "virtual", "directory") if kind in source), None)
            if isinstance(source, dict)
            else None
        )
        if not isinstance(place, str) or not isinstance(package.get("metadata", {}), dict):
            continue
        try:
            project = _pyproject(document.path.parent / place)
        except WherryError:
            yield f"{package.get('name')} has no readable pyproject.toml in {place} any more"
            continue
        yield from _differences_of(str(package.get("name")), project, package.get("metadata", {}))
    wanted = _pyproject(document.path.parent).get("project", {}).get("requires-python")
    locked = table.get("requires-python")
    if isinstance(wanted, str) and isinstance(locked, str) and not _same_specifiers(wanted, locked):
        yield f"requires-python is {wanted} now and was {locked}"


def _differences_of(name: str, pyproject: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[str]:
    project = pyproject.get("project")
    if not isinstance(project, dict) or "dependencies" in (project.get("dynamic") or ()):
        return
    wanted = set(_asked(project.get("dependencies", [])))
    optional = project.get("optional-dependencies", {})
    for requirements in optional.values() if isinstance(optional, dict) else ():
        wanted |= set(_asked(requirements))
    locked = set(_locked(metadata.get("requires-dist", [])))
    for package, specifier in sorted(wanted - locked):
        yield f"{name} asks for {package}{specifier}, which it was not made for"
    for package, specifier in sorted(locked - wanted):
        yield f"{name} does not ask for {package}{specifier} any more"


def _asked(requirements: object) -> Iterator[tuple[str, str]]:
    for text in requirements if isinstance(requirements, list) else ():
        try:
            parsed = Requirement(str(text))
        except InvalidRequirement:
            continue  # the project reader's to report
        yield canonicalize_name(parsed.name), "" if parsed.url else str(parsed.specifier)


def _locked(entries: object) -> Iterator[tuple[str, str]]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            specifier = entry.get("specifier", "")
            plain = "" if specifier == "*" else str(specifier)
            try:
                yield canonicalize_name(str(entry.get("name"))), str(SpecifierSet(plain))
            except InvalidSpecifier:
                yield canonicalize_name(str(entry.get("name"))), plain


def _same_specifiers(one: str, other: str) -> bool:
    try:
        return SpecifierSet(one) == SpecifierSet(other)
    except InvalidSpecifier:
        return one == other


def _pyproject(directory: Path) -> dict[str, Any]:
    return read_document(directory / "pyproject.toml").toml()
