"""Which files an install reads, so that they can be copied before everything else.

`needs_of` names them as paths of the stage. Where an install reads more than can be named (the project
itself, a local package, a script) there is no answer, and nothing is moved.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from wherry.check.facts.origins import run_path
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wherry.check.facts.installs import Install
    from wherry.check.facts.project import ProjectFacts
    from wherry.check.facts.requirements import RequirementFile
    from wherry.dockerfile.shell import Word

_READS_MORE: Final = (
    # options that name files or directories beside the lists
    "--find-links",
    "--build-constraint",
    "--build-constraints",
    "--override",
    "--with-requirements",
    "--with-editable",
    "--project",
    "--directory",
    "--config-file",
    "--env-file",
)
_ALOOF: Final = frozenset({"conda run", "mamba run", "micromamba run"})
_FILLS: Final = ("--target", "--prefix", "--dest", "--wheel-dir")
_CONDA_INNER: Final = regex(rb"^\s*-\s*(?:-r|-c|-e|\.|file:|/)", re.MULTILINE)
_PIPFILE_INNER: Final = regex(rb"\bpath\s*=|\beditable\s*=")
_NODE_INNER: Final = regex(
    rb'"(?:pre|post)?install"\s*:|"prepare"\s*:|"workspaces"\s*:|"(?:file|link|portal):'
)
_NODE_FILES: Final = (
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
)


class Needs(Frozen):
    """What one install reads.

    Attributes:
        paths: Absolute, in the stage. One that is not there as far as is known may end in ``*``.
        is_certain: All of it was looked at; else a list may name further files.
        without_project: The option that leaves the project itself out, where the install takes it too.
        makes: Directories of the project that it fills: ``.venv``, ``node_modules``.

    """

    paths: tuple[str, ...] = ()
    is_certain: bool = True
    without_project: str = ""
    makes: tuple[str, ...] = ()


def needs_of(install: Install) -> Needs | None:
    """What *install* reads; None where that cannot be named."""
    if install.is_system:
        return None if any(package.is_local for package in install.packages) else Needs()
    if not _is_plain(install):
        return None
    if install.is_conda:
        return _of_conda(install)
    reader = _READERS.get(install.manager)
    return reader(install) if reader else None


def _is_plain(install: Install) -> bool:
    """All that it reads stands on its command line, for everybody who builds."""
    if install.has_unknown or not install.call.directory or _reads_more(install) or _is_nowhere(install):
        return False
    if any(wrapper.endswith(" run") and wrapper not in _ALOOF for wrapper in install.command.wrapped_by):
        return False  # "uv run" installs the project first
    if any(package.is_local for package in install.packages):
        return False
    return all(word.is_literal for word in _list_words(install))  # a build argument may name another list


def _is_nowhere(install: Install) -> bool:
    """It starts where only the base knows, and a COPY says in full where the source goes."""
    stage = install.run.stage
    if install.run.scope.workdir or stage.base.workdir or install.call.directory != install.run.workdir:
        return False
    return any(copy.is_from_context and copy.written_destination.startswith("/") for copy in stage.all_copies)


def _list_words(install: Install) -> Iterable[Word]:
    """The words that name its lists."""
    for name in ("--requirement", "--constraint", "--file"):
        for option in install.options.get(name, ()):
            yield from option.words
    if install.subcommand == "pip sync":
        yield from install.command.words


def _reads_more(install: Install) -> bool:
    return any(
        not all("://" in value for value in install.values(name)) or not install.values(name)
        for name in _READS_MORE
        if install.has(name)
    )


def origin_of(install: Install, path: str) -> str | None:
    """The file of the context that is at *path* when the install runs."""
    return run_path(install.run, path)


def _project(install: Install) -> ProjectFacts:
    return install.run.stage.facts.project


def _of_pip(install: Install) -> Needs | None:
    if install.installs_project or install.groups:
        return None
    found = _lists(install, (*install.requirement_files, *install.constraint_files))
    if found is None or install.manager != "uv":
        makes = tuple(install.call.path(path) for name in _FILLS for path in install.values(name))
        return found and replace(found, makes=makes)
    settings = [
        path
        for name in ("uv.toml", "pyproject.toml")
        if (path := install.call.path(name)) and _has_uv_settings(install, path)
    ]
    return Needs(tuple(dict.fromkeys([*found.paths, *settings])), found.is_certain)


def _has_uv_settings(install: Install, path: str) -> bool:
    """Uv takes its indexes from the project it stands in, whatever it installs."""
    origin = origin_of(install, path)
    if origin is None:
        return False
    pyproject = _project(install).below(posixpath.dirname(origin)).pyproject
    return path.endswith("uv.toml") or (pyproject is not None and bool(pyproject.toml.table("tool", "uv")))


def _lists(install: Install, names: Iterable[str]) -> Needs | None:
    """Files of requirements with those they include."""
    paths: dict[str, None] = {}
    is_certain = True
    for name in names:
        if "://" in name:
            continue
        path = install.call.path(name)
        paths[path] = None
        origin = origin_of(install, path)
        if origin and path.endswith("/pyproject.toml"):
            pyproject = _project(install).below(posixpath.dirname(origin)).pyproject
            if pyproject is None or pyproject.is_dynamic:
                return None
            continue
        file = _project(install).requirement_file(origin) if origin else None
        if file is None:
            is_certain = False
            continue
        inner = _included(file)
        if inner is None:
            return None
        paths.update(dict.fromkeys(posixpath.join(posixpath.dirname(path), one) for one in inner))
    return Needs(tuple(map(posixpath.normpath, paths)), is_certain)


def _included(file: RequirementFile) -> list[str] | None:
    """The files that a file of requirements includes, from its own directory; None for local packages."""
    found: list[str] = []
    for one in file.all_files:
        local_options = (option.value.value for option in one.options if option.name == "--find-links")
        if one.missing or one.unread or any("://" not in value for value in local_options):
            return None
        if any(entry.path or entry.is_editable for entry in one.entries):
            return None
        inside = [*one.nested, *(bound for outer in one.constraints for bound in outer.all_files)]
        found += [os.path.relpath(inner.path, file.path.parent) for inner in inside]
    return found


def _of_uv(install: Install) -> Needs | None:
    if install.subcommand != "sync":
        is_plain = install.subcommand in {"pip install", "pip sync", "tool install"}
        return _of_pip(install) if is_plain else None
    return _of_lock(install, ("uv.lock", "uv.toml", ".python-version"), "--no-install-project", ".venv")


def _of_poetry(install: Install) -> Needs | None:
    return _of_lock(install, ("poetry.lock", "poetry.toml"), "--no-root", ".venv")


def _of_pdm(install: Install) -> Needs | None:
    return _of_lock(install, ("pdm.lock", "pdm.toml", ".pdm-python"), "--no-self", ".venv")


def _of_lock(install: Install, beside: tuple[str, ...], without: str, makes: str) -> Needs | None:
    """What a manager of projects reads of one: pyproject.toml, its lock, its own settings."""
    if install.packages or install.action not in {"install", "sync"}:
        return None
    first = install.call.path("pyproject.toml")
    origin = origin_of(install, first)
    named = install.option("--no-install-workspace") is None
    own = install.env.get("UV_PROJECT_ENVIRONMENT", makes) if install.manager == "uv" else makes
    directories = (install.call.path(own),)
    if origin is None:
        paths = (first, f"{install.call.path(beside[0])}*")
        without = without if install.installs_project else ""
        return Needs(paths, is_certain=False, without_project=without, makes=directories)
    project = _project(install).below(posixpath.dirname(origin))
    pyproject = project.pyproject
    if pyproject is None or pyproject.is_dynamic or not named:
        return None
    sources = [source for several in pyproject.sources.values() for source in several]
    if any(source.path for source in sources) or any(one.path for one in pyproject.all_requirements):
        return None
    if pyproject.toml.table("tool", "uv", "workspace") and install.manager == "uv":
        return None
    is_whole = install.installs_project and pyproject.is_package
    there = [path for name in beside if origin_of(install, path := install.call.path(name))]
    return Needs((first, *there), without_project=without if is_whole else "", makes=directories)


def _of_pipenv(install: Install) -> Needs | None:
    if install.packages or install.requirement_files:
        return _lists(install, install.requirement_files) if not install.packages else Needs()
    paths = (install.call.path("Pipfile"), install.call.path("Pipfile.lock"))
    return _looked_into(install, paths, paths[:1], _PIPFILE_INNER)


def _of_conda(install: Install) -> Needs | None:
    paths = tuple(install.call.path(name) for name in install.requirement_files if "://" not in name)
    return _looked_into(install, paths, paths, _CONDA_INNER)


def _of_node(install: Install) -> Needs | None:
    if install.packages:
        return Needs() if install.has("--global") else None
    makes = (install.call.path("node_modules"),)
    paths = [path for name in _NODE_FILES if origin_of(install, path := install.call.path(name))]
    if not paths:
        first, lock = install.call.path("package.json"), install.call.path("package-lock.json*")
        return Needs((first, lock), is_certain=False, makes=makes)
    found = _looked_into(install, tuple(paths), paths[:1], _NODE_INNER)
    return Needs(found.paths, found.is_certain, makes=makes) if found else None


def _looked_into(
    install: Install, paths: tuple[str, ...], told: Iterable[str], inner: re.Pattern[bytes]
) -> Needs | None:
    """*paths*, unless one of those *told* says that there is more."""
    context = install.run.stage.facts.context
    is_certain = True
    for path in told:
        origin = origin_of(install, path)
        source = context.read_small(origin) if context and origin else None
        if source is None:
            is_certain = False
        elif inner.search(source.data):
            return None
    return Needs(paths, is_certain)


_READERS: Final[dict[str, Callable[[Install], Needs | None]]] = {
    "pip": _of_pip,
    "pipx": _of_pip,
    "uv": _of_uv,
    "poetry": _of_poetry,
    "pdm": _of_pdm,
    "pipenv": _of_pipenv,
    "npm": _of_node,
    "yarn": _of_node,
    "pnpm": _of_node,
}
