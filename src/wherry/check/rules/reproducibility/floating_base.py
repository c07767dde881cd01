"""A base image without a version.

Why: no tag, `latest` or a tag like `stable` means whatever was pushed last. `python:latest` and `python:3` go
to the next Python some October, before there are wheels of it; the build that fails, or compiles for an hour,
is the first on a machine without the old image. In 150 Dockerfiles of ML repositories 27 end on such a base.

A tag with a version moves too, within it, which brings its security updates. With
`require-digest = true` in `[tool.wherry.check.F1]` only a digest will do.

## Bad

```dockerfile
FROM python
RUN pip install --no-cache-dir fastapi==0.115.6
```

## Bad: a Python of any minor version

```dockerfile
FROM python:3-slim
RUN pip install --no-cache-dir fastapi==0.115.6
```

## Bad: through an argument and another stage

```dockerfile
ARG BASE=pytorch/pytorch:latest
FROM ${BASE} AS base
FROM base
CMD ["python", "train.py"]
```

## Bad: an image that files are taken from

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/uv
```

## Good

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
```

## Good: a digest, a release, nothing at all

```dockerfile
FROM busybox@sha256:9ae97d36d26566ff84e8893c64a6dc4fe8ca6d1144bf5b87b2b85a32def253c7 AS tools
FROM debian:bookworm-slim AS build
COPY --from=tools /bin/busybox /bin/busybox
FROM scratch
COPY --from=build /bin/busybox /bin/busybox
```

## Fix

None: which version works is not in the file. `docker image ls --digests` says which one was built last.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.facts.bases import base_facts
from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.bases import BaseFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.stages import Use

_MAJOR_ALONE: Final = regex(r"3(?:-[a-z][a-z-]*)?")


def _check(facts: Facts) -> Iterator[Finding]:
    by_reference: dict[str, list[Use]] = {}
    for use in facts.graph.uses:
        if use.source is None and use.stage.index in facts.reachable and _is_image(use):
            by_reference.setdefault(use.reference, []).append(use)
    is_strict = bool(facts.settings.option(RULE, "require-digest"))
    for reference, uses in by_reference.items():
        base = base_facts(reference)
        what = _fault(base, is_strict=is_strict)
        if what and base.fate is None:
            is_base = any(use.kind == "from" for use in uses)
            yield RULE.at(
                facts.place(uses[0].span),
                f"{reference} {what}",
                why="the next build may be made of something else, without a change in the repository",
                related=[facts.place(use.span) for use in uses[1:]],
                severity=Severity.WARNING if is_base else Severity.INFO,
            )


def _is_image(use: Use) -> bool:
    """It names an image, as far as can be told from a stage that is not there."""
    name = use.reference
    if not name or "$" in name or name.isdecimal():
        return False
    return use.kind == "from" or "/" in name or ":" in name


def _fault(base: BaseFacts, *, is_strict: bool) -> str:
    if base.is_scratch or base.digest:
        return ""
    if base.is_floating and not _is_dated_by_name(base):
        if not base.tag:
            return "has no tag, which means latest"
        return "is whatever was pushed last" if base.tag == "latest" else f"has a tag that moves: {base.tag}"
    if base.family == "python" and _MAJOR_ALONE.fullmatch(base.tag):
        return "goes to the next minor version of Python by itself"
    return "has no digest" if is_strict else ""


def _is_dated_by_name(base: BaseFacts) -> bool:
    """The name has the release, and its tags say what else is inside: ``distroless/python3-debian12``."""
    return base.family == "distroless" and re.search(r"\d$", base.repository) is not None


RULE = Rule(
    "F1",
    "floating-base",
    Severity.WARNING,
    _check,
    also=("DL3006", "DL3007", "DS-0001"),
    options={"require-digest": False},
)
