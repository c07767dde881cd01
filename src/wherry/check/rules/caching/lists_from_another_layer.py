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

Safe: the update goes to where its lists are used, and so to whoever runs the install there. The RUN that
fetched them stays where something may go by them that nobody here has read: a script, an ONBUILD, another
stage. None where the install is in a branch, a loop or a here-document.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.joining import joined, may_join
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.caching._lists import Lists, all_lists, around_lists, is_of_manager
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.check.rules.caching._lists import Around

_NAMED: Final = 3
_MOST_JOINED: Final = 50


def _check(facts: Facts) -> Iterator[Finding]:
    around: Around | None = None
    for lists in all_lists(facts):
        users = [install for install in lists.users if install.run.stage.is_reachable]
        if users:
            around = around or around_lists(facts)
            yield _finding(facts, lists, users, around)


def _finding(facts: Facts, lists: Lists, users: list[Install], around: Around) -> Finding:
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
        fix=_fix(facts, lists, users, around),
    )


def _command(install: Install) -> str:
    return f"{install.call.program} {install.subcommand}"


def _fix(facts: Facts, lists: Lists, users: list[Install], around: Around) -> Fix | None:
    update = facts.text(lists.update.command.span)
    is_movable = (
        not lists.update.call.is_conditional and "\n" not in update and not lists.run.instruction.is_json
    )
    if not is_movable or not all(map(_takes_more, users)):
        return None
    together = _together(lists)
    edits = []
    for install in users:
        if install.run not in together:
            text = _updating(lists, install, update)
            if text is None:
                return None
            edits.append(Edit(facts.file.name, Span(install.span.start, install.span.start), f"{text} && "))
    touched = {install.run.index for install in users} | {run.index for run in together}
    if together:
        edits += joined(together) or ()
    elif lists.is_alone and len(users) == len(lists.users) and lists.is_only_for_users(around):
        edits.append(taken_out(facts.dockerfile, lists.run.instruction))
        touched.add(lists.run.index)
    # what the lists cost is said where they are fetched and used
    aspects = frozenset({Aspect.COMMANDS, Aspect.MOUNTS} if together else {Aspect.COMMANDS})
    effect = Effect(frozenset(touched), aspects=aspects, uncovers=frozenset({"G2"}))
    return Fix("update the lists where they are used", tuple(edits), Safety.SAFE, effect)


def _updating(lists: Lists, install: Install, update: str) -> str | None:
    """The update as the install's user carries it out; None where that is not told."""
    wrapped = install.command.wrapped_by
    if wrapped and not lists.update.command.wrapped_by:
        prefix = update if lists.update.command.assignments else f"{wrapped[0]} {update}"
        return prefix if prefix != update else None
    same = install.run.user == lists.run.user
    return update if same or (wrapped and lists.update.command.wrapped_by) else None


def _together(lists: Lists) -> list[RunFacts]:
    """The update and the RUNs directly below, where all do nothing but call the same manager."""
    manager, runs = lists.update.manager, [lists.run]
    if not is_of_manager(lists.run, manager):
        return []
    facts = lists.run.stage.facts
    for instruction in facts.dockerfile.instructions[lists.run.index + 1 :][:_MOST_JOINED]:
        run = facts.run_of(instruction)
        if run is None or not may_join(runs[-1], run) or not is_of_manager(run, manager):
            break
        runs.append(run)
    return runs if len(runs) > 1 else []


def _takes_more(install: Install) -> bool:
    """A command can be put before it: it stands at the top of a plain script."""
    instruction, command = install.run.instruction, install.command
    is_plain = not (instruction.is_json or instruction.heredocs or install.run.script.errors)
    is_top = not command.nesting and command.before not in {"|", "|&", "||", "&"}
    return is_plain and is_top and set(command.wrapped_by) <= {"sudo"}


RULE = Rule(
    "B5", "lists-from-another-layer", Severity.WARNING, _check, also=("DS-0017", "DS017", "CKV_DOCKER_5")
)
