r"""The image is built on CUDA's devel flavour, which has the compiler, the headers and static libraries.

Why: `devel` is `runtime` with nvcc, headers and static libraries, made to compile in and not to run from.
Of nvidia/cuda 12.9.1 devel has 4.17 GB and runtime 1.3 GB (llm-d pull request 606); of pytorch/pytorch the
compressed images have 8.25 and 3.24 GB (pytorch issue 116696). h2o-llmstudio went from 15 to 8.5 GB without
its second CUDA (pull request 1081). A compiler in the image is also a tool for whoever breaks in. Of 150
Dockerfiles of real machine-learning projects 17 ended on such a base, mostly through an ARG or an earlier
stage.

An image that ends in a shell and copies no code is one to work in: there it is only mentioned. Not
reported: images that need the compiler when they run (deepspeed, pycuda, FlashInfer, `nvcc` in the
command), NVIDIA's framework images, which have no other flavour, and stages that are there to build or to
develop in.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir onnxruntime-gpu==1.20.1 fastapi==0.115.6
COPY serve.py /app/serve.py
CMD ["python3", "/app/serve.py"]
```

```python serve.py
import onnxruntime
```

## Fixed

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir onnxruntime-gpu==1.20.1 fastapi==0.115.6
COPY serve.py /app/serve.py
CMD ["python3", "/app/serve.py"]
```

## Bad: through an argument and another stage

```dockerfile
ARG CUDA_VERSION=12.4.1
ARG FINAL_BASE=nvidia/cuda:${CUDA_VERSION}-devel-ubuntu22.04

FROM python:3.12-slim AS assets
RUN mkdir /assets

FROM ${FINAL_BASE} AS engine
COPY --from=assets /assets /assets

FROM engine AS server
CMD ["/assets/serve"]
```

## Fixed: through an argument and another stage

```dockerfile
ARG CUDA_VERSION=12.4.1
ARG FINAL_BASE=nvidia/cuda:${CUDA_VERSION}-runtime-ubuntu22.04

FROM python:3.12-slim AS assets
RUN mkdir /assets

FROM ${FINAL_BASE} AS engine
COPY --from=assets /assets /assets

FROM engine AS server
CMD ["/assets/serve"]
```

## Bad: compiled where it ships

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends python3-dev python3-pip \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir torch==2.4.0 packaging ninja \
    && pip install --no-cache-dir --no-build-isolation flash-attn==2.6.3
CMD ["python3", "-m", "server"]
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
RUN pip wheel --no-deps --wheel-dir /wheels flash-attn==2.6.3

FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
CMD ["python3", "-m", "server"]
```

## Good: it compiles when it runs

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04
RUN pip install --no-cache-dir torch==2.4.0 deepspeed==0.15.4
CMD ["deepspeed", "train.py"]
```

## Good: made to build in

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS builder
RUN apt-get update && apt-get install -y --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
```

## Fix

`-devel` becomes `-runtime` in FROM, or in the ARG that FROM names, where that ARG is for this base alone.

Safe where nothing compiles, in the build or when a container runs: every package is known to come as a
wheel, no script was left unread, and the code neither imports Triton nor calls `torch.compile` (or a C
compiler is installed besides). Unsafe where something may. None where something does, or where another stage
takes the toolkit out of this one: compile it in a stage of its own on the devel base, and copy what was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Safety, Severity
from wherry.check.rules.gpu._bases import built_on, gives_toolkit, is_for_building, retagged, root_of
from wherry.check.rules.gpu._compiling import Need, installs_compiler, needs_of
from wherry.check.rules.gpu._sizes import devel_over_runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding, Fix
    from wherry.check.rules.gpu._compiling import Found

_FAMILIES: Final = frozenset({"cuda", "pytorch", "rocm"})
_WITH_RUNTIME: Final = frozenset({"cuda", "pytorch"})
_DEVEL: Final = r"(?<![A-Za-z0-9])devel(?![A-Za-z0-9])"
_SHELLS: Final = frozenset({"bash", "sh", "zsh"})


def _check(facts: Facts) -> Iterator[Finding]:
    target, root = facts.target, root_of(facts.target)
    base = root.base
    if base.flavour != "devel" or base.family not in _FAMILIES or is_for_building(facts):
        return
    found = needs_of(target)
    is_started = _is_started(target)
    if found.need is Need.RUN or (found.need is Need.BUILD and not is_started):
        return
    related = [facts.place(target.start.span)] if target is not root else []
    if found.need is Need.BUILD and found.span:
        related.append(facts.place(found.span))
    yield RULE.at(
        facts.place(root.base_span),
        _what(found, base.reference),
        why="nvcc, headers and static libraries are pulled with every image and of use to none that runs",
        cost=devel_over_runtime(base),
        related=related,
        severity=None if is_started else Severity.INFO,
        fix=_fix(facts, root, found),
    )


def _is_started(stage: StageFacts) -> bool:
    """A container of it has something to do of its own; else it is an environment for people to work in."""
    calls = stage.ending.calls
    if calls:
        return not all(call.program in _SHELLS and not call.arguments for call in calls)
    return any(copy.is_from_context for copy in stage.all_copies)


def _what(found: Found, reference: str) -> str:
    if found.need is Need.BUILD:
        return f"{found.what} is compiled in the stage that ships, on {reference}"
    known = "nothing compiles" if found.need is Need.NOTHING else "nothing is known to compile"
    return f"{known} here, and the base is {reference}"


def _fix(facts: Facts, root: StageFacts, found: Found) -> Fix | None:
    if found.need is Need.BUILD or root.base.family not in _WITH_RUNTIME:
        return None
    stages = built_on(facts, root)
    if not stages or gives_toolkit(facts, root):
        return None
    safety = Safety.SAFE
    for stage in stages:
        need = needs_of(stage).need
        if need in {Need.BUILD, Need.RUN}:
            return None
        if need is Need.MAYBE or (need is Need.JIT and not installs_compiler(stage)):
            safety = Safety.UNSAFE
    return retagged(facts, root, _DEVEL, "runtime", title="take the runtime flavour", safety=safety)


RULE = Rule("C1", "devel-base", Severity.WARNING, _check, also=("tally/gpu/prefer-runtime-final-stage",))
