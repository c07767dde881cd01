"""Processes that share memory run in a container with 64 MB of it.

Why: `/dev/shm` of a container has 64 MB unless it is told otherwise. The workers of a DataLoader hand
batches over through it, NCCL talks through it between the GPUs of a machine, Ray keeps its objects there.
What does not fit ends in "Bus error", "unable to open shared memory object", "DataLoader worker is killed
by signal", or a hang after the first step; never in a message that names `/dev/shm`. vLLM's own
instructions say `--ipc=host`, those of text-generation-inference `--shm-size 1g`.

Reported where a compose service or a Kubernetes container runs the image and gives it none, and where it
starts several processes of one model (`torchrun`, `deepspeed`, `accelerate launch`, a tensor-parallel size
above 1) or the code asks for DataLoader workers.

## Bad

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime
COPY train.py /app/
CMD ["torchrun", "--nproc_per_node=4", "/app/train.py"]
```

```yaml compose.yaml
services:
  train:
    build: .
    gpus: all
```

```python train.py
import torch
```

## Fixed

```yaml compose.yaml
services:
  train:
    build: .
    gpus: all
    shm_size: 8gb
```

## Bad: DataLoader workers in Kubernetes

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime
COPY train.py /app/
CMD ["python", "/app/train.py"]
```

```python train.py
from torch.utils.data import DataLoader

loader = DataLoader([], num_workers=8)
```

```yaml k8s/job.yaml
apiVersion: batch/v1
kind: Job
metadata:
  name: train
spec:
  template:
    spec:
      containers:
        - name: train
          image: registry.example.com/team/train:1.0
          resources:
            limits:
              nvidia.com/gpu: 1
```

## Fixed: DataLoader workers in Kubernetes

```yaml k8s/job.yaml
apiVersion: batch/v1
kind: Job
metadata:
  name: train
spec:
  template:
    spec:
      containers:
        - name: train
          image: registry.example.com/team/train:1.0
          resources:
            limits:
              nvidia.com/gpu: 1
          volumeMounts:
            - name: shm
              mountPath: /dev/shm
      volumes:
        - name: shm
          emptyDir:
            medium: Memory
            sizeLimit: 8Gi
```

## Good

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime
CMD ["torchrun", "--nproc_per_node=4", "train.py"]
```

```yaml compose.yaml
services:
  train:
    build: .
    gpus: all
    shm_size: 8gb
```

## Good: one process

```dockerfile
FROM vllm/vllm-openai:v0.6.6
CMD ["--model", "/models/llm"]
```

```yaml compose.yaml
services:
  llm:
    build: .
    gpus: all
```

## Fix

Unsafe, for how much is enough only a run tells: the compose service gets `shm_size: 8gb`, the container a
volume in memory at `/dev/shm`, `emptyDir: {medium: Memory, sizeLimit: 8Gi}`, which counts towards the memory
it may have. None behind YAML's aliases, nor where `ipc` says something already; `ipc: host` does it too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Place, Rule, Severity
from wherry.check.rules.gpu._deployed import services, with_overlays, with_patches
from wherry.check.rules.gpu._spread import is_spread_option, spread_words, words_of
from wherry.check.yaml_edits import fix_of, put
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.compose import ComposeService
    from wherry.check.facts.deployments import Running
    from wherry.check.model import Finding, Fix
    from wherry.check.yaml_edits import Value

_VOLUME: Final = "shm"
_SHM: Final = "/dev/shm"  # noqa: S108 - a path in a container
_LAUNCHERS: Final = frozenset({"torchrun", "deepspeed", "horovodrun", "mpirun", "torch.distributed.run"})
_ONE: Final = frozenset({"0", "1", ""})
_WORKERS: Final = regex(rb"num_workers\s*=\s*(?:[1-9]|os\.cpu_count|cpu_count|args\.|cfg\.|config)")

_WHY: Final = "64 MB are what a container has: workers die of bus errors, or wait for each other without end"


def _check(facts: Facts) -> Iterator[Finding]:
    run = services(facts)
    if not run and not facts.running:
        return
    own = _several([call.program, *call.texts] for call in facts.target.ending.calls)
    code = _workers(facts)
    for service in run:
        told = words_of([*service.entrypoint, *service.command])
        reason = _several([told]) if told else own
        if (reason or code) and not any(map(_service_has_memory, with_overlays(facts, service))):
            who = f"service {service.name}"
            yield _finding(service.place, who, reason, code, _service_fix(service))
    for one in facts.running:
        told = words_of([*one.container.command, *one.container.args])
        reason = _several([told]) if one.container.command else own or _several([told])
        if (reason or code) and not any(map(_container_has_memory, with_patches(facts, one))):
            name = one.container.name or one.container.image
            yield _finding(one.container.place, f"container {name}", reason, code, _container_fix(one))


def _finding(place: Place, who: str, reason: str, code: Place | None, fix: Fix | None) -> Finding:
    return RULE.at(
        place,
        f"{who} has no shared memory of its own, and {reason or 'DataLoader workers need it'}",
        why=_WHY,
        related=[code] if code and not reason else [],
        fix=fix,
    )


def _service_fix(service: ComposeService) -> Fix | None:
    is_private = service.ipc is not None  # who says so has a reason
    return (
        None if is_private else fix_of("give it 8 GB of /dev/shm", [put(service.node, {"shm_size": "8gb"})])
    )


def _container_fix(running: Running) -> Fix | None:
    """A volume in memory of the pod, mounted by the container."""
    mount: Value = {"name": _VOLUME, "mountPath": _SHM}
    volume: Value = {"name": _VOLUME, "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}
    puts = [put(running.container.node, {"volumeMounts": [mount]})]
    known = running.workload.volumes.get(_VOLUME)
    if known is None:
        puts.append(put(running.workload.pod, {"volumes": [volume]}))
    elif known.get("emptyDir", "medium") is None:
        return None  # something else has the name
    return fix_of("mount memory at /dev/shm", puts)


def _several(commands: Iterable[list[str]]) -> str:
    """What starts several processes of one model, in words; empty where nothing does."""
    for words in commands:
        for at, word in enumerate(words):
            name = word.partition("=")[0]
            last = name.rpartition("/")[2]
            if is_spread_option(name):
                option, count = spread_words(words[at:]) or ("", "")
                return "" if count in _ONE else f"{option.lstrip('-')} is {count}"
            if last in _LAUNCHERS and spread_words(words) is None:
                return f"{last} starts several processes"
            if last == "accelerate" and words[at + 1 : at + 2] == ["launch"]:
                return "accelerate starts several processes"
    return ""


def _workers(facts: Facts) -> Place | None:
    """Where the code asks for DataLoader workers."""
    imports = facts.project.imports
    for script in imports.scripts if imports else ():
        found = _WORKERS.search(script.source.data) if "torch" in script.imports else None
        if found:
            return Place.of(script.source, Span(*found.span()))
    return None


def _service_has_memory(service: ComposeService) -> bool:
    ipc = service.ipc.value if service.ipc else ""
    mounted = any(_SHM in text.value for text in service.volumes)
    tmpfs = any(_SHM in text.value for node in service.all("tmpfs") for text in node.texts())
    return bool(service.shm_size) or bool(ipc and ipc != "private") or mounted or tmpfs


def _container_has_memory(running: Running) -> bool:
    host_ipc = running.workload.host_ipc
    if host_ipc and host_ipc.value.lower() == "true":
        return True
    return any(path.value.rstrip("/") == _SHM for path, _ in running.container.mounts)


RULE = Rule("C14", "shared-memory-missing", Severity.WARNING, _check)
