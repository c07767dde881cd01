"""What is developed in differs from what ships: another Python, CUDA, distribution or version of a package.

Why: what the tests saw in the development image is not what runs. Differences of the base come in when one of
two Dockerfiles, or one of two stages, is moved up and the other is forgotten.

A stage called dev, test or ci that the last one does not need is compared with that; a `Dockerfile.dev` with
the `Dockerfile` beside it.

## Bad

```dockerfile
FROM python:3.11-slim AS dev
RUN pip install --no-cache-dir pytest==8.3.4

FROM python:3.12-slim AS production
CMD ["python", "serve.py"]
```

## Bad: another CUDA and another torch

```dockerfile
FROM nvidia/cuda:12.1.1-devel-ubuntu22.04 AS dev
RUN pip install --no-cache-dir torch==2.3.1

FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN pip install --no-cache-dir torch==2.4.1
CMD ["python3", "serve.py"]
```

## Bad: two files

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir fastapi==0.115.6
```

```text Dockerfile.dev
FROM python:3.11
RUN pip install --no-cache-dir fastapi==0.115.6 pytest==8.3.4
```

## Good

```dockerfile
FROM python:3.12-slim AS base
RUN pip install --no-cache-dir fastapi==0.115.6

FROM base AS dev
RUN pip install --no-cache-dir pytest==8.3.4

FROM base
CMD ["python", "serve.py"]
```

## Good: two files

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir fastapi==0.115.6
```

```text Dockerfile.dev
FROM python:3.12
RUN pip install --no-cache-dir fastapi==0.115.6 pytest==8.3.4
```

## Fix

None: one of the two is right. Stages of one file that begin with the same one cannot differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts import Facts
from wherry.check.facts.pythons import python_of, shown
from wherry.check.model import Rule, Severity
from wherry.errors import WherryError
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_DEVELOPMENT: Final = regex(
    r"(?:.*[-_.])?(?:dev|devel|develop|development|test|tests|testing|ci)(?:[-_.].*)?"
)
_MOST: Final = 50  # stages of a file that are compared
_MARK: Final = regex(
    r"[-_.](?:dev|devel|development|test|ci)$|^(?:dev|development|test|ci)[-_.]", re.IGNORECASE
)


def _check(facts: Facts) -> Iterator[Finding]:
    target = facts.target
    if not _is_development(target):
        for stage in facts.stages[:_MOST]:
            if _is_development(stage) and not stage.is_reachable:
                yield from _compared(facts, stage, target)
    shipping = _shipping_file(facts)
    if shipping:
        yield from _compared(facts, target, shipping.target)


def _is_development(stage: StageFacts) -> bool:
    return stage.name is not None and _DEVELOPMENT.fullmatch(stage.name.lower()) is not None


def _shipping_file(facts: Facts) -> Facts | None:
    """Of ``Dockerfile.dev`` the ``Dockerfile`` beside it."""
    name = facts.path.name
    plain = _MARK.sub("", name)
    if facts.context is None or plain == name:
        return None
    source = facts.reader.read(facts.path.with_name(plain))
    try:
        return Facts.of(source, facts.context.root, reader=facts.reader) if source else None
    except WherryError:
        return None  # it is told of where that file is checked


def _compared(facts: Facts, development: StageFacts, shipping: StageFacts) -> Iterator[Finding]:
    differences = list(_differences(development, shipping))
    if differences:
        name = development.name or facts.path.name
        has, ships = (", ".join(parts) for parts in zip(*differences, strict=True))
        yield RULE.at(
            facts.place(development.chain[-1].base_span),
            f"{name} has {has}, and what ships has {ships}",
            why="what was tested is not what runs",
            related=[shipping.facts.place(shipping.chain[-1].base_span)],
        )


def _differences(development: StageFacts, shipping: StageFacts) -> Iterator[tuple[str, str]]:
    if not development.chain[-1].is_reachable or development.is_target:
        yield from _base_differences(development, shipping)
    versions = _versions(development), _versions(shipping)
    for name in sorted(versions[0].keys() & versions[1].keys()):
        if versions[0][name] != versions[1][name]:
            yield f"{name} {versions[0][name]}", versions[1][name]


def _base_differences(development: StageFacts, shipping: StageFacts) -> Iterator[tuple[str, str]]:
    """Of the bases; one that the shipped stage is built in as well is chosen for that."""
    pythons = python_of(development), python_of(shipping)
    if pythons[0] and pythons[1] and pythons[0].version != pythons[1].version:
        yield f"Python {shown(pythons[0].version)}", shown(pythons[1].version)
    mine, theirs = development.base, shipping.base
    if mine.cuda and theirs.cuda and mine.cuda != theirs.cuda:
        yield f"CUDA {shown(mine.cuda)}", shown(theirs.cuda)
    if mine.distro and theirs.distro and mine.distro != theirs.distro:
        yield mine.distro, theirs.distro


def _versions(stage: StageFacts) -> dict[str, str]:
    """The exact versions that its commands name."""
    installs = (install for install in stage.all_installs if install.is_python and install.brings_packages)
    return {package.name: package.version for one in installs for package in one.packages if package.version}


RULE = Rule("F8", "dev-differs", Severity.WARNING, _check)
