"""What is developed on and what ships come from different bases or lists.

Why: a stage for development that is built on another Python, another distribution or another CUDA, or that
goes by another lock, is where everything works. What differs is found in production: a wheel that is not
there for the other Python, a library that the other distribution has in another version.

## Bad: another Python

```dockerfile
FROM python:3.11 AS dev
RUN pip install --no-cache-dir pytest==8.3.4

FROM python:3.12-slim AS production
RUN pip install --no-cache-dir numpy==2.1.3
```

## Bad: another lock

```dockerfile
FROM python:3.12 AS dev
COPY pyproject.toml poetry.lock ./
RUN poetry install --no-root

FROM python:3.12-slim AS production
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

## Good

```dockerfile
FROM python:3.12-slim AS base
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

FROM base AS dev
RUN pip install --no-cache-dir pytest==8.3.4

FROM base AS production
```

## Good: one lock for both

```dockerfile
FROM python:3.12 AS dev
COPY pyproject.toml uv.lock ./
RUN uv sync --locked

FROM python:3.12-slim AS production
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev
```

## Fix

None: build both on a stage that they share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.pythons import python_of, shown
from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_DEV: Final = regex(r"(?:.*[-_.])?(?:dev|devel|develop|development|debug|tests?|testing|ci)(?:[-_.].*)?")
_MOST: Final = 20
_LOCKED: Final = {"uv": "uv.lock", "poetry": "poetry.lock", "pdm": "pdm.lock", "pipenv": "Pipfile.lock"}


def _check(facts: Facts) -> Iterator[Finding]:
    target = facts.target
    if _DEV.fullmatch(target.name or ""):
        return
    for stage in [stage for stage in facts.stages if _DEV.fullmatch(stage.name or "")][:_MOST]:
        if stage is target or stage in target.chain:
            continue
        if facts.graph.users_of(stage.stage) or set(stage.chain) & set(target.chain):
            continue
        difference = _difference(stage, target)
        if difference:
            yield RULE.at(
                facts.place(stage.start.span),
                f"{stage.name} {difference}",
                why="what works in the one may fail in the other",
                related=[facts.place(target.start.span)],
            )


def _difference(dev: StageFacts, target: StageFacts) -> str:
    """In which way the two differ, in words; empty where they do not, as far as is known."""
    pythons = python_of(dev), python_of(target)
    if pythons[0] and pythons[1] and pythons[0].version != pythons[1].version:
        return f"has Python {shown(pythons[0].version)}, and what ships {shown(pythons[1].version)}"
    if dev.base.cuda and target.base.cuda and dev.base.cuda != target.base.cuda:
        versions = [".".join(map(str, base.cuda or ())) for base in (dev.base, target.base)]
        return f"has CUDA {versions[0]}, and what ships {versions[1]}"
    if _release(dev) and _release(target) and _release(dev) != _release(target):
        return f"stands on {dev.base.distro}, and what ships on {target.base.distro}"
    lists = _lists(dev), _lists(target)
    if lists[0] and lists[1] and not lists[0] & lists[1] and not _exports(dev.facts):
        return f"goes by {min(lists[0])}, and what ships by {min(lists[1])}"
    return ""


def _release(stage: StageFacts) -> str:
    """The distribution; ``debian`` without a release may be any of it."""
    distro = stage.base.distro
    return "" if distro in {"debian", "ubuntu"} else distro


def _lists(stage: StageFacts) -> set[str]:
    """What its installs go by: the names of locks and lists, whatever they are included from."""
    found: set[str] = set()
    for install in stage.all_installs:
        if install.manager in _LOCKED and install.action in {"install", "sync"} and not install.packages:
            found.add(_LOCKED[install.manager])
        names = [name.rpartition("/")[2] for name in install.requirement_files]
        included = [one.path.name for file in install.inputs.files for one in file.all_files]
        found.update(names, included)
    return found


def _exports(facts: Facts) -> bool:
    """Some step writes one list from another."""
    return any(install.action in {"export", "lock"} for install in facts.installs)


RULE = Rule("A7", "dev-on-another-base", Severity.INFO, _check)
