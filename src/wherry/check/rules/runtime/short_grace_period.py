"""Kubernetes gives the server less time to stop than its own settings promise its requests.

Why: at a stop the kubelet sends SIGTERM, waits `terminationGracePeriodSeconds` (30 by default) and kills. A
server that is told to finish requests for longer than that loses them: a long generation ends in the middle.

## Bad

```dockerfile
FROM python:3.12-slim
CMD ["gunicorn", "--graceful-timeout", "120", "--bind", "0.0.0.0:8000", "app:app"]
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
          resources: {limits: {memory: 4Gi}}
```

## Good

```dockerfile
FROM python:3.12-slim
CMD ["gunicorn", "--graceful-timeout", "120", "--bind", "0.0.0.0:8000", "app:app"]
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
      terminationGracePeriodSeconds: 150
      containers:
        - name: api
          image: registry.example/team/api:1.4.0
          resources: {limits: {memory: 4Gi}}
```

## Fix

None: make `terminationGracePeriodSeconds` longer than the server's own timeout.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.model import Finding

_OPTIONS: Final = frozenset({"--graceful-timeout", "--timeout-graceful-shutdown", "--graceful_timeout"})
_DEFAULT_S: Final = 30


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    for call in facts.target.ending.calls:
        promised = _promised(call)
        if promised is None:
            continue
        for workload in {id(one.workload): one.workload for one in facts.running}.values():
            text = workload.grace_period
            given = int(text.value) if text is not None and text.value.isdecimal() else _DEFAULT_S
            if given < promised and workload.name is not None:
                yield RULE.at(
                    text.place if text is not None else workload.name.place,
                    f"the {workload.kind} is killed {given} s after it is told to stop",
                    why=f"{call.program} lets its requests take {promised} s",
                    related=[facts.place(call.command.span)],
                )


def _promised(call: Call) -> int | None:
    """The seconds that the server gives its requests at a stop."""
    for text, following in pairwise((*call.texts, "")):
        name, equals, value = text.partition("=")
        given = value if equals else following
        if name in _OPTIONS and given.isdecimal():
            return int(given)
    return None


RULE = Rule("H12", "short-grace-period", Severity.WARNING, _check)
