"""Which packages of a Poetry 1 lock are wanted, and where: worked out over the dependencies between them.

Such a lock (lock-version 2.0) writes markers on the edges and groups nowhere. A package is wanted under any
of the ways that lead to it from the project.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from wherry.errors import InputError
from wherry.project.locks import values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.markers import Marker

    from wherry.project.locks.document import Document
    from wherry.project.locks.poetry import LockedEntry, PoetryLock

_MOST_WAYS: Final = 24
_MOST_STEPS: Final = 20_000

Way = frozenset[str]
"""Markers that must all hold along one way to a package."""


def reached(
    lock: PoetryLock,
    pyproject: Mapping[str, Any],
    groups: tuple[str, ...],
    extras: frozenset[str],
    document: Document,
) -> list[tuple[LockedEntry, Marker | None, str]]:
    """The packages that are wanted, each with the marker under which it is, and its place.

    Raises:
        InputError: The ways to a package are too many to tell apart, or a marker is none.

    """
    walk = _Walk(lock)
    selected = {canonicalize_name(name) for extra in extras for name in lock.extras.get(extra, ())}
    for name, value in _roots(pyproject, groups):
        walk.want(name, value, frozenset(), optional_too=canonicalize_name(name) in selected)
    if not walk.finish():
        raise InputError(
            "the dependencies in this old lock are too entangled",
            where=str(document.path),
            mend="lock with Poetry 2, which writes markers: poetry lock",
        )
    found = []
    for position, package in enumerate(lock.package):
        if position in walk.ways:
            where = f"{document.name}: package[{position}] ({package.name})"
            found.append((package, _marker(walk.ways[position], where), where))
    return found


class _Walk:
    """Every way from the project to each package, found breadth first."""

    def __init__(self, lock: PoetryLock) -> None:
        self._lock = lock
        self._positions: dict[str, list[int]] = {}
        for position, package in enumerate(lock.package):
            self._positions.setdefault(canonicalize_name(package.name), []).append(position)
        self._extras: dict[int, set[str]] = {}  # of each package, those that someone wants
        self._todo: deque[int] = deque()
        self.ways: dict[int, set[Way]] = {}

    def want(self, name: str, value: object, before: Way, *, optional_too: bool = False) -> None:
        """Note a dependency on *name*, written as *value*, of something that is reached by *before*."""
        for constraint, marker, extras, is_optional in _requirements(value):
            if is_optional and not optional_too:
                continue
            way = before | {marker} if marker else before
            for position in _matching(
                self._lock, self._positions.get(canonicalize_name(name), []), constraint
            ):
                is_new = _add(self.ways.setdefault(position, set()), way)
                known = self._extras.setdefault(position, set())
                if is_new or extras - known:
                    known |= extras
                    self._todo.append(position)

    def finish(self) -> bool:
        """Follow dependencies until nothing is new; False where there is no end in sight."""
        for _ in range(_MOST_STEPS):
            if not self._todo:
                return True
            position = self._todo.popleft()
            if len(self.ways[position]) > _MOST_WAYS:
                return False
            for name, value in self._lock.package[position].dependencies.items():
                for requirement in _of_extras(value, self._extras[position]):
                    for way in tuple(self.ways[position]):
                        self.want(name, requirement, way)
        return False


def _roots(pyproject: Mapping[str, Any], groups: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    """What the project itself asks for: ``[tool.poetry.dependencies]`` and the groups'."""
    tool = pyproject.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    if not isinstance(poetry, dict):
        return
    tables = [poetry.get("dependencies")]
    named = poetry.get("group")
    for group in groups:
        table = named.get(group) if isinstance(named, dict) else None
        tables.append(table.get("dependencies") if isinstance(table, dict) else None)
    if "dev" in groups:
        tables.append(poetry.get("dev-dependencies"))
    for table in tables:
        for name, value in table.items() if isinstance(table, dict) else ():
            if name != "python":
                yield name, value


def _requirements(value: object) -> Iterator[tuple[str, str, set[str], bool]]:
    """Constraint, marker, extras and whether it is optional, of each form a dependency is written in."""
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one, "", set(), False
        elif isinstance(one, dict):
            extras = one.get("extras")
            asked = {str(extra) for extra in extras} if isinstance(extras, list) else set()
            parts = [str(one["markers"])] if "markers" in one else []
            python = _python_marker(str(one["python"])) if "python" in one else ""
            parts += [python] if python else []
            marker = " and ".join(f"({part})" for part in parts)
            yield str(one.get("version", "*")), marker, asked, one.get("optional") is True


def _python_marker(constraint: str) -> str:
    """``python = "<3.13"`` as a marker; Poetry's own operators are no marker's, and hold nobody back."""
    try:
        parsed = SpecifierSet(constraint)
    except InvalidSpecifier:
        return ""
    return " and ".join(f'python_version {one.operator} "{one.version}"' for one in parsed)


def _of_extras(value: object, extras: set[str]) -> Iterator[object]:
    """Requirements whose `extra == "x"` is decided: kept without it where x is asked for, else dropped."""
    for one in value if isinstance(value, list) else [value]:
        marker = one.get("markers") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(marker, str) or "extra" not in marker:
            yield one
            continue
        for extra in sorted(extras):
            decided = marker
            for quoted in (f'extra == "{extra}"', f"extra == '{extra}'"):
                decided = decided.replace(quoted, "python_version > '0'")
            if "extra ==" not in decided:
                yield {**one, "markers": decided, "optional": False}


def _matching(lock: PoetryLock, positions: list[int], constraint: str) -> Iterator[int]:
    """Of several versions of one package, those in the constraint; all, where it is in Poetry's own words."""
    found = []
    for position in positions:
        try:
            if len(positions) == 1 or SpecifierSet("" if constraint == "*" else constraint).contains(
                lock.package[position].version, prereleases=True
            ):
                found.append(position)
        except (InvalidSpecifier, InvalidVersion, ValueError):
            found.append(position)
    yield from found or positions


def _add(ways: set[Way], way: Way) -> bool:
    """Add *way* unless a wider one is known; forget the narrower ones. Whether anything changed."""
    if any(known <= way for known in ways):
        return False
    ways -= {known for known in ways if way <= known}
    ways.add(way)
    return True


def _marker(ways: set[Way], where: str) -> Marker | None:
    if frozenset() in ways:
        return None
    texts = sorted(" and ".join(f"({part})" for part in sorted(way)) for way in ways)
    return values.marker(" or ".join(f"({text})" for text in texts), where)
