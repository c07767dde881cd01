r"""The project is installed in the layer of its dependencies.

Why: `uv sync` and `poetry install` install the project as well. In the layer that has only `pyproject.toml`
and the lock there is no project yet: the build backend finds no package and the build fails, or it installs
an empty one that hides the real one until something installs it anew. Told to leave the project out, the
layer depends on the lock alone, and the project is installed when its source is there.

## Bad

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev
COPY . .
RUN uv sync --locked --no-dev
```

```toml pyproject.toml
[project]
name = "service"
version = "1"
dependencies = ["torch"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
```

```text uv.lock
version = 1
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
COPY . .
RUN uv sync --locked --no-dev
```

## Bad: nothing installs it later

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked
COPY src ./src
CMD ["uv", "run", "service"]
```

```toml pyproject.toml
[project]
name = "service"
version = "1"

[build-system]
requires = ["uv_build"]
build-backend = "uv_build"
```

```text uv.lock
version = 1
```

```text src/service/__init__.py
```

## Fixed: nothing installs it later

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-install-project
COPY src ./src
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked
CMD ["uv", "run", "service"]
```

## Bad: poetry

```dockerfile
FROM python:3.12
RUN pip install --no-cache-dir poetry==1.8.3
WORKDIR /app
COPY pyproject.toml poetry.lock ./
RUN poetry config virtualenvs.create false && poetry install --only main
COPY service ./service
RUN poetry install --only main
```

```toml pyproject.toml
[tool.poetry]
name = "service"
version = "1"
description = ""
authors = []

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
```

```text poetry.lock
```

```text service/__init__.py
```

## Fixed: poetry

```dockerfile
FROM python:3.12
RUN pip install --no-cache-dir poetry==1.8.3
WORKDIR /app
COPY pyproject.toml poetry.lock ./
RUN poetry config virtualenvs.create false && poetry install --only main --no-root
COPY service ./service
RUN poetry install --only main
```

## Good: it is no package

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked
COPY . .
```

```toml pyproject.toml
[project]
name = "service"
version = "1"
dependencies = ["torch"]
```

```text uv.lock
version = 1
```

## Good

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-install-project
COPY . .
RUN uv sync --locked
```

```toml pyproject.toml
[project]
name = "service"
version = "1"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
```

## Fix

Safe where a later command of the stage installs the project: the layer of the dependencies only loses what
that one brings anyway. Unsafe where the fix adds that command, behind the COPY of the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_behind
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.caching._needs import needs_of
from wherry.check.rules.caching._reorder import is_source, repeated
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding

_MANAGERS: Final = frozenset({"uv", "poetry", "pdm"})
_MOST: Final = 30  # installs that are looked at


def _check(facts: Facts) -> Iterator[Finding]:
    for install in facts.installs[:_MOST]:
        if (
            install.manager not in _MANAGERS
            or not install.installs_project
            or not install.run.stage.is_reachable
        ):
            continue
        needs = needs_of(install)
        source = _source_behind(install)
        if needs and needs.without_project and source and _is_package(install) and not _has_source(install):
            yield RULE.at(
                facts.place(install.span),
                f"{install.manager} {install.subcommand} takes the project, whose source is not copied yet",
                why="the build fails for want of a package, or installs an empty one",
                related=[facts.place(source.span)],
                fix=_fix(facts, install, needs.without_project, source),
            )


def _is_package(install: Install) -> bool:
    """The project is known to be one that is installed itself."""
    pyproject = install.inputs.pyproject
    return pyproject is not None and pyproject.is_package


def _has_source(install: Install) -> bool:
    """The source is there already: copied, or mounted."""
    stage, run = install.run.stage, install.run
    copied = any(
        is_source(copy) for copy in stage.all_copies if copy.stage is not stage or copy.index < run.index
    )
    return copied or any(mount.type == "bind" and not mount.source.strip("./") for mount in run.mounts)


def _source_behind(install: Install) -> CopyFacts | None:
    """The COPY that brings the source: of the same stage, or of one that is built on it."""
    stage = install.run.stage
    above = (one for one in stage.facts.stages if stage in one.chain)
    behind = (copy for one in above for copy in one.copies if copy.index > install.run.index)
    return next((copy for copy in behind if is_source(copy)), None)


def _fix(facts: Facts, install: Install, option: str, source: CopyFacts) -> Fix | None:
    command = install.command
    if command.nesting or command.wrapped_by or install.run.instruction.is_json:
        return None
    if source.stage is not install.run.stage:
        return None
    end = command.words[-1].span.end
    edit = Edit(facts.file.name, Span(end, end), f" {option}")
    title = "leave the project out until its source is there"
    effect = Effect(frozenset({install.run.index}), aspects=frozenset({Aspect.COMMANDS}))
    if _is_installed_later(install, source):
        return Fix(title, (edit,), Safety.SAFE, effect)
    line = repeated(install)
    before, behind = install.run.scope, facts.scope_before(source.stage.stage, source.instruction)
    if line is None or (before.user, before.workdir) != (behind.user, behind.workdir):
        return None
    effect = Effect(effect.touches, 1, frozenset({Aspect.COMMANDS, Aspect.MOUNTS}))
    added = put_behind(facts.dockerfile, source.instruction, line)
    return Fix(title, (edit, added), Safety.UNSAFE, effect)


def _is_installed_later(install: Install, source: CopyFacts) -> bool:
    return any(
        other.installs_project and other.run.index > source.index for other in install.run.stage.installs
    )


RULE = Rule("B2", "project-with-dependencies", Severity.WARNING, _check)
