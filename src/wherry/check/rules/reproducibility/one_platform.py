"""A file that is built for several machines, or could be, names one of them.

Why: `FROM --platform=linux/amd64` makes every build an amd64 one, under emulation on an ARM machine, whatever
`docker build --platform` says. A download of `x86_64` in a file that is built for arm64 too ends in
`exec format error` on the first start there.

## Bad

```dockerfile
FROM --platform=linux/amd64 python:3.12-slim
CMD ["python", "serve.py"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

## Bad: what is meant anyway

```dockerfile
FROM --platform=$TARGETPLATFORM python:3.12-slim
CMD ["python", "serve.py"]
```

## Fixed: what is meant anyway

```dockerfile
FROM python:3.12-slim
CMD ["python", "serve.py"]
```

## Bad: a download for one machine

```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSLO https://get.helm.sh/helm-v3.16.4-linux-amd64.tar.gz
```

```yaml .github/workflows/release.yml
on: push
jobs:
  image:
    steps:
      - uses: docker/build-push-action@v6
        with:
          context: .
          platforms: linux/amd64,linux/arm64
```

## Good

```dockerfile
FROM --platform=$BUILDPLATFORM python:3.12 AS build
ARG TARGETARCH
RUN curl -fsSLO https://get.helm.sh/helm-v3.16.4-linux-${TARGETARCH}.tar.gz
FROM python:3.12-slim
COPY --from=build /helm* /opt/
```

## Good: one stage for each machine

```dockerfile
FROM --platform=linux/amd64 python:3.12-slim AS base-amd64
FROM --platform=linux/arm64 python:3.12-slim AS base-arm64
FROM base-${TARGETARCH}
CMD ["python", "serve.py"]
```

## Good: there is only one machine

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN curl -fsSLO https://downloads.example/tool-linux-x86_64.tar.gz
```

## Fix

Safe, for `$TARGETPLATFORM`, which is what FROM means without it. Unsafe, for a constant: the flag goes, and
`docker build --platform` or the compose file says it. None for downloads: `ARG TARGETARCH` names the machine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.syntax import Flag

_MACHINE: Final = regex(r"(?<![a-z0-9])(?:x86[_-]64|amd64|linux64|aarch64|arm64)(?![a-z0-9])", re.IGNORECASE)
_ASKS: Final = regex(rb"TARGETARCH|TARGETPLATFORM|uname -m|print-architecture|\barch\b|BUILDARCH")
_REDUNDANT: Final = frozenset({"$TARGETPLATFORM", "${TARGETPLATFORM}"})


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        flag = stage.start.flag("platform") if stage.is_reachable else None
        if flag is None:
            continue
        value = (flag.value or "").strip("\"'")
        if value in _REDUNDANT and not _is_chosen_here(facts):
            yield RULE.at(
                facts.place(flag.span),
                f"--platform={value} says what holds without it",
                why="it reads as if something else were meant",
                fix=_fix(facts, stage, flag, Safety.SAFE),
                severity=Severity.INFO,
            )
        elif value and "$" not in value and not _is_named_so(stage, value):
            yield RULE.at(
                facts.place(flag.span),
                f"every build of this stage is one for {value}",
                why="on another machine it is emulated, whatever docker build --platform says",
                fix=_fix(facts, stage, flag, Safety.UNSAFE),
                severity=Severity.INFO,
            )
    if _is_for_several(facts):
        yield from _downloads(facts)


def _is_chosen_here(facts: Facts) -> bool:
    """An ARG above the first FROM gives it a default, which wins over the platform that is asked for."""
    return any(one.name == "TARGETPLATFORM" and one.raw is not None for one in facts.global_args)


def _is_named_so(stage: StageFacts, platform: str) -> bool:
    """The stage is one of several, and its name says for which machine."""
    name = (stage.name or "").lower()
    return any(part in name for part in platform.lower().split("/") if part)


def _is_for_several(facts: Facts) -> bool:
    """The file asks for which machine it is built, or CI builds it for more than one."""
    if any(variable.name in {"TARGETARCH", "TARGETPLATFORM"} for variable in facts.variables):
        return True
    name = facts.path.name
    builds = (build for workflow in facts.workflows for build in workflow.builds)
    return any(
        "amd64" in build.platforms
        and "arm64" in build.platforms
        and build.dockerfile.rpartition("/")[2] in {"", name}
        for build in builds
    )


def _downloads(facts: Facts) -> Iterator[Finding]:
    for run in facts.runs:
        if not run.stage.is_reachable or run.stage.stage.platform or _ASKS.search(run.instruction.body.data):
            continue
        for download in run.downloads:
            found = _MACHINE.search(download.source)
            if found and download.is_known and not download.call.is_conditional:
                yield RULE.at(
                    facts.place(download.span),
                    f"what is downloaded is for {found[0]}, and the file is built for several machines",
                    why="on the others it ends in 'exec format error'",
                )


def _fix(facts: Facts, stage: StageFacts, flag: Flag, safety: Safety) -> Fix | None:
    end = flag.span.end
    if facts.file.data[end : end + 1] != b" ":
        return None
    return Fix(
        "leave the platform to the build",
        (Edit(facts.file.name, Span(flag.span.start, end + 1), ""),),
        safety,
        Effect(frozenset({stage.start.index}), aspects=frozenset({Aspect.BASE})),
    )


RULE = Rule(
    "F9",
    "one-platform",
    Severity.WARNING,
    _check,
    also=("DL3029", "FromPlatformFlagConstDisallowed", "RedundantTargetPlatform"),
)
