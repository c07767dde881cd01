"""Two stages have one name, or a stage has a name that means something else.

This is part of A5 in the list of rules.

Why: `COPY --from=build` takes the last stage called `build`, so the first is lost without a word. `scratch`
and `context` are BuildKit's own: `FROM scratch` is never the stage of that name, and `--from=context` may be
the files of the build.

## Bad: twice

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv

FROM node:22 AS build
RUN npm --version

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
```

## Bad: reserved

```dockerfile
FROM alpine:3.20 AS context
RUN apk add --no-cache ca-certificates

FROM scratch
COPY --from=context /etc/ssl /etc/ssl
```

## Good

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv

FROM node:22 AS web
RUN npm --version

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
```

## Fix

None: what refers to the name must be looked at too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding
    from wherry.dockerfile.stages import Stage

_RESERVED: Final = frozenset({"scratch", "context"})
_NAME: Final = 2  # FROM image AS name


def _check(facts: Facts) -> Iterator[Finding]:
    seen: dict[str, Stage] = {}
    for stage in facts.graph.stages:
        if stage.name is None:
            continue
        place = facts.place(stage.start.arguments[_NAME].span)
        if stage.name in _RESERVED:
            yield RULE.at(
                place,
                f"a stage is called {stage.name}, which is BuildKit's own word",
                why="FROM and --from may mean something else by it",
            )
        elif stage.name in seen:
            yield RULE.at(
                place,
                f"there is a stage {stage.name} already",
                why="whatever names it gets the last one",
                related=[facts.place(seen[stage.name].start.span)],
            )
        seen[stage.name] = stage


RULE = Rule(
    "A10",
    "stage-name-taken",
    Severity.WARNING,
    _check,
    also=("DL3024", "DuplicateStageName", "ReservedStageName"),
)
