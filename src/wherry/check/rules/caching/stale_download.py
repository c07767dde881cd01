r"""What moves is fetched in a layer that the cache keeps.

It is off unless asked for: F5 says of the same lines that no commit is named.

Why: `git clone` of a branch, and a `latest` that is downloaded, are the same text whatever lies behind them.
So the layer comes from the cache, and the image has the code of the day it was first built; on another
machine, with another cache, it has other code. `ADD <repository>#<branch>` asks for the branch's commit at
each build, and builds anew from there when it has moved.

## Bad

```dockerfile
FROM python:3.12-slim
RUN git clone --depth 1 --branch main https://git.example.com/team/pipelines.git /opt/pipelines
RUN pip install --no-cache-dir /opt/pipelines
```

## Fixed

```dockerfile
FROM python:3.12-slim
ADD https://git.example.com/team/pipelines.git#main /opt/pipelines
RUN pip install --no-cache-dir /opt/pipelines
```

## Bad: a release that is called latest

```dockerfile
FROM debian:12-slim
RUN curl -fsSL -o /usr/local/bin/tool https://tools.example.com/releases/latest/download/tool \
    && chmod +x /usr/local/bin/tool
```

## Good

```dockerfile
FROM python:3.12-slim
ADD https://git.example.com/team/pipelines.git#9f2c1a7d3b5e4f60718293a4b5c6d7e8f9012345 /opt/pipelines
RUN git clone https://git.example.com/team/tools.git /opt/tools \
    && git -C /opt/tools checkout 9f2c1a7d3b5e4f60718293a4b5c6d7e8f9012345
```

## Fix

Unsafe: ADD leaves `.git` out, and brings submodules. Offered for a RUN that does nothing but clone. None for
downloads: name a version, and check its sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.downloads import Download
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_URL: Final = regex(r"https://[\w.-]+/[\w./~-]+")
_LOGIN: Final = regex(r"://[^/@\s]*@")
_REVISION: Final = regex(r"[\w./-]*")
_TAG: Final = regex(r"v?\d+(?:\.\d+)+\S*")
_OPTIONS: Final = frozenset({"--depth", "--branch", "-b", "--single-branch", "-q", "--quiet", "clone", "git"})


def _check(facts: Facts) -> Iterator[Finding]:
    for run in facts.runs:
        if not run.stage.is_reachable:
            continue
        for download in run.downloads:
            if _moves(download, run):
                yield RULE.at(
                    facts.place(download.span),
                    f"{_LOGIN.sub('://', download.source)} is fetched once, and kept by the cache",
                    why="it stays as it was when the layer was first built, whatever it is by now",
                    fix=_fix(facts, run, download),
                )


def _moves(download: Download, run: RunFacts) -> bool:
    """A branch that nothing behind it pins, or a URL of what is newest."""
    if not download.is_known or download.is_pinned:
        return False
    if download.kind == "git":
        is_tag = _TAG.fullmatch(download.revision) is not None
        pins = any(call.program == "git" and {"checkout", "reset"} & set(call.texts) for call in run.calls)
        return not (is_tag or pins)
    return download.kind == "http" and download.is_floating


def _fix(facts: Facts, run: RunFacts, download: Download) -> Fix | None:
    words = download.call.texts
    is_plain = len(run.calls) == 1 and not run.instruction.flags and not run.instruction.is_json
    is_plain = is_plain and all(word in _OPTIONS or not word.startswith("-") for word in words)
    is_url = _URL.fullmatch(download.source) and _REVISION.fullmatch(download.revision)
    if download.kind != "git" or not is_plain or not is_url or not download.destination.startswith("/"):
        return None
    if any(call.program == "git" and call is not download.call for call in run.stage.calls):
        return None
    url = download.source if download.source.endswith(".git") else f"{download.source.rstrip('/')}.git"
    source = f"{url}#{download.revision}" if download.revision else url
    edit = Edit(facts.file.name, run.span, f"ADD {source} {download.destination}")
    effect = Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS, Aspect.COPIES}))
    return Fix("add the repository", (edit,), Safety.UNSAFE, effect)


RULE = Rule("B9", "stale-download", Severity.INFO, _check, default=False, also=("tally/prefer-add-git",))
