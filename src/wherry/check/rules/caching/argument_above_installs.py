r"""An ARG that is other with every build stands above the installs.

Why: every RUN below an ARG has it in its environment, so a new value builds all of them again, whether they
use it or not. With `ARG GIT_SHA` at the top each commit installs every package anew, and the image's large
layers are pushed and pulled anew; at the bottom it costs a label.

A LABEL alone is no trouble to BuildKit: it belongs to the image's settings, which no RUN depends on.

## Bad

```dockerfile
FROM python:3.12-slim
ARG GIT_SHA=unknown
ARG BUILD_DATE
LABEL org.opencontainers.image.revision=$GIT_SHA \
      org.opencontainers.image.created=$BUILD_DATE
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
COPY server ./server
CMD ["python", "-m", "server"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
ARG GIT_SHA=unknown
ARG BUILD_DATE
LABEL org.opencontainers.image.revision=$GIT_SHA \
      org.opencontainers.image.created=$BUILD_DATE
COPY server ./server
CMD ["python", "-m", "server"]
```

## Bad: handed on to the environment

```dockerfile
FROM debian:12-slim

# what Sentry calls this
ARG RELEASE
ENV SENTRY_RELEASE=${RELEASE}

RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
COPY bin/ /usr/local/bin/
RUN /usr/local/bin/setup --release $RELEASE
```

## Fixed: handed on to the environment

```dockerfile
FROM debian:12-slim

RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*

# what Sentry calls this
ARG RELEASE
ENV SENTRY_RELEASE=${RELEASE}
COPY bin/ /usr/local/bin/
RUN /usr/local/bin/setup --release $RELEASE
```

## Good: the install needs it

```dockerfile
FROM python:3.12-slim
ARG VERSION=1.4.0
RUN pip install --no-cache-dir service==$VERSION
```

## Good: a script may read it

```dockerfile
FROM python:3.12-slim
ARG BUILD_NUMBER
COPY setup.sh /
RUN /setup.sh && pip install --no-cache-dir numpy==2.1.3
```

## Fix

Safe: it moves below the installs, with what only hands it on, and past nothing that names it or might read it
from the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity
from wherry.check.rules.caching._volatile import early_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        for found in early_arguments(stage) if stage.is_reachable else ():
            names = " and ".join(found.names[:2])
            verb = "change" if len(found.names) > 1 else "changes"
            yield RULE.at(
                facts.place(found.instructions[0].span),
                f"{names} {verb} with every build, before {found.what}",
                why="each new value installs all of it again",
                related=[facts.place(install.span) for install in found.installs],
                fix=found.fix(facts),
            )


RULE = Rule("B3", "argument-above-installs", Severity.WARNING, _check)
