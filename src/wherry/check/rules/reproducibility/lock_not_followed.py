"""There is a lock, and the image is not made from it.

Belongs to F3. Why: `pip install .` next to a `uv.lock` solves the versions anew, so what was tested is not
what ships. `uv sync` without `--locked` does so too where the lock is not up to date: it writes a new one
into the layer and says nothing; with `--locked` the build ends there.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir .
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi>=0.110"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"

[[package]]
name = "api"
version = "1"
source = { editable = "." }

[package.metadata]
requires-dist = [{ name = "fastapi", specifier = ">=0.110" }]
```

## Bad: the lock may be written anew

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --no-dev --no-install-project
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi>=0.110"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"

[[package]]
name = "api"
version = "1"
source = { editable = "." }

[package.metadata]
requires-dist = [{ name = "fastapi", specifier = ">=0.110" }]
```

## Fixed: the lock may be written anew

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
```

## Bad: the lock is left behind

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml ./
RUN pip install --no-cache-dir poetry==1.8.5 && poetry install --only main --no-root
```

```toml pyproject.toml
[tool.poetry]
name = "api"
version = "1"

[tool.poetry.dependencies]
python = "^3.12"
fastapi = "^0.110"
```

```toml poetry.lock
[[package]]
name = "fastapi"
version = "0.110.0"
```

## Good

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi>=0.110"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"
```

## Good: the lock is exported

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir poetry==1.8.5 poetry-plugin-export==1.8.0
WORKDIR /app
COPY . .
RUN poetry export -o requirements.txt && pip install --no-cache-dir -r requirements.txt
RUN pip install --no-cache-dir --no-deps .
```

```toml pyproject.toml
[tool.poetry]
name = "api"
version = "1"

[tool.poetry.dependencies]
python = "^3.12"
fastapi = "^0.110"
```

```toml poetry.lock
[[package]]
name = "fastapi"
version = "0.110.0"
```

## Fix

Safe, for `uv sync` with a lock that fits: `--locked`; unsafe where it cannot be told whether it fits, since
the build would end there. None for the others: install by the tool that wrote the lock.
"""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from wherry.check.facts.origins import run_path
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.locks import LockFile
    from wherry.check.model import Finding

_LOCKING: Final = frozenset({"uv", "poetry", "pdm", "pipenv"})
_BY_LOCK: Final = frozenset({"sync", "install", "run", "export"})
_MOST: Final = 500  # installs of a file that are looked at
_OUTCOME: Final = {
    "uv": "uv solves the versions anew in each build, or ends it with --locked or --frozen",
    "poetry": "Poetry solves the versions anew in each build",
}
_HELD: Final = ("--locked", "--frozen", "--check")
_LOCKS_ANEW: Final = frozenset(
    {"--upgrade", "--upgrade-package", "--upgrade-group", "--refresh", "--refresh-package", "--no-sources"}
)
_TOOLS: Final = {
    "uv.lock": "uv sync --locked",
    "poetry.lock": "poetry install",
    "pdm.lock": "pdm sync",
    "Pipfile.lock": "pipenv sync",
    "pylock.toml": "uv pip sync pylock.toml",
}


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    installs = [one for one in facts.installs[:_MOST] if one.is_python and one.run.stage.is_reachable]
    by_lock = [one for one in installs if _goes_by_lock(one)]
    for install in installs:
        lock = _lock_beside(install)
        if lock is None:
            continue
        if _is_left_behind(install, lock):
            yield RULE.at(
                facts.place(install.span),
                f"{lock.kind} stands in the context, and is not copied before {install.call.program} runs",
                why=_OUTCOME.get(install.manager, "the versions are solved anew in each build"),
            )
        elif _may_lock_anew(install) and install.inputs.lock and not lock.staleness(install.inputs.pyproject):
            yield RULE.at(
                facts.place(install.span),
                f"uv sync writes {lock.kind} anew where it does not fit, and goes on",
                why="what ships is then not what the lock in the repository says",
                related=[lock.packages[0].text.place] if lock.packages else (),
                fix=_fix(facts, install, lock),
                severity=Severity.INFO,
            )
        elif not by_lock and _solves_anew(install):
            yield RULE.at(
                facts.place(install.span),
                f"{install.call.program} does not read {lock.kind}, which stands beside it",
                why=f"the versions are solved anew in each build; {_TOOLS[lock.kind]} goes by it",
            )
            return


def _goes_by_lock(install: Install) -> bool:
    if install.manager == "uv":
        is_of_lock = install.subcommand in {"sync", "run", "export"}
        return is_of_lock or any("pylock." in name for name in install.requirement_files)
    return install.manager in _LOCKING and install.action in _BY_LOCK


def _lock_beside(install: Install) -> LockFile | None:
    project = install.inputs.project
    return next((lock for lock in project.locks if lock.kind in _TOOLS), None) if project else None


def _is_left_behind(install: Install, lock: LockFile) -> bool:
    """The command goes by a lock, and there is none where it runs nor in a directory above."""
    directory = install.call.directory
    is_its_own = install.manager in _LOCKING and lock.kind.startswith(install.manager)
    if not is_its_own or install.subcommand not in {"sync", "install"} or install.packages or not directory:
        return False
    above = [directory, *map(str, PurePosixPath(directory).parents)]
    found = (run_path(install.run, posixpath.join(place, lock.kind)) for place in above)
    context = install.run.stage.facts.context
    return context is not None and not any(path and not context.is_left_out(path) for path in found)


def _may_lock_anew(install: Install) -> bool:
    is_sync = install.manager == "uv" and install.subcommand == "sync"
    return is_sync and not any(map(install.is_on, _HELD)) and not install.has("--script", "--dry-run")


def _solves_anew(install: Install) -> bool:
    is_pip = install.manager == "pip" or (install.manager == "uv" and install.subcommand == "pip install")
    if not is_pip or not install.installs_project or install.has("--no-deps", "--no-build-isolation"):
        return False
    earlier = install.run.stage.all_installs
    return not any(one.requirement_files and one.is_python for one in earlier)


def _fix(facts: Facts, install: Install, lock: LockFile) -> Fix | None:
    word = next((value.word for value in install.call.arguments if value.text == "sync"), None)
    run = install.run
    if word is None or not word.is_literal or run.instruction.is_json or run.script.errors:
        return None
    if not _LOCKS_ANEW.isdisjoint(install.options) or _is_locked_before(install):
        return None
    pyproject = install.inputs.pyproject
    is_told = bool(pyproject and not pyproject.is_dynamic and any(one.local for one in lock.packages))
    span = Span(word.span.end, word.span.end)
    return Fix(
        "hold to the lock",
        (Edit(facts.file.name, span, " --locked"),),
        Safety.SAFE if is_told else Safety.UNSAFE,
        Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS})),
    )


def _is_locked_before(install: Install) -> bool:
    """The build itself writes the lock, or what it goes by: ``uv lock``, ``uv add``."""
    earlier = (call for run in install.run.stage.all_runs for call in run.calls if call.program == "uv")
    return any({"lock", "add", "remove", "version"} & set(call.texts[:2]) for call in earlier)


RULE = Rule("F13", "lock-not-followed", Severity.WARNING, _check)
