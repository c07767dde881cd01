"""The build asks for a GPU, and a build has none.

Why: `docker build` runs on the CPU; `--gpus` is for `docker run`. `nvidia-smi` is not there and ends the
RUN, `torch.cuda.is_available()` is False, and an assertion on it stops every build. It works only where the
daemon's default runtime is NVIDIA's, that is on the machine of whoever wrote it. Worse is what is silent: a
program that looks for a GPU to choose what it compiles chooses the CPU.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update && nvidia-smi
```

## Bad: Python

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime
RUN python -c "import torch; assert torch.cuda.is_available()"
```

## Bad: only printed

```dockerfile
FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime
RUN python -c "import torch; print(torch.__version__, torch.cuda.is_available())"
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN python3 -c "import torch; print(torch.version.cuda)"
HEALTHCHECK CMD nvidia-smi
CMD ["sh", "-c", "nvidia-smi && exec python3 -m server"]
```

## Good: only where there is one

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN if command -v nvidia-smi; then nvidia-smi; fi
```

## Fix

None: ask when the container starts. To test that the build is for CUDA, print `torch.version.cuda`; to
choose what is compiled for, set `TORCH_CUDA_ARCH_LIST` or `FORCE_CUDA=1`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.source import Span

_STOPS: Final = regex(
    r"\bassert\b|\braise\b|\bexit\(|get_device_(?:name|capability|properties)|current_device"
)
_HARMLESS: Final = frozenset({"jax.devices"})


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        for run in stage.runs if stage.is_reachable else ():
            yield from _of_run(facts, run)


def _of_run(facts: Facts, run: RunFacts) -> Iterator[Finding]:
    seen: set[Span] = set()
    for name, span in run.gpu_queries:
        if name in _HARMLESS or span in seen or _is_guarded(run, span):
            continue
        seen.add(span)
        stops = _stops(run, span)
        yield RULE.at(
            facts.place(span),
            f"{name} asks for a GPU while the image is built",
            why="a build has none: the step fails wherever the daemon is not set up for it"
            if stops
            else "a build has none: what it says is not what is true when the container runs",
            severity=None if stops else Severity.INFO,
        )


def _is_guarded(run: RunFacts, span: Span) -> bool:
    """It runs only under a condition, or its failure is heeded."""
    calls = run.calls
    for at, call in enumerate(calls):
        if call.command.span == span:
            following = calls[at + 1].command.before if at + 1 < len(calls) else ""
            return call.is_conditional or "condition" in call.command.nesting or following == "||"
    return False


def _stops(run: RunFacts, span: Span) -> bool:
    """Without a GPU the step fails: the command itself, or code that insists."""
    code = next((code for code in run.python if code.span == span), None)
    return code is None or bool(_STOPS.search(code.text))


RULE = Rule("C8", "gpu-at-build", Severity.WARNING, _check, also=("tally/gpu/no-buildtime-gpu-queries",))
