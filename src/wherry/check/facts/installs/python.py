"""What pip, uv, poetry, pdm and pipenv are told to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from wherry.check.facts.calls import parse_options
from wherry.check.facts.installs.grammars import PDM, PIP, PIPENV, POETRY, UV
from wherry.check.facts.installs.packages import editable_package, is_path, python_package, split_extras

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wherry.check.facts.calls import Option, Parsed, Value
    from wherry.check.facts.installs.packages import PackageArgument

_ARCHIVES: Final = (".whl", ".tar.gz", ".zip", ".tar.bz2", ".tgz")
_PIP_ACTIONS: Final = {"install": "install", "download": "download", "wheel": "wheel", "uninstall": "remove"}
_OFF_PROJECT: Final = ("--no-install-project", "--no-install-workspace", "--only-group", "--only-dev")

Found = dict[str, Any]
"""Some of the fields of `Install`."""


def read_pip(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``pip ...``."""
    parsed = parse_options(arguments, PIP)
    if not parsed.operands:
        return None
    subcommand, *operands = parsed.operands
    if subcommand.text == "cache":
        is_clean = bool(operands) and operands[0].text in {"purge", "remove"}
        return _found(parsed, "cache", "clean" if is_clean else "other")
    action = _PIP_ACTIONS.get(subcommand.text, "other")
    return _pip_like(parsed, operands, subcommand.text, action)


def _pip_like(parsed: Parsed, operands: Sequence[Value], subcommand: str, action: str) -> Found:
    found = _found(parsed, subcommand, action)
    if action == "other":
        return found
    editables = [option.value for option in parsed.options.get("--editable", ()) if option.value]
    arguments = [*map(python_package, operands), *map(editable_package, editables)]
    projects = [argument for argument in arguments if _is_project(argument)]
    return found | {
        "packages": tuple(argument for argument in arguments if not _is_project(argument)),
        "requirement_files": texts(parsed.options, "--requirement"),
        "constraint_files": texts(parsed.options, "--constraint"),
        "installs_project": bool(projects) and action in {"install", "wheel"},
        "project_directories": tuple(project.url for project in projects),
        "editable": bool(editables),
        "extras": tuple(extra for project in projects for extra in project.extras),
        "groups": texts(parsed.options, "--group"),
        "has_unknown": any(not argument.is_known for argument in arguments),
    }


def _is_project(argument: PackageArgument) -> bool:
    """A directory, not an archive."""
    url = argument.url
    is_directory = is_path(url) or not argument.name
    return argument.is_local and is_directory and not url.endswith(_ARCHIVES) and argument.is_known


def read_uv(arguments: Sequence[Value], env: Mapping[str, str]) -> Found | None:
    """``uv ...``."""
    parsed = parse_options(arguments, UV)
    if not parsed.operands:
        return None
    words = [value.text for value in parsed.operands]
    subcommand, second = words[0], words[1] if len(words) > 1 else ""
    if subcommand in {"sync", "run", "export"}:
        own = _before_program(arguments) if subcommand == "run" else parsed
        found = _uv_project(own, subcommand, env)
        return found | {"installs_project": False} if subcommand == "export" else found
    if subcommand == "pip":
        return _uv_pip(parsed, second)
    if subcommand == "add":
        return _pip_like(parsed, parsed.operands[1:], "add", "install") | {"installs_project": False}
    if words[:2] == ["tool", "install"]:
        return _pip_like(parsed, parsed.operands[2:], "tool install", "install")
    known = {"lock": "lock", "cache clean": "clean", "cache prune": "clean"}
    name = f"cache {second}" if subcommand == "cache" else subcommand
    return _found(parsed, name, known.get(name, "other"))


def _before_program(arguments: Sequence[Value]) -> Parsed:
    """Of ``uv run [options] program ...`` what is uv's own."""
    for count in range(2, len(arguments) + 1):
        parsed = parse_options(arguments[:count], UV)
        if len(parsed.operands) > 1:
            return parsed
    return parse_options(arguments, UV)


def _uv_pip(parsed: Parsed, second: str) -> Found:
    operands = parsed.operands[2:]
    if second == "sync":
        found = _pip_like(parsed, (), "pip sync", "sync")
        return found | {"requirement_files": tuple(value.text for value in operands)}
    action = {"install": "install", "uninstall": "remove", "compile": "lock"}.get(second, "other")
    if action == "lock":
        return _found(parsed, "pip compile", "lock")
    return _pip_like(parsed, operands, f"pip {second}", action)


def _uv_project(parsed: Parsed, action: str, env: Mapping[str, str]) -> Found:
    """What works on the project of the directory and its lock."""
    options = parsed.options
    from_env = ("UV_NO_INSTALL_PROJECT", "UV_NO_INSTALL_WORKSPACE")
    is_off = any(name in options for name in _OFF_PROJECT) or any(
        env.get(name, "").lower() in {"1", "true", "yes", "on"} for name in from_env
    )
    groups = [*texts(options, "--group"), *texts(options, "--only-group")]
    return _found(parsed, action, action) | {
        "installs_project": not is_off and "--no-sync" not in options and "--script" not in options,
        "editable": not is_off and "--no-editable" not in options,
        "extras": ("*",) if "--all-extras" in options else texts(options, "--extra"),
        "groups": ("*",)
        if "--all-groups" in options
        else (*groups, *(["dev"] if {"--dev", "--only-dev"} & options.keys() else [])),
    }


def read_uvx(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``uvx [--from package] program``."""
    parsed = parse_options(arguments, UV)
    named = [option.value for option in parsed.options.get("--from", ()) if option.value]
    packages = [python_package(value) for value in named or parsed.operands[:1]]
    return _found(parsed, "tool run", "run") | {"packages": tuple(packages)}


def read_pipx(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``pipx install ...``."""
    parsed = parse_options(arguments, PIP)
    if not parsed.operands:
        return None
    subcommand, *operands = parsed.operands
    action = {"install": "install", "run": "run", "inject": "install"}.get(subcommand.text, "other")
    taken = operands[:1] if action == "run" else operands
    return _pip_like(parsed, taken, subcommand.text, action)


def read_poetry(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``poetry ...``."""
    parsed = parse_options(arguments, POETRY)
    if not parsed.operands:
        return None
    subcommand, *operands = (value.text for value in parsed.operands)
    options = parsed.options
    if subcommand in {"install", "sync"}:
        groups = [*_listed(options, "--only"), *_listed(options, "--with")]
        return _found(parsed, subcommand, subcommand) | {
            "installs_project": not {"--no-root", "--only"} & options.keys()
            or ("--only" in options and "--no-root" not in options and "main" in groups),
            "editable": "--no-root" not in options,
            "extras": ("*",) if "--all-extras" in options else _listed(options, "--extras"),
            "groups": ("*",) if "--all-groups" in options else tuple(groups),
        }
    if subcommand == "add":
        packages = tuple(python_package(value) for value in parsed.operands[1:])
        return _found(parsed, "add", "install") | {"packages": packages}
    if subcommand == "cache":
        return _found(parsed, "cache", "clean" if "clear" in operands else "other")
    return _found(parsed, subcommand, subcommand if subcommand in {"export", "lock"} else "other")


def read_pdm(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``pdm ...``."""
    parsed = parse_options(arguments, PDM)
    subcommand = parsed.operands[0].text if parsed.operands else "install"
    options = parsed.options
    if subcommand in {"install", "sync"}:
        groups = _listed(options, "--group")
        return _found(parsed, subcommand, subcommand) | {
            "installs_project": "--no-self" not in options,
            "editable": "--no-editable" not in options,
            "groups": ("*",) if ":all" in groups else groups,
        }
    known = {"export": "export", "lock": "lock", "cache": "clean"}
    return _found(parsed, subcommand, known.get(subcommand, "other"))


def read_pipenv(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``pipenv ...``."""
    parsed = parse_options(arguments, PIPENV)
    subcommand = parsed.operands[0].text if parsed.operands else "other"
    action = subcommand if subcommand in {"install", "sync", "lock"} else "other"
    action = {"requirements": "export", "uninstall": "remove"}.get(subcommand, action)
    return _found(parsed, subcommand, action) | {
        "packages": tuple(python_package(value) for value in parsed.operands[1:]),
        "requirement_files": texts(parsed.options, "--requirement"),
        "groups": tuple(re.split(r"[ ,]+", " ".join(texts(parsed.options, "--categories")).strip()))
        if "--categories" in parsed.options
        else (),
    }


def read_setup_py(arguments: Sequence[Value], _: Mapping[str, str]) -> Found | None:
    """``python setup.py install`` and ``develop``: *arguments* begin with ``setup.py``."""
    words = [value.text for value in arguments[1:]]
    named = next((word for word in words if word in {"install", "develop"}), None)
    if named is None:
        return None
    return {
        "subcommand": named,
        "action": "install",
        "installs_project": True,
        "project_directories": (arguments[0].text.rpartition("/")[0] or ".",),
        "editable": named == "develop",
    }


def _found(parsed: Parsed, subcommand: str, action: str) -> Found:
    return {"subcommand": subcommand, "action": action, "options": parsed.options}


def texts(options: Mapping[str, Iterable[Option]], name: str) -> tuple[str, ...]:
    """The values of an option."""
    return tuple(option.text for option in options.get(name, ()) if option.value is not None)


def _listed(options: Mapping[str, Iterable[Option]], name: str) -> tuple[str, ...]:
    """The values of an option that takes lists: ``--with a,b``, ``--extras "a b"``."""
    return tuple(part for text in texts(options, name) for part in re.split(r"[ ,]+", text) if part)


__all__ = [
    "Found",
    "read_pdm",
    "read_pip",
    "read_pipenv",
    "read_pipx",
    "read_poetry",
    "read_setup_py",
    "read_uv",
    "read_uvx",
    "split_extras",
    "texts",
]
