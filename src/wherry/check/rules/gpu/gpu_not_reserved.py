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

## Fixed: compose

```yaml compose.yaml
services:
  server:
    build: .
    ports: ["8000:8000"]
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: 1
              capabilities: [gpu]
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

## Fixed: Kubernetes

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
              nvidia.com/gpu: 1
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

## Fixed: a GPU for nothing

```yaml compose.yaml
services:
  server:
    build: .
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

Unsafe: the service gets a reservation of one NVIDIA GPU, or of as many as it is told to spread a model over
(`--tensor-parallel-size 4`), and the container `nvidia.com/gpu` among its limits; what stands there stays.
Where several run the image it is the one that starts what the image starts; where that is not one, none is
offered, nor for ROCm, whose devices are named otherwise, nor behind YAML's aliases. A GPU that is asked for
in vain is given back where one key says so, in lines of its own, and nothing else chooses the node or the
runtime for it. If the service is to run without a GPU, take the wheels for the CPU, which are a fraction of
the size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from wherry.check.model import Rule, Severity
from wherry.check.rules.gpu._deployed import (
    VISIBLE,
    container_asks,
    cpu_image,
    gpu_image,
    service_asks,
    service_declines,
    services,
    with_overlays,
    with_patches,
)
from wherry.check.rules.gpu._spread import spread_over
from wherry.check.yaml_edits import fix_of, put, take

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.compose import ComposeService
    from wherry.check.facts.deployments import Running
    from wherry.check.model import Finding, Fix, Place
    from wherry.check.yaml_edits import Value

_T = TypeVar("_T")

_DEVICES: Final = ("deploy", "resources", "reservations", "devices")
_WHY_NONE: Final = "the container sees no GPU: it refuses to start, or runs on the CPU"
_WHY_IDLE: Final = "a GPU is kept from others and never used"


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
        main = _only(run, [one for one in run if not one.command and not one.entrypoint])
        first = main or run[0]
        yield RULE.at(
            first.place,
            f"service {first.name} asks for no GPU, and the image is made for one: {reason}",
            why=_WHY_NONE,
            related=(place, *(one.place for one in run if one is not first))[:4],
            fix=_service_fix(facts, main) if main else None,
        )
    running = facts.running
    if running and not any(container_asks(layer) for one in running for layer in with_patches(facts, one)):
        own = _only(running, [one for one in running if not one.container.command])
        shown = (own or running[0]).container
        yield RULE.at(
            shown.place,
            f"container {shown.name or shown.image} asks for no GPU, and the image is made for one: {reason}",
            why=_WHY_NONE,
            related=(place, *(one.container.place for one in running if one.container is not shown))[:4],
            fix=_container_fix(facts, own) if own else None,
        )


def _only(run: Sequence[_T], with_own_start: Sequence[_T]) -> _T | None:
    """What the image is made for: all there is, or the only one that starts what the image starts."""
    found = run if len(run) == 1 else with_own_start
    return found[0] if len(found) == 1 else None


def _service_fix(facts: Facts, service: ComposeService) -> Fix | None:
    if _is_amd(facts):
        return None
    count = spread_over(facts, [*service.entrypoint, *service.command])
    device: Value = {"driver": "nvidia", "count": count, "capabilities": ["gpu"]}
    value: Value = {"resources": {"reservations": {"devices": [device]}}}
    return fix_of(f"reserve {_gpus(count)} for {service.name}", [put(service.node, {"deploy": value})])


def _container_fix(facts: Facts, running: Running) -> Fix | None:
    if _is_amd(facts):
        return None
    container = running.container
    count = spread_over(facts, [*container.command, *container.args])
    value: Value = {"limits": {"nvidia.com/gpu": count}}
    name = container.name or container.image
    return fix_of(f"give {name} {_gpus(count)}", [put(container.node, {"resources": value})])


def _is_amd(facts: Facts) -> bool:
    base = facts.target.base
    return base.family == "rocm" or "rocm" in base.reference.lower()


def _gpus(count: int) -> str:
    return "a GPU" if count == 1 else f"{count} GPUs"


def _for_nothing(facts: Facts, reason: str, place: Place) -> Iterator[Finding]:
    for service in services(facts):
        if service.gpu:
            yield RULE.at(
                service.gpu.place,
                f"service {service.name} reserves a GPU, and {reason}",
                why=_WHY_IDLE,
                related=(place,),
                fix=_service_without(service),
            )
    for one in facts.running:
        if one.container.gpu:
            yield RULE.at(
                one.container.gpu.place,
                f"container {one.container.name or one.container.image} takes {one.container.gpu_resource},"
                f" and {reason}",
                why=_WHY_IDLE,
                related=(place,),
                fix=_container_without(one),
            )


def _service_without(service: ComposeService) -> Fix | None:
    """Take the one key away that asks for the GPU."""
    devices = service.node.get(*_DEVICES)
    asking = [keys for keys in (("gpus",), _DEVICES, ("runtime",), ("devices",)) if service.all(*keys)]
    variables = {entry.name for entry in service.environment}
    is_other = devices is not None and len(devices.elements()) != 1
    if len(asking) != 1 or asking[0] not in {("gpus",), _DEVICES} or is_other or variables & VISIBLE:
        return None
    return fix_of(f"reserve no GPU for {service.name}", [take(service.node, *asking[0])])


def _container_without(running: Running) -> Fix | None:
    """Take the one limit away that asks for the GPU."""
    container, pod = running.container, running.workload.pod
    name = container.gpu_resource
    is_chosen = any(pod.get(key) for key in ("nodeSelector", "tolerations", "affinity", "runtimeClassName"))
    if is_chosen or name in container.requests or any(one.name in VISIBLE for one in container.environment):
        return None
    return fix_of(f"take no {name}", [take(container.node, "resources", "limits", name)])


RULE = Rule("C13", "gpu-not-reserved", Severity.WARNING, _check)
