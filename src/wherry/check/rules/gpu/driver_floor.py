"""The driver that the image asks for is not the driver that it needs.

Why: CUDA 11 runs from driver 450 on, CUDA 12 from 525, CUDA 13 from 580; within a major version a toolkit
runs on every driver of that version, and newer drivers run them all. `NVIDIA_REQUIRE_CUDA` is how an image
says what it needs, and the container does not start where that is not met. A floor with a minor version
(`cuda>=12.8`) refuses drivers that would do: of all complaints about the container toolkit it is the first
(NVIDIA/nvidia-container-toolkit issue 152, theroyallab/tabbyAPI issue 324, ggml-org/llama.cpp issue 9665).

The other way round is worse. A base for CUDA 12 lets the container start with driver 525; PyPI's torch is
built for CUDA 13 since 2.11 and then finds no GPU: "The NVIDIA driver on your system is too old".

## Bad

```dockerfile
FROM python:3.12-slim
ENV NVIDIA_REQUIRE_CUDA="cuda>=12.8"
RUN pip install --no-cache-dir torch==2.8.0
```

## Fixed

```dockerfile
FROM python:3.12-slim
ENV NVIDIA_REQUIRE_CUDA="cuda>=12.0"
RUN pip install --no-cache-dir torch==2.8.0
```

## Bad: wheels that need a newer driver

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN pip install --no-cache-dir torch==2.12.1
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN pip install --no-cache-dir torch==2.8.0
```

## Good: the major version

```dockerfile
FROM python:3.12-slim
ENV NVIDIA_REQUIRE_CUDA=cuda>=13.0
RUN pip install --no-cache-dir torch==2.12.1
```

## Fix

Unsafe: the floor becomes that of the major version. An image that compiles PTX when it runs does need the
minor one: for PTX there is no compatibility between minor versions. None for wheels: take those of the CUDA
that your drivers know, or a base of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.gpu._bases import root_of
from wherry.check.rules.gpu._shipping import named, shipped_frameworks
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.variables import Variable
    from wherry.check.model import Finding

_NAME: Final = "NVIDIA_REQUIRE_CUDA"
_FLOOR: Final = regex(r"cuda>=(\d{1,2})\.([1-9]\d?)")
_DRIVERS: Final = {11: 450, 12: 525, 13: 580}


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.shipped:
        for variable in stage.variables:
            if variable.kind == "env" and variable.name == _NAME:
                yield from _too_strict(facts, variable)
    yield from _too_lax(facts)


def _too_strict(facts: Facts, variable: Variable) -> Iterator[Finding]:
    found = _FLOOR.fullmatch(variable.value.strip())
    if found is None:
        return
    major = int(found[1])
    driver = f", which run from driver {_DRIVERS[major]} on" if major in _DRIVERS else ""
    yield RULE.at(
        facts.place(variable.span),
        f"{found[0]} refuses drivers that run any CUDA {major}",
        why=f"within a major version every toolkit runs on every driver{driver}",
        severity=Severity.INFO,
        fix=_fix(facts, variable, major),
    )


def _fix(facts: Facts, variable: Variable, major: int) -> Fix | None:
    span = variable.value_span
    written = facts.text(span) if span else ""
    if span is None or len(_FLOOR.findall(written)) != 1:
        return None
    return Fix(
        "ask for the major version",
        (Edit(facts.file.name, span, _FLOOR.sub(f"cuda>={major}.0", written)),),
        Safety.UNSAFE,
        Effect(frozenset({variable.instruction.index}), aspects=frozenset({Aspect.ENV})),
    )


def _too_lax(facts: Facts) -> Iterator[Finding]:
    """Wheels need a newer driver than the base lets the container start with."""
    base = facts.target.base
    if base.family != "cuda" or base.cuda is None or _says_more(facts):
        return
    for found in shipped_frameworks(facts):
        framework = found.framework
        if framework.carries != "wheels" or framework.cuda is None:
            continue
        needs, starts = _DRIVERS.get(framework.cuda[0], 0), _DRIVERS.get(base.cuda[0], 0)
        if needs > starts > 0:
            yield RULE.at(
                framework.text.place if framework.text else facts.place(found.install.span),
                f"{named(framework)} is built for CUDA {framework.cuda[0]} and needs driver {needs},"
                f" where {base.reference} starts with {starts}",
                why="on a driver in between the container starts and finds no GPU",
                related=(facts.place(root_of(facts.target).base_span),),
            )
            return


def _says_more(facts: Facts) -> bool:
    """The image itself says which driver it needs."""
    return any(one.name == _NAME and one.kind == "env" for one in facts.target.all_variables)


RULE = Rule("C15", "driver-floor", Severity.WARNING, _check)
