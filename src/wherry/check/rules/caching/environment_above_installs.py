"""An ENV that is other with every release stands above the installs.

Why: `ENV APP_VERSION=1.4.2` is part of what every RUN below it is built from. Written at the top it makes
each release install all packages again; written below them it costs nothing.

## Bad

```dockerfile
FROM python:3.12-slim
ENV APP_VERSION=1.4.2
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY server ./server
CMD ["python", "-m", "server"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
ENV APP_VERSION=1.4.2
COPY server ./server
CMD ["python", "-m", "server"]
```

## Good

```dockerfile
FROM python:3.12-slim
ENV PYTHONUNBUFFERED=1 PYTHON_VERSION=3.12 NCCL_VERSION=2.21.5
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
ENV APP_VERSION=1.4.2
```

## Good: the install needs it

```dockerfile
FROM python:3.12-slim
ENV APP_VERSION=1.4.2
RUN pip install --no-cache-dir https://wheels.example.com/service-${APP_VERSION}-py3-none-any.whl
```

## Fix

Safe: it moves below the installs, and past nothing that names it or might read it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity
from wherry.check.rules.caching._volatile import early_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        for found in early_environment(stage) if stage.is_reachable else ():
            names = " and ".join(found.names[:2])
            verb = "change" if len(found.names) > 1 else "changes"
            yield RULE.at(
                facts.place(found.instructions[0].span),
                f"{names} {verb} with every release, before {found.what}",
                why="each new value installs all of it again",
                related=[facts.place(install.span) for install in found.installs],
                fix=found.fix(facts),
            )


RULE = Rule("B4", "environment-above-installs", Severity.INFO, _check)
