r"""Every package of the base is upgraded.

Why: `apt-get upgrade` writes newer copies of what the base already has into a layer of its own, other ones in
each build, and the layer stays cached for months after. A newer tag of the base has the same fixes without
the second copy. On a CUDA base it may also bring another cuDNN or NCCL than the tag says.

Where it is how security fixes come in time, in a daily build without cache, ignore it with that reason.

## Bad

```dockerfile
FROM python:3.12-slim
RUN apt-get update \
 && apt-get upgrade -y \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*
```

## Fixed

```dockerfile
FROM python:3.12-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/*
```

## Bad: dnf

```dockerfile
FROM fedora:41
RUN dnf -y upgrade && dnf -y install python3.12 && dnf clean all
```

## Fixed: dnf

```dockerfile
FROM fedora:41
RUN dnf -y install python3.12 && dnf clean all
```

## Bad: alone

```dockerfile
FROM ubuntu:22.04
RUN apt-get update
# newer is better
RUN apt-get dist-upgrade -y
CMD ["bash"]
```

## Fixed: alone

```dockerfile
FROM ubuntu:22.04
RUN apt-get update
CMD ["bash"]
```

## Good

```dockerfile
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends --only-upgrade openssl \
 && rm -rf /var/lib/apt/lists/*
```

## Good: only what is built with

```dockerfile
FROM debian:bookworm AS unused
RUN apt-get update && apt-get upgrade -y
FROM python:3.12-slim
CMD ["python"]
```

## Fix

Unsafe: the command is taken out of its RUN, and the image has the versions of its base again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.shell.segments import removal_spans

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_LISTS: Final = "/var/lib/apt/lists"
_WHOLE: Final = frozenset({"dist-upgrade", "full-upgrade", "dup", "distro-sync"})


def _check(facts: Facts) -> Iterator[Finding]:
    by_run: dict[int, list[Install]] = {}
    for install in facts.target.all_installs:
        if install.is_system and install.action == "upgrade" and not install.packages:
            by_run.setdefault(install.run.index, []).append(install)
    for upgrades in by_run.values():
        first, *rest = upgrades
        may_remove = any(install.subcommand in _WHOLE for install in upgrades)
        yield RULE.at(
            facts.place(first.span),
            f"{first.call.program} {first.subcommand} upgrades what the base brings",
            why="the layer holds second copies, other ones in each build"
            + (", and packages may be removed" if may_remove else ""),
            related=[facts.place(install.span) for install in rest],
            fix=_fix(facts, upgrades),
        )


def _fix(facts: Facts, upgrades: Sequence[Install]) -> Fix | None:
    run = upgrades[0].run
    if run.instruction.is_json or run.script.errors:
        return None
    if _is_for_nothing_else(run, upgrades):
        edits: tuple[Edit, ...] = (taken_out(facts.dockerfile, run.instruction),)
    elif len(upgrades) > 1:
        return None  # where one ends the other begins
    else:
        spans = removal_spans(upgrades[0].command, run.instruction) or ()
        edits = tuple(Edit(facts.file.name, span, "") for span in spans)
    if not edits:
        return None
    return Fix(
        "take it out",
        edits,
        Safety.UNSAFE,
        Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS, Aspect.MOUNTS})),
    )


def _is_for_nothing_else(run: RunFacts, upgrades: Sequence[Install]) -> bool:
    """What else it does is fetch the lists for it and remove them again."""
    spans = {install.span for install in upgrades}
    around = {one.span for one in run.installs if one.action in {"update", "clean"}}
    removals = {
        one.call.command.span for one in run.removals if one.covers(_LISTS) or _LISTS in str(one.paths)
    }
    rest = {command.span for command in run.script.commands} - spans
    return not rest or (bool(removals) and rest <= around | removals)


RULE = Rule("F12", "system-upgraded", Severity.WARNING, _check, also=("DS-0024", "DD013", "DL3005"))
