"""A CUDA extension is compiled without saying for which GPUs.

Why: PyTorch's extension builder compiles for the GPUs it finds, and a build has none. Depending on its
version it then stops ("IndexError: list index out of range" in `_get_cuda_arch_flags`), or compiles for
every architecture it knows, which takes several times as long and makes a library several times the size;
of torch's own GPU code an A100 uses 16 %, an H100 17 %. Compiled on a machine whose daemon does have a GPU,
the image runs on that kind alone: "no kernel image is available for execution on the device".

8.0 is A100, 8.6 A10 and RTX 30, 8.9 L4, L40S and RTX 40, 9.0 H100 and H200.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
RUN pip install --no-cache-dir torch==2.4.0
RUN pip wheel --no-build-isolation --wheel-dir /wheels grouped-gemm==0.3.0

FROM python:3.10-slim
COPY --from=build /wheels /wheels
```

## Fixed

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
RUN pip install --no-cache-dir torch==2.4.0
ARG TORCH_CUDA_ARCH_LIST="8.0;8.6;8.9;9.0"
RUN pip wheel --no-build-isolation --wheel-dir /wheels grouped-gemm==0.3.0

FROM python:3.10-slim
COPY --from=build /wheels /wheels
```

## Bad: a clone

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-devel
RUN git clone https://git.example.com/vision/detectron2 /opt/detectron2
RUN pip install --no-cache-dir -e /opt/detectron2
```

## Fixed: a clone

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-devel
RUN git clone https://git.example.com/vision/detectron2 /opt/detectron2
ARG TORCH_CUDA_ARCH_LIST="8.0;8.6;8.9;9.0"
RUN pip install --no-cache-dir -e /opt/detectron2
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
ENV TORCH_CUDA_ARCH_LIST="9.0"
RUN pip wheel --no-build-isolation --wheel-dir /wheels grouped-gemm==0.3.0
```

## Good: nothing to compile with

```dockerfile
FROM python:3.10-slim
RUN pip install --no-cache-dir detectron2
```

## Fix

Unsafe: an ARG above the RUN names the architectures of today's data-centre GPUs that this CUDA knows. Name
those you have instead: each one less is compile time and bytes saved. With ARG it is a choice of the build,
and not in the image's environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.gpu._compiling import clones_of, setup_of
from wherry.check.rules.gpu._packages import BUILT_WITH_NVCC, asked_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_LIST: Final = "TORCH_CUDA_ARCH_LIST"
_ALSO: Final = frozenset({_LIST, "CMAKE_CUDA_ARCHITECTURES", "CUDAARCHS", "CUDA_ARCHITECTURES"})
_OF_THEIR_OWN: Final = frozenset(
    # these choose their architectures themselves, or have another variable for them (each one's own setup.py,
    # November 2026)
    {
        "causal-conv1d",
        "flash-attn",
        "llama-cpp-python",
        "mamba-ssm",
        "natten",
        "nvdiffrast",
        "tiny-cuda-nn",
        "tinycudann",
        "transformer-engine",
        "transformer-engine-jax",
        "transformer-engine-torch",
    }
)
_FROM_GIT: Final = frozenset({"vllm", "xformers", "bitsandbytes"})
_KNOWN_SINCE: Final = (
    # the first CUDA that knows all of them
    ((11, 8), "8.0;8.6;8.9;9.0"),
    ((11, 1), "7.0;7.5;8.0;8.6"),
    ((10, 0), "6.0;6.1;7.0;7.5"),
)


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        if not stage.is_reachable or not stage.base.has_nvcc or _LIST in stage.base.env_names:
            continue
        for run in stage.runs:
            built = next(((name, one) for one in run.installs if (name := _built(one))), None)
            if built is not None and _ALSO.isdisjoint(built[1].env):
                name, install = built
                yield RULE.at(
                    facts.place(install.span),
                    f"{name} is compiled for CUDA, and {_LIST} is not set",
                    why="without a GPU to ask, the build stops or compiles for every GPU there is",
                    fix=_fix(facts, run),
                )
                break  # what is set above this one holds for those below


def _built(install: Install) -> str:
    """What it compiles against CUDA by PyTorch's extension builder; empty for nothing that is known."""
    if not install.is_python or not install.brings_packages or install.action == "download":
        return ""
    wanted = BUILT_WITH_NVCC - _OF_THEIR_OWN
    names = {one.name for one in asked_of(install) if not one.is_wheel} & wanted
    names |= {one.name for one in asked_of(install) if one.is_source} & _FROM_GIT
    if install.installs_project:
        names |= clones_of(install) & (wanted | _FROM_GIT)
        if b"CUDAExtension" in (setup_of(install) or b""):
            names.add("the project")
    return min(names, default="")


def _fix(facts: Facts, run: RunFacts) -> Fix | None:
    cuda = run.stage.base.cuda
    known = next((names for since, names in _KNOWN_SINCE if cuda and cuda >= since), None)
    if known is None:
        return None
    return Fix(
        f"set {_LIST}",
        (put_before(facts.dockerfile, run.instruction, f'ARG {_LIST}="{known}"\n'),),
        Safety.UNSAFE,
        Effect(inserts=1, aspects=frozenset({Aspect.ENV})),
    )


RULE = Rule("C9", "arch-list-missing", Severity.WARNING, _check)
