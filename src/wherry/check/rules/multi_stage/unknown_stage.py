"""`--from` names a stage that is not there.

Why: a name that is no stage's is an image's: `COPY --from=biulder` asks Docker Hub for `biulder`, and whoever
owns that name there decides what is copied. A stage further down, the stage itself, and a number that no
stage has end the build, after everything before them was built.

## Bad: a name written differently

```dockerfile
FROM python:3.12 AS builder
RUN python -m venv /opt/venv

FROM python:3.12-slim
COPY --from=biulder /opt/venv /opt/venv
```

## Fixed: a name written differently

```dockerfile
FROM python:3.12 AS builder
RUN python -m venv /opt/venv

FROM python:3.12-slim
COPY --from=builder /opt/venv /opt/venv
```

## Bad: in a mount

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12 AS wheels
RUN pip wheel --no-cache-dir -w /wheels numpy==2.1.3

FROM python:3.12-slim
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Fixed: in a mount

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12 AS wheels
RUN pip wheel --no-cache-dir -w /wheels numpy==2.1.3

FROM python:3.12-slim
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Bad: a stage further down

```dockerfile
FROM python:3.12-slim AS runtime
COPY --from=build /opt/venv /opt/venv

FROM python:3.12 AS build
RUN python -m venv /opt/venv
```

## Bad: the stage itself

```dockerfile
FROM python:3.12-slim AS build
COPY --from=build /opt/venv /opt/venv
```

## Bad: a number no stage has

```dockerfile
FROM python:3.12
RUN python -m venv /opt/venv
FROM python:3.12-slim
COPY --from=2 /opt/venv /opt/venv
```

## Good

```dockerfile
FROM python:3.12 AS build
RUN python -m venv /opt/venv

FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
COPY --from=busybox /bin/busybox /bin/busybox
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
```

## Fix

Unsafe: the name becomes that of the one stage it differs from by a letter or two; a builder may be given a
context of the name that stands there (`--build-context`), or know an image of it. For a stage further down,
for the stage itself and for numbers there is none: only the author knows what was meant.
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
    from wherry.check.model import Finding
    from wherry.dockerfile.stages import Use

_NEAR: Final = 0.75
_MOST_NAMES: Final = 50
_WORD: Final = regex(r"[a-z][a-z0-9_.-]*", re.IGNORECASE)


def _check(facts: Facts) -> Iterator[Finding]:
    for use in facts.graph.uses:
        if use.kind == "from":
            continue
        what, meant = _fault(facts, use)
        if what:
            yield RULE.at(
                facts.place(use.span),
                what,
                why="Docker would look for an image of that name" if meant else "the build ends here",
                fix=_fix(facts, use, meant) if meant else None,
            )


def _fault(facts: Facts, use: Use) -> tuple[str, str]:
    """What is wrong with a reference, and the stage that was meant where that is clear."""
    name = use.reference
    if use.source is not None:
        if use.source is use.stage:
            return f"the stage copies from itself, {name}", ""
        if not use.is_possible:
            return f"{name} stands further down: a stage sees only those above it", ""
        return "", ""
    if name.isdecimal():
        count = len(facts.graph.stages)
        return f"there is no stage {name}: they are numbered from 0 to {count - 1}", ""
    meant = _meant(facts, use)
    return (f"there is no stage {name}: is it {meant}?", meant) if meant else ("", "")


def _meant(facts: Facts, use: Use) -> str:
    """The one stage whose name is almost the reference; empty where none is, or it is an image on purpose."""
    if not _WORD.fullmatch(use.reference) or _is_known_image(use.reference):
        return ""
    import difflib  # noqa: PLC0415 - only where a name is no stage's

    above = [stage.name for stage in facts.graph.stages[: use.stage.index][:_MOST_NAMES] if stage.name]
    near = difflib.get_close_matches(use.reference.lower(), above, n=2, cutoff=_NEAR)
    return near[0] if len(near) == 1 else ""


def _is_known_image(name: str) -> bool:
    from wherry.check.facts.bases import base_facts  # noqa: PLC0415 - only for a name that is no stage's

    return base_facts(name).is_known


def _fix(facts: Facts, use: Use, meant: str) -> Fix | None:
    written = re.escape(use.reference).encode()
    pattern = re.compile(rb"\bfrom=\"?(" + written + rb")(?![\w.-])", re.IGNORECASE)
    found = pattern.search(facts.file.data, use.span.start, use.span.end)
    if found is None:
        return None
    aspect = Aspect.COPIES if use.kind == "copy" else Aspect.MOUNTS
    span = Span(*found.span(1))
    return Fix(
        f"take it from {meant}",
        (Edit(facts.file.name, span, meant),),
        Safety.UNSAFE,
        Effect(frozenset({use.instruction.index}), aspects=frozenset({aspect})),
    )


RULE = Rule("A4", "unknown-stage", Severity.ERROR, _check, also=("DL3022", "DL3023", "DS-0006"))
