"""Whether a lock still fits what it was made from, by what its format keeps for that. Never by dates."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Final

from wherry.check.facts.lock_groups import own_requirements
from wherry.check.facts.texts import read_bounded
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.check.facts.locks import LockedPackage, LockFile
    from wherry.check.facts.pyproject import Pyproject

_CONTENT_HASH: Final = regex(rb'^content[-_]hash = "(?:sha256:)?([0-9a-f]{64})"', re.MULTILINE)
_PIPFILE_HASH: Final = regex(rb'"sha256"\s*:\s*"([0-9a-f]{64})"')
_CHANGED: Final = "it has changed since the lock was made"


def staleness(lock: LockFile, pyproject: Pyproject | None) -> str | None:
    """Why *lock* does not fit *pyproject*, or its Pipfile; None when it does or that cannot be told."""
    if lock.kind == "Pipfile.lock":
        return _pipfile(lock)
    check = _CHECKS.get(lock.kind)
    return check(lock, pyproject) if check and pyproject else None


def _poetry(lock: LockFile, pyproject: Pyproject) -> str | None:
    from wherry.project.locks.content_hash import poetry_hash  # noqa: PLC0415 - each lock has one

    written = _CONTENT_HASH.search(lock.source.data)
    if written is None:
        return None
    data = pyproject.toml.data
    known = {poetry_hash(data, groups=groups) for groups in (True, False)}
    return None if written[1].decode() in known else _CHANGED


def _pdm(lock: LockFile, pyproject: Pyproject) -> str | None:
    from wherry.project.locks.content_hash import pdm_hash  # noqa: PLC0415 - each lock has one

    written = _CONTENT_HASH.search(lock.source.data)
    if written is None or written[1].decode() == pdm_hash(pyproject.toml.data):
        return None
    return _CHANGED


def _uv(lock: LockFile, pyproject: Pyproject) -> str | None:
    """Compare what ``[package.metadata]`` says with what is asked for; markers are written anew by uv."""
    if pyproject.is_dynamic or not pyproject.name:
        return None
    mine = [one for one in lock.find(pyproject.name) if one.local]
    if not mine or not _keeps_requests(mine[0]):
        return None
    locked = {(name, _clauses(specifier)) for name, specifier in own_requirements(mine[0])}
    asked = {
        (one.name, frozenset() if one.url else _clauses(one.specifier))
        for some in (pyproject.dependencies, *pyproject.extras.values())
        for one in some
    }
    names, locked_names = {name for name, _ in asked}, {name for name, _ in locked}
    for name in sorted(names - locked_names):
        return f"{name} is asked for, and the lock was made without it"
    for name in sorted(locked_names - names):
        return f"{name} is locked, and not asked for any more"
    changed = sorted({name for name, _ in asked ^ locked})
    if changed and not _is_same(asked, locked):
        return f"the versions of {changed[0]} that are asked for have changed"
    return None


def _keeps_requests(package: LockedPackage) -> bool:
    """Whether the lock says what the project asked for; where it asked for nothing there is no section."""
    return b"\n[package.metadata]" in package.block or b"\ndependencies = [" not in package.block


def _clauses(specifier: str) -> frozenset[str]:
    plain = specifier.replace(" ", "")
    return frozenset() if plain == "*" else frozenset(part for part in plain.split(",") if part)


def _is_same(one: set[tuple[str, frozenset[str]]], other: set[tuple[str, frozenset[str]]]) -> bool:
    """Whether only the spelling differs: ``>=1.0-rc1`` is ``>=1.0rc1``."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - slow to import

    try:
        sets = [{(name, SpecifierSet(",".join(clauses))) for name, clauses in some} for some in (one, other)]
    except InvalidSpecifier:
        return False
    return sets[0] == sets[1]


def _pipfile(lock: LockFile) -> str | None:
    from wherry.project.locks.content_hash import pipfile_hash  # noqa: PLC0415 - each lock has one

    written = _PIPFILE_HASH.search(lock.source.data)
    try:
        pipfile = tomllib.loads(read_bounded(lock.path.with_name("Pipfile"), 1 << 20).decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    if written is None or "source" not in pipfile or pipfile_hash(pipfile) == written[1].decode():
        return None
    return "the Pipfile has changed since the lock was made"


_CHECKS: Final[dict[str, Callable[[LockFile, Pyproject], str | None]]] = {
    "uv.lock": _uv,
    "poetry.lock": _poetry,
    "pdm.lock": _pdm,
}
