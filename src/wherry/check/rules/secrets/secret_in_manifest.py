"""A compose file or a Kubernetes manifest holds a secret's value.

Why: the manifest is in the repository, and whoever may read the deployment can read it. Compose takes a
variable without a value from the environment of whoever starts it, and Kubernetes takes it from a Secret.

## Bad

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    environment:
      OPENAI_API_KEY: sk-proj-9fKq2LmXzR7vTbYc3PdSwJhGnUa8eKo
```

## Bad: Kubernetes

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

```yaml k8s/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: api
          image: registry.example/team/api:1.4.0
          env:
            - name: DATABASE_PASSWORD
              value: x9Lq2vTz7Rk4mW
```

## Good

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

```yaml compose.yaml
services:
  api:
    build: .
    environment:
      - OPENAI_API_KEY
      - DATABASE_PASSWORD=${DATABASE_PASSWORD}
      - MAX_TOKENS=512
```

## Fix

None: take the value out, change it, and name where it comes from: a variable without a value in compose,
`valueFrom.secretKeyRef` in Kubernetes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.facts.secrets import find_secrets, is_placeholder, is_reference, is_secret_name, redacted
from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding, Place


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    seen: set[str] = set()
    for name, value, place in _literals(facts):
        if str(place) in seen or not _is_secret(name, value):
            continue
        seen.add(str(place))
        yield RULE.at(
            place,
            f"the value of {name} stands in the file: {redacted(value)}",
            why="everyone who can read the repository or the deployment has it; change it",
        )


def _literals(facts: Facts) -> Iterator[tuple[str, str, Place]]:
    """Names and literal values of what runs the image."""
    for service in facts.compose:
        for entry in (*service.environment, *service.build_args):
            if entry.text is not None:
                yield entry.name, entry.text.value, entry.place
    for workload in facts.workloads:
        for container in (*workload.containers, *workload.init_containers):
            for variable in container.environment:
                if variable.text is not None and not variable.is_reference:
                    yield variable.name, variable.text.value, variable.place


def _is_secret(name: str, value: str) -> bool:
    if is_placeholder(value) or "$" in value:
        return False
    return bool(find_secrets(value, name)) or (is_secret_name(name) and not is_reference(value))


RULE = Rule("E8", "secret-in-manifest", Severity.ERROR, _check)
