r"""Packages are installed by lists that an earlier layer fetched.

Why: `RUN apt-get update` is the same text for ever, so its layer comes from the cache for ever, and with it
the package lists of the day it was built. The install below it then asks the mirror for versions that are
gone (`404 Not Found`), or takes one that was patched long ago. In one RUN the lists are as old as the
install itself, and they can be removed again before the layer is written.

## Bad

```dockerfile
FROM debian:12-slim
RUN apt-get update
RUN apt-get install -y --no-install-recommends libgomp1 curl
```

## Fixed

```dockerfile
FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 curl
```

## Bad: several installs, sudo, a stage below

```dockerfile
FROM rayproject/ray:2.40.0 AS base
# lists for everybody
RUN sudo apt-get -qq update

WORKDIR /home/ray
RUN sudo apt-get install -y rsync

FROM base
RUN cd /tmp && \
    sudo apt-get install -y \
      openssh-client \
    && sudo apt-get install -y git
```

## Fixed: several installs, sudo, a stage below

```dockerfile
FROM rayproject/ray:2.40.0 AS base

WORKDIR /home/ray
RUN sudo apt-get -qq update && sudo apt-get install -y rsync

FROM base
RUN cd /tmp && \
    sudo apt-get -qq update && sudo apt-get install -y \
      openssh-client \
    && sudo apt-get install -y git
```

## Bad: the lists of another install

```dockerfile
FROM ubuntu:24.04
RUN apt-get update && apt-get install -y git
COPY setup.sh /
RUN apt-get install -y gcc-12
```

## Fixed: the lists of another install

```dockerfile
FROM ubuntu:24.04
RUN apt-get update && apt-get install -y git
COPY setup.sh /
RUN apt-get update && apt-get install -y gcc-12
```

## Good

```dockerfile
FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN curl -fsSL https://deb.example.com/setup | bash - && apt-get install -y nodejs
```

## Good: on a cache mount

```dockerfile
# syntax=docker/dockerfile:1
FROM debian:12-slim
RUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get update
RUN --mount=type=cache,target=/var/lib/apt,sharing=locked apt-get install -y curl
```

## Fix

Safe: the update goes to where its lists are used. None where the install is in a branch, a loop or a
here-document.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.joining import joined, may_join
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_LISTS: Final = {"apt": "/var/lib/apt/lists", "apk": "/var/cache/apk", "zypper": "/var/cache/zypp"}
_UPDATES_ITSELF: Final = ("--no-cache", "--update-cache", "--update")
_UPDATERS: Final = frozenset({"add-apt-repository", "apt-add-repository"})
_NAMED: Final = 3
_MOST_JOINED: Final = 50


@dataclass(eq=False)
class _Lists:
    """Package lists that a RUN leaves behind, and who lives on them."""

    update: Install
    users: list[Install] = field(default_factory=list)

    @property
    def run(self) -> RunFacts:
        return self.update.run

    @property
    def is_alone(self) -> bool:
        """The RUN does nothing but fetch them."""
        return all(install.action == "update" for install in self.run.installs) and (
            len(self.run.installs) == len(self.run.calls)
        )


def _check(facts: Facts) -> Iterator[Finding]:
    for lists in _all_lists(facts):
        users = [install for install in lists.users if install.run.stage.is_reachable]
        if users:
            yield _finding(facts, lists, users)


def _all_lists(facts: Facts) -> list[_Lists]:
    """Every RUN that leaves lists behind, with the installs of later RUNs that go by them."""
    found: list[_Lists] = []
    at_end: list[dict[str, _Lists]] = []  # by stage
    for stage in facts.stages:
        lists = dict(at_end[stage.parent.index]) if stage.parent else {}
        for run in stage.runs:
            for manager, directory in _LISTS.items():
                _live_on(run, manager, lists)
                made = _left_by(run, manager, directory)
                if made:
                    found.append(made)
                    lists[manager] = made
                elif run.removes(directory) or run.mount("cache", directory):
                    lists.pop(manager, None)
        at_end.append(lists)
    return found


def _live_on(run: RunFacts, manager: str, lists: dict[str, _Lists]) -> None:
    """Note the first install of a RUN that has no update before it."""
    for install in run.installs:
        if install.manager != manager:
            continue
        if install.action == "update" or install.has(*_UPDATES_ITSELF):
            return
        if install.action in {"install", "upgrade"} and not _is_local(install):
            if manager in lists and not _may_update(run, install):
                lists[manager].users.append(install)
            return


def _is_local(install: Install) -> bool:
    """It takes packages that are here already."""
    return bool(install.packages) and all(package.is_local for package in install.packages)


def _may_update(run: RunFacts, install: Install) -> bool:
    """Something before the install fetches lists by the way: a script from the net, add-apt-repository."""
    before = [call for call in run.calls if call.command.span.start < install.span.start]
    return any(call.program in _UPDATERS for call in before) or any(
        pipe.call.command.span.start < install.span.start for pipe in run.pipes
    )


def _left_by(run: RunFacts, manager: str, directory: str) -> _Lists | None:
    """The lists that a RUN leaves in its layer."""
    updates = [found for found in run.installs if found.manager == manager and found.action == "update"]
    if not updates or run.mount("cache", directory) or run.removes(directory, after=updates[-1].span.end):
        return None
    return _Lists(updates[-1])


def _finding(facts: Facts, lists: _Lists, users: list[Install]) -> Finding:
    first = users[0]
    if lists.is_alone:
        place, what = lists.run.span, f"{_command(lists.update)} stands in a layer of its own"
        related = [facts.place(install.span) for install in users]
    else:
        names = ", ".join(first.names[:_NAMED]) or "packages"
        place, what = first.span, f"{first.manager} installs {names} by the lists of an earlier layer"
        related = [facts.place(lists.update.span), *(facts.place(install.span) for install in users[1:])]
    return RULE.at(
        facts.place(place),
        what,
        why="the lists come from the cache long after the mirror has other versions",
        related=related,
        fix=_fix(facts, lists, users),
    )


def _command(install: Install) -> str:
    return " ".join(word.value for word in install.command.words[:2])


def _fix(facts: Facts, lists: _Lists, users: list[Install]) -> Fix | None:
    update = facts.text(lists.update.command.span)
    is_movable = (
        not lists.update.call.is_conditional and "\n" not in update and not lists.run.instruction.is_json
    )
    if not is_movable or not all(map(_takes_more, users)):
        return None
    together = _together(lists)
    edits = [
        Edit(facts.file.name, Span(install.span.start, install.span.start), f"{update} && ")
        for install in users
        if install.run not in together
    ]
    touched = {install.run.index for install in users} | {run.index for run in together}
    if len(together) > 1:
        edits += joined(together) or ()
    elif lists.is_alone and len(users) == len(lists.users):
        edits.append(taken_out(facts.dockerfile, lists.run.instruction))
        touched.add(lists.run.index)
    effect = Effect(frozenset(touched), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("update the lists where they are used", tuple(edits), Safety.SAFE, effect)


def _together(lists: _Lists) -> list[RunFacts]:
    """The update and the RUNs directly below that do nothing but call the same manager."""
    if not lists.is_alone:
        return []
    manager, runs = lists.update.manager, [lists.run]
    facts = lists.run.stage.facts
    for instruction in facts.dockerfile.instructions[lists.run.index + 1 :][:_MOST_JOINED]:
        run = facts.run_of(instruction)
        if run is None or not may_join(runs[-1], run):
            break
        if any(install.manager != manager for install in run.installs) or len(run.installs) < len(run.calls):
            break
        runs.append(run)
    return runs


def _takes_more(install: Install) -> bool:
    """A command can be put before it: it stands at the top of a plain script."""
    instruction, command = install.run.instruction, install.command
    is_plain = not (instruction.is_json or instruction.heredocs or install.run.script.errors)
    is_top = not command.nesting and command.before not in {"|", "|&", "||", "&"}
    return is_plain and is_top and set(command.wrapped_by) <= {"sudo"}


RULE = Rule(
    "B5", "lists-from-another-layer", Severity.WARNING, _check, also=("DS-0017", "DS017", "CKV_DOCKER_5")
)
