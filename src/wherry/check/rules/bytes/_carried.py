"""Which installs are in the image: those of its own chain, and those whose environment it copies."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.rules.bytes._bounds import copies_of, own_runs, stages_of
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install

_PREFIX: Final = regex(r"(?P<prefix>/\S+)/bin/[^/]+")


def carried_installs(facts: Facts) -> list[Install]:
    """Every install whose packages are in the image, in the order of the file."""
    own = set(facts.shipped)
    found = [
        install
        for stage in stages_of(facts)
        for run in own_runs(stage)
        for install in run.installs
        if stage in own or (stage.is_reachable and _is_taken(facts, install))
    ]
    return sorted(found, key=lambda install: install.span)


def _is_taken(facts: Facts, install: Install) -> bool:
    """The image takes the directory that it installs to."""
    places = set(environments_of(install))
    stage = install.run.stage
    return any(
        _holds(source, place)
        for copy in copies_of(facts.target)
        if copy.from_stage is not None and stage in copy.from_stage.chain
        for source in copy.sources
        for place in places
    )


def environments_of(install: Install) -> Iterator[str]:
    """Where its packages may end up."""
    yield from certain_environments(install)
    if install.manager in {"uv", "poetry", "pdm"}:
        yield posixpath.join(install.call.directory or "/", ".venv")
    yield from ("/usr/local", "/root/.local") if install.is_python else ("/opt/conda",)


def certain_environments(install: Install) -> Iterator[str]:
    """Where its packages end up, as its command and its environment say."""
    env = install.env
    for option in ("--prefix", "--target"):
        yield from (install.call.path(value) for value in install.values(option))
    if found := _PREFIX.fullmatch(install.command.name):
        yield found["prefix"]
    if install.manager == "uv" and install.subcommand == "sync":
        named = env.get("UV_PROJECT_ENVIRONMENT")
        yield install.call.path(named) if named else posixpath.join(install.call.directory or "/", ".venv")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if path := env.get(name):
            yield install.call.path(path)
    first = install.run.scope.variables.get("PATH", "").partition(":")[0]  # its rest may be the base's
    if first.endswith("/bin") and "$" not in first:
        yield first.removesuffix("/bin")


def _holds(source: str, place: str) -> bool:
    """What is copied is the environment, or above it, or its packages."""
    plain = posixpath.normpath(f"/{source}").replace("//", "/")
    return place == plain or place.startswith(f"{plain.rstrip('/')}/") or plain.startswith(f"{place}/lib")
