r"""CUDA is installed over a base that has it already.

Why: `runtime` has CUDA's libraries and NCCL, `devel` the compiler and headers too, and tags with `cudnn`
cuDNN. Installed again by name they are held back (the base marks `libcublas`, `libnccl2` and cuDNN so), and
apt then either does nothing or, when the repository has a newer one, stops the build: "Held packages were
changed". Ubuntu's own `nvidia-cuda-toolkit` is another thing: an older CUDA, with nvcc, beside the base's.
A whole `cuda-toolkit-12-4` on a runtime base makes a devel base the long way round, with Nsight and the
documentation.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends \
    git \
    libcudnn9-cuda-12 \
    libnccl2 \
    libnccl-dev \
    && rm -rf /var/lib/apt/lists/*
```

## Fixed

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends \
    git \
    && rm -rf /var/lib/apt/lists/*
```

## Bad: alone in its command

```dockerfile
FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04
RUN apt-get update && apt-get install -y libcudnn8 && rm -rf /var/lib/apt/lists/*
```

## Fixed: alone in its command

```dockerfile
FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04
RUN apt-get update && rm -rf /var/lib/apt/lists/*
```

## Bad: another CUDA

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends nvidia-cuda-toolkit \
    && rm -rf /var/lib/apt/lists/*
```

## Bad: conda's

```dockerfile
FROM nvidia/cuda:11.8.0-runtime-ubuntu22.04
RUN conda install -y cudatoolkit=11.8 cudnn numpy
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends libcublas-12-4 libnccl2=2.21.5-1+cuda12.4 \
    && rm -rf /var/lib/apt/lists/*
```

## Good: a version is wanted

```dockerfile
FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04
RUN apt-get update && apt-get install -y --allow-change-held-packages libcudnn9-cuda-12=9.5.1.17-1 \
    && rm -rf /var/lib/apt/lists/*
```

## Fix

Safe: a package that the base has, and that is named without a version, is taken out of the command. None
for another toolkit beside the base's: take the flavour that has what is missing, or drop the base.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Safety, Severity
from wherry.check.rules.gpu._words import without_packages
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.bases import BaseFacts
    from wherry.check.facts.installs import Install, PackageArgument
    from wherry.check.model import Finding

_LIBRARIES: Final = frozenset(
    {
        "cuda-libraries",
        "cuda-nvrtc",
        "cuda-nvtx",
        "libcublas",
        "libcufft",
        "libcurand",
        "libcusolver",
        "libcusparse",
        "libnpp",
    }
)
_TOOLS: Final = frozenset(
    {
        "cuda-command-line-tools",
        "cuda-cudart-dev",
        "cuda-libraries-dev",
        "cuda-minimal-build",
        "cuda-nvcc",
        "cuda-nvml-dev",
        "libcublas-dev",
        "libcusparse-dev",
        "libnpp-dev",
    }
)
_VERSIONED: Final = regex(r"(.*?)-(\d{1,2})-(\d{1,2})")
_CUDNN: Final = regex(r"libcudnn\d{1,2}(?:-cuda-(\d\d))?")
_CUDNN_DEV: Final = regex(r"libcudnn\d{1,2}-dev(?:-cuda-(\d\d))?")
_TOOLKIT: Final = regex(r"nvidia-cuda-toolkit|cuda-toolkit(?:-\d{1,2}(?:-\d{1,2})?)?")
_OF_CONDA: Final = frozenset({"cudatoolkit", "cudatoolkit-dev", "cudnn", "cuda-toolkit", "cuda-libraries"})


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        if stage.base.family != "cuda" or not stage.is_reachable:
            continue
        for install in stage.installs:
            if install.action == "install":
                yield from _of_install(facts, install, stage.base)


def _of_install(facts: Facts, install: Install, base: BaseFacts) -> Iterator[Finding]:
    if install.manager in {"apt", "dnf", "yum"}:
        there = [package for package in install.packages if _is_there(package, base)]
        if there:
            names = [package.name for package in there]
            verb = "is" if len(names) == 1 else "are"
            yield RULE.at(
                facts.place(there[0].word.span),
                f"{', '.join(names)} {verb} in {base.reference} already",
                why="nothing is gained, and a newer one in the repository stops the build",
                fix=without_packages(facts, install, there, "leave out what is there", Safety.SAFE),
                related=[facts.place(package.word.span) for package in there[1:4]],
            )
    another = _another_toolkit(install, base)
    if another is not None:
        yield RULE.at(
            facts.place(another.word.span),
            f"{another.name} puts another CUDA beside that of {base.reference}",
            why="two toolkits are pulled, and the order of two paths decides which is used",
        )


def _is_there(package: PackageArgument, base: BaseFacts) -> bool:
    """The base has it, of the same CUDA, and no version of its own is asked for."""
    if package.specifier or package.url or base.cuda is None or not base.has_math_libraries:
        return False
    is_devel = base.flavour == "devel"
    for pattern, has in ((_CUDNN, base.has_cudnn), (_CUDNN_DEV, base.has_cudnn and is_devel)):
        if found := pattern.fullmatch(package.name):
            return has and found[1] in {None, str(base.cuda[0])} and _is_cudnn_of(package.name, base)
    if package.name in {"libnccl2", "libnccl-dev"}:
        return is_devel or package.name == "libnccl2"
    versioned = _VERSIONED.fullmatch(package.name)
    if versioned is None or (int(versioned[2]), int(versioned[3])) != base.cuda:
        return False
    return versioned[1] in _LIBRARIES or (is_devel and versioned[1] in _TOOLS)


def _is_cudnn_of(name: str, base: BaseFacts) -> bool:
    """The generation of cuDNN that the tag names; newer tags name none and have cuDNN 9."""
    told = re.search(r"cudnn(\d)", base.tag)
    return name.startswith(f"libcudnn{told[1] if told else 9}")


def _another_toolkit(install: Install, base: BaseFacts) -> PackageArgument | None:
    if install.is_conda:
        return next((package for package in install.packages if package.name in _OF_CONDA), None)
    if not install.is_system or (not base.has_math_libraries):
        return None
    return next((package for package in install.packages if _TOOLKIT.fullmatch(package.name)), None)


RULE = Rule(
    "C6", "redundant-cuda-packages", Severity.WARNING, _check, also=("tally/gpu/no-redundant-cuda-install",)
)
