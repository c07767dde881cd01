r"""A long compilation with as many jobs as there are cores, or with one.

Why: PyTorch's extension builder starts a job for each core, and each nvcc of a kernel like
flash-attention's takes gigabytes: on a build machine with many cores the kernel ends the build, or the
machine swaps for hours (Dao-AILab/flash-attention #358; its README asks for `MAX_JOBS` below 96 GB of
memory). `cmake --build` with make's generator is the other way round: one job unless it is told.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
RUN pip install torch==2.6.0 packaging
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels flash-attn==2.7.4.post1

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Fixed

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build
RUN pip install torch==2.6.0 packaging
ARG MAX_JOBS=4
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheels flash-attn==2.7.4.post1

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Bad: one job

```dockerfile
FROM debian:bookworm
WORKDIR /src
COPY . .
RUN cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build
```

## Fixed: one job

```dockerfile
FROM debian:bookworm
WORKDIR /src
COPY . .
RUN cmake -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build --parallel "$(nproc)"
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04
ENV MAX_JOBS=4
RUN pip install --no-cache-dir --no-build-isolation flash-attn==2.7.4.post1
```

## Good: ninja, and a number

```dockerfile
FROM debian:bookworm
COPY . /src
RUN cmake -G Ninja -S /src -B /a && cmake --build /a && cmake -S /src -B /b && cmake --build /b -j8
```

## Fix

Safe: what is compiled is the same. `ARG MAX_JOBS=4` holds for the build alone, and `--build-arg` may raise
it on a machine with more memory: 2 to 4 GB for each job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._asked import asked_by
from wherry.check.rules.bytes._bounds import own_runs, stages_of
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_EXTENSIONS: Final = frozenset(
    {"causal-conv1d", "flash-attn", "gptqmodel", "grouped-gemm", "mamba-ssm", "mmcv", "mmcv-full"}
)
"""PyPI has no wheels of them; by their setup.py PyTorch's extension builder compiles them, with ninja."""

_FROM_GIT: Final = _EXTENSIONS | {
    *("apex", "detectron2", "pytorch3d", "xformers", "vllm", "sageattention", "tiny-cuda-nn"),
}
_ASKED_FOR: Final = frozenset({"FORCE_CUDA", "TORCH_CUDA_ARCH_LIST"})
_JOBS: Final = frozenset({"MAX_JOBS", "NINJAFLAGS"})
_MOST_CMAKES: Final = 100
_NINJA: Final = frozenset({"-GNinja", "Ninja"})


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in stages_of(facts):
        if not stage.is_reachable:
            continue
        compiled = next(
            ((run, name) for run in own_runs(stage) if (name := _unbounded(run))), None
        )  # what is set above it holds for those below
        if compiled:
            yield _too_many(facts, *compiled)
        cmakes = [(run, call) for run in own_runs(stage) for call in run.calls if call.program == "cmake"]
        configures = [call for _, call in cmakes[:_MOST_CMAKES] if "--build" not in call.texts]
        for run, call in cmakes[:_MOST_CMAKES]:
            if _is_serial(call, configures):
                yield _one_by_one(facts, run, call)


def _unbounded(run: RunFacts) -> str:
    """What a RUN compiles for CUDA with all cores; empty for nothing."""
    for install in run.installs:
        is_free = install.is_python and install.brings_packages and _JOBS.isdisjoint(install.env)
        if is_free and (name := _extension(install)):
            return name
    return ""


def _extension(install: Install) -> str:
    for asked in asked_by(install):
        text = asked.source.text(asked.span)
        is_git = "git+" in text or "git@" in text
        if asked.name in (_FROM_GIT if is_git else _EXTENSIONS) and not text.endswith(".whl"):
            is_elsewhere = install.values("--find-links") or install.index_urls
            if not (is_elsewhere and not is_git):
                return asked.name
    is_for_cuda = any("cuda_ext" in text for text in install.call.texts) or not _ASKED_FOR.isdisjoint(
        install.env
    )
    is_built = install.installs_project or install.manager == "setuptools"
    return "a CUDA extension" if is_built and is_for_cuda else ""


def _is_serial(call: Call, configures: Sequence[Call]) -> bool:
    """``cmake --build`` with make, and nobody says how many jobs."""
    texts = call.texts
    if "--build" not in texts or "CMAKE_BUILD_PARALLEL_LEVEL" in call.env:
        return False
    if any(text.startswith(("-j", "--parallel")) for text in texts) or "--" in texts:
        return False
    if "Ninja" in call.env.get("CMAKE_GENERATOR", "") or any("--preset" in text for text in texts):
        return False
    named = [one for one in configures if _directory(one) == _directory(call)] or configures
    return bool(named) and not any(_NINJA & set(one.texts) for one in named)


def _directory(call: Call) -> str:
    """The build directory: of ``-B``, of ``--build``, else where it runs."""
    texts = call.texts
    for name in ("-B", "--build"):
        if name in texts and texts.index(name) + 1 < len(texts):
            return call.path(texts[texts.index(name) + 1])
    attached = next((text for text in texts if text.startswith("-B")), "")
    return call.path(attached[2:]) if attached else call.directory


def _too_many(facts: Facts, run: RunFacts, name: str) -> Finding:
    install = next(one for one in run.installs if one.is_python and _extension(one) == name)
    edit = put_before(facts.dockerfile, run.instruction, "ARG MAX_JOBS=4\n")
    return RULE.at(
        facts.place(install.span),
        f"{name} is compiled with a job for every core, MAX_JOBS is not set",
        why="each job takes gigabytes of memory, and a machine with many cores runs out of it",
        fix=Fix("set MAX_JOBS", (edit,), Safety.SAFE, Effect(inserts=1, aspects=frozenset({Aspect.ENV}))),
    )


def _one_by_one(facts: Facts, run: RunFacts, call: Call) -> Finding:
    return RULE.at(
        facts.place(call.command.span),
        "cmake compiles one file after another, no number of jobs is given",
        why="the build takes as many times longer as the machine has cores",
        severity=Severity.INFO,
        fix=_parallel(facts, run, call),
    )


def _parallel(facts: Facts, run: RunFacts, call: Call) -> Fix | None:
    if run.instruction.is_json or run.script.errors or call.command.redirects or call.command.wrapped_by:
        return None
    end = call.command.words[-1].span.end
    edit = Edit(facts.file.name, Span(end, end), ' --parallel "$(nproc)"')
    effect = Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("compile with all cores", (edit,), Safety.SAFE, effect)


RULE = Rule("G12", "compile-jobs", Severity.WARNING, _check)
