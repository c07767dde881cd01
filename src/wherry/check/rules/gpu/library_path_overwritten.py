r"""LD_LIBRARY_PATH is overwritten, and the base's directories are no longer searched.

Why: CUDA bases set `LD_LIBRARY_PATH` to `/usr/local/nvidia/lib:/usr/local/nvidia/lib64`, where GKE mounts
`libcuda.so.1` and other drivers of the node once were; NVIDIA's framework images add the compatibility
libraries and those of torch. `ENV LD_LIBRARY_PATH=/somewhere` throws all of it away. The image still works
on the desk, where the container runtime puts the driver into `/usr/lib`, and says "no CUDA-capable device"
on the cluster. Of 150 Dockerfiles of real machine-learning projects 19 did this.

A toolkit's directory with its version in it (`/usr/local/cuda-11.8`) goes wrong more quietly: with the next
base it is not there. `/usr/local/cuda` is a link to the toolkit that is.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
ENV CUDA_HOME=/usr/local/cuda \
    LD_LIBRARY_PATH=/opt/engine/lib
```

## Fixed

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
ENV CUDA_HOME=/usr/local/cuda \
    LD_LIBRARY_PATH=/opt/engine/lib${LD_LIBRARY_PATH:+:${LD_LIBRARY_PATH}}
```

## Bad: an earlier ENV

```dockerfile
FROM python:3.12-slim
ENV LD_LIBRARY_PATH="/opt/engine/lib"
ENV LD_LIBRARY_PATH "/opt/codec/lib"
```

## Fixed: an earlier ENV

```dockerfile
FROM python:3.12-slim
ENV LD_LIBRARY_PATH="/opt/engine/lib"
ENV LD_LIBRARY_PATH "/opt/codec/lib${LD_LIBRARY_PATH:+:${LD_LIBRARY_PATH}}"
```

## Bad: another toolkit's directory

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04
ENV CUDA_HOME=/usr/local/cuda-11.8
ENV PATH=$CUDA_HOME/bin:$PATH
```

## Fixed: another toolkit's directory

```dockerfile
FROM nvidia/cuda:12.4.1-devel-ubuntu22.04
ENV CUDA_HOME=/usr/local/cuda
ENV PATH=$CUDA_HOME/bin:$PATH
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
ENV LD_LIBRARY_PATH=/opt/engine/lib:$LD_LIBRARY_PATH
```

## Good: nothing was there

```dockerfile
FROM python:3.12-slim
ENV LD_LIBRARY_PATH=/opt/engine/lib
```

## Good: all that was there is named again

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
ENV LD_LIBRARY_PATH=/usr/local/nvidia/lib:/usr/local/nvidia/lib64:/opt/engine/lib
```

## Fix

Safe where a value is extended: the author's own directories stay first, what was there comes behind them.
Unsafe where a toolkit's directory becomes `/usr/local/cuda`. None for a value in single quotes, in which
nothing is expanded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.facts.variables import Variable
    from wherry.check.model import Finding

_NAME: Final = "LD_LIBRARY_PATH"
_OF_THE_BASE: Final = ("/usr/local/nvidia/lib", "/usr/local/nvidia/lib64")
_TOOLKIT: Final = regex(r"/usr/local/cuda-(\d{1,2})\.(\d{1,2})(?![\d.])")
_WITH_TOOLKIT: Final = frozenset({"cuda", "nvidia"})


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        has_others: bool | None = None
        for variable in stage.variables:
            if variable.kind != "env":
                continue
            if variable.name == _NAME and (lost := _lost(stage, variable)):
                yield RULE.at(
                    facts.place(variable.span),
                    f"{_NAME} is overwritten: {', '.join(lost)} {'is' if len(lost) == 1 else 'are'}"
                    " no longer searched",
                    why="libraries of the driver or of CUDA that are looked for there are not found",
                    fix=_extended(facts, variable),
                )
            elif found := _other_toolkit(stage, variable):
                has_others = _installs_toolkit(stage) if has_others is None else has_others
                if not has_others:
                    yield _toolkit_finding(facts, stage, variable, found)


def _lost(stage: StageFacts, variable: Variable) -> list[str]:
    """The directories that were searched before and no longer are."""
    if variable.refers_to(_NAME) or not variable.value or not variable.is_known:
        return []
    before = stage.scope(variable.instruction).env.get(_NAME, "")
    searched = list(_OF_THE_BASE) if _NAME in stage.base.env_names else []
    searched += [part for part in before.split(":") if part and "$" not in part]
    kept = {part.rstrip("/") for part in variable.value.split(":")}
    return [part for part in dict.fromkeys(searched) if part.rstrip("/") not in kept]


def _extended(facts: Facts, variable: Variable) -> Fix | None:
    """What was there goes behind the author's directories."""
    span, raw = variable.value_span, variable.raw
    if span is None or raw is None or "'" in raw or raw.count('"') not in {0, 2} or facts.text(span) != raw:
        return None
    if '"' in raw and not (raw.startswith('"') and raw.endswith('"')):
        return None
    at = span.end - raw.endswith('"')
    has_colon = variable.value.endswith(":")
    text = f"${{{_NAME}}}" if has_colon else f"${{{_NAME}:+:${{{_NAME}}}}}"
    return Fix(
        f"keep what {_NAME} was",
        (Edit(facts.file.name, Span(at, at), text),),
        Safety.SAFE,
        Effect(frozenset({variable.instruction.index}), aspects=frozenset({Aspect.ENV})),
    )


def _other_toolkit(stage: StageFacts, variable: Variable) -> re.Match[str] | None:
    """A directory of a toolkit that the base does not have."""
    base = stage.base
    if base.cuda is None or not (base.family in _WITH_TOOLKIT or base.flavour == "devel"):
        return None
    found = _TOOLKIT.search(variable.raw or "")
    if found is None or (int(found[1]), int(found[2])) == base.cuda:
        return None
    return found


def _installs_toolkit(stage: StageFacts) -> bool:
    """Something may put another toolkit there: a package, an installer, a COPY."""
    if any(name.startswith("cuda") for install in stage.all_installs for name in install.names):
        return True
    if any(copy.lands("/usr/local") for copy in stage.all_copies if copy.from_ is not None):
        return True
    words = (word for run in stage.all_runs for call in run.calls for word in (call.program, *call.texts))
    return any("cuda_" in word or "/usr/local/cuda" in word for word in words)


def _toolkit_finding(facts: Facts, stage: StageFacts, variable: Variable, found: re.Match[str]) -> Finding:
    major, minor = stage.base.cuda or (0, 0)
    span, raw = variable.value_span, variable.raw or ""
    fix = None
    if span is not None and facts.text(span) == raw:
        fix = Fix(
            "name the toolkit that is there",
            (Edit(facts.file.name, span, _TOOLKIT.sub("/usr/local/cuda", raw)),),
            Safety.UNSAFE,
            Effect(frozenset({variable.instruction.index}), aspects=frozenset({Aspect.ENV})),
        )
    return RULE.at(
        facts.place(variable.span),
        f"{variable.name} names {found[0]}, and the base has CUDA {major}.{minor}",
        why="the directory is not there, so nothing is found in it",
        related=(facts.place(stage.base_span),),
        fix=fix,
    )


RULE = Rule("C10", "library-path-overwritten", Severity.WARNING, _check)
