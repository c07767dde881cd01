r"""A package is compiled by every build, for there is no wheel of it for this Python.

Why: a wheel is unpacked in seconds; without one pip fetches the source and compiles it, with whatever
compilers the image then has to have. flash-attn takes the better part of an hour and, with too many jobs,
all memory (Dao-AILab/flash-attention #358, #391). On Alpine PyTorch, TensorFlow, ONNX Runtime and OpenCV
have no wheels at all: theirs are for glibc.

What a lock says of its files counts first. Without one only distributions are reported that are known to
have no wheel for Linux on PyPI, and no index or `--find-links` of their own is asked. `pip wheel` in a
stage of its own is how to do it once, and is not reported.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
torch==2.6.0
flash-attn==2.7.4.post1
```

## Bad: Alpine

```dockerfile
FROM python:3.12-alpine
RUN pip install --no-cache-dir onnxruntime==1.20.1 fastapi
```

## Bad: a lock that has none for this Python

```dockerfile
FROM python:3.13-slim
COPY --from=ghcr.io/astral-sh/uv:0.9.5 /uv /bin/
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev
```

```toml pyproject.toml
[project]
name = "app"
version = "1"
requires-python = ">=3.12"
dependencies = ["tokenlib"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"

[[package]]
name = "tokenlib"
version = "0.4.0"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://example.com/tokenlib-0.4.0.tar.gz", size = 10 }
wheels = [
    { url = "https://example.com/tokenlib-0.4.0-cp312-cp312-manylinux_2_28_x86_64.whl", size = 10 },
]
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels flash-attn==2.7.4.post1

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Good: somebody has the wheels

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir --find-links https://wheels.example.com/ flash-attn==2.7.4.post1
```

## Fix

None: take a version or a Python that has a wheel, the project's own wheels, or build one in a stage of its
own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity
from wherry.check.rules.bytes._asked import COMPILED, FOR_MINUTES, NOT_FOR_MUSL, asked_by
from wherry.check.rules.bytes._bounds import own_runs, stages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.locks import LockedPackage
    from wherry.check.model import Finding
    from wherry.check.rules.bytes._asked import Asked

_MOST = 3  # packages of a lock that are named
_ELSEWHERE = ("--index-url", "--extra-index-url", "--find-links", "--no-index")


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in stages_of(facts):
        if not stage.is_reachable:
            continue
        is_musl = stage.base.distro.startswith("alpine")
        for install in (one for run in own_runs(stage) for one in run.installs):
            if not install.is_python or install.action not in {"install", "sync"}:
                continue
            if install.inputs.lock is not None:
                yield from _of_lock(facts, install, is_musl=is_musl)
            elif not _asks_elsewhere(install):
                yield from _of_names(facts, install, is_musl=is_musl)


def _of_lock(facts: Facts, install: Install, *, is_musl: bool) -> Iterator[Finding]:
    python = install.run.stage.base.python
    lock = install.inputs.lock
    if python is None or lock is None:
        return
    missing = [
        package
        for package in lock.packages
        if _is_binary(package)
        and package.has_wheel_for(python, musl=is_musl) is False
        and _is_installed(install, package)
    ]
    if missing:
        names = ", ".join(f"{package.name} {package.version}" for package in missing[:_MOST])
        more = f" and {len(missing) - _MOST} more" if missing[_MOST:] else ""
        version = ".".join(map(str, python)) + (" on Alpine" if is_musl else "")
        yield RULE.at(
            facts.place(install.span),
            f"the lock has no wheel of {names}{more} for Python {version}",
            why="every build compiles it, and needs the compilers to do so",
            related=[package.text.place for package in missing[:_MOST]],
        )


def _is_binary(package: LockedPackage) -> bool:
    """It has wheels, and they are for machines: a source alone may be plain Python."""
    is_from_index = not package.local and package.git is None
    return is_from_index and bool(package.wheels) and not any(wheel.is_pure for wheel in package.wheels)


def _is_installed(install: Install, package: LockedPackage) -> bool:
    """It is not of groups alone that the command leaves out, and not for other systems."""
    lock = install.inputs.lock
    groups = lock.groups_of(package.name) if lock else frozenset()
    wanted = {"main", *install.groups, *(f"extra:{extra}" for extra in install.extras)}
    if install.installs_dev:
        wanted.add("dev")
    return not package.marker and (not groups or not groups.isdisjoint(wanted))


def _asks_elsewhere(install: Install) -> bool:
    """Another index, or a place with wheels, may have one."""
    options = {option.name for file in install.inputs.files for option in file.all_options}
    named = any(install.setting(name) for name in _ELSEWHERE)
    return named or not options.isdisjoint(_ELSEWHERE)


def _of_names(facts: Facts, install: Install, *, is_musl: bool) -> Iterator[Finding]:
    for asked in asked_by(install):
        if asked.is_local:
            continue
        if is_musl and asked.name in NOT_FOR_MUSL:
            yield _finding(facts, install, asked, f"{asked.name} has no wheel for Alpine, only for glibc")
        elif asked.name in COMPILED:
            what = f"{asked.name} has no wheel on PyPI and is compiled here"
            yield _finding(facts, install, asked, what, f"; take {COMPILED[asked.name]}")


def _finding(facts: Facts, install: Install, asked: Asked, what: str, instead: str = "") -> Finding:
    is_slow = asked.name in FOR_MINUTES | NOT_FOR_MUSL
    return RULE.at(
        asked.place,
        what,
        why=f"every build compiles it, and needs the compilers to do so{instead}",
        related=[facts.place(install.span)] if asked.source is not facts.file else (),
        severity=Severity.WARNING if is_slow else Severity.INFO,
    )


RULE = Rule("G10", "no-wheel", Severity.WARNING, _check)
