"""A CUDA base whose tag is gone, or will be.

Why: NVIDIA deletes tags of `nvidia/cuda` from Docker Hub some time after the driver they came with is no
longer supported (gitlab.com/nvidia/container-images/cuda issue 177). There is no `latest` any more, and
nothing up to CUDA 11.0 (NVIDIA/nvidia-docker issues 1454, 1735, 1768); images for CentOS 7 went with it
(issue 1789). Where a builder still has the image in its cache the build goes on for months, and stops on
the first new machine.

## Bad

```dockerfile
FROM nvidia/cuda:10.2-cudnn7-runtime-ubuntu18.04
RUN apt-get update
```

## Bad: through an argument and another stage

```dockerfile
ARG CUDA=10.1
FROM nvidia/cuda:${CUDA}-base AS base
FROM base
CMD ["app"]
```

## Bad: latest

```dockerfile
FROM nvidia/cuda:latest
CMD ["app"]
```

## Bad: the first of a minor version

```dockerfile
ARG CUDA=12.1.0
FROM nvidia/cuda:${CUDA}-cudnn8-runtime-ubuntu22.04
CMD ["app"]
```

## Fixed: the first of a minor version

```dockerfile
ARG CUDA=12.1.1
FROM nvidia/cuda:${CUDA}-cudnn8-runtime-ubuntu22.04
CMD ["app"]
```

## Good

```dockerfile
FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04
CMD ["app"]
```

## Good: a registry of one's own

```dockerfile
FROM registry.example.com/mirror/nvidia/cuda:10.2-cudnn7-runtime-ubuntu18.04
CMD ["app"]
```

## Fix

Unsafe: the patch release of the same CUDA that stays, where one is known; it is compatible, but not the same
bytes. None for the rest: another CUDA means other wheels, and often another distribution. The newest tag of
the same major version is the smallest step; a mirror of the image that is still there is the other way.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wherry.check.model import Rule, Safety, Severity
from wherry.check.rules.gpu._bases import retagged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding, Fix


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        fate = stage.base.fate
        if stage.parent is not None or fate is None or not stage.is_reachable:
            continue
        name = stage.base.reference
        what = "is no longer on Docker Hub" if fate.is_gone else "is to be deleted from Docker Hub"
        yield RULE.at(
            facts.place(stage.base_span),
            f"{name} {what}",
            why=f"the build ends here on a machine that has not pulled it before ({fate.source})",
            severity=Severity.ERROR if fate.is_gone else Severity.WARNING,
            fix=_fix(facts, stage, fate.successor),
        )


def _fix(facts: Facts, stage: StageFacts, successor: str) -> Fix | None:
    if not successor:
        return None
    old = rf"(?<![\d.]){re.escape(stage.base.version)}(?![\d.])"
    return retagged(facts, stage, old, successor, title=f"take CUDA {successor}", safety=Safety.UNSAFE)


RULE = Rule("C12", "cuda-tag-gone", Severity.ERROR, _check)
