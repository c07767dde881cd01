"""A stage that no build can reach.

Why: it has no name, so `--target` cannot name it, and nothing that comes after takes from it: Docker never
builds it, yet everybody who reads the file does. Most often its `AS name` was lost, or the `COPY --from` that
used it. A stage with a name is left alone: it may be the target of a test run.

## Bad

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv

FROM python:3.12-slim
RUN pip install --no-cache-dir pytest==8.3.4

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
```

## Good

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv

FROM python:3.12-slim AS test
RUN pip install --no-cache-dir pytest==8.3.4

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
```

## Good: taken by its number

```dockerfile
FROM python:3.12
RUN python -m venv /opt/venv

FROM python:3.12-slim
COPY --from=0 /opt/venv /opt/venv
```

## Fix

None: name it (`AS test`) or take it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    last = facts.graph.stages[-1]
    for stage in facts.graph.stages:
        if stage is last or stage.name or facts.graph.users_of(stage) or stage is facts.graph.target:
            continue
        span = Span(stage.start.span.start, stage.start.span.end)
        yield RULE.at(
            facts.place(span),
            f"nothing takes from stage {stage.index}, and it has no name to be built by",
            why="Docker never builds it",
        )


RULE = Rule("A5", "unreachable-stage", Severity.WARNING, _check, also=("tally/no-unreachable-stages",))
