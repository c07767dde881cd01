"""Compose, CI or Kubernetes build or run another stage than is meant, or one that is not there.

Why: which stage of a Dockerfile an image is made of is said outside of it: `target:` in compose, `--target`
in CI. A stage that was renamed there but not here ends the build of one and not of the other. Two steps that
build different stages under one tag overwrite each other, and a manifest that runs the tag gets whichever
came last.

## Bad: no such stage

```dockerfile
FROM python:3.12-slim AS base
FROM base AS dev
FROM base AS runtime
```

```yaml compose.yaml
services:
  api:
    build:
      context: .
      target: production
```

## Bad: one tag, two stages

```dockerfile
FROM python:3.12-slim AS base
FROM base AS dev
FROM base AS runtime
```

```yaml compose.yaml
services:
  api:
    image: registry.example.com/team/api
    build:
      context: .
      target: dev
```

```yaml .github/workflows/build.yml
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: docker/build-push-action@v6
        with:
          context: .
          target: runtime
          push: true
          tags: registry.example.com/team/api:latest
```

## Good

```dockerfile
FROM python:3.12-slim AS base
FROM base AS dev
FROM base AS runtime
```

```yaml compose.yaml
services:
  api:
    image: registry.example.com/team/api:dev
    build:
      context: .
      target: dev
```

```yaml .github/workflows/build.yml
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: docker/build-push-action@v6
        with:
          context: .
          target: runtime
          push: true
          tags: registry.example.com/team/api:latest
```

## Fix

None: only the team knows which of the two is right.
"""

from __future__ import annotations

import os
from itertools import combinations
from typing import TYPE_CHECKING, Final

from wherry.check.facts.repository import repository_root
from wherry.check.model import Rule, Severity
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.check.facts import Facts
    from wherry.check.facts.workflows import ImageBuild
    from wherry.check.model import Finding, Place

_VARIABLE: Final = regex(r"[$<{]")
_DEV: Final = regex(r"(?:.*[-_.])?(?:dev|devel|develop|development|debug|tests?)(?:[-_.].*)?")


class _Choice(Frozen):
    """That someone builds a stage, and what the image is called then."""

    who: str
    target: str  # empty: the last
    tags: frozenset[str]
    place: Place


def _check(facts: Facts) -> Iterator[Finding]:
    choices = [*_of_compose(facts), *_of_ci(facts)]
    known = [choice for choice in choices if facts.graph.find(choice.target or "0")]
    for choice in choices:
        if choice not in known:
            yield RULE.at(
                choice.place,
                f"{choice.who} builds stage {choice.target}, which is not in {facts.path.name}",
                why="that build ends before it begins",
                severity=Severity.ERROR,
                related=[facts.place(facts.stages[-1].start.span)],
            )
    for one, other in combinations(known, 2):
        shared = one.tags & other.tags
        if shared and _stage(facts, one) != _stage(facts, other):
            yield RULE.at(
                other.place,
                f"{other.who} and {one.who} build different stages as {min(shared)}",
                why="whichever comes last is what everybody gets",
                related=[one.place],
            )
            return
    yield from _deployed(facts, known)


def _stage(facts: Facts, choice: _Choice) -> int:
    found = facts.graph.find(choice.target) if choice.target else facts.graph.stages[-1]
    return found.index if found else -1


def _of_compose(facts: Facts) -> Iterator[_Choice]:
    for service in facts.compose:
        target, image = service.target, service.image
        if target and _VARIABLE.search(target.value):
            continue
        tags = frozenset({_tag(image.value)} if image and not _VARIABLE.search(image.value) else ())
        place = target.place if target else service.place
        yield _Choice("compose", target.value if target else "", tags, place)


def _of_ci(facts: Facts) -> Iterator[_Choice]:
    for workflow in facts.workflows:
        for build in workflow.builds:
            if _VARIABLE.search(build.target) or not _builds(facts, build):
                continue
            tags = frozenset(_tag(tag) for tag in build.tags if not _VARIABLE.search(tag))
            yield _Choice("CI", build.target, tags, build.place)


def _builds(facts: Facts, build: ImageBuild) -> bool:
    """The step builds this Dockerfile, as far as it says where that is."""
    root = repository_root(facts.path.parent)
    if root is None or _VARIABLE.search(build.context + build.dockerfile) or "://" in build.context:
        return False
    context = build.context.strip("\"'") or "."
    named = build.dockerfile.strip("\"'") or os.path.join(context, "Dockerfile")  # noqa: PTH118 - as it is written
    return _same(root / named, facts.path)


def _same(one: Path, other: Path) -> bool:
    return os.path.normpath(one.absolute()) == os.path.normpath(other.absolute())


def _tag(reference: str) -> str:
    """The reference with the tag that is meant without one."""
    plain = reference.strip("\"',").partition("@")[0]
    return plain if ":" in plain.rpartition("/")[2] else f"{plain}:latest"


def _deployed(facts: Facts, choices: list[_Choice]) -> Iterator[Finding]:
    """Kubernetes runs an image of a stage for development."""
    by_tag = {tag: choice for choice in choices if _DEV.fullmatch(choice.target) for tag in choice.tags}
    for workload in facts.workloads if by_tag else ():
        for container in workload.containers:
            choice = by_tag.get(_tag(container.image.value)) if container.image else None
            if choice and container.image:
                yield RULE.at(
                    container.image.place,
                    f"Kubernetes runs {container.image.value}, built of stage {choice.target}",
                    why="a stage for development has what production should not",
                    related=[choice.place],
                )


RULE = Rule("A8", "target-elsewhere", Severity.WARNING, _check)
