"""Compose takes the walls of the container away, or hides what the image holds.

Why: `privileged` and the host's network or process space make a break-in into the container one into the
host. A bind mount over the directory that the image copied its code to runs whatever lies on that machine
instead.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    privileged: true
```

## Bad: the code of the image is hidden

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
CMD ["python", "serve.py"]
```

```yaml compose.prod.yaml
services:
  api:
    build: .
    volumes:
      - .:/app
```

## Good

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    volumes:
      - models:/models
volumes:
  models:
```

## Fix

None: name the one capability or device that is needed; mount code in an override file for development only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.compose import ComposeService
    from wherry.check.model import Finding

_PRODUCTION: Final = regex(r"prod|deploy|release", re.IGNORECASE)


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    for service in facts.compose:
        if service.privileged is not None:
            yield RULE.at(
                service.privileged.place,
                f"{service.name} is privileged",
                why="root in the container is root on the host",
            )
        for key, value in (("network", service.network_mode), ("process space", service.pid)):
            if value is not None and value.value == "host":
                yield RULE.at(
                    value.place,
                    f"{service.name} shares the host's {key}",
                    why="what listens on the host's loopback, or runs there, is open to the container",
                    severity=Severity.INFO,
                )
        if _PRODUCTION.search(service.path.name):
            yield from _hidden(facts, service)


def _hidden(facts: Facts, service: ComposeService) -> Iterator[Finding]:
    """Bind mounts of the project over what the image copied."""
    for volume in service.volumes:
        source, _, rest = volume.value.partition(":")
        target = rest.partition(":")[0]
        copies = [copy for copy in facts.target.all_copies if target and copy.lands(target)]
        if source.startswith(".") and copies:
            yield RULE.at(
                volume.place,
                f"{source} of the machine hides {target} of the image",
                why="what runs is not what was built and tested",
                related=[facts.place(copies[-1].instruction.span)],
            )


RULE = Rule("H9", "container-is-open", Severity.WARNING, _check)
