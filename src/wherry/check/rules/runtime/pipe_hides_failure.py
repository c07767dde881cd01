"""A pipe or a here-document hides that a command failed.

Why: of `curl ... | tar x` the shell reports what tar says. When the download breaks off, RUN succeeds with
half of the files, and the layer is cached. Of `RUN <<EOF` it reports what the last line says: unlike `&&` the
lines of a here-document are run whatever came of those before.

## Bad

```dockerfile
FROM python:3.12
RUN curl -fsSL https://models.example/tools.tar.gz | tar -xz -C /opt
```

## Fixed

```dockerfile
FROM python:3.12
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl -fsSL https://models.example/tools.tar.gz | tar -xz -C /opt
```

## Bad: lines that go on

```dockerfile
FROM python:3.12
RUN <<EOF
apt-get update
apt-get install -y --no-install-recommends ffmpeg
rm -rf /var/lib/apt/lists/*
EOF
```

## Fixed: lines that go on

```dockerfile
FROM python:3.12
RUN <<EOF
set -e
apt-get update
apt-get install -y --no-install-recommends ffmpeg
rm -rf /var/lib/apt/lists/*
EOF
```

## Good

```dockerfile
FROM python:3.12
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN curl -fsSL https://models.example/tools.tar.gz | tar -xz -C /opt
```

## Good: set in the script

```dockerfile
FROM python:3.12
RUN <<EOF
set -e -o pipefail
curl -fsSL https://models.example/tools.tar.gz | tar -xz -C /opt
EOF
```

## Good: what fails first fetches nothing

```dockerfile
FROM python:3.12-slim
RUN dpkg -l | grep libc6
```

## Good: what F4 speaks of

```dockerfile
FROM python:3.12-slim
RUN curl -LsSf https://astral.sh/uv/install.sh | sh
```

## Fix

Unsafe, on Debian, Ubuntu and their like, which have bash: `SHELL` with pipefail above the first such RUN. It
holds to the end of the stage; a later pipe that may fail on purpose fails the build then. The same may be
said of `set -e` at the head of a here-document.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding

_FETCHERS: Final = frozenset({"curl", "wget", "aws", "gsutil", "git", "gcloud", "az", "s5cmd", "rclone"})
_GOES_ON: Final = frozenset({"\n", ";"})
_IS_DOCUMENT: Final = regex(r"<<-?\s?[\"']?\w+[\"']?\s*$")
_PIPES: Final = frozenset({"|", "|&"})
_PIPEFAIL: Final = regex(r"\bpipefail\b")
_HAS_BASH: Final = frozenset({"apt", "dnf"})
_SHELL: Final = 'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\n'


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.stages:
        if not stage.is_reachable:
            continue
        for run in stage.runs:
            if call := _ignored(run):
                yield _of_document(facts, run, call)
        found = [(run, call) for run in stage.runs for call in _hidden(facts, run)]
        if found:
            run, call = found[0]
            yield RULE.at(
                facts.place(call.command.span),
                f"when {call.program} fails nobody sees it: the pipe ends well",
                why="the layer is cached with whatever came until then",
                related=[facts.place(other.command.span) for _, other in found[1:]],
                fix=_fix(stage, run),
            )


def _ignored(run: RunFacts) -> Call | None:
    """A command that installs or fetches, and behind which a here-document goes on whatever came of it."""
    if not run.instruction.heredocs or not _IS_DOCUMENT.match(run.instruction.body.text.lstrip()):
        return None
    spans = {one.call.command.span for one in run.installs}
    spans |= {one.call.command.span for one in run.downloads}
    for call, following in pairwise(run.calls):
        if call.command.span in spans and not call.command.nesting and following.command.before in _GOES_ON:
            return None if "errexit" in run.script.options_before(call.command) else call
    return None


def _of_document(facts: Facts, run: RunFacts, call: Call) -> Finding:
    document = run.instruction.heredocs[0]
    at = document.body.start
    if document.content.startswith("#!"):
        at = facts.file.data.index(b"\n", at) + 1
    return RULE.at(
        facts.place(call.command.span),
        f"when {call.program} fails the here-document goes on",
        why="the shell stops at no error unless it is told to, and the layer is cached without what failed",
        fix=Fix(
            "stop at the first error",
            (Edit(facts.file.name, Span(at, at), "set -e\n"),),
            Safety.UNSAFE,
            Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS})),
        ),
    )


def _hidden(facts: Facts, run: RunFacts) -> Iterator[Call]:
    """Commands that fetch into a pipe, where nothing makes the pipe fail with them."""
    if "pipefail" in " ".join(run.scope.shell) or _PIPEFAIL.search(facts.text(run.instruction.span)):
        return
    run_as_they_come = {pipe.source.command.span for pipe in run.pipes}  # F4 speaks of these
    for first, second in pairwise(run.calls):
        is_fetched = first.program in _FETCHERS and first.command.span not in run_as_they_come
        if is_fetched and second.command.before in _PIPES and not first.is_conditional:
            yield first


def _fix(stage: StageFacts, run: RunFacts) -> Fix | None:
    if stage.base.package_manager not in _HAS_BASH or run.scope.shell[0] != "/bin/sh":
        return None
    return Fix(
        "let a pipe fail with its first command",
        (put_before(stage.facts.dockerfile, run.instruction, _SHELL),),
        Safety.UNSAFE,
        Effect(inserts=1, aspects=frozenset({Aspect.ENV})),
    )


RULE = Rule("H11", "pipe-hides-failure", Severity.WARNING, _check, also=("DL4006", "DS-0025"))
