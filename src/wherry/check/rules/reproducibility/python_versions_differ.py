"""The image has another Python than the project asks for, or is tested with.

Why: with a Python outside `requires-python` pip ends the build, and uv downloads a Python of its own into the
image, which stands beside the base's. With another minor version than the lock, `.python-version` or CI
have, other wheels are taken, and where there is none a compiler is needed.

## Bad

```dockerfile
FROM python:3.9-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir .
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
requires-python = ">=3.11,<3.13"
dependencies = ["fastapi==0.115.6"]
```

## Bad: .python-version

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY . .
RUN uv sync --locked --no-dev
```

```text .python-version
3.11
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
requires-python = ">=3.11"
```

## Bad: only others are tested

```dockerfile
FROM python:3.13-slim
WORKDIR /app
COPY . .
RUN pip install --no-cache-dir .
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
requires-python = ">=3.10"
```

```yaml .github/workflows/test.yml
on: push
jobs:
  test:
    strategy:
      matrix:
        python-version: ["3.11", "3.12"]
    steps:
      - run: pytest
```

## Good

```dockerfile
FROM ubuntu:22.04
RUN apt-get update && apt-get install -y --no-install-recommends python3.11 python3.11-venv
WORKDIR /app
COPY . .
RUN python3.11 -m pip install --no-cache-dir .
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
requires-python = "~=3.11"
```

```text .python-version
3.11.4
```

## Fix

None: either the base or the project is right, and wheels must be there for the one that is chosen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.pythons import admits, minor_of, python_of, shown
from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.project import ProjectFacts
    from wherry.check.facts.pythons import Python
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_MOST: Final = 50  # stages of a file that are looked at


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    told: set[str] = set()
    for stage in facts.stages[:_MOST]:
        project = _project_of(stage) if stage.is_reachable else None
        python = python_of(stage) if project else None
        if project and python and python.source not in told:
            told.add(python.source)
            yield from _compared(facts, stage, project, python)


def _project_of(stage: StageFacts) -> ProjectFacts | None:
    """The project that the stage installs, or whose requirements."""
    found = [one.inputs.project for one in stage.installs if one.is_python and one.brings_packages]
    named = next((one for one in found if one and one.pyproject), None)
    if named:
        return named
    is_by_file = any(one.is_python and one.inputs.files for one in stage.installs)
    return stage.facts.project if is_by_file else None


def _compared(facts: Facts, stage: StageFacts, project: ProjectFacts, python: Python) -> Iterator[Finding]:
    has = f"{python.source} has Python {shown(python.version)}"
    wanted = project.pyproject.requires_python if project.pyproject else None
    if wanted and admits(wanted.value, python.version) is False:
        yield RULE.at(
            facts.place(python.span),
            f"{has}, and the project asks for {wanted.value}",
            why="pip ends the build, and uv downloads another Python into the image",
            related=[wanted.place],
            severity=Severity.ERROR,
        )
        return
    lock = project.lock
    if lock and lock.requires_python and admits(lock.requires_python, python.version) is False:
        yield RULE.at(
            facts.place(python.span),
            f"{has}, and {lock.kind} is for {lock.requires_python}",
            why="the lock may have no wheel that fits",
        )
        return
    yield from _against_file(facts, stage, project, python) or _against_ci(facts, python)


def _against_file(facts: Facts, stage: StageFacts, project: ProjectFacts, python: Python) -> list[Finding]:
    said = project.python_version
    version = minor_of(said.value) if said else None
    if said is None or version in {None, python.version}:
        return []
    by_uv = any(one.manager == "uv" and one.subcommand in {"sync", "run"} for one in stage.installs)
    return [
        RULE.at(
            facts.place(python.span),
            f"{python.source} has Python {shown(python.version)}, and .python-version says {said.value}",
            why="uv downloads that Python into the image" if by_uv else "developers use another Python",
            related=[said.place],
            severity=Severity.WARNING if by_uv else Severity.INFO,
        )
    ]


def _against_ci(facts: Facts, python: Python) -> list[Finding]:
    texts = [text for workflow in facts.workflows for text in workflow.pythons]
    versions = {version for text in texts if (version := minor_of(text.value))}
    if not versions or python.version in versions:
        return []
    tested = ", ".join(shown(version) for version in sorted(versions))
    return [
        RULE.at(
            facts.place(python.span),
            f"{python.source} has Python {shown(python.version)}, and CI tests with {tested}",
            why="what ships has never been tested with its Python",
            related=[texts[0].place],
            severity=Severity.INFO,
        )
    ]


RULE = Rule("F7", "python-versions-differ", Severity.WARNING, _check)
