"""Compose waits for a service, or restarts it, and nothing says when it is healthy.

Why: a server that loads 15 GB of weights is up for minutes before it answers. `depends_on` with
`service_healthy` waits for ever without a health check, and without one a proxy sends requests to a model
that is still loading.

## Bad

```dockerfile
FROM python:3.12-slim
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

```yaml compose.yaml
services:
  model:
    build: .
  web:
    image: registry.example/team/web:2.0.1
    depends_on:
      model:
        condition: service_healthy
```

## Bad: its code says where

```dockerfile
FROM python:3.12-slim
COPY app.py ./
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

```python app.py
from fastapi import FastAPI

app = FastAPI()


@app.get("/healthz")
def healthz() -> str:
    return "ok"
```

```yaml compose.yaml
services:
  model:
    build: .
  web:
    image: registry.example/team/web:2.0.1
    depends_on:
      model:
        condition: service_healthy
```

## Fixed: its code says where

```dockerfile
FROM python:3.12-slim
COPY app.py ./
EXPOSE 8000
HEALTHCHECK --start-period=10m CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

## Good

```dockerfile
FROM python:3.12-slim
EXPOSE 8000
HEALTHCHECK --start-period=10m CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/')"]
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "8000"]
```

```yaml compose.yaml
services:
  model:
    build: .
  web:
    image: registry.example/team/web:2.0.1
    depends_on:
      model:
        condition: service_healthy
```

## Good: nobody waits

```dockerfile
FROM python:3.12-slim
CMD ["python", "train.py"]
```

## Fix

Unsafe, where it is known what to ask: the server is one whose health has an address of its own (vLLM, Triton,
BentoML, Streamlit, MLflow), a Kubernetes probe names the path, or the code has one route that is called
health, ready, live or ping; the port is on the command line, or the server's own and EXPOSE says no other;
and the image has Python. None for the rest: only the author knows what a healthy answer is. The
`start-period` is to be as long as the weights take to load. Kubernetes does not read HEALTHCHECK: there a
probe does it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.runtime._health import health_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.compose import ComposeService
    from wherry.check.facts.texts import Text
    from wherry.check.model import Finding

_STARTS: Final = frozenset({"cmd", "entrypoint"})


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None or facts.target.ending.healthcheck is not None:
        return
    for service in facts.compose:
        waiting = _waiting_for(facts, service)
        if waiting is not None and not service.has_healthcheck:
            yield RULE.at(
                waiting.place,
                f"this waits until {service.name} is healthy, and nothing says when it is",
                why="without a health check a container is never healthy, so the other never starts",
                related=[service.place, facts.place(facts.target.start.span)],
                fix=None if service.command or service.entrypoint else _fix(facts),
            )


def _fix(facts: Facts) -> Fix | None:
    """Ask the server, above what starts it."""
    start = next((one for one in facts.target.stage.instructions if one.keyword in _STARTS), None)
    health = health_of(facts) if start else None
    if start is None or health is None:
        return None
    return Fix(
        f"ask {health.path} of port {health.port} how it is",
        (put_before(facts.dockerfile, start, health.instruction),),
        Safety.UNSAFE,
        Effect(inserts=1, aspects=frozenset({Aspect.ENTRY})),
    )


def _waiting_for(facts: Facts, service: ComposeService) -> Text | None:
    """Where another service of the same file waits for this one's health."""
    neighbours = facts.neighbours
    for other in neighbours.all_compose if neighbours else ():
        if other.path == service.path and other.name.value != service.name.value:
            node = other.node.get("depends_on", service.name.value, "condition")
            if node is not None and node.text is not None and node.text.value == "service_healthy":
                return node.text
    return None


RULE = Rule("H4", "no-health-check", Severity.ERROR, _check, also=("DL3057", "DS-0026"))
