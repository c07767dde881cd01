"""A stage's name is not in lower case.

This is part of A5 in the list of rules. It is off unless asked for.

Why: BuildKit lowers stage names, and warns; `--target Build` and `COPY --from=Build` work, but other builders
and scripts that read the file may tell `Build` from `build`.

## Bad

```dockerfile
FROM golang:1.23 AS Builder
RUN go version

FROM alpine:3.20
COPY --from=builder /usr/local/go/VERSION /go-version
```

## Fixed

```dockerfile
FROM golang:1.23 AS builder
RUN go version

FROM alpine:3.20
COPY --from=builder /usr/local/go/VERSION /go-version
```

## Good

```dockerfile
FROM golang:1.23 AS builder
RUN go version
```

## Fix

Safe: to BuildKit it is the same name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding

_NAME: Final = 2  # FROM image AS name


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.graph.stages:
        name = stage.start.arguments[_NAME] if stage.name else None
        if name is None or name.value == name.value.lower():
            continue
        edit = Edit(facts.file.name, name.span, name.value.lower())
        effect = Effect(frozenset({stage.start.index}), aspects=frozenset({Aspect.STAGES}))
        yield RULE.at(
            facts.place(name.span),
            f"the stage {name.value} is not in lower case",
            why="BuildKit lowers it; others tell the two apart",
            fix=Fix("write it in lower case", (edit,), Safety.SAFE, effect),
        )


RULE = Rule(
    "A11",
    "stage-name-casing",
    Severity.INFO,
    _check,
    default=False,
    also=("StageNameCasing", "DL3063"),
)
