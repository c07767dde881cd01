"""Path dependencies that lead back to themselves: nothing can be built first, and an error names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wherry.errors import InputError
from wherry.project.locks.document import read_document
from wherry.project.locks.model import DirectorySource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from wherry.project.locks.model import Lock


def require_acyclic(lock: Lock, root: Path) -> tuple[Path, ...]:
    """Look at what the directories in *lock* depend on among themselves and on the project in *root*.

    Returns:
        The manifests that were read, as far as they are there.

    Raises:
        InputError: One of them depends on itself, over others or directly.

    """
    places = {
        str(package.name): package.source.path
        for package in lock.packages
        if isinstance(package.source, DirectorySource)
    }
    if not places:
        return ()
    tables = {name: _manifest(place) for name, place in places.items()}
    project = _manifest(root)
    own_name = project.get("project", {}).get("name") if isinstance(project.get("project"), dict) else None
    if isinstance(own_name, str):
        tables[canonicalize_name(own_name)] = project
    edges = {name: sorted(set(_dependencies(table)) & tables.keys()) for name, table in tables.items()}
    circle = _circle(edges)
    if circle:
        raise InputError(
            f"path dependencies form a circle: {' -> '.join(circle)}",
            where=str(places.get(circle[0], root) / "pyproject.toml"),
            mend="take one of these dependencies out",
        )
    manifests = (place / "pyproject.toml" for place in (*places.values(), root))
    return tuple(path for path in manifests if path.is_file())


def _manifest(directory: Path) -> dict[str, Any]:
    path = directory / "pyproject.toml"
    return read_document(path).toml() if path.is_file() else {}


def _dependencies(table: Mapping[str, Any]) -> Iterator[str]:
    """Names a project needs to be built and to run. Its extras are not among them: they may name itself."""
    project, build = table.get("project"), table.get("build-system")
    written = [
        *_list(project.get("dependencies") if isinstance(project, dict) else None),
        *_list(build.get("requires") if isinstance(build, dict) else None),
    ]
    for text in written:
        try:
            requirement = Requirement(str(text))
        except (InvalidRequirement, RecursionError, ValueError):
            continue  # its builder's to report
        if not requirement.extras:
            yield canonicalize_name(requirement.name)
    tool = table.get("tool")
    poetry = tool.get("poetry") if isinstance(tool, dict) else None
    names = poetry.get("dependencies") if isinstance(poetry, dict) else None
    yield from (canonicalize_name(name) for name in (names if isinstance(names, dict) else ()))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _circle(edges: Mapping[str, list[str]]) -> list[str]:
    """A way from a name back to itself, or nothing. Iterative: a lock may hold thousands."""
    done: set[str] = set()
    for start in sorted(edges):
        way: list[str] = []
        todo = [(start, iter(edges[start]))] if start not in done else []
        while todo:
            name, remaining = todo[-1]
            if len(way) < len(todo):
                way.append(name)
            following = next(remaining, None)
            if following is None:
                done.add(name)
                todo.pop()
                way.pop()
            elif following in way:
                return [*way[way.index(following) :], following]
            elif following not in done:
                todo.append((following, iter(edges[following])))
    return []
