"""The image is made for a GPU and is deployed without one, or the other way round.

Why: a container sees no GPU unless whoever starts it asks for one. Without a device reservation in compose,
or `nvidia.com/gpu` among a container's limits in Kubernetes, `torch.cuda.is_available()` is False in an
image that carries gigabytes of CUDA: the service refuses to start, or answers a hundred times slower and
nobody knows why. The other way round a GPU is taken from those who could use it: torch's CPU build never
touches it.

## Bad: compose

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
CMD ["python3", "-m", "server"]
```

```yaml compose.yaml
services:
  server:
    build: .
    ports: ["8000:8000"]
```

## Bad: Kubernetes

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir vllm==0.6.6
CMD ["vllm", "serve", "/models"]
```

```yaml k8s/deployment.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: llm
spec:
  selector:
    matchLabels: {app: llm}
  template:
    metadata:
      labels: {app: llm}
    spec:
      containers:
        - name: llm
          image: registry.example.com/team/llm:1.0
          resources:
            limits:
              memory: 32Gi
```

## Bad: a GPU for nothing

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.4.0+cpu
CMD ["python", "-m", "server"]
```

```yaml compose.yaml
services:
  server:
    build: .
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: 1
              capabilities: [gpu]
```

## Good: compose

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
CMD ["python3", "-m", "server"]
```

```yaml compose.yaml
services:
  migrate:
    build: .
    command: python3 -m server.migrate
  server:
    build: .
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: 1
              capabilities: [gpu]
```

## Good: Kubernetes

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
CMD ["python3", "-m", "server"]
```

```yaml k8s/pod.yaml
apiVersion: v1
kind: Pod
metadata:
  name: server
spec:
  containers:
    - name: server
      image: registry.example.com/team/server:1.0
      resources:
        limits:
          nvidia.com/gpu: 1
```

## Good: no deployment to be seen

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
CMD ["python3", "-m", "server"]
```

## Fix

None: another file says it. In compose:

```yaml
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: 1
              capabilities: [gpu]
```

and in Kubernetes `nvidia.com/gpu: 1` below `resources.limits`. If the service is to run without a GPU, take
the wheels for the CPU, which are a fraction of the size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity
from wherry.check.rules.gpu._deployed import (
    container_asks,
    cpu_image,
    gpu_image,
    service_asks,
    service_declines,
    services,
    with_overlays,
    with_patches,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding, Place

_WHY_NONE = "the container sees no GPU: it refuses to start, or runs on the CPU"
_WHY_IDLE = "a GPU is kept from others and never used"


def _check(facts: Facts) -> Iterator[Finding]:
    if not facts.compose and not facts.running:
        return
    if gpu := gpu_image(facts):
        yield from _without(facts, *gpu)
    elif cpu := cpu_image(facts):
        yield from _for_nothing(facts, *cpu)


def _without(facts: Facts, reason: str, place: Place) -> Iterator[Finding]:
    """Nothing that runs the image gets a GPU; where one of several does, the rest may do without."""
    run = services(facts)
    said = [layer for one in run for layer in with_overlays(facts, one)]
    if run and not any(service_asks(one) or service_declines(one) for one in said):
        yield RULE.at(
            run[0].place,
            f"service {run[0].name} asks for no GPU, and the image is made for one: {reason}",
            why=_WHY_NONE,
            related=(place, *(one.place for one in run[1:4])),
        )
    running = facts.running
    if running and not any(container_asks(layer) for one in running for layer in with_patches(facts, one)):
        first = running[0].container
        yield RULE.at(
            first.place,
            f"container {first.name or first.image} asks for no GPU, and the image is made for one: {reason}",
            why=_WHY_NONE,
            related=(place, *(one.container.place for one in running[1:4])),
        )


def _for_nothing(facts: Facts, reason: str, place: Place) -> Iterator[Finding]:
    for service in services(facts):
        if service.gpu:
            yield RULE.at(
                service.gpu.place,
                f"service {service.name} reserves a GPU, and {reason}",
                why=_WHY_IDLE,
                related=(place,),
            )
    for one in facts.running:
        if one.container.gpu:
            yield RULE.at(
                one.container.gpu.place,
                f"container {one.container.name or one.container.image} takes {one.container.gpu_resource},"
                f" and {reason}",
                why=_WHY_IDLE,
                related=(place,),
            )


RULE = Rule("C13", "gpu-not-reserved", Severity.WARNING, _check)
