"""The hashes that poetry.lock, pdm.lock and Pipfile.lock keep, to know when they are stale."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_RUNS: Final = re.compile(r"[-_.]+")
_NOT_CATEGORIES: Final = frozenset(
    {"default", "develop", "dev-packages", "packages", "pipenv", "pipfile", "requires", "scripts", "source"}
)


def table_at(value: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The table at a path of keys; an empty one where there is none."""
    found: object = value
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def poetry_hash(pyproject: Mapping[str, Any], *, groups: bool) -> str:
    """Poetry's hash: SHA-256 of sorted JSON of ``[project]``, ``[dependency-groups]`` and ``[tool.poetry]``.

    Poetry 1 and the first releases of 2 leave *groups* out; Poetry's own keys stand at the top where the
    project has nothing else, with null for the old ones that are missing.
    """
    project = {
        key: value
        for key in ("requires-python", "dependencies", "optional-dependencies")
        if (value := table_at(pyproject, "project").get(key)) is not None
    }
    grouped = table_at(pyproject, "dependency-groups") if groups else {}
    poetry = table_at(pyproject, "tool", "poetry")
    old = {key: poetry.get(key) for key in ("dependencies", "source", "extras", "dev-dependencies")}
    hashed: dict[str, Any] = {key: value for key, value in old.items() if value is not None}
    if not project and not grouped:
        hashed = old
    if poetry.get("group") is not None:
        hashed["group"] = poetry["group"]
    if project or grouped:
        hashed = {"tool": {"poetry": hashed}}
        hashed |= {"project": project} if project else {}
        hashed |= {"dependency-groups": grouped} if grouped else {}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, default=str).encode()).hexdigest()


def pdm_hash(pyproject: Mapping[str, Any]) -> str:
    """PDM's hash: SHA-256 of sorted JSON of dependencies, groups, sources, Python and overrides."""
    project, tool = pyproject.get("project"), pyproject.get("tool")
    project = project if isinstance(project, dict) else {}
    settings = tool.get("pdm") if isinstance(tool, dict) else None
    settings = settings if isinstance(settings, dict) else {}
    development: dict[str, Any] = {}
    for table in (pyproject.get("dependency-groups"), settings.get("dev-dependencies")):
        for group, requirements in table.items() if isinstance(table, dict) else ():
            known = development.setdefault(_RUNS.sub("-", group).lower(), [])
            known.extend(requirements if isinstance(requirements, list) else [])
    hashed = {
        "sources": settings.get("source", []),
        "dependencies": project.get("dependencies", []),
        "dev-dependencies": development,
        "optional-dependencies": project.get("optional-dependencies", {}),
        "requires-python": project.get("requires-python", ""),
        "resolution": settings.get("resolution", {}),
    }
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, default=str).encode()).hexdigest()


def pipfile_hash(pipfile: dict[str, Any]) -> str:
    """Pipenv's hash: SHA-256 of the Pipfile as sorted JSON without blanks."""
    categories = {key: table for key, table in pipfile.items() if key not in _NOT_CATEGORIES}
    hashed = {
        **categories,
        "_meta": {"sources": pipfile.get("source", []), "requires": pipfile.get("requires", {})},
        "default": pipfile.get("packages", {}),
        "develop": pipfile.get("dev-packages", {}),
    }
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
