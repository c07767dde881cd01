r"""apt installs what packages only recommend.

Why: without `--no-install-recommends` apt follows Recommends as it follows Depends. On Debian 12
`python3-pip` then brings 379 MB of compilers and headers with its own 36 MB, `ffmpeg` 152 MB of drivers and
`git` 12 MB. The option alone took one image from 4.17 to 4.06 GB (dependabot/dependabot-core #3916).

Belongs to G2. What is known to recommend less than a megabyte is not reported, nor what does not ship.

## Bad

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y python3-pip \
 && rm -rf /var/lib/apt/lists/*
```

## Fixed

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install --no-install-recommends -y python3-pip \
 && rm -rf /var/lib/apt/lists/*
```

## Good

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3-pip \
 && rm -rf /var/lib/apt/lists/*
```

## Good: switched off for all

```dockerfile
FROM debian:bookworm-slim
RUN echo 'APT::Install-Recommends "false";' > /etc/apt/apt.conf.d/99lean
RUN apt-get update && apt-get install -y python3-pip && rm -rf /var/lib/apt/lists/*
```

## Good: nothing is recommended

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y wget && rm -rf /var/lib/apt/lists/*
```

## Fix

Unsafe: now and then a recommended package is needed. `ca-certificates`, which `curl`, `wget` and `git` want
most of all, is named where the base has none; of the rest, build, see what is missing, and name it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.apt_sizes import is_measured, recommended
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import installs_of
from wherry.check.rules.bytes._chain import option_behind
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding

_OPTION: Final = "--no-install-recommends"
_FETCHERS: Final = frozenset({"curl", "wget", "git", "git-lfs", "aria2"})
_BRING_CERTIFICATES: Final = frozenset({"ca-certificates", "software-properties-common"})
_SETTING: Final = b"Install-Recommends"
_WORTH_BYTES: Final = 1_000_000
_LITTLE_BYTES: Final = 10_000_000


def _check(facts: Facts) -> Iterator[Finding]:
    if _SETTING in facts.file.data:
        return
    installs = [one for one in installs_of(facts.target) if _takes_recommended(one)]
    if installs:
        cost = recommended({name for install in installs for name in install.names})
        yield RULE.at(
            facts.place(installs[0].span),
            f"{installs[0].call.program} installs what {_those(installs)}",
            why="recommended packages are installed as if they were needed",
            cost=cost,
            related=[facts.place(install.span) for install in installs[1:]],
            severity=Severity.WARNING if cost.size_bytes > _LITTLE_BYTES else Severity.INFO,
            fix=_fix(installs),
        )


def _takes_recommended(install: Install) -> bool:
    """Packages from the archive, of which one recommends something as far as is known."""
    if install.manager != "apt" or install.subcommand != "install" or install.has(_OPTION):
        return False
    if "--without-recommends" in install.options:
        return False
    names = [package.name for package in install.packages if package.name and not package.is_local]
    return any(not is_measured(name) or recommended([name]).size_bytes > _WORTH_BYTES for name in names)


def _those(installs: Sequence[Install]) -> str:
    names = list(dict.fromkeys(name for install in installs for name in install.names))
    heaviest = max(names, key=lambda name: recommended([name]).size_bytes)
    others = len(names) - 1
    if not others:
        return f"{heaviest} only recommends"
    return f"{heaviest} and {others} more package{'s' if others > 1 else ''} only recommend"


def _fix(installs: Sequence[Install]) -> Fix | None:
    edits = []
    for install in installs:
        word = next((value.word for value in install.call.arguments if value.text == "install"), None)
        edit = option_behind(install.run, word, _OPTION) if word else None
        if edit is None:
            return None
        edits.append(edit)
    first = next((one for one in installs if _fetches_unverified(one)), None)
    if first:
        edits.append(_with_certificates(first))
    touched = frozenset(install.run.index for install in installs)
    effect = Effect(touches=touched, aspects=frozenset({Aspect.COMMANDS}))
    return Fix("install only what is needed", tuple(edits), Safety.UNSAFE, effect)


def _fetches_unverified(install: Install) -> bool:
    """It installs what fetches over TLS, on a base without certificates, and names none itself."""
    names = {name for one in installs_of(install.run.stage) for name in one.names}
    is_bare = install.run.stage.base.family in {"debian", "ubuntu"}
    return is_bare and not _FETCHERS.isdisjoint(install.names) and _BRING_CERTIFICATES.isdisjoint(names)


def _with_certificates(install: Install) -> Edit:
    """The certificates as the first of its packages; on a line of their own where each has one."""
    file = install.run.stage.facts.file
    start = min(package.word.span.start for package in install.packages)
    indent = file.data[file.data.rfind(b"\n", 0, start) + 1 : start]
    joiner = " " if indent.strip() else f" {install.run.stage.facts.dockerfile.escape}\n{indent.decode()}"
    return Edit(file.name, Span(start, start), f"ca-certificates{joiner}")


RULE = Rule("G15", "apt-recommends", Severity.WARNING, _check, also=("DL3015", "DS-0029"))
