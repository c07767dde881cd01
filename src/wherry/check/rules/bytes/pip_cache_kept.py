r"""pip keeps what it downloads in the layer.

Why: a wheel is a zip; pip unpacks it and keeps the zip too, in `~/.cache/pip`, where no build will ever look
for it again, because the next build starts from an empty layer. Of a PyTorch for CUDA that is 3 GB beside the
5.5 GB that are used. Poetry, PDM and Pipenv keep theirs in the same way; uv does where its link mode is
`copy`, otherwise cache and environment share the bytes.

Only stages that ship are looked at: a cache in a build stage costs nobody a pull.

## Bad

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install -r requirements.txt
RUN python -m pip install --upgrade gunicorn==23.0.0
```

```text requirements.txt
torch==2.8.0
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
RUN python -m pip install --no-cache-dir --upgrade gunicorn==23.0.0
```

## Bad: a mount, where the project asks for mounts

```toml pyproject.toml
[tool.wherry.check.G1]
mend = "mount"
```

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install -r requirements.txt
```

```text requirements.txt
numpy==2.1.3
```

## Fixed: a mount, where the project asks for mounts

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Bad: Poetry

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir poetry==1.8.5
COPY pyproject.toml poetry.lock ./
RUN poetry install --no-root --only main
```

## Fixed: Poetry

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir poetry==1.8.5
COPY pyproject.toml poetry.lock ./
RUN --mount=type=cache,target=/root/.cache/pypoetry poetry install --no-root --only main
```

## Good

```dockerfile
FROM python:3.12-slim
ENV PIP_NO_CACHE_DIR=1
COPY requirements.txt ./
RUN pip install -r requirements.txt
```

## Good: on a cache mount

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Good: a stage that does not ship

```dockerfile
FROM python:3.12-slim AS build
RUN python -m venv /venv && /venv/bin/pip install numpy==2.1.3

FROM python:3.12-slim
COPY --from=build /venv /venv
```

## Fix

Safe: the cache is a copy of what is installed, and nothing reads it. `mend = "flag"`, the default, adds
`--no-cache-dir` (for uv `--no-cache`); `mend = "mount"` puts the cache on a cache mount, which also makes the
next build faster and needs BuildKit. Poetry, PDM and Pipenv have no such flag: a RUN that calls one is
only mended by a mount, which is unsafe where the project does not ask for mounts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Basis, Cost, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import installs_of
from wherry.check.rules.bytes._chain import option_behind
from wherry.check.rules.reproducibility._tools import BROUGHT, TOOLS
from wherry.check.sizes import closure_of
from wherry.check.wheel_sizes import wheel_of, with_requirements
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.check.sizes import Closure

_FLAGS: Final = {"pip": "--no-cache-dir", "uv": "--no-cache"}
_MANAGERS: Final = frozenset({*_FLAGS, "pipx", "poetry", "pdm", "pipenv"})
_ACTIONS: Final = frozenset({"install", "sync", "download", "wheel"})


def _check(facts: Facts) -> Iterator[Finding]:
    kept = [install for install in installs_of(facts.target) if _keeps_downloads(install)]
    if all(map(_is_of_pip_alone, kept)):
        return
    wants_mounts = facts.settings.option(RULE, "mend") == "mount"
    by_edits = [(install, _mended(install, wants_mounts=wants_mounts)) for install in kept]
    unmended = {install.run.index for install, edit in by_edits if not edit}
    if unmended and all(map(_is_of_managers, (one for one in kept if one.run.index not in unmended))):
        unmended = {install.run.index for install in kept}  # one sentence will do
    fixable = [install for install in kept if install.run.index not in unmended]
    if fixable:
        edits = tuple(dict.fromkeys(edit for one, edit in by_edits if edit and one in fixable))
        yield _finding(facts, fixable, _fix(fixable, edits, wants_mounts=wants_mounts))
    rest = [install for install in kept if install.run.index in unmended]
    if rest:
        mended = [edit or _mount_for(install) for install, edit in by_edits if install in rest]
        mounts = tuple(dict.fromkeys(edit for edit in mended if edit is not None))
        fix = _fix(rest, mounts, wants_mounts=True, safety=Safety.UNSAFE)
        yield _finding(facts, rest, None if None in mended else fix)


def _is_of_managers(install: Install) -> bool:
    """``pip install poetry``: what installs the rest."""
    return len(install.names) == len(install.packages) > 0 and TOOLS.issuperset(install.names)


def _mount_for(install: Install) -> Edit | None:
    """A cache mount, for a manager that has no flag."""
    run, cache = install.run, install.cache
    is_plain = (
        cache.is_certain and run.is_root and len(cache.directories) == 1 and not run.instruction.is_json
    )
    return _mount(run, cache.directory) if is_plain else None


def _is_of_pip_alone(install: Install) -> bool:
    """``pip install --upgrade pip``: two megabytes, and not worth a word."""
    return len(install.names) == len(install.packages) > 0 and BROUGHT.issuperset(install.names)


def _keeps_downloads(install: Install) -> bool:
    """Something comes over the network, and stays beside what is installed."""
    if install.manager not in _MANAGERS or install.action not in _ACTIONS or _is_local(install):
        return False
    if install.only_adds_project:
        return False
    return install.cache.stays and (install.manager != "uv" or _copies(install))


def _is_local(install: Install) -> bool:
    """It fetches nothing: wheels that are here, and no more."""
    if install.has("--no-index"):
        return True
    is_here = bool(install.packages) and all(package.is_local for package in install.packages)
    return install.has("--no-deps") and is_here and not install.requirement_files


def _copies(install: Install) -> bool:
    """Told to copy, uv has everything twice; else its cache and what is installed share the bytes."""
    return "copy" in {*install.values("--link-mode"), install.env.get("UV_LINK_MODE")}


def _mended(install: Install, *, wants_mounts: bool) -> Edit | None:
    """What keeps one command from keeping its downloads."""
    run = install.run
    cache = install.cache
    if wants_mounts and cache.is_certain and run.is_root and len(cache.directories) == 1:
        return _mount(run, cache.directory)
    flag = _FLAGS.get(install.manager)
    word = next((value.word for value in install.call.arguments if value.text == _verb(install)), None)
    return option_behind(run, word, flag) if flag and word else None


def _verb(install: Install) -> str:
    """The last word of ``pip install``, ``uv pip sync``."""
    return install.subcommand.rpartition(" ")[2]


def _mount(run: RunFacts, directory: str) -> Edit:
    end = run.instruction.keyword_span.end
    text = f" --mount=type=cache,target={directory}"
    return Edit(run.stage.facts.file.name, Span(end, end), text)


def _fix(
    installs: Sequence[Install], edits: tuple[Edit, ...], *, wants_mounts: bool, safety: Safety = Safety.SAFE
) -> Fix:
    touched = frozenset(install.run.index for install in installs)
    aspects = {Aspect.COMMANDS, Aspect.MOUNTS} if wants_mounts else {Aspect.COMMANDS}
    title = "keep downloads on a cache mount" if wants_mounts else "keep no downloads"
    return Fix(title, edits, safety, Effect(touches=touched, aspects=frozenset(aspects)))


def _finding(facts: Facts, installs: Sequence[Install], fix: Fix | None) -> Finding:
    names = " and ".join(dict.fromkeys(install.manager for install in installs))
    layers = len({install.run.index for install in installs})
    where = "the layer" if layers == 1 else f"{layers} layers"
    verb = "keeps its" if " and " not in names else "keep their"
    return RULE.at(
        facts.place(installs[0].span),
        f"{names} {verb} downloads in {where}",
        why="they are a second copy of what is installed, and no build reads them again",
        cost=_cost(installs),
        related=[facts.place(install.span) for install in installs[1:]],
        fix=fix,
    )


def _cost(installs: Sequence[Install]) -> Cost:
    """The wheels of the largest among them: how much the others share with it is not known."""
    closures = [closure for install in installs for closure in _closures(install)]
    if not closures:
        return Cost()
    largest = max(closures, key=lambda closure: closure.wheel_bytes)
    return Cost(largest.wheel_bytes, basis=Basis.TABLE, source=largest.source)


def _closures(install: Install) -> Iterator[Closure]:
    for framework in install.inputs.fetched:
        builds = () if framework.build in {"rocm", "xpu"} else (framework.build, "cpu")
        found = (closure_of(framework.name, framework.version, build) for build in builds)
        yield from [closure for closure in found if closure][:1]
    listed = [entry.name for file in install.inputs.files for entry in file.all_entries]
    frameworks = {framework.name for framework in install.inputs.frameworks}
    for name in {*install.names, *listed} - frameworks - BROUGHT:
        if closure := with_requirements(name) or wheel_of(name):
            yield closure


RULE = Rule(
    "G1",
    "pip-cache-kept",
    Severity.WARNING,
    _check,
    also=("DL3042",),
    options={"mend": "flag"},
    choices={"mend": ("flag", "mount")},
)
