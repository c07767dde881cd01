r"""The image says which GPUs it sees, or asks the driver for everything.

Why: which GPUs a container gets is for whoever starts it: `--gpus`, a compose reservation and the
Kubernetes device plugin set `NVIDIA_VISIBLE_DEVICES` themselves. Where it is baked in as `all`, a pod that
asked for no GPU gets every GPU of the node (NVIDIA/k8s-device-plugin issue 1605). A
`CUDA_VISIBLE_DEVICES=0` hides all GPUs but the first, on whatever machine. `NVIDIA_DRIVER_CAPABILITIES=all`
has the driver's libraries for graphics and displays mounted too. Computing needs `compute,utility`, and
`video` beside them for NVENC and NVDEC.

## Bad

```dockerfile
FROM python:3.12-slim
ENV NVIDIA_VISIBLE_DEVICES=all
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
```

## Fixed

```dockerfile
FROM python:3.12-slim
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
```

## Bad: the first GPU

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
ENV PYTHONUNBUFFERED=1 \
    CUDA_VISIBLE_DEVICES=0
```

## Bad: all capabilities

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
ENV NVIDIA_DRIVER_CAPABILITIES="all"
```

## Fixed: all capabilities

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
ENV NVIDIA_DRIVER_CAPABILITIES="compute,utility"
```

## Good

```dockerfile
FROM python:3.12-slim
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
```

## Good: no GPU, on purpose

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
ENV CUDA_VISIBLE_DEVICES=-1 NVIDIA_VISIBLE_DEVICES=void
```

## Good: capabilities for a display

```dockerfile
FROM nvidia/cudagl:11.4.2-runtime-ubuntu20.04
ENV NVIDIA_DRIVER_CAPABILITIES=all
```

## Fix

Unsafe, where the variable stands in an ENV of its own: who starts the container with `runtime: nvidia` and
nothing else relies on it. `all` becomes `compute,utility`, or `compute,utility,video` where ffmpeg is
installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.facts.variables import Variable
    from wherry.check.model import Finding

_VISIBLE: Final = frozenset(
    {"NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"}
)
_CAPABILITIES: Final = "NVIDIA_DRIVER_CAPABILITIES"
_DEVICES: Final = regex(r"all|\d+(?:,\d+)*|(?:GPU|MIG)-[\w-]+(?:,.*)?")
_DISPLAY: Final = regex(r"gl\b|vulkan|opengl|egl|isaac|omniverse|l4t|unreal")
_VIDEO: Final = regex(r"(?:.*-)?(?:ffmpeg|av|decord|pynvcodec|pynvvideocodec|torchcodec|vali)(?:-.*)?")
_GRAPHICS: Final = regex(
    r"(?:lib)?(?:egl|gles|glvnd|glx|opengl|vulkan|mesa|x11|xvfb|osmesa|glfw|glew)\d*(?:[-.].*)?"
)

_MOST_MENDED: Final = 2000  # instructions

_WHY_VISIBLE: Final = (
    "a container that asked for no GPU gets them, and one that was given others does not see them"
)
_WHY_CAPABILITIES: Final = (
    "the driver's libraries for graphics and displays are mounted too, which computing does not need"
)


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.shipped:
        for variable in stage.variables:
            if variable.kind != "env" or not variable.is_known:
                continue
            value = variable.value.strip().lower()
            if variable.name in _VISIBLE and _DEVICES.fullmatch(variable.value.strip()):
                yield RULE.at(
                    facts.place(variable.span),
                    f"{variable.name}={variable.value.strip()} is in the image",
                    why=_WHY_VISIBLE,
                    severity=Severity.INFO if _is_the_bases_own(stage, variable) else None,
                    fix=_removal(facts, variable),
                )
            elif variable.name == _CAPABILITIES and value == "all" and not _draws(facts):
                wanted = "compute,utility,video" if _handles_video(facts) else "compute,utility"
                yield RULE.at(
                    facts.place(variable.span),
                    f"the image asks for all of the driver, where {wanted} would do",
                    why=_WHY_CAPABILITIES,
                    severity=Severity.INFO,
                    fix=_narrowed(facts, variable, wanted),
                )


def _is_the_bases_own(stage: StageFacts, variable: Variable) -> bool:
    """The base sets just that already, so that here nothing becomes worse."""
    return variable.name in stage.base.env_names and variable.value.strip() == "all"


def _draws(facts: Facts) -> bool:
    """It may need the driver's graphics: by its base, or by what it installs."""
    base = facts.target.base
    if _DISPLAY.search(f"{base.repository}:{base.tag}"):
        return True
    return any(_GRAPHICS.fullmatch(name) for name in _installed(facts))


def _handles_video(facts: Facts) -> bool:
    return any(_VIDEO.fullmatch(name) for name in _installed(facts))


def _installed(facts: Facts) -> Iterator[str]:
    return (name for install in facts.target.all_installs for name in install.names)


def _removal(facts: Facts, variable: Variable) -> Fix | None:
    if len(variable.instruction.pairs) != 1 or len(facts.dockerfile.instructions) > _MOST_MENDED:
        return None
    return Fix(
        f"leave {variable.name} to whoever starts the container",
        (taken_out(facts.dockerfile, variable.instruction),),
        Safety.UNSAFE,
        Effect(frozenset({variable.instruction.index}), aspects=frozenset({Aspect.ENV})),
    )


def _narrowed(facts: Facts, variable: Variable, wanted: str) -> Fix | None:
    span = variable.value_span
    if span is None or facts.text(span) not in {"all", '"all"', "'all'"}:
        return None
    text = facts.text(span).replace("all", wanted)
    return Fix(
        f"ask for {wanted}",
        (Edit(facts.file.name, span, text),),
        Safety.UNSAFE,
        Effect(frozenset({variable.instruction.index}), aspects=frozenset({Aspect.ENV})),
    )


RULE = Rule(
    "C11",
    "devices-hard-coded",
    Severity.WARNING,
    _check,
    also=("tally/gpu/no-hardcoded-visible-devices", "tally/gpu/prefer-minimal-driver-capabilities"),
)
