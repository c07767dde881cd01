"""A CUDA library comes from NVIDIA's apt repository in whatever version is newest.

Why: the repository holds builds for all CUDA versions, and apt takes the newest: `libnccl2` and `libcudnn8`
without a version are soon built for another CUDA than the base has, and `cuda-toolkit` brings the next major
one, gigabytes of it. That is found when the first kernel is launched. Other packages of a release of Debian
or Ubuntu only get fixes; they are not reported.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends libcudnn8 libnccl2 \
 && rm -rf /var/lib/apt/lists/*
```

## Bad: the toolkit

```dockerfile
FROM ubuntu:22.04
RUN apt-get update && apt-get install -y --no-install-recommends cuda-toolkit && rm -rf /var/lib/apt/lists/*
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
ARG NCCL=2.21.5-1+cuda12.4
RUN apt-get update && apt-get install -y --no-install-recommends \
      libnccl2=${NCCL} cuda-nvcc-12-4 libcublas-12-4 libgl1 \
 && rm -rf /var/lib/apt/lists/*
```

## Good: held

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
RUN apt-mark hold libnccl2 libcudnn9-cuda-12
RUN apt-get update && apt-get install -y --no-install-recommends libnccl2 && rm -rf /var/lib/apt/lists/*
```

## Fix

None: `apt-cache madison libnccl2` in the base says which versions there are; the one with the base's CUDA
behind the plus is right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import PackageArgument
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_FAMILIES: Final = regex(
    r"cuda|cuda-(?:toolkit|runtime|libraries|compiler|drivers)(?:-dev)?|libcudnn\d(?:-dev|-headers)?|cudnn\d?"
    r"|libnccl(?:2|-dev)|libnvinfer(?:-plugin|-lean|-dispatch)?\d*(?:-dev)?|libnvonnxparsers\d*|tensorrt(?:-libs)?"
    r"|python3-libnvinfer"
)


def _check(facts: Facts) -> Iterator[Finding]:
    found = [
        (install, package)
        for run in facts.runs
        if run.stage.is_reachable and not _holds(run)
        for install in run.installs
        if install.action == "install" and install.manager in {"apt", "dnf", "yum"}
        for package in install.packages
        if _is_loose(package)
    ]
    if b"apt-mark" in facts.file.data:
        held = {stage.index: _held(stage) for stage in {install.run.stage for install, _ in found}}
        found = [one for one in found if one[1].name not in held[one[0].run.stage.index]]
    if not found:
        return
    names = list(dict.fromkeys(package.name for _, package in found))
    yield RULE.at(
        facts.place(found[0][1].word.span),
        f"{', '.join(names)} of the newest version {'are' if len(names) > 1 else 'is'} installed",
        why="it may be built for another CUDA than the one it is used with",
        related=[facts.place(package.word.span) for _, package in found[1:]],
    )


def _is_loose(package: PackageArgument) -> bool:
    return package.is_known and not package.specifier and not package.url and _is_of_family(package.name)


def _is_of_family(name: str) -> bool:
    return _FAMILIES.fullmatch(name) is not None


def _holds(run: RunFacts) -> bool:
    """It writes apt preferences of its own."""
    return b"preferences.d" in run.instruction.body.data


def _held(stage: StageFacts) -> set[str]:
    """What ``apt-mark hold`` names in its chain."""
    calls = (call for run in stage.all_runs for call in run.calls if call.program == "apt-mark")
    return {word for call in calls if call.texts[:1] == ("hold",) for word in call.texts[1:]}


RULE = Rule("F10", "unpinned-cuda-packages", Severity.WARNING, _check, also=("DL3008",))
