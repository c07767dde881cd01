r"""One package at two versions, in two layers: both are stored.

Why: pip removes the old version's files only from its own view; the layer below keeps them. torch of
another version than the base image's is 5 to 7 GB that nobody can import. `pip uninstall` of what the base
brings frees nothing either.

Belongs to G11. Only versions that are written down are compared.

## Bad

```dockerfile
FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```text requirements.txt
torch==2.4.1
```

## Bad: two RUNs

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.6.0
RUN pip install --no-cache-dir torch==2.8.0 vllm==0.10.2
```

## Bad: uninstalled from the base

```dockerfile
FROM rocm/pytorch:rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2
RUN pip uninstall -y torch && pip install --no-cache-dir --pre torch
```

## Good

```dockerfile
FROM pytorch/pytorch:2.4.1-cuda12.1-cudnn9-runtime
RUN pip install --no-cache-dir torch==2.4.1 transformers==4.46.3
```

## Good: two stages

```dockerfile
FROM python:3.12-slim AS build
RUN pip install --no-cache-dir torch==2.6.0

FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.8.0
```

## Fix

None: choose one version; take the base that has it, or a base without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Basis, Cost, Rule, Severity
from wherry.check.rules.bytes._asked import asked_by
from wherry.check.rules.bytes._bounds import installs_of
from wherry.check.sizes import closure_of
from wherry.check.wheel_sizes import wheel_of
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding, Place

_OF_BASE: Final = {"pytorch": "torch", "tensorflow": "tensorflow"}
"""Families whose tags begin with the framework's version."""


class _Stored(Frozen):
    """What a layer holds of one package."""

    version: str  # empty: not told
    where: str  # in words
    place: Place
    layer: int  # index of the instruction
    build: str = "cuda"


def _check(facts: Facts) -> Iterator[Finding]:
    stored = _of_base(facts)
    for install in installs_of(facts.target):
        if not install.is_python or install.call.is_conditional:
            continue
        if install.action == "remove":
            yield from _uninstalled(facts, install, stored)
        elif install.action in {"install", "sync"}:
            yield from _installed(facts, install, stored)


def _of_base(facts: Facts) -> dict[str, _Stored]:
    base = facts.target.base
    root = facts.target.chain[-1]
    named = _OF_BASE.get(base.family, "")
    place = facts.place(root.base_span)
    build = "rocm" if base.family == "rocm" else "cuda"
    return {
        name: _Stored(base.version if name == named else "", f"the base {base.repository}", place, -1, build)
        for name in base.frameworks
        if name != named or base.version  # a tag that names no version may be the very one
    }


def _installed(facts: Facts, install: Install, stored: dict[str, _Stored]) -> Iterator[Finding]:
    is_own_build = install.run.stage.base.family == "nvidia"  # the like of which no index has
    for asked in asked_by(install):
        version = asked.specifier.lstrip("= ") if asked.specifier.startswith("==") else ""
        if not version or asked.is_local or "*" in version or "," in version or "$" in version:
            continue
        before = stored.get(asked.name)
        may_be_it = before is not None and before.layer < 0 and not before.version and not is_own_build
        if (
            before
            and not may_be_it
            and before.layer != install.run.index
            and _differ(before.version, version)
        ):
            was = f"{before.version} of {before.where}" if before.version else f"that of {before.where}"
            yield _finding(
                f"{asked.name} {version} replaces {was}, which stays stored", asked.name, before, asked.place
            )
        line = facts.file.line(install.span.start)
        stored[asked.name] = _Stored(version, f"line {line}", asked.place, install.run.index)


def _differ(first: str, second: str) -> bool:
    """They are certainly not the same: 2.1 may be 2.1.0, and +cu121 is told by some tags only."""
    if not first:
        return True
    ones, others = (text.partition("+")[0].split(".") for text in (first, second))
    return any(one != other for one, other in zip(ones, others, strict=False))


def _uninstalled(facts: Facts, install: Install, stored: dict[str, _Stored]) -> Iterator[Finding]:
    for name in install.names:
        before = stored.pop(name, None)
        if before and before.layer < 0:
            yield _finding(
                f"uninstalling {name} frees nothing, {before.where} stores it",
                name,
                before,
                facts.place(install.span),
            )


def _finding(what: str, name: str, before: _Stored, place: Place) -> Finding:
    return RULE.at(
        place,
        what,
        why="a later layer hides files, it does not remove them: both versions are pulled",
        cost=_cost(name, before),
        related=[before.place],
    )


def _cost(name: str, before: _Stored) -> Cost:
    """What is stored in vain: of torch with all of CUDA that it required."""
    is_torch = name == "torch"
    closure = closure_of(name, before.version, before.build) if is_torch else wheel_of(name)
    if closure is None:
        return Cost()
    return Cost(closure.unpacked_bytes, basis=Basis.TABLE, source=closure.source)


RULE = Rule("G21", "package-twice", Severity.WARNING, _check)
