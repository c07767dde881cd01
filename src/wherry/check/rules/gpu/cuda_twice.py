r"""CUDA is in the image twice: the base has its libraries, and wheels bring them again.

Why: since 1.13 PyPI's torch for Linux brings cuBLAS, cuDNN, NCCL and the rest as `nvidia-*` wheels, and
torchvision, vllm, xformers, `jax[cuda12]` and `tensorflow[and-cuda]` do the same. They load their own and
never look at `/usr/local/cuda`. What the `runtime` flavour of nvidia/cuda adds to `base` is just those
libraries: of CUDA 13.0 they have 2.01 GB unpacked, and cuDNN another 0.49 GB. IBM's
text-generation-inference lost 2.3 GB by going from runtime to base (pull request 50), onprem some 2 GB
(pull request 73). Of 150 Dockerfiles of real machine-learning projects 15 did this, and no linter said so.

An image that has torch already, as pytorch/pytorch and NVIDIA's own have, and is given another one, carries
both: what pip removes stays in the layer below.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir torch==2.4.0 transformers==4.44.2
CMD ["python3", "-m", "server"]
```

## Fixed

```dockerfile
FROM python:3.10-slim-bookworm
ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
RUN pip install --no-cache-dir torch==2.4.0 transformers==4.44.2
CMD ["python3", "-m", "server"]
```

## Bad: Python of another place

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends software-properties-common \
    && add-apt-repository ppa:deadsnakes/ppa \
    && apt-get install -y --no-install-recommends python3.12 python3.12-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3.12 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir torch==2.4.0
CMD ["/opt/venv/bin/python", "-m", "server"]
```

## Fixed: Python of another place

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends software-properties-common \
    && add-apt-repository ppa:deadsnakes/ppa \
    && apt-get install -y --no-install-recommends python3.12 python3.12-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3.12 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir torch==2.4.0
CMD ["/opt/venv/bin/python", "-m", "server"]
```

## Bad: from another stage, by a file

```dockerfile
ARG FLAVOUR=runtime
FROM python:3.10-slim AS deps
COPY requirements.txt ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir -r requirements.txt

FROM nvidia/cuda:11.8.0-${FLAVOUR}-ubuntu22.04
COPY --from=deps /opt/venv /opt/venv
CMD ["/opt/venv/bin/python", "-m", "server"]
```

```text requirements.txt
--extra-index-url https://wheels.example.com/whl/cu118
torch==2.1.2
```

## Fixed: from another stage, by a file

```dockerfile
ARG FLAVOUR=base
FROM python:3.10-slim AS deps
COPY requirements.txt ./
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir -r requirements.txt

FROM nvidia/cuda:11.8.0-${FLAVOUR}-ubuntu22.04
COPY --from=deps /opt/venv /opt/venv
CMD ["/opt/venv/bin/python", "-m", "server"]
```

## Bad: a second torch

```dockerfile
FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime
RUN pip install --no-cache-dir torch==2.4.0
```

## Bad: an environment beside the base's

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked
```

```toml pyproject.toml
[project]
name = "service"
version = "1"
dependencies = ["torch"]
```

```text uv.lock
version = 1

[[package]]
name = "torch"
version = "2.4.0"
source = { registry = "https://index.example/simple" }
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.4.0 transformers==4.44.2
CMD ["python", "-m", "server"]
```

## Good: they need the base's

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04
RUN pip install --no-cache-dir cupy-cuda12x==13.3.0
CMD ["python3", "-m", "server"]
```

## Good: a CPU build

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
RUN pip install --no-cache-dir torch==2.4.0+cpu
CMD ["python3", "-m", "server"]
```

## Good: the torch that is there

```dockerfile
FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime
RUN pip install --no-cache-dir torch==2.1.0 transformers==4.44.2
```

## Fix

Unsafe, the further the more is known. A stage whose commands are all known (Debian's packages of the same
names, and Python's) is built on `python:3.X-slim`, of the Python that the Ubuntu below had, without apt's
Python, and with the environment that nvidia/cuda sets for the driver. Else `runtime` becomes `base`, and
cuDNN goes with it: nothing that Python loads changes, but a program that is linked against cuBLAS or cuDNN
would miss them.

None where something in the image takes CUDA from the base (onnxruntime-gpu, cupy, ctranslate2), where
something is compiled against it, and for a second torch: choose the base that has the one you want.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Basis, Cost, Rule, Safety, Severity
from wherry.check.rules.gpu._bases import built_on, is_for_building, retagged, root_of
from wherry.check.rules.gpu._compiling import Need, needs_of
from wherry.check.rules.gpu._environments import fill_environments_of_their_own
from wherry.check.rules.gpu._shipping import brought_by_wheels, named, shipped_frameworks
from wherry.check.rules.gpu._sizes import libraries_of
from wherry.check.rules.gpu._slim import python_base
from wherry.check.sizes import closure_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.frameworks import Framework
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding, Fix, Place
    from wherry.check.rules.gpu._shipping import Brought

_MOST_PLACES: Final = 5
_OF_THE_BASE: Final = {"pytorch": "torch", "tensorflow": "tensorflow"}
_LOADING: Final = frozenset({"faster_whisper", "ctranslate2", "cupy", "tensorrt"})  # modules
_WORD: Final = r"(?<![A-Za-z0-9]){}(?:runtime|devel)(?![A-Za-z0-9])"


def _check(facts: Facts) -> Iterator[Finding]:
    root = root_of(facts.target)
    base = root.base
    if base.frameworks:
        yield from _second_framework(facts, root)
    if base.family != "cuda" or not base.has_math_libraries:
        return
    if base.flavour == "devel" and is_for_building(facts):
        return
    brought = brought_by_wheels(facts)
    if not brought or needs_of(facts.target).need in {Need.BUILD, Need.RUN}:
        return
    system = _taking_from_system(facts)
    yield RULE.at(
        facts.place(root.base_span),
        f"{base.reference} has CUDA's libraries, and {brought[0].name} brings its own"
        + (f"; {system} takes the base's" if system else ""),
        why="the same libraries are pulled, stored and scanned twice",
        cost=Cost() if system else libraries_of(base),
        related=_places(brought),
        severity=Severity.INFO if system else None,
        fix=None if system else _fix(facts, root),
    )


def _places(brought: list[Brought]) -> list[Place]:
    """Where it is asked for, each line once."""
    by_line = {(one.place.path, one.place.start.line): one.place for one in reversed(brought)}
    return list(by_line.values())[::-1][:_MOST_PLACES]


def _taking_from_system(facts: Facts) -> str:
    """What loads CUDA from the base; empty where nothing is known to."""
    found = (one.framework for one in shipped_frameworks(facts) if one.framework.carries == "system")
    known = next(found, None)
    if known:
        return known.name
    names = (name for install in facts.target.all_installs if install.is_system for name in install.names)
    library = next((name for name in names if name.startswith(("libnvinfer", "tensorrt"))), "")
    imported = {name for run in facts.target.all_runs for code in run.python for name in code.imports}
    if facts.project.imports:
        imported |= facts.project.imports.names.keys()
    return library or min(_LOADING & imported, default="")


def _fix(facts: Facts, root: StageFacts) -> Fix | None:
    stages = built_on(facts, root)
    if not stages or any(needs_of(stage).need in {Need.BUILD, Need.RUN} for stage in stages):
        return None
    if slim := python_base(facts):
        return slim
    pattern = _WORD.format(r"cudnn\d*-" if root.base.has_cudnn else "")
    return retagged(facts, root, pattern, "base", title="take the base flavour", safety=Safety.UNSAFE)


def _second_framework(facts: Facts, root: StageFacts) -> Iterator[Finding]:
    """A framework that the base has is installed in another version, or where the base's is not seen."""
    base = root.base
    shipped = [one for one in shipped_frameworks(facts) if one.stage in facts.shipped]
    is_apart_from_base = fill_environments_of_their_own(one.install for one in shipped)
    for found in shipped:
        framework = found.framework
        if framework.name not in base.frameworks:
            continue
        old = _version_of(root, framework)
        is_apart = is_apart_from_base(found.install)
        is_other = bool(old is not None and framework.version and not _is_same(old, framework.version))
        if not (is_other or (is_apart and framework.build != "cpu")):
            continue
        closure = closure_of(framework.name, old) if old else None
        theirs = f"{framework.name} {old or ''}".rstrip() + f" of {base.reference}"
        yield RULE.at(
            framework.text.place if framework.text else facts.place(found.install.span),
            f"{named(framework)} goes into an environment of its own, beside {theirs}"
            if is_apart
            else f"{named(framework)} takes the place of {theirs}, which stays in the layers below",
            why="both are pulled and stored; only one is used",
            cost=Cost(closure.unpacked_bytes, basis=Basis.TABLE, source=closure.source) if closure else None,
            related=(facts.place(root.base_span),),
        )


def _version_of(root: StageFacts, framework: Framework) -> str | None:
    """The version that the base has: "" where it is the vendor's own build of no release; None: not known."""
    family = root.base.family
    if _OF_THE_BASE.get(family) == framework.name:
        return root.base.version or None
    return "" if family == "nvidia" else None


def _is_same(old: str, new: str) -> bool:
    return bool(old) and new.partition("+")[0] == old


RULE = Rule("C2", "cuda-twice", Severity.WARNING, _check)
