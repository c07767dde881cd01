"""What pyproject.toml says of the project itself: PEP 621's table, then Poetry's, PDM's and uv's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.project.values import normalized

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

    from wherry.project.toml_file import Node

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  # PEP 508
_ENTRY_POINT: Final = re.compile(r"([A-Za-z_][\w.]*)\s*:\s*([A-Za-z_][\w.]*)\s*(?:\[[\w\s,.-]*\])?", re.ASCII)
_SCRIPT_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_POETRY_RANGE: Final = re.compile(r"([~^])\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?")
_POETRY_EXACT: Final = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Script:
    """A console or GUI script: the command's name and the function it calls."""

    name: str
    module: str
    function: str  # dotted below the module
    where: str  # pyproject.toml:12


@dataclass(frozen=True, slots=True)
class Metadata:
    """The project's own facts."""

    name: str | None
    version: str | None  # None: not stated, or dynamic
    requires_python: SpecifierSet | None
    has_build_system: bool  # its wheel is installed; else its source tree is copied
    scripts: tuple[Script, ...]
    gui_scripts: tuple[Script, ...]
    groups: tuple[str, ...]  # dependency groups, normalized
    extras: tuple[str, ...]  # optional dependencies, normalized
    urls: dict[str, str]  # project URLs by label in lower case without punctuation


def read_metadata(root: Node) -> Metadata:
    """Read the tables of a pyproject.toml that describe the project.

    Raises:
        InputError: One of them is of the wrong type, or ``requires-python`` or a script is not valid.

    """
    project, poetry = root.get("project"), root.get("tool", "poetry")
    return Metadata(
        name=_name(project) or _name(poetry),
        version=_text(project, "version") or _text(poetry, "version"),
        requires_python=_requires_python(project, poetry),
        has_build_system=_has_build_system(root),
        scripts=(*_scripts(project, "scripts"), *_poetry_scripts(project, poetry)),
        gui_scripts=tuple(_scripts(project, "gui-scripts")),
        groups=_groups(root),
        extras=_names(project, "optional-dependencies") or _names(poetry, "extras"),
        urls=_urls(project, poetry),
    )


def _text(table: Node | None, key: str) -> str | None:
    node = table.get(key) if table else None
    return node.text() if node else None


def _name(table: Node | None) -> str | None:
    node = table.get("name") if table else None
    if not node:
        return None
    if not _NAME.fullmatch(node.text()):
        raise node.fail(
            f"{node.text()[:80]!r} is not a project name", "use letters, digits, '-', '_' and '.'"
        )
    return node.text()


def _requires_python(project: Node | None, poetry: Node | None) -> SpecifierSet | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - only reading a project needs it

    node = project.get("requires-python") if project else None
    if node:
        try:
            return SpecifierSet(node.text())
        except InvalidSpecifier:
            raise node.fail(
                f"requires-python {node.text()[:80]!r} is not valid", 'write for example ">=3.11"'
            ) from None
    node = poetry.get("dependencies", "python") if poetry else None
    if not node or not isinstance(node.value, str):
        return None
    try:
        return SpecifierSet(",".join(_from_poetry(part.strip()) for part in node.value.split(",")))
    except InvalidSpecifier:
        return None  # Poetry's grammar is wider ("^3.9 || ^3.11"): the lock's own requirement then decides


def _from_poetry(constraint: str) -> str:
    """Poetry's ``^3.10`` is ``>=3.10,<4``; its ``~3.10`` is ``>=3.10,<3.11``; ``3.11`` is itself."""
    exact = _POETRY_EXACT.fullmatch(constraint)
    if exact:
        return f"=={constraint}.*"
    found = _POETRY_RANGE.fullmatch(constraint)
    if not found:
        return "" if constraint == "*" else constraint
    kind, major, minor, patch = found.groups()
    lowest = ".".join(filter(None, (major, minor, patch)))
    if kind == "^" or minor is None:
        return f">={lowest},<{int(major) + 1}"
    return f">={lowest},<{major}.{int(minor) + 1}"


def _has_build_system(root: Node) -> bool:
    """Whether installers build a wheel of this project: PEP 518's table, or the tools' own switches."""
    switch = root.get("tool", "uv", "package") or root.get("tool", "poetry", "package-mode")
    switch = switch or root.get("tool", "pdm", "distribution")
    if switch and isinstance(switch.value, bool):
        return switch.value
    return root.get("build-system") is not None


def _scripts(table: Node | None, key: str) -> list[Script]:
    node = table.get(key) if table else None
    return [_script(name, entry, entry.text()) for name, entry in node.items()] if node else []


def _poetry_scripts(project: Node | None, poetry: Node | None) -> list[Script]:
    """Poetry's older table, in force where PEP 621's is absent."""
    node = poetry.get("scripts") if poetry and not (project and project.get("scripts")) else None
    found: list[Script] = []
    for name, entry in node.items() if node else []:
        if isinstance(entry.value, str):
            found.append(_script(name, entry, entry.value))
        elif (reference := entry.get("callable")) is not None:
            found.append(_script(name, entry, reference.text()))
    return found


def _script(name: str, node: Node, target: str) -> Script:
    found = _ENTRY_POINT.fullmatch(target.strip())
    if not found or not _SCRIPT_NAME.fullmatch(name):
        raise node.fail(
            f"script {name[:80]!r} does not name a function", f'write {name[:80]} = "package.module:function"'
        )
    return Script(name, found.group(1), found.group(2), node.where)


def _groups(root: Node) -> tuple[str, ...]:
    tables = (
        root.get("dependency-groups"),
        root.get("tool", "poetry", "group"),
        root.get("tool", "pdm", "dev-dependencies"),
    )
    names = [name for table in tables if table for name in table.table()]
    if root.get("tool", "uv", "dev-dependencies") or root.get("tool", "poetry", "dev-dependencies"):
        names.append("dev")
    return tuple(dict.fromkeys(normalized(name) for name in names))


def _names(table: Node | None, key: str) -> tuple[str, ...]:
    node = table.get(key) if table else None
    return tuple(dict.fromkeys(normalized(name) for name in node.table())) if node else ()


def _urls(project: Node | None, poetry: Node | None) -> dict[str, str]:
    """Project URLs, their labels normalized as the well-known labels of PyPA's specification are."""
    urls: dict[str, str] = {}
    for key in ("repository", "homepage"):
        node = poetry.get(key) if poetry else None
        if node and isinstance(node.value, str):
            urls[key] = node.value
    node = project.get("urls") if project else None
    for label, entry in node.items() if node else []:
        urls[re.sub(r"[^a-z0-9]", "", label.lower())] = entry.text()
    return urls
