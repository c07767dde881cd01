"""A RUN installs packages of whatever version is newest.

Why: the layer is cached until something above it changes; then the same line installs something else, on one
machine and not on the other. 99 of 150 Dockerfiles of ML repositories have such a line. So numpy 2 came to
images whose torch, older than 2.3, was built for numpy 1.

A range with an end (`~=0.115`, `<2`) is taken for meant. pip, uv and poetry themselves are F4's.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir fastapi uvicorn[standard] "transformers>=4.40"
```

## Bad: conda

```dockerfile
FROM condaforge/miniforge3:24.9.2-0
RUN conda install -y python=3.11 faiss-cpu && conda clean -afy
```

## Bad: beside a lock that knows the version

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir "fastapi" gunicorn
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi", "gunicorn"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"

[[package]]
name = "fastapi"
version = "0.115.6"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "gunicorn"
version = "23.0.0"
source = { registry = "https://pypi.org/simple" }
```

## Fixed: beside a lock that knows the version

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir "fastapi==0.115.6" gunicorn==23.0.0
```

## Bad: the shell takes the sign

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir numpy>=1.26
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir fastapi==0.115.6 "transformers~=4.48.0" ./libs/common
```

## Good: constraints

```dockerfile
FROM python:3.12-slim
COPY constraints.txt ./
RUN pip install --no-cache-dir -c constraints.txt fastapi uvicorn
```

```text constraints.txt
fastapi==0.115.6
uvicorn==0.34.0
```

## Good: wheels of another stage

```dockerfile
FROM python:3.12 AS build
RUN pip wheel --no-cache-dir --wheel-dir /wheels fastapi==0.115.6
FROM python:3.12-slim
RUN --mount=from=build,source=/wheels,target=/wheels pip install --no-index --find-links=/wheels fastapi
```

## Fix

Unsafe, where the project's lock or requirements.txt names one version: that one. The image may have got a
newer one so far. Else none: `pip freeze` in the image that works says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.purpose import is_for_people
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.reproducibility._tools import BUILDERS, TOOLS, goes_by_names, is_loose
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install, PackageArgument
    from wherry.check.model import Finding
    from wherry.dockerfile.shell.model import Redirect

_SHOWN: Final = 3
_QUOTES: Final = ('"', "'")

Loose = tuple["Install", "PackageArgument", str]
"""A package, the command that installs it, and the version the project knows, or nothing."""


def _check(facts: Facts) -> Iterator[Finding]:
    if is_for_people(facts):
        return  # what people work with may be new
    loose = [
        (install, package, _known_version(install, package))
        for install in facts.installs
        if install.run.stage.is_reachable and goes_by_names(install)
        for package in install.packages
        if is_loose(package) and package.name not in (TOOLS if install.run.stage.is_shipped else BUILDERS)
    ]
    nested = [one for one in loose if one[1].name == "install" and _is_verb(one[0], one[1])]
    if nested:
        yield _and_missing(facts, nested)
    loose = [one for one in loose if one[0] not in {install for install, _, _ in nested}]
    cut = [one for one in loose if _cut_by_shell(one[0], one[1])]
    if cut:
        yield _cut_short(facts, cut)
    loose = [one for one in loose if one not in cut]
    locked = [one for one in loose if one[2]]
    others = [one for one in loose if not one[2]]
    if locked:
        yield _finding(facts, locked, "without the version that the project's lock has", _fix(facts, locked))
    if others:
        yield _finding(facts, others, "without a version", None)


def _is_verb(install: Install, package: PackageArgument) -> bool:
    """``pip`` stands before it: a command inside another."""
    texts = install.call.texts
    at = texts.index(package.word.value, 1) if package.word.value in texts[1:] else 0
    return at > 0 and texts[at - 1] in {"pip", "pip3", "uv"}


def _and_missing(facts: Facts, nested: Sequence[Loose]) -> Finding:
    (_, package, _), *rest = nested
    return RULE.at(
        facts.place(package.word.span),
        "pip install stands inside another pip install: && is missing",
        why="two packages called pip and install are asked for, and the index may have them",
        related=[facts.place(one.word.span) for _, one, _ in rest],
        severity=Severity.ERROR,
    )


def _cut_by_shell(install: Install, package: PackageArgument) -> Redirect | None:
    """``pip install torch>=2.0``: the shell writes what pip says to a file called ``=2.0``."""
    return next(
        (
            one
            for one in install.command.redirects
            if one.operator == ">"
            and one.descriptor is None
            and one.target.value.startswith("=")
            and one.span.start == package.word.span.end
        ),
        None,
    )


def _cut_short(facts: Facts, cut: Sequence[Loose]) -> Finding:
    first, *rest = [
        Span(package.word.span.start, redirect.span.end)
        for install, package, _ in cut
        if (redirect := _cut_by_shell(install, package))
    ]
    return RULE.at(
        facts.place(first),
        f"{facts.text(first)} has no quotes: the shell takes > for a file to write to",
        why="no version is asked for, and what the command says is gone",
        related=[facts.place(span) for span in rest],
    )


def _known_version(install: Install, package: PackageArgument) -> str:
    """The one version that the project's lock, or else its requirements.txt, names for it."""
    if not install.is_python:
        return ""
    project = install.run.stage.facts.project
    locked = {found.version for lock in project.locks[:1] for found in lock.find(package.name)}
    if not locked and project.main_requirements:
        entries = project.main_requirements.all_entries
        locked = {entry.pinned for entry in entries if entry.name == package.name and entry.pinned}
    version = locked.pop() if len(locked) == 1 else ""
    return version if "+" not in version else ""


def _finding(facts: Facts, loose: Sequence[Loose], how: str, fix: Fix | None) -> Finding:
    names = list(dict.fromkeys(package.name for _, package, _ in loose))
    rest = len(names) - _SHOWN
    more = f" and {rest} more package{'s' if rest > 1 else ''}" if rest > 0 else ""
    verb = "are" if len(names) > 1 else "is"
    spans = list(dict.fromkeys(install.span for install, _, _ in loose))
    return RULE.at(
        facts.place(loose[0][1].word.span if len(spans) == 1 else spans[0]),
        f"{', '.join(names[:_SHOWN])}{more} {verb} installed {how}",
        why="the same line installs something else as soon as the layer is built again",
        related=[facts.place(span) for span in spans[1:]],
        fix=fix,
    )


def _fix(facts: Facts, loose: Sequence[Loose]) -> Fix | None:
    edits = [_pin(facts, package, version) for _, package, version in loose]
    if not all(edits):
        return None
    touched = frozenset(install.run.index for install, _, _ in loose)
    effect = Effect(touches=touched, aspects=frozenset({Aspect.COMMANDS}))
    return Fix("install the locked versions", tuple(edit for edit in edits if edit), Safety.UNSAFE, effect)


def _pin(facts: Facts, package: PackageArgument, version: str) -> Edit | None:
    """Put the version behind the name, within its quotes."""
    word = package.word
    is_plain = not package.specifier and not package.marker and word.is_literal
    is_quoted = word.raw[:1] in _QUOTES and word.raw == f"{word.raw[:1]}{word.value}{word.raw[:1]}"
    if not is_plain or not (is_quoted or word.raw == word.value):
        return None
    end = word.span.end - is_quoted
    return Edit(facts.file.name, Span(end, end), f"=={version}")


RULE = Rule("F2", "unpinned-install", Severity.WARNING, _check, also=("DL3013",))
