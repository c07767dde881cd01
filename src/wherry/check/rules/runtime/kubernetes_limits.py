"""A Kubernetes workload asks for no memory, or pulls a large image at every start.

Why: without a memory request the scheduler packs model servers onto one node until the kernel kills one. An
image named `latest` is asked for anew at every start of every pod, and two pods of one deployment may run two
images. `imagePullPolicy: Always` asks for one that cannot change, too: while the registry does not answer, no
pod starts on a node that has the image. It is told of containers that plainly
run the image of this Dockerfile.

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

## Bad: asked for at every start

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
          imagePullPolicy: Always  # as the tutorial has it
          resources:
            limits: {memory: 4Gi}
```

## Fixed: asked for at every start

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
          imagePullPolicy: IfNotPresent  # as the tutorial has it
          resources:
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

Safe for the policy, where the image is named by a digest or a full version: it becomes `IfNotPresent`. None
for the rest: measure what the server takes with its weights loaded, and name the image by version or digest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from wherry.check.model import Rule, Safety, Severity
from wherry.check.yaml_edits import fix_of, put
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.kubernetes import Container
    from wherry.check.facts.texts import Text
    from wherry.check.model import Finding, Fix

_VERSION: Final = regex(r"v?\d+\.\d+\.\d+(?:[-+._]\w[\w.-]*)?")


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    for workload, container in ((one.workload, one.container) for one in facts.running):
        image = container.image
        if image is None or "{{" in image.value or "$" in image.value:
            continue
        if _floats(image):
            yield RULE.at(
                image.place,
                "the image is whatever latest is when a pod starts",
                why="two pods of one deployment may run two images, and every start asks the registry",
            )
        policy = container.pull_policy
        if policy is not None and policy.value == "Always" and _is_fixed(image):
            yield RULE.at(
                policy.place,
                "the registry is asked at every start for an image that does not change",
                why="while it does not answer no pod starts, not even where the image is",
                severity=Severity.INFO,
                fix=_fix(container),
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


def _is_fixed(image: Text) -> bool:
    """It is named by its digest, or by a version that is not moved on: ``1.4.0``, ``v2.1.0-cuda12``."""
    name, at, digest = image.value.rpartition("/")[2].partition("@")
    return digest.startswith("sha256:") if at else _VERSION.fullmatch(name.partition(":")[2]) is not None


def _fix(container: Container) -> Fix | None:
    fix = fix_of(
        "pull it where it is not present", [put(container.node, {"imagePullPolicy": "IfNotPresent"})]
    )
    return replace(fix, safety=Safety.SAFE) if fix else None


def _is_bounded(container: Container) -> bool:
    return "memory" in container.requests or "memory" in container.limits


RULE = Rule(
    "H8", "kubernetes-limits", Severity.WARNING, _check, also=("KSV011", "KSV013", "KSV016", "KSV018")
)
