"""pyproject.toml: what a project asks for, with places. Every key may be missing or wrong; then it is absent.

Gives ``Pyproject``:
    source, path, name, requires_python (Text; Poetry's ``python`` too), manager ("uv", "poetry",
    "pdm", "hatch", "rye", "pixi", "")
    dependencies            of the project: Requirement; Poetry's versions stay as written ("^2.1")
    extras                  name -> requirements ([project.optional-dependencies], Poetry's extras)
    groups                  name -> requirements: [dependency-groups] with includes resolved, dev-dependencies
                            as "dev", Poetry's groups
    default_groups          groups a plain ``uv sync`` or ``poetry install`` installs besides the project
    all_requirements        everything above, each once
    has_build_system, build_backend, is_dynamic (dependencies are computed), is_package (uv installs it)
    sources                 name -> PackageSource(index, url, git, ref, path, marker): uv's, Poetry's
    indexes                 PackageIndex(name, url: Text masked, is_explicit, is_default): uv, Poetry, PDM
    toml                    the file itself (toml_places.TomlPlaces), for other tools' tables

``read_pyproject(path, reader)``; ``read_python_version(directory, reader)`` is ``.python-version`` as Text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.check.facts.requirement import (
    GitReference,
    Requirement,
    find_credentials,
    mask,
    normalised,
    read_requirement,
)
from wherry.check.facts.texts import Text
from wherry.check.facts.toml_places import TomlPlaces
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts.texts import Reader
    from wherry.dockerfile.source import Source

_LIMIT_BYTES: Final = 1 << 20
_MOST: Final = 5000
_MOST_GROUPS: Final = 100
_POETRY: Final = ("tool", "poetry")
_MANAGERS: Final = ("uv", "poetry", "pdm", "rye", "pixi", "hatch")
_COMMIT: Final = regex(r"[0-9a-f]{7,40}")

Requirements = tuple[Requirement, ...]


class PackageSource(Frozen):
    """Where one package is to come from instead of the index."""

    index: str = ""
    url: str = ""
    git: str = ""
    ref: str = ""
    path: str = ""
    marker: str = ""
    span: Span = Span(0, 0)


class PackageIndex(Frozen):
    """An index that the project names."""

    name: str
    url: Text
    is_explicit: bool = False  # only packages that name it come from it
    is_default: bool = False
    has_credentials: bool = False


class Pyproject(Frozen):
    """One file; the module says what stands where."""

    path: Path
    toml: TomlPlaces
    name: str = ""
    requires_python: Text | None = None
    manager: str = ""
    dependencies: Requirements = ()
    extras: dict[str, Requirements] = msgspec.field(default_factory=dict)
    groups: dict[str, Requirements] = msgspec.field(default_factory=dict)
    default_groups: tuple[str, ...] = ()
    has_build_system: bool = False
    build_backend: str = ""
    is_dynamic: bool = False
    is_package: bool = False
    sources: dict[str, tuple[PackageSource, ...]] = msgspec.field(default_factory=dict)
    indexes: tuple[PackageIndex, ...] = ()

    @property
    def source(self) -> Source:
        """The file's bytes."""
        return self.toml.source

    @property
    def all_requirements(self) -> list[Requirement]:
        """Every requirement of the file, each once."""
        listed = [self.dependencies, *self.extras.values(), *self.groups.values()]
        return list({one.text.span: one for some in listed for one in some}.values())


def read_pyproject(path: Path, reader: Reader) -> Pyproject | None:
    """The file at *path*; None where there is none that can be read."""
    source = reader.read(path, _LIMIT_BYTES)
    toml = TomlPlaces.parse(source, reader) if source else None
    return _of(path, toml) if toml else None


def read_python_version(directory: Path, reader: Reader) -> Text | None:
    """What ``.python-version`` says: its first line that is no comment."""
    source = reader.read(directory / ".python-version", 4096)
    if source is None:
        return None
    for number in range(1, source.lines + 1):
        span = source.line_span(number)
        line = source.text(span).strip()
        if line and not line.startswith("#"):
            return Text(line, source, span)
    return None


def _of(path: Path, toml: TomlPlaces) -> Pyproject:
    groups = _groups(toml)
    manager = _manager(toml)
    python = toml.text("project", "requires-python") or toml.text(*_POETRY, "dependencies", "python")
    has_build_system = "build-system" in toml.data
    return Pyproject(
        path=path,
        toml=toml,
        name=_string(toml.get("project", "name")) or _string(toml.get(*_POETRY, "name")),
        requires_python=python,
        manager=manager,
        dependencies=(*_listed(toml, "project", "dependencies"), *_poetry(toml, *_POETRY, "dependencies")),
        extras=_extras(toml),
        groups=groups,
        default_groups=_default_groups(toml, groups, manager),
        has_build_system=has_build_system,
        build_backend=_string(toml.get("build-system", "build-backend")),
        is_dynamic="dependencies" in toml.array("project", "dynamic"),
        is_package=_is_package(toml, has_build_system=has_build_system),
        sources=_sources(toml),
        indexes=_indexes(toml),
    )


def _manager(toml: TomlPlaces) -> str:
    """Whose project it is: the tool with a table here, Poetry by its backend too."""
    if "poetry" in _string(toml.get("build-system", "build-backend")):
        return "poetry"
    tools = toml.table("tool")
    return next((name for name in _MANAGERS if name in tools), "")


def _is_package(toml: TomlPlaces, *, has_build_system: bool) -> bool:
    said = toml.get("tool", "uv", "package")
    poetry = toml.get(*_POETRY, "package-mode")
    if isinstance(said, bool):
        return said
    return poetry if isinstance(poetry, bool) else has_build_system


def _listed(toml: TomlPlaces, *keys: str) -> Requirements:
    """The requirements of an array of strings; what is none is passed over."""
    found = []
    for index, value in enumerate(toml.array(*keys)[:_MOST]):
        if isinstance(value, str):
            requirement = read_requirement(toml.inner(*keys, index), toml.source)
            found.extend([requirement] if requirement else [])
    return tuple(found)


def _extras(toml: TomlPlaces) -> dict[str, Requirements]:
    found = {
        normalised(name): _listed(toml, "project", "optional-dependencies", name)
        for name in toml.table("project", "optional-dependencies")
    }
    by_name = {one.name: one for one in _poetry(toml, *_POETRY, "dependencies")}
    for name in toml.table(*_POETRY, "extras"):
        members = [normalised(_string(item)) for item in toml.array(*_POETRY, "extras", name)]
        found[normalised(name)] = tuple(by_name[member] for member in members if member in by_name)
    return found


def _groups(toml: TomlPlaces) -> dict[str, Requirements]:
    found = _standard_groups(toml)
    for name in toml.table(*_POETRY, "group"):
        listed = _poetry(toml, *_POETRY, "group", name, "dependencies")
        found[normalised(name)] = (*found.get(normalised(name), ()), *listed)
    older = _poetry(toml, *_POETRY, "dev-dependencies")
    older += _listed(toml, "tool", "uv", "dev-dependencies")
    older += _listed(toml, "tool", "rye", "dev-dependencies")
    if older:
        found["dev"] = (*found.get("dev", ()), *older)
    for name in toml.table("tool", "pdm", "dev-dependencies"):
        found[normalised(name)] = _listed(toml, "tool", "pdm", "dev-dependencies", name)
    return found


def _standard_groups(toml: TomlPlaces) -> dict[str, Requirements]:
    """[dependency-groups] with each ``include-group`` carried out; loops end."""
    tables = toml.table("dependency-groups")
    own = {name: _listed(toml, "dependency-groups", name) for name in tables}
    spelt = {normalised(name): name for name in tables}
    included = {
        name: [
            spelt.get(normalised(_string(item.get("include-group"))))
            for item in toml.array("dependency-groups", name)
            if isinstance(item, dict)
        ]
        for name in tables
    }
    found: dict[str, Requirements] = {}
    for name in list(tables)[:_MOST_GROUPS]:
        reached: dict[str, None] = {}
        waiting: list[str | None] = [name]
        while waiting and len(reached) < _MOST_GROUPS:
            group = waiting.pop(0)
            if group is not None and group not in reached:
                reached[group] = None
                waiting += included[group]
        found[normalised(name)] = tuple(one for group in reached for one in own[group])
    return found


def _default_groups(toml: TomlPlaces, groups: dict[str, Requirements], manager: str) -> tuple[str, ...]:
    if manager == "poetry" or toml.table(*_POETRY):
        optional = {
            normalised(name)
            for name, table in toml.table(*_POETRY, "group").items()
            if isinstance(table, dict) and table.get("optional") is True
        }
        return tuple(name for name in groups if name not in optional)
    said = toml.get("tool", "uv", "default-groups")
    if said == "all":
        return tuple(groups)
    if isinstance(said, list):
        return tuple(normalised(_string(name)) for name in said if normalised(_string(name)) in groups)
    if manager == "pdm":
        return tuple(groups)
    return tuple(name for name in ("dev",) if name in groups)


def _poetry(toml: TomlPlaces, *keys: str) -> Requirements:
    """Poetry's table of requirements: a version, a table, or a list of tables for each name."""
    found: list[Requirement] = []
    for name, value in list(toml.table(*keys).items())[:_MOST]:
        if name == "python":
            continue
        span = toml.line_span(*keys, name)
        options = value if isinstance(value, list) else [value]
        found += [_poetry_entry(toml, name, option, span) for option in options]
    return tuple(found)


def _poetry_entry(toml: TomlPlaces, name: str, value: object, span: Span) -> Requirement:
    table = value if isinstance(value, dict) else {"version": value}
    version = _string(table.get("version"))
    git = _string(table.get("git"))
    ref = _string(table.get("rev")) or _string(table.get("tag")) or _string(table.get("branch"))
    extras = table.get("extras")
    is_exact = re.fullmatch(r"\d[\w.+]*", version) is not None
    return Requirement(
        name=normalised(name),
        text=Text(f"{name} {version}".strip(), toml.source, span),
        name_span=Span(span.start, span.start + len(name.encode())),
        specifier=f"=={version}" if is_exact else version.replace(" ", "").removeprefix("*"),
        extras=tuple(_string(extra) for extra in extras) if isinstance(extras, list) else (),
        marker=_string(table.get("markers")),
        url=_string(table.get("url")),
        path=_string(table.get("path")),
        git=GitReference(git, ref, _COMMIT.fullmatch(ref) is not None) if git else None,
    )


def _sources(toml: TomlPlaces) -> dict[str, tuple[PackageSource, ...]]:
    found: dict[str, tuple[PackageSource, ...]] = {}
    for name, value in toml.table("tool", "uv", "sources").items():
        span = toml.line_span("tool", "uv", "sources", name)
        listed = value if isinstance(value, list) else [value]
        found[normalised(name)] = tuple(_source(one, span) for one in listed if isinstance(one, dict))
    for name, value in toml.table(*_POETRY, "dependencies").items():
        listed = value if isinstance(value, list) else [value]
        span = toml.line_span(*_POETRY, "dependencies", name)
        named = tuple(
            PackageSource(index=_string(one["source"]), marker=_string(one.get("markers")), span=span)
            for one in listed
            if isinstance(one, dict) and "source" in one
        )
        if named:
            found[normalised(name)] = named
    return found


def _source(table: dict[str, object], span: Span) -> PackageSource:
    ref = next((_string(table[key]) for key in ("rev", "tag", "branch") if key in table), "")
    return PackageSource(
        index=_string(table.get("index")),
        url=_string(table.get("url")),
        git=_string(table.get("git")),
        ref=ref,
        path=_string(table.get("path")),
        marker=_string(table.get("marker")),
        span=span,
    )


def _indexes(toml: TomlPlaces) -> tuple[PackageIndex, ...]:
    found: list[PackageIndex] = []
    for keys in (("tool", "uv", "index"), (*_POETRY, "source"), ("tool", "pdm", "source")):
        for number, value in enumerate(toml.array(*keys)[:100]):
            text = toml.text(*keys, number, "url")
            if isinstance(value, dict) and text:
                found.append(_index(toml, value, text, (*keys, number, "url")))
    for place in (("tool", "uv", "index-url"), ("tool", "uv", "pip", "index-url")):
        default = toml.text(*place)
        found.extend([_index(toml, {"default": True}, default, place)] if default else [])
    for number, extra in enumerate(toml.texts("tool", "uv", "extra-index-url")):
        found.append(_index(toml, {}, extra, ("tool", "uv", "extra-index-url", number)))
    return tuple(found)


def _index(
    toml: TomlPlaces, table: dict[str, object], url: Text, keys: tuple[str | int, ...]
) -> PackageIndex:
    credentials = find_credentials(toml.inner(*keys), toml.source)
    return PackageIndex(
        name=_string(table.get("name")),
        url=Text(mask(url.value, credentials), url.source, url.span),
        is_explicit=table.get("explicit") is True or table.get("priority") == "explicit",
        is_default=table.get("default") is True or table.get("priority") in {"default", "primary"},
        has_credentials=credentials is not None,
    )


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
