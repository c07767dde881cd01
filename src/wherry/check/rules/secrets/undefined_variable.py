"""A variable is empty where it is used, or not what it seems.

Why: an ARG above the first FROM is only for FROM: in a stage it is empty until `ARG NAME` stands there again,
and so are TARGETARCH and its like. Variables of one ENV see each other only from the next instruction on. And
`ENV NAME value` without `=` takes the rest of the line, so that a second variable becomes part of the first.
Nor does ENV run a command: `$(which conda)` stays the text that it is.

## Bad

```dockerfile
ARG MODEL_VERSION=1.4
FROM python:3.12-slim
COPY models/$MODEL_VERSION /models
```

```text models/1.4/config.json
{}
```

## Fixed

```dockerfile
ARG MODEL_VERSION=1.4
FROM python:3.12-slim
ARG MODEL_VERSION
COPY models/$MODEL_VERSION /models
```

## Bad: the machine

```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSLO https://downloads.example/tool-$TARGETARCH.tar.gz
```

## Fixed: the machine

```dockerfile
FROM debian:bookworm-slim
ARG TARGETARCH
RUN curl -fsSLO https://downloads.example/tool-$TARGETARCH.tar.gz
```

## Bad: one ENV

```dockerfile
FROM python:3.12-slim
ENV APP_HOME=/srv/app \
    APP_DATA=$APP_HOME/data
```

## Bad: a command

```dockerfile
FROM condaforge/miniforge3:24.9.2-0
ENV CMAKE_PREFIX_PATH="$(dirname $(which conda))/../"
```

## Bad: without =

```dockerfile
FROM python:3.12-slim
ENV PYTHONUNBUFFERED 1
ENV GREETING hello to all
```

## Fixed: without =

```dockerfile
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1
ENV GREETING="hello to all"
```

## Good

```dockerfile
ARG PYTHON_VERSION=3.12
FROM python:${PYTHON_VERSION}-slim
ARG TARGETARCH
ENV APP_HOME=/srv/app PATH=/srv/app/bin:$PATH
ENV APP_DATA=$APP_HOME/data
RUN echo "$PYTHON_VERSION on $TARGETARCH" && NAME=x && echo $NAME && echo '$MODEL'
```

## Fix

Unsafe, for an ARG that is missing in a stage: it is declared there, and the variable has its value. Safe, for
`ENV NAME value`: the value stays as it is. None for one ENV: make it two; and none for a command: write what
it says, or export the variable in the RUN that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_behind
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span, encode
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.facts.variables import Variable
    from wherry.check.model import Finding

_PLATFORM: Final = frozenset(
    f"{side}{part}" for side in ("TARGET", "BUILD") for part in ("ARCH", "PLATFORM", "OS", "VARIANT")
)
_OF_BASES: Final = frozenset(
    {
        *("PATH", "HOME", "LANG", "USER", "PWD", "SHELL", "HOSTNAME", "LD_LIBRARY_PATH", "PYTHONPATH"),
        *(
            "PYTHON_VERSION",
            "CUDA_VERSION",
            "NCCL_VERSION",
            "CUDNN_VERSION",
            "NODE_VERSION",
            "PYTORCH_VERSION",
        ),
        *("JAVA_HOME", "CONDA_DIR", "NB_USER", "NB_UID", "SPARK_HOME", "UV_VERSION", "GO_VERSION"),
    }
)
_USERS: Final = frozenset({"env", "copy", "add", "workdir", "user", "run", "label", "expose"})
_USE: Final = regex(rb"(?<![\\$])\$(?:\{([A-Za-z_][0-9A-Za-z_]*)[}#%/]|([A-Za-z_][0-9A-Za-z_]*))")
_SET: Final = regex(rb"(?:\bfor\s+|\bread\s+(?:-\w\s+)?|\b)([A-Za-z_][0-9A-Za-z_]*)(?:=|\s+in\b|\s*;)")
_COMMAND: Final = regex(r"(?<!\\)\$\([^()].{0,200}|(?<!\\)`[^`]{1,200}`")
_SHOWN: Final = 60
_SINGLE_QUOTED: Final = regex(rb"'[^']*'")
_PLAIN: Final = regex(r"[\w./:@%+,~ ${}-]+")


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        if stage.is_reachable:
            yield from _undeclared(facts, stage)
            yield from _of_one_env(facts, stage)
    yield from _commands(facts)
    yield from _without_equals(facts)


def _undeclared(facts: Facts, stage: StageFacts) -> Iterator[Finding]:
    """ARGs of the whole file, and those of the platform, that the stage uses and does not declare."""
    declared = {variable.name: variable for variable in reversed(facts.global_args)}
    for name, span in _used(stage, (declared.keys() | _PLATFORM) - _OF_BASES).items():
        yield RULE.at(
            facts.place(span),
            f"{name} is empty here: the stage has no ARG {name}",
            why="an ARG above FROM, or of the platform, is only seen where a stage declares it",
            related=[facts.place(declared[name].span)] if name in declared else [],
            fix=_declared(facts, stage, name),
        )


def _used(stage: StageFacts, names: AbstractSet[str]) -> dict[str, Span]:
    """Which of *names* the stage uses while they have no value, and where first."""
    found: dict[str, Span] = {}
    for instruction in stage.stage.instructions:
        if instruction.keyword not in _USERS or b"$" not in instruction.body.data:
            continue
        data = _SINGLE_QUOTED.sub(lambda match: b" " * len(match[0]), instruction.body.data)
        own = {match[1] for match in _SET.finditer(data)} if instruction.keyword == "run" else set()
        variables = stage.scope(instruction).variables
        for use in _USE.finditer(data):
            raw = use[1] or use[2]
            name = raw.decode()
            if name in names and name not in found and raw not in own and name not in variables:
                found[name] = instruction.body.span(use.start(), use.end())
    return found


def _declared(facts: Facts, stage: StageFacts, name: str) -> Fix:
    aspects = frozenset({Aspect.ENV, Aspect.WORKDIR, Aspect.USER})
    return Fix(
        f"declare {name} in the stage",
        (put_behind(facts.dockerfile, stage.start, f"ARG {name}\n"),),
        Safety.UNSAFE,
        Effect(inserts=1, aspects=aspects),
    )


def _of_one_env(facts: Facts, stage: StageFacts) -> Iterator[Finding]:
    """Values that name a variable of the same ENV, which was not set before."""
    before: dict[int, dict[str, Variable]] = {}
    for variable in stage.variables:
        if variable.kind != "env":
            continue
        earlier = before.setdefault(variable.instruction.index, {})
        used = encode(variable.raw or "") if earlier and "$" in (variable.raw or "") else b""
        known = stage.scope(variable.instruction).variables
        for match in _USE.finditer(_SINGLE_QUOTED.sub(b"", used)):
            one = earlier.get((match[1] or match[2]).decode())
            if one and one.name not in known and one.name not in _OF_BASES:
                yield RULE.at(
                    facts.place(variable.span),
                    f"{variable.name} does not see {one.name}, which the same ENV sets",
                    why="all values of one ENV are expanded with what was set before it",
                    related=[facts.place(one.span)],
                )
        earlier.setdefault(variable.name, variable)


def _commands(facts: Facts) -> Iterator[Finding]:
    """Values that look as if a command in them were run."""
    found = [
        (variable, command[0])
        for variable in facts.variables
        if variable.kind in {"env", "arg"} and not variable.name.startswith(("PS", "PROMPT"))
        if (
            command := _COMMAND.search(
                _SINGLE_QUOTED.sub(b"", encode(variable.raw or "")).decode(errors="replace")
            )
        )
    ]
    if found:
        (first, text), *rest = found
        yield RULE.at(
            facts.place(first.span),
            f"{first.name} holds the text {text[:_SHOWN]}: {first.kind.upper()} runs no command",
            why="who reads the variable gets the words, and no path or number",
            related=[facts.place(variable.span) for variable, _ in rest],
        )


def _without_equals(facts: Facts) -> Iterator[Finding]:
    found = [
        variable
        for variable in facts.variables
        if variable.kind in {"env", "label"} and variable.value_span and _gap(facts, variable).isspace()
    ]
    if found:
        names = ", ".join(dict.fromkeys(variable.name for variable in found[:3]))
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""  # noqa: PLR2004 - those not named
        yield RULE.at(
            facts.place(found[0].span),
            f"{names}{more}: set without =",
            why="the value is the rest of the line, and the form is deprecated",
            related=[facts.place(variable.span) for variable in found[1:]],
            fix=_with_equals(facts, found),
            severity=Severity.INFO,
        )


def _gap(facts: Facts, variable: Variable) -> str:
    end = variable.value_span.start if variable.value_span else variable.name_span.end
    return facts.text(Span(variable.name_span.end, end))


def _with_equals(facts: Facts, found: list[Variable]) -> Fix | None:
    edits = []
    for variable in found:
        raw = variable.raw or ""
        if variable.value_span is None or not _PLAIN.fullmatch(raw) or facts.text(variable.value_span) != raw:
            return None
        text = f'"{raw}"' if " " in raw else raw
        edits.append(Edit(facts.file.name, Span(variable.name_span.end, variable.value_span.end), f"={text}"))
    touched = frozenset(variable.instruction.index for variable in found)
    return Fix("write NAME=value", tuple(edits), Safety.SAFE, Effect(touches=touched))


RULE = Rule(
    "E12",
    "undefined-variable",
    Severity.WARNING,
    _check,
    also=("UndefinedVar", "LegacyKeyValueFormat", "DL3044"),
)
