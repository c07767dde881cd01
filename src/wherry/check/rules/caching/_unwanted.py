"""What a COPY of the build context takes along that no image needs, and the pattern that leaves it out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.context import normal
from wherry.check.rules.caching._git import reads_git
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.kinds import Found

_CACHES: Final = frozenset(
    {
        "__pycache__",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
        ".tox",
        ".nox",
        ".ipynb_checkpoints",
        ".eggs",
        "node_modules",
    }
)
_LOADERS: Final = frozenset({"dotenv", "decouple", "environs", "pydantic_settings"})
_TESTERS: Final = frozenset({"pytest", "tox", "nox", "jupyter", "papermill"})
_ENVIRONMENT: Final = "virtual environment"
_MOST_NEIGHBOURS: Final = 20


class Unwanted(Frozen):
    """One file or directory that is taken along."""

    path: str
    size_bytes: int
    copy: CopyFacts  # the first that takes it
    pattern: str


def unwanted_of(facts: Facts, context: Context, broad: Sequence[CopyFacts]) -> list[Unwanted]:
    """What *broad* take that may be left out, each pattern's largest first."""
    mentioned = _Mentions(facts, context)
    found: list[Unwanted] = []
    for one in _candidates(facts, context):
        pattern = _pattern(one)
        copy = next((copy for copy in broad if _takes(copy, one.path)), None)
        if pattern and copy and not mentioned.names(one.path) and not _is_taken_back(context, one.path):
            found.append(Unwanted(one.path, one.size_bytes, copy, pattern))
    return found


def companions_of(facts: Facts, context: Context, broad: Sequence[CopyFacts]) -> list[str]:
    """Tests and notebooks that *broad* take along, and that nothing in the Dockerfile speaks of."""
    mentioned = _Mentions(facts, context)
    notebooks = dict.fromkeys(one.path.rpartition("/")[0] or one.path for one in context.kinds.notebooks)
    paths = [*(one.path for one in context.kinds.tests), *notebooks]
    if any(call.program in _TESTERS for run in facts.runs for call in run.calls):
        return []
    return [path for path in paths if not mentioned.names(path) and any(_takes(copy, path) for copy in broad)]


def _candidates(facts: Facts, context: Context) -> Iterator[Found]:
    kinds = context.kinds
    installs = [install for install in facts.installs if install.brings_packages]
    if context.kinds.repository and not reads_git(facts, context):
        yield from kinds.repository
    for cache in kinds.caches:
        name = cache.path.rpartition("/")[2].lower()
        if cache.what == _ENVIRONMENT:
            if any(install.is_python for install in installs):
                yield cache
        elif name == "node_modules":
            if any(install.manager in {"npm", "yarn", "pnpm"} for install in installs):
                yield cache
        elif name in _CACHES:
            yield cache
    is_loaded = _loads_environment(facts)
    yield from (one for one in kinds.secrets if not (is_loaded and one.what == "environment file"))


def _loads_environment(facts: Facts) -> bool:
    """The code reads an environment file when it runs; E6 tells of it."""
    imports = facts.project.imports
    return imports is not None and not _LOADERS.isdisjoint(imports.names)


def _pattern(found: Found) -> str:
    """What leaves it out: its kind at any depth for caches that stand in many places, else its path."""
    name = found.path.rpartition("/")[2]
    if re.search(r"[*?\[\]\\!#]|^\s|\s$", found.path):
        return ""
    if name in _CACHES and (name == "__pycache__" or "/" in found.path):
        return f"**/{name}"
    return found.path


def _takes(copy: CopyFacts, path: str) -> bool:
    if copy.excludes or copy.parents:
        return False
    if copy.takes_all:
        return True
    plain = (normal(source) for source in copy.sources)
    return any(path.startswith(f"{source}/") for source in plain if source)


def _is_taken_back(context: Context, path: str) -> bool:
    """A line of the ignore file wants it, or something in it."""
    patterns = context.ignore.patterns if context.ignore else ()
    return any(
        pattern.takes_back and (pattern.matches_exactly(path) or pattern.may_reach_below(path))
        for pattern in patterns
    )


class _Mentions:
    """The names that the Dockerfile, or another one beside it, says itself."""

    def __init__(self, facts: Facts, context: Context) -> None:
        self._words = frozenset(_parts(_said(facts)))
        self._beside = "\n".join(_others(facts, context))

    def names(self, path: str) -> bool:
        """Whether a path, or its last name, is said somewhere."""
        name = path.rpartition("/")[2]
        return name in self._words or (name in self._beside and name not in _CACHES)


def _said(facts: Facts) -> Iterator[str]:
    """What COPY, mounts, commands and the entry points name."""
    for copy in facts.copies:
        if copy.from_ is None:
            yield from copy.sources
    for run in facts.runs:
        yield from (mount.source for mount in run.mounts if mount.type == "bind" and not mount.from_)
        yield from _words(run.calls)
    for stage in facts.stages:
        yield from _words(stage.ending.calls)


def _words(calls: Iterable[Call]) -> Iterator[str]:
    """What commands name; what they only remove or create as their own is no mention."""
    for call in calls:
        if call.program not in {"rm", "find", "echo", "mkdir"} and not _makes_environment(call):
            yield call.command.name
            yield from call.texts


def _makes_environment(call: Call) -> bool:
    return call.program == "virtualenv" or "venv" in call.texts


def _parts(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        yield from re.split(r"[/=:,\s\"']", word)


def _others(facts: Facts, context: Context) -> Iterator[str]:
    """What COPY and ADD of other Dockerfiles in the context's root say."""
    names = sorted(entry.name for entry in context.root.glob("*ockerfile*"))[:_MOST_NEIGHBOURS]
    for name in names:
        source = context.read_small(name) if name != facts.path.name else None
        for line in (source.data if source else b"").splitlines():
            if line.lstrip()[:4].upper() in {b"COPY", b"ADD ", b"RUN "}:
                yield line.decode("utf-8", "replace")
