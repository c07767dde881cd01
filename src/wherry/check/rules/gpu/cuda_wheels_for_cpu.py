"""The image runs on CPUs and carries wheels that are built for CUDA.

Why: on Linux `pip install torch` means CUDA. torch 2.15.0 with all it requires has 5457 MB unpacked, its
CPU build 699 MB, and sentence-transformers, easyocr or ultralytics bring the former without saying so.
immich-pet-tagger went from 12.7 to 2.4 GB when the CUDA build left its CPU image. `tensorflow-cpu` has 600
MB less than `tensorflow`, and `xgboost` with its NCCL 710 MB more than `xgboost-cpu`.

It is a warning where something says that there is no GPU: a compose service or a Kubernetes container that
runs the image and asks for none, a base for AWS Lambda, "cpu" in the file's or the stage's name, `--device
cpu` in the command, an empty `CUDA_VISIBLE_DEVICES`. Where nothing is said either way it is a question, and
no figure is given. Where anything speaks for a GPU (the base, a package that is of no use without one,
`NVIDIA_*` variables, code that mentions CUDA) nothing is said.

## Bad: compose asks for no GPU

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.4.0
CMD ["python", "-m", "server"]
```

```yaml compose.yaml
services:
  server:
    build: .
```

## Fixed: compose asks for no GPU

```dockerfile
FROM python:3.12-slim
RUN pip install --index-url https://download.pytorch.org/whl/cpu --no-cache-dir torch==2.4.0
CMD ["python", "-m", "server"]
```

## Bad: through another package

```dockerfile
FROM public.ecr.aws/lambda/python:3.12
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
CMD ["handler.handle"]
```

```text requirements.txt
sentence-transformers==3.3.1
```

## Fixed: through another package

```dockerfile
FROM public.ecr.aws/lambda/python:3.12
COPY requirements.txt ./
RUN pip install --extra-index-url https://download.pytorch.org/whl/cpu --no-cache-dir -r requirements.txt
CMD ["handler.handle"]
```

## Bad: with uv

```dockerfile
FROM python:3.12-slim AS cpu
RUN uv pip install --system torch==2.4.0 fastapi==0.115.6
```

## Fixed: with uv

```dockerfile
FROM python:3.12-slim AS cpu
RUN uv pip install --torch-backend=cpu --system torch==2.4.0 fastapi==0.115.6
```

## Bad: other packages

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir xgboost==3.2.0 tensorflow==2.21.0
ENV CUDA_VISIBLE_DEVICES=-1
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu torch==2.4.0
```

## Good: a GPU is asked for

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.4.0
```

```yaml compose.yaml
services:
  server:
    build: .
    gpus: all
```

## Good: the code may use a GPU

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.4.0
COPY train.py ./
CMD ["python", "train.py"]
```

```python train.py
import torch

device = "cuda"
```

## Fix

Unsafe: the index with PyTorch's CPU builds is named; as the only one where nothing else is installed by the
command, else beside PyPI, where `2.4.0+cpu` is preferred to `2.4.0`. uv is told `--torch-backend=cpu`. None
where a lock decides: with uv, an index for torch in `[tool.uv.sources]` and `uv lock`.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.facts.frameworks import CPU_INDEX, TORCH_FAMILY
from wherry.check.model import Aspect, Basis, Cost, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.gpu._deployed import (
    container_asks,
    gpu_image,
    service_asks,
    service_declines,
    services,
    with_overlays,
    with_patches,
)
from wherry.check.rules.gpu._packages import asked_of
from wherry.check.rules.gpu._shipping import brought_by_wheels, carrying, says_cuda
from wherry.check.sizes import MB, closure_of
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding
    from wherry.check.rules.gpu._shipping import Brought

_WITHOUT_CUDA: Final = {
    # a package, what to take on a CPU, and by how much that is smaller
    "tensorflow": (
        "tensorflow-cpu",
        Cost(600 * MB, basis=Basis.TABLE, source="wheels of tensorflow and tensorflow-cpu 2.21, unpacked"),
    ),
    # 237.9 MB and nvidia-nccl-cu12 2.32.3's 490.6 MB, where xgboost-cpu has 18.2 MB
    "xgboost": (
        "xgboost-cpu",
        Cost(
            710 * MB, basis=Basis.TABLE, source="wheels of xgboost, its NCCL and xgboost-cpu 3.2.0, unpacked"
        ),
    ),
}
_CPU: Final = regex(r"(?:^|[^a-z])cpu(?:$|[^a-z])", re.IGNORECASE)
_FOR_GPUS: Final = frozenset({"NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_REQUIRE_CUDA"})
_ROCM: Final = regex(r"(?i)(?:^|[^a-z])(?:rocm|amdgpu|hip|gfx\d)")
_USES_GPU: Final = regex(rb"cuda|\.to\(.{0,3}device|nvidia|gpu", re.IGNORECASE)


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.target.base.is_gpu or not facts.installs or gpu_image(facts):
        return
    reason = _without_gpu(facts)
    brought = [one for one in brought_by_wheels(facts) if _is_torch_by_default(one)]
    if brought and (reason or not _may_use_gpu(facts)):
        yield _torch_finding(facts, brought, reason)
    if reason:
        yield from _other_packages(facts, reason)


def _is_torch_by_default(brought: Brought) -> bool:
    framework = brought.framework
    return framework is None or (framework.name in TORCH_FAMILY and not says_cuda(framework))


def _without_gpu(facts: Facts) -> str:
    """What says that the image runs without a GPU; empty where nothing does."""
    run = services(facts)
    said = [layer for one in run for layer in with_overlays(facts, one)]
    if run and not any(one.gpu for one in said):
        if any(map(service_declines, said)) or not any(map(service_asks, said)):
            return f"service {run[0].name} asks for no GPU"
        return ""
    patched = [layer for one in facts.running for layer in with_patches(facts, one)]
    if patched and not any(map(container_asks, patched)):
        container = facts.running[0].container
        return f"container {container.name or container.image} asks for no GPU"
    return "" if run or facts.running else _of_itself(facts)


def _of_itself(facts: Facts) -> str:
    """What the Dockerfile alone says."""
    if facts.target.base.family == "lambda":
        return "AWS Lambda has no GPUs"
    if _CPU.search(facts.path.name) or _CPU.search(facts.target.name or ""):
        return "it is named for the CPU"
    if facts.target.env.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}:
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    for call in facts.target.ending.calls:
        words = call.texts
        if "--device=cpu" in words or ("--device", "cpu") in pairwise(words):
            return "its command says --device cpu"
    return ""


def _may_use_gpu(facts: Facts) -> bool:
    """Something speaks for a GPU: a deployment, a variable, or the code."""
    said = [layer for one in services(facts) for layer in with_overlays(facts, one)]
    if any(map(service_asks, said)):
        return True
    if any(container_asks(layer) for one in facts.running for layer in with_patches(facts, one)):
        return True
    variables = facts.target.all_variables
    if any(one.name in _FOR_GPUS or _ROCM.search(f"{one.name} {one.value}") for one in variables):
        return True
    if facts.target.base.frameworks or "gpu" in facts.path.name.lower():
        return True
    if not facts.target.base.is_known or facts.path.parent.name == ".devcontainer":
        return True  # the base may be for GPUs and have torch; what people work in need not be small
    imports = facts.project.imports
    return bool(imports and any(_USES_GPU.search(script.source.data) for script in imports.scripts))


def _torch_finding(facts: Facts, brought: Sequence[Brought], reason: str) -> Finding:
    first = brought[0]
    cuda = closure_of("torch", first.framework.version if first.framework else "")
    cpu = closure_of("torch", build="cpu")
    cost = Cost()
    if cuda and cpu and reason:
        size = cuda.unpacked_bytes - cpu.unpacked_bytes
        cost = Cost(size, basis=Basis.TABLE, source=f"{cuda.source}, against {cpu.name} {cpu.version}")
    name = first.name if first.framework is None else f"{first.name} from PyPI"
    return RULE.at(
        first.place,
        f"{name} is the build for CUDA, and {reason}" if reason else f"{name} is the build for CUDA",
        why="gigabytes of CUDA's libraries are installed that no CPU can use"
        if reason
        else "if no GPU ever runs it, the CPU build is gigabytes smaller",
        cost=cost,
        related=[one.place for one in brought[1:4]],
        severity=None if reason else Severity.INFO,
        fix=_fix(facts, brought),
    )


def _fix(facts: Facts, brought: Sequence[Brought]) -> Fix | None:
    """Every command that installs some of it is told where the CPU builds are."""
    installs = {one.install.span.start: one.install for one in brought}
    edits = [_edit(facts, install) for install in installs.values()]
    if any(edit is None for edit in edits):
        return None
    return Fix(
        "take PyTorch's builds for the CPU",
        tuple(edit for edit in edits if edit),
        Safety.UNSAFE,
        Effect(
            frozenset(install.run.index for install in installs.values()),
            aspects=frozenset({Aspect.COMMANDS}),
        ),
    )


def _edit(facts: Facts, install: Install) -> Edit | None:
    is_uv = install.manager == "uv"
    if install.manager not in {"pip", "uv"} or install.action != "install" or install.index_urls:
        return None
    if install.installs_project or install.inputs.lock or (is_uv and install.subcommand != "pip install"):
        return None
    word = next((word for word in install.command.words if word.raw == "install"), None)
    if word is None:
        return None
    if is_uv:
        option = "--torch-backend=cpu"
    else:
        is_alone = not install.requirement_files and set(install.names) <= set(TORCH_FAMILY)
        option = f"{'--index-url' if is_alone else '--extra-index-url'} {CPU_INDEX}"
    return Edit(facts.file.name, Span(word.span.end, word.span.end), f" {option}")


def _other_packages(facts: Facts, reason: str) -> Iterator[Finding]:
    for stage in carrying(facts):
        for install in stage.installs:
            if not install.is_python or not install.brings_packages:
                continue
            names = {one.name for one in asked_of(install)} & _WITHOUT_CUDA.keys()
            for name in sorted(names):
                better, cost = _WITHOUT_CUDA[name]
                listed = (entry for file in install.inputs.files for entry in file.all_entries)
                place = next((entry.place for entry in listed if entry.name == name), None)
                yield RULE.at(
                    place or facts.place(install.span),
                    f"{name} is installed where {better} would do: {reason}",
                    why=f"{better} is the same without what only a GPU uses",
                    cost=cost,
                    related=[facts.place(install.span)] if place else (),
                )


RULE = Rule("C4", "cuda-wheels-for-cpu", Severity.WARNING, _check)
