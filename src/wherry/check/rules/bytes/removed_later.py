r"""What is removed was stored by an earlier layer, and stays there.

Why: a layer is what one instruction changed. `rm` in a later RUN writes a mark that hides the file; its bytes
are still pulled by everybody. So it is with `apt-get purge` of a compiler that an earlier RUN installed: gcc
with all it needs is 179 MB on Debian 12, and they stay.

Only what is known to come from an earlier RUN is reported: downloads, clones, packages. What COPY brought is
G5's, caches of package managers are G1's, G2's and G16's.

## Bad

```dockerfile
FROM debian:bookworm-slim
WORKDIR /data
RUN wget -q https://example.com/train.zip
# the archive is not needed any more
RUN unzip -q train.zip
RUN rm train.zip
```

## Fixed

```dockerfile
FROM debian:bookworm-slim
WORKDIR /data
RUN wget -q https://example.com/train.zip \
# the archive is not needed any more
    && unzip -q train.zip \
    && rm train.zip
```

## Bad: a compiler

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir -r requirements.txt
RUN apt-get purge -y --auto-remove gcc
```

## Fixed: a compiler

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir -r requirements.txt \
    && apt-get purge -y --auto-remove gcc
```

## Bad: too far apart

```dockerfile
FROM debian:bookworm-slim
RUN git clone https://example.com/kernels.git /opt/kernels
WORKDIR /opt/kernels
RUN make install; rm -rf /opt/kernels
```

## Good

```dockerfile
FROM debian:bookworm-slim
WORKDIR /data
RUN wget -q https://example.com/train.zip && unzip -q train.zip && rm train.zip
```

## Good: removed from the base

```dockerfile
FROM nvidia/cuda:12.4.1-base-ubuntu22.04
RUN rm -f /etc/apt/sources.list.d/cuda.list
```

## Fix

Safe where the RUNs follow each other, and are chains of `&&` that leave no directory or variable behind: they
become one RUN, which does the same in one layer. None otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.apt_sizes import installed
from wherry.check.joining import joined
from wherry.check.model import Aspect, Cost, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import own_runs, runs_of
from wherry.check.rules.bytes._removals import covers, is_removed
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.source import Span

_MOST_MERGED: Final = 5
"""RUNs that one fix puts together; more are another design."""


class _Removed(Frozen):
    """Something that an earlier RUN stored and a later one removes."""

    what: str
    writer: RunFacts
    span: Span  # in the writer
    call: Call  # that removes it
    packages: tuple[str, ...] = ()


def _check(facts: Facts) -> Iterator[Finding]:
    runs = runs_of(facts.target)
    for at, run in enumerate(runs):
        found = [*_files(run, runs[:at]), *_packages(run, runs[:at])]
        if found:
            yield _finding(facts, run, found)


def _files(run: RunFacts, earlier: Sequence[RunFacts]) -> Iterator[_Removed]:
    """Downloads of earlier RUNs that it removes."""
    for removal in run.removals:
        for writer in earlier:
            for download in writer.downloads:
                path = download.destination
                if path.startswith("/") and covers(removal, path) and not is_removed([writer], path):
                    yield _Removed(path, writer, download.span, removal.call)


def _packages(run: RunFacts, earlier: Sequence[RunFacts]) -> Iterator[_Removed]:
    """Packages of earlier RUNs that it uninstalls, and that it did not install itself."""
    for removing in run.installs:
        if removing.action != "remove" or not (removing.is_system or removing.is_python):
            continue
        names = set(removing.names)
        names.difference_update(name for one in run.installs if _installs(one) for name in one.names)
        for writer in earlier:
            for install in writer.installs:
                both = tuple(name for name in install.names if name in names)
                if both and _installs(install) and install.manager == removing.manager:
                    yield _Removed(_listed(both), writer, install.span, removing.call, both)


def _installs(install: Install) -> bool:
    return install.action in {"install", "upgrade", "sync"}


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _finding(facts: Facts, run: RunFacts, found: Sequence[_Removed]) -> Finding:
    names = list(dict.fromkeys(one.what for one in found))
    return RULE.at(
        facts.place(found[0].call.command.span),
        f"removing {_listed(names)} frees nothing, an earlier layer holds it",
        why="a later layer can hide a file, its bytes are still stored and pulled",
        cost=_cost(facts, found),
        related=dict.fromkeys(facts.place(one.span) for one in found),
        fix=_fix(run, found),
    )


def _cost(facts: Facts, found: Sequence[_Removed]) -> Cost:
    distro = facts.target.base.package_manager
    names = {name for one in found for name in one.packages} if distro == "apt" else set()
    return installed(names)


def _fix(run: RunFacts, found: Sequence[_Removed]) -> Fix | None:
    first = min((one.writer for one in found), key=lambda writer: writer.index)
    runs = [one for one in own_runs(run.stage) if first.index <= one.index <= run.index]
    if first.stage is not run.stage or len(runs) > _MOST_MERGED:
        return None
    edits = joined(runs)
    if edits is None:
        return None
    effect = Effect(frozenset(one.index for one in runs), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("make one RUN of them", edits, Safety.SAFE, effect)


RULE = Rule("G3", "removed-later", Severity.WARNING, _check)
