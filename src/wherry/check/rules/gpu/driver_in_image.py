r"""The NVIDIA driver, or the container toolkit, is installed into the image.

Why: the driver belongs to the host. The container runtime mounts its libraries, of the very version of the
kernel module; another copy in the image takes their place, and every call ends in "Driver/library version
mismatch". The container toolkit belongs beside the Docker daemon and does nothing inside of a container.
The packages `cuda` and `cuda-12-4` bring the driver along; `cuda-toolkit-12-4` does not.

## Bad

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends \
    curl nvidia-container-toolkit \
    && rm -rf /var/lib/apt/lists/*
```

## Fixed

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends \
    curl \
    && rm -rf /var/lib/apt/lists/*
```

## Bad: the driver

```dockerfile
FROM ubuntu:22.04
RUN apt-get update && apt-get install -y --no-install-recommends nvidia-utils-535 ffmpeg
```

## Fixed: the driver

```dockerfile
FROM ubuntu:22.04
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg
```

## Bad: with everything

```dockerfile
FROM ubuntu:22.04
RUN apt-get update && apt-get install -y cuda
```

## Bad: the installer

```dockerfile
FROM ubuntu:22.04
RUN curl -fsSLO https://example.com/NVIDIA-Linux-x86_64-535.183.01.run \
    && sh NVIDIA-Linux-x86_64-535.183.01.run --silent --no-kernel-module
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN apt-get update && apt-get install -y --no-install-recommends cuda-toolkit-12-4
```

## Good: Docker in Docker

```dockerfile
FROM ubuntu:22.04
RUN apt-get update && apt-get install -y docker-ce nvidia-container-toolkit
```

## Fix

Safe for the container toolkit, unsafe for the driver: a program that asks for it by file would miss it
where the image runs without a GPU. None for `cuda`, which is more than the driver: say `cuda-toolkit-X-Y`,
or take a base that has it; and none for installers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Safety, Severity
from wherry.check.rules.gpu._words import without_packages
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_TOOLKIT: Final = regex(
    r"nvidia-container-toolkit(?:-base)?|nvidia-docker2?|nvidia-container-runtime|libnvidia-container\S*"
)
_DRIVER: Final = regex(
    r"nvidia-(?:driver|headless|dkms|kernel|utils|compute-utils)(?:-\S+)?|nvidia-(?:modprobe|settings|smi)"
    r"|cuda-drivers(?:-\S+)?|libnvidia-(?:compute|gl|decode|encode|fbc1|cfg1|extra|common)(?:-\d\S*)?"
    r"|nvidia-fabricmanager\S*|xserver-xorg-video-nvidia\S*|libcuda1"
)
_EVERYTHING: Final = regex(r"cuda(?:-\d{1,2}-\d{1,2})?|cuda-runtime-\d{1,2}-\d{1,2}")
_INSTALLER: Final = regex(r"(?:.*/)?NVIDIA-Linux-\S+\.run")
_PROGRAMS: Final = ("nvidia-ctk", "nvidia-container", "nvidia-docker")
_DAEMONS: Final = frozenset({"docker-ce", "docker.io", "moby-engine", "containerd.io", "containerd"})

_WHY_DRIVER: Final = (
    "the host mounts its own driver; another one in the image takes its place and does not fit"
)
_WHY_TOOLKIT: Final = "it belongs beside the Docker daemon, and does nothing inside of a container"


def _check(facts: Facts) -> Iterator[Finding]:
    if _runs_containers(facts.target):
        return
    for stage in facts.shipped:
        for run in stage.runs:
            for install in run.installs:
                if install.is_system and install.action == "install":
                    yield from _of_install(facts, install)
            yield from _of_installer(facts, run)


def _runs_containers(stage: StageFacts) -> bool:
    """A Docker daemon is in the image, or the toolkit is called: there it has its place."""
    if stage.base.repository.startswith("docker"):
        return True
    calls = (*(call for run in stage.all_runs for call in run.calls), *stage.ending.calls)
    if any(call.program.startswith(_PROGRAMS) for call in calls):
        return True
    return any(not _DAEMONS.isdisjoint(install.names) for install in stage.all_installs)


def _of_install(facts: Facts, install: Install) -> Iterator[Finding]:
    for pattern, what, why, safety in (
        (_TOOLKIT, "the container toolkit", _WHY_TOOLKIT, Safety.SAFE),
        (_DRIVER, "the host's driver", _WHY_DRIVER, Safety.UNSAFE),
        (_EVERYTHING, "CUDA with the host's driver", _WHY_DRIVER, None),
    ):
        found = [package for package in install.packages if pattern.fullmatch(package.name)]
        if not found:
            continue
        names = ", ".join(package.name for package in found)
        title = f"leave {names} out"
        yield RULE.at(
            facts.place(found[0].word.span),
            f"{names} {'is' if len(found) == 1 else 'are'} {what}",
            why=why,
            related=[facts.place(package.word.span) for package in found[1:4]],
            fix=without_packages(facts, install, found, title, safety)
            if safety and not _is_held(facts, {package.name for package in found})
            else None,
        )


def _is_held(facts: Facts, names: set[str]) -> bool:
    """``apt-mark hold`` fails for packages that are not there."""
    marks = (call for run in facts.runs for call in run.calls if call.program == "apt-mark")
    return any(not names.isdisjoint(call.texts) for call in marks)


def _of_installer(facts: Facts, run: RunFacts) -> Iterator[Finding]:
    for call in run.calls:
        started = call.command.name if not call.arguments else call.arguments[0].text
        if any(_INSTALLER.fullmatch(word) for word in (call.command.name, started)) and call.program not in {
            "chmod",
            "rm",
            "curl",
            "wget",
        }:
            yield RULE.at(facts.place(call.command.span), "the host's driver is installed", why=_WHY_DRIVER)


RULE = Rule(
    "C7",
    "driver-in-image",
    Severity.WARNING,
    _check,
    also=("tally/gpu/no-container-runtime-in-image",),
)
