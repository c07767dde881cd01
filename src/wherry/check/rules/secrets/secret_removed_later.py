"""A secret is copied in, and removed by a later RUN.

Why: layers only add. What a COPY wrote is in its layer for whoever pulls the image; the RUN only hides it.

## Bad

```dockerfile
FROM python:3.12-slim
COPY id_rsa /root/.ssh/id_rsa
RUN pip install --no-cache-dir git+ssh://git@github.com/acme/models@v1.4.0
RUN rm /root/.ssh/id_rsa
```

```text id_rsa
-----BEGIN OPENSSH PRIVATE KEY-----
```

## Fixed

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN --mount=type=secret,id=id_rsa,target=/root/.ssh/id_rsa pip install --no-cache-dir git+ssh://git@github.com/acme/models@v1.4.0
```

## Bad: together with the command that uses it

```dockerfile
FROM python:3.12-slim
COPY .netrc /root/.netrc
RUN pip install --no-cache-dir acme-models==1.4.0 && rm -f /root/.netrc
```

## Fixed: together with the command that uses it

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN --mount=type=secret,id=netrc,target=/root/.netrc pip install --no-cache-dir acme-models==1.4.0
```

## Good

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN --mount=type=secret,id=netrc,target=/root/.netrc pip install --no-cache-dir acme-models==1.4.0
```

## Good: in a stage that does not ship

```dockerfile
FROM python:3.12 AS build
COPY .netrc /root/.netrc
RUN pip install --no-cache-dir --target /deps acme-models==1.4.0 && rm -f /root/.netrc

FROM python:3.12-slim
COPY --from=build /deps /deps
```

## Fix

Unsafe: the COPY and the command that removes the file go, and the RUN between them gets it as a secret at the
same path, for as long as it runs; so does every RUN between them that names it, where it is no file that
clients look for on their own, as `.netrc` is. A `chmod` of it goes too, for a secret is its user's alone.
Whoever builds passes `--secret id=netrc,src=.netrc`. None where it is not plain which RUN needs it, where one
writes to it, moves it or copies it, and for users other than root. The key that was shipped must be replaced.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.secrets._mounting import syntax_line, with_secret, without
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.shell import Command

_SECRET: Final = regex(
    r"(?:\.netrc|\.env(?:\.\w+)?|id_(?:rsa|dsa|ecdsa|ed25519)|\.pypirc|\.npmrc|\.pgpass|kaggle\.json|pip\.conf"
    r"|\.git-credentials|service[-_]?account[\w-]*\.json|[\w.-]*credentials[\w.-]*|[\w.-]+\.(?:pem|key|p12|pfx))",
    re.IGNORECASE,
)
_FOUND_BY_CLIENTS: Final = regex(
    r"\.netrc|id_\w+|\.pypirc|\.npmrc|\.pgpass|kaggle\.json|pip\.conf|\.git-credentials|credentials"
)
_KEEPERS: Final = frozenset(
    {"cp", "mv", "ln", "install", "tee", "sed", "chown", "chmod", "tar", "rsync", "ssh-add"}
)
_PLAIN: Final = regex(r"id=[\w.-]+,target=/[\w./-]+")
_ONE_AND_TARGET: Final = 2


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.shipped:
        for copy in stage.copies:
            for path in _secrets(copy):
                remover = next(
                    (
                        run
                        for run in facts.target.all_runs
                        if run.instruction.index > copy.instruction.index and run.removes(path)
                    ),
                    None,
                )
                if remover is not None:
                    name = posixpath.basename(path)
                    yield RULE.at(
                        facts.place(copy.instruction.span),
                        f"{name} is copied in and removed again",
                        why="the layer of the COPY keeps it for everyone who can pull the image",
                        related=[facts.place(remover.instruction.keyword_span)],
                        fix=_fix(facts, copy, path, remover),
                    )


def _secrets(copy: CopyFacts) -> Iterator[str]:
    """Where in the image secrets lie that are copied by name."""
    if copy.from_ is not None:
        return
    for source in copy.sources:
        name = posixpath.basename(source.rstrip("/"))
        if _SECRET.fullmatch(name):
            target = copy.destination
            yield posixpath.join(target, name) if target.endswith("/") else target


def _fix(facts: Facts, copy: CopyFacts, path: str, remover: RunFacts) -> Fix | None:
    """The file as a secret of the RUNs that need it, where these are plain."""
    is_single = len(copy.instruction.values) == _ONE_AND_TARGET and not copy.instruction.heredocs
    runs = [run for run in copy.stage.runs if copy.index < run.index <= remover.index]
    if not is_single or remover not in runs or not all(run.is_root for run in runs):
        return None
    gone = {run.index: _told(run, path) for run in runs}
    users = _users(runs, path, gone)
    edits = [taken_out(facts.dockerfile, copy.instruction), *syntax_line(facts)]
    for run in runs:
        removed = without(facts, run, gone[run.index]) if gone[run.index] else []
        if removed is None:
            return None
        edits += removed
    name = posixpath.basename(path)
    fields = f"id={name.lstrip('.')},target={path}"
    if not users or not _PLAIN.fullmatch(fields) or any(_keeps(run, path, gone[run.index]) for run in users):
        return None
    touched = {copy.index, *(one.index for one in users), *(index for index, some in gone.items() if some)}
    return Fix(
        f"give {name} to the RUN as a secret",
        (*edits, *(with_secret(facts, run, fields) for run in users)),
        Safety.UNSAFE,
        Effect(frozenset(touched), aspects=frozenset({Aspect.COPIES, Aspect.MOUNTS, Aspect.COMMANDS})),
    )


def _told(run: RunFacts, path: str) -> list[Command]:
    """The commands that remove it and nothing else, or set its mode."""
    removals = [one.call for one in run.removals if one.paths == (path,)]
    modes = [
        call
        for call in run.calls
        if call.program == "chmod" and [call.path(text) for text in call.texts[1:]] == [path]
    ]
    return [call.command for call in (*removals, *modes) if not call.is_conditional]


def _users(runs: Sequence[RunFacts], path: str, gone: Mapping[int, Sequence[Command]]) -> list[RunFacts]:
    """The only RUN that does anything else; of several those that name a file that no client looks for."""
    busy = [run for run in runs if len(run.script.commands) > len(gone[run.index])]
    if len(busy) <= 1:
        return busy
    if _FOUND_BY_CLIENTS.fullmatch(posixpath.basename(path)):
        return []
    return [run for run in busy if any(_names(call, path) for call in _others(run, gone[run.index]))]


def _others(run: RunFacts, gone: Sequence[Command]) -> list[Call]:
    return [call for call in run.calls if call.command not in gone]


def _names(call: Call, path: str) -> bool:
    return any(posixpath.basename(path) in text for text in call.texts)


def _keeps(run: RunFacts, path: str, gone: Sequence[Command]) -> bool:
    """A command would keep the file, or change it, or remove what it is mounted in."""
    return any(removal.covers(path) and removal.call.command not in gone for removal in run.removals) or any(
        call.program in _KEEPERS and _names(call, path) for call in _others(run, gone)
    )


RULE = Rule("E7", "secret-removed-later", Severity.ERROR, _check)
