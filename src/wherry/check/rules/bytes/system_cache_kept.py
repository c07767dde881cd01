r"""The package manager of the system leaves its lists or packages in the layer.

Why: `apt-get update` writes some 20 MB of package lists on Debian 12, and every RUN that updates writes them
anew into its own layer. dnf, yum, zypper and apk keep metadata, and some the packages themselves. Nobody
reads them again: the next `apt-get update` replaces them, and a `rm` in a later RUN only hides them. The
packages themselves are no matter with apt: Debian's and Ubuntu's images empty its archive already.

Only stages that ship are looked at.

## Bad

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates \
        git
CMD ["git", "--version"]
```

## Fixed

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends \
        ca-certificates \
        git \
        && rm -rf /var/lib/apt/lists/*
CMD ["git", "--version"]
```

## Bad: where each command has its line

```dockerfile
FROM debian:bookworm-slim
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends git; \
    git --version
```

## Fixed: where each command has its line

```dockerfile
FROM debian:bookworm-slim
RUN set -eux; \
    apt-get update; \
    apt-get install -y --no-install-recommends git; \
    rm -rf /var/lib/apt/lists/*; \
    git --version
```

## Bad: dnf and apk

```dockerfile
FROM alpine:3.20 AS tools
RUN apk add --virtual build gcc musl-dev \
 && apk add libstdc++

FROM fedora:40
COPY --from=tools /usr/lib/libstdc++.so.6 /usr/lib/
RUN dnf -y install libgomp
```

## Fixed: dnf and apk

```dockerfile
FROM alpine:3.20 AS tools
RUN apk add --virtual build gcc musl-dev \
 && apk add libstdc++

FROM fedora:40
COPY --from=tools /usr/lib/libstdc++.so.6 /usr/lib/
RUN dnf -y install libgomp && dnf clean all
```

## Bad: apk

```dockerfile
FROM python:3.12-alpine
RUN apk add libstdc++ openblas
```

## Fixed: apk

```dockerfile
FROM python:3.12-alpine
RUN apk add --no-cache libstdc++ openblas
```

## Good: lists that a later RUN installs by are B5's

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update
RUN apt-get install -y --no-install-recommends git
```

## Good

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/*
```

## Good: on cache mounts

```dockerfile
FROM debian:bookworm-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    apt-get update && apt-get install -y --no-install-recommends git
```

## Fix

Safe: it puts the manager's own way of cleaning behind the last install of the RUN. Unsafe where a script that
is not read here runs later, because it might install by the lists that are left. None where a later RUN
installs without an update of its own: put the two in one RUN first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Cost, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import runs_of
from wherry.check.rules.bytes._caches import (
    is_built_on_by_apt,
    later_runs,
    needs_lists,
    runs_scripts,
    updates_lists,
)
from wherry.check.rules.bytes._chain import command_behind, option_behind
from wherry.check.rules.caching._lists import all_lists
from wherry.check.sizes import apt_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Edit, Finding

_CLEANING: Final = {
    "dnf": "{} clean all",
    "yum": "{} clean all",
    "microdnf": "{} clean all",
    "tdnf": "{} clean all",
    "zypper": "{} clean --all",
}
_FILLS: Final = frozenset({"install", "upgrade", "update"})
_KEEPS: Final = {"apt": "keeps its package lists", "apk": "keeps its index", "": "keeps its cache"}


def _check(facts: Facts) -> Iterator[Finding]:
    left = [install for run in runs_of(facts.target) for install in _left_by(run)]
    moved = (
        {lists.update.span for lists in all_lists(facts) if lists.is_alone and lists.users} if left else set()
    )
    left = [install for install in left if install.span not in moved]  # B5 speaks of these
    for manager in dict.fromkeys(install.manager for install in left):
        mended: dict[bool, list[tuple[Install, tuple[Edit, ...]]]] = {True: [], False: []}
        for install in left:
            if install.manager == manager:
                edits = _edits(install)
                mended[bool(edits)].append((install, edits))
        for some in mended.values():
            if some:
                yield _finding(facts, manager, some)


def _left_by(run: RunFacts) -> Iterator[Install]:
    """Of each manager whose downloads stay in the layer its last call that fetches them."""
    if update := updates_lists(run):
        yield update
    last = {
        install.manager: install
        for install in run.installs
        if install.action in _FILLS and (install.manager in _CLEANING or install.manager == "apk")
    }
    yield from (install for install in last.values() if install.cache.stays)


def _edits(install: Install) -> tuple[Edit, ...]:
    """What cleans up behind it, none where that cannot be done here."""
    run = install.run
    if install.manager == "apk":
        return _without_cache(run)
    last = [one for one in run.installs if one.manager == install.manager and one.action in _FILLS][-1]
    if last.action == "update":
        return ()  # it brings nothing else: what it is for stands elsewhere
    if install.manager != "apt":
        text = _CLEANING[install.manager].format(last.command.name)
    elif any(map(needs_lists, later_runs(run))) or is_built_on_by_apt(run):
        return ()
    else:
        text = "rm -rf /var/lib/apt/lists/*"
    edit = command_behind(run, last.command, text)
    return (edit,) if edit else ()


def _without_cache(run: RunFacts) -> tuple[Edit, ...]:
    calls = [one for one in run.installs if one.manager == "apk" and one.action in _FILLS]
    if any(call.action == "update" for call in calls):
        edit = command_behind(run, calls[-1].command, "rm -rf /var/cache/apk/*")
        return (edit,) if edit else ()
    edits = []
    for call in calls:
        word = next((value.word for value in call.call.arguments if value.text == call.subcommand), None)
        edit = option_behind(run, word, "--no-cache") if word else None
        if edit is None:
            return ()
        if not call.cache.is_off:
            edits.append(edit)
    return tuple(edits)


def _finding(facts: Facts, manager: str, left: Sequence[tuple[Install, tuple[Edit, ...]]]) -> Finding:
    installs = [install for install, _ in left]
    edits = tuple(edit for _, some in left for edit in some)
    count = len(installs)
    where = "the layer" if count == 1 else f"{count} layers"
    fix = Fix("clean up in the same RUN", edits, _safety(installs), _effect(installs)) if edits else None
    return RULE.at(
        facts.place(installs[0].span),
        f"{installs[0].call.program} {_KEEPS.get(manager, _KEEPS[''])} in {where}",
        why="nothing reads them again, and a later RUN can only hide them",
        cost=_cost(installs) if manager == "apt" else None,
        related=[facts.place(install.span) for install in installs[1:]],
        fix=fix,
    )


def _safety(installs: Sequence[Install]) -> Safety:
    """Whether a script might yet install by the lists that go."""
    for install in installs:
        is_seen = not runs_scripts(install.run, install.span.end)
        if install.manager == "apt" and not (is_seen and not any(map(runs_scripts, later_runs(install.run)))):
            return Safety.UNSAFE
    return Safety.SAFE


def _effect(installs: Sequence[Install]) -> Effect:
    touched = frozenset(install.run.index for install in installs)
    return Effect(touches=touched, aspects=frozenset({Aspect.COMMANDS}))


def _cost(installs: Sequence[Install]) -> Cost:
    """What one update leaves, as often as it is done."""
    one = apt_lists(installs[0].run.stage.base.distro)
    return Cost(one.size_bytes * len(installs), basis=one.basis, source=one.source)


RULE = Rule(
    "G2",
    "system-cache-kept",
    Severity.WARNING,
    _check,
    also=(
        *("DL3009", "DL3019", "DL3032", "DL3036", "DL3040"),
        *("DS-0015", "DS-0019", "DS-0020", "DS-0025"),
        *("DKL-DI-0004", "DKL-DI-0005"),
    ),
)
