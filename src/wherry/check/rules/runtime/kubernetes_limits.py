"""A Kubernetes workload asks for no memory, or pulls a large image at every start.

Why: without a memory request the scheduler packs model servers onto one node until the kernel kills one. An
image named `latest` is asked for anew at every start of every pod, and two pods of one deployment may run two
images.

## Bad

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
```

## Bad: another image tomorrow

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
          image: registry.example/team/api:latest
          resources:
            requests: {memory: 4Gi}
            limits: {memory: 4Gi}
```

## Good

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
          resources:
            requests: {memory: 4Gi, cpu: "2"}
            limits: {memory: 4Gi}
```

## Fix

None: measure what the server takes with its weights loaded, and name the image by version or digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.kubernetes import Container
    from wherry.check.facts.texts import Text
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    for workload in facts.workloads:
        for container in workload.containers:
            image = container.image
            if image is None or "{{" in image.value or "$" in image.value:
                continue
            if _floats(image):
                yield RULE.at(
                    image.place,
                    "the image is whatever latest is when a pod starts",
                    why="two pods of one deployment may run two images, and every start asks the registry",
                )
            if not _is_bounded(container):
                yield RULE.at(
                    image.place,
                    f"the {workload.kind}'s container says nothing of memory",
                    why="the node takes more pods than fit, and the kernel kills one of them",
                )


def _floats(image: Text) -> bool:
    name = image.value.rpartition("/")[2]
    return "@" not in name and (":" not in name or name.endswith(":latest"))


def _is_bounded(container: Container) -> bool:
    return "memory" in container.requests or "memory" in container.limits


RULE = Rule(
    "H8", "kubernetes-limits", Severity.WARNING, _check, also=("KSV011", "KSV013", "KSV016", "KSV018")
)
