r"""RUNs directly below one another do what one would do.

Why: each RUN is a layer. Installs of system packages one by one leave the package lists and caches of each in
its own layer, where no later RUN can remove them, and a `chmod` in a layer of its own stores every file it
touches a second time. Steps of the same kind change together, so nothing is lost from the cache by joining
them; what is of another kind, a `pip install` below an `apt-get install`, stays apart on purpose.

It also speaks where a stage comes near the 127 layers that Docker takes (`layers` in
`[tool.wherry.check.B13]` sets from how many on).

## Bad

```dockerfile
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends git
# the decoder
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg
COPY app /app
```

## Fixed

```dockerfile
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends git \
# the decoder
    && apt-get update && apt-get install -y --no-install-recommends ffmpeg
COPY app /app
```

## Bad: small steps

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir numpy==2.1.3
RUN useradd --create-home app
RUN mkdir -p /app/uploads
RUN chown -R app /app
USER app
```

## Fixed: small steps

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir numpy==2.1.3
RUN useradd --create-home app \
    && mkdir -p /app/uploads \
    && chown -R app /app
USER app
```

## Good

```dockerfile
FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends git ffmpeg \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir numpy==2.1.3
RUN useradd --create-home app
```

## Fix

Safe: the same commands in the same order, joined by `&&`. None where one of them leaves something to the rest
of its shell (`cd`, `export`), or has a mount that the other has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.joining import joined, may_join
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.caching._lists import all_lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_SMALL: Final = frozenset(
    {
        "adduser",
        "addgroup",
        "chgrp",
        "chmod",
        "chown",
        "cp",
        "echo",
        "groupadd",
        "ln",
        "mkdir",
        "mv",
        "rm",
        "sed",
        "touch",
        "useradd",
        "usermod",
        "update-alternatives",
    }
)
_MOST_LAYERS: Final = 127
_FROM: Final = {"system": 2, "small": 3}


def _check(facts: Facts) -> Iterator[Finding]:
    by_lists: set[int] | None = None
    for stage in facts.stages:
        if not stage.is_reachable:
            continue
        for kind, runs in _sequences(stage):
            if len(runs) < _FROM[kind]:
                continue
            if kind == "system" and by_lists is None:
                by_lists = _by_lists_of_others(facts)
            if not by_lists or by_lists.isdisjoint(run.index for run in runs):
                yield _finding(facts, kind, runs)
    yield from _too_many(facts)


def _sequences(stage: StageFacts) -> Iterator[tuple[str, list[RunFacts]]]:
    """RUNs of one kind that can be joined, as long as they go."""
    runs: list[RunFacts] = []
    kind = ""
    for run in stage.runs:
        own = _kind(run)
        if runs and own == kind and may_join(runs[-1], run):
            runs.append(run)
            continue
        if runs:
            yield kind, runs
        kind, runs = own, [run] if own else []
    if runs:
        yield kind, runs


def _by_lists_of_others(facts: Facts) -> set[int]:
    """The RUNs that install by the lists of one above: it is B5 that speaks of those, and joins them."""
    return {install.run.index for lists in all_lists(facts) for install in lists.users}


def _kind(run: RunFacts) -> str:
    """What a RUN is about; empty for what is never joined: what leaves nothing behind may stay apart."""
    if any(install.is_system and install.cache.is_mounted for install in run.installs):
        return ""
    installs = {install.call.command.span: install for install in run.installs}
    found = [installs.get(call.command.span) for call in run.calls]
    if all(
        (install and install.is_system) or call.program in _SMALL
        for install, call in zip(found, run.calls, strict=True)
    ):
        systems = [install for install in found if install]
        if any(install.action in {"install", "upgrade", "remove", "clean"} for install in systems):
            return "system"
        return "" if systems or not run.calls else "small"
    return ""


def _finding(facts: Facts, kind: str, runs: list[RunFacts]) -> Finding:
    what = "install system packages" if kind == "system" else "are small steps of one thing"
    effect = Effect(frozenset(run.index for run in runs), aspects=frozenset({Aspect.COMMANDS, Aspect.MOUNTS}))
    return RULE.at(
        facts.place(runs[0].span),
        f"{len(runs)} RUNs directly below one another {what}",
        why="each is a layer, and what one leaves the next cannot take away",
        related=[facts.place(run.span) for run in runs[1:]],
        fix=Fix("make one of them", joined(runs) or (), Safety.SAFE, effect),
    )


def _too_many(facts: Facts) -> Iterator[Finding]:
    made = [one for one in facts.target.all_instructions if one.keyword in {"run", "copy", "add"}]
    limit = int(facts.settings.option(RULE, "layers"))
    if len(made) >= limit:
        yield RULE.at(
            facts.place(facts.target.start.span),
            f"the image has {len(made)} layers beside those of its base",
            why=f"Docker takes {_MOST_LAYERS} in all",
            severity=Severity.WARNING,
        )


RULE = Rule("B13", "runs-apart", Severity.INFO, _check, also=("DL3059",), options={"layers": 100})
