"""What installs everything else is itself whatever was newest: a script run as it comes, a `latest`, a tool.

Why: `curl ... | sh` runs as root what the server sends that day, half of it where the connection ends early,
and the next build gets another version. 20 of 150 Dockerfiles of ML repositories have such a line.
`Miniconda3-latest` brings another Python now and then, and an unpinned Poetry went to 2.0, which has no
`poetry export` without its plugin.

With `also-pip = true` in `[tool.wherry.check.F4]` an unpinned `pip install -U pip setuptools wheel` is
reported too.

## Bad

```dockerfile
FROM python:3.12-slim
RUN curl -LsSf https://astral.sh/uv/install.sh | sh
```

## Bad: latest

```dockerfile
FROM ubuntu:22.04
RUN wget -q https://repo.anaconda.com/miniconda/Miniconda3-latest-Linux-x86_64.sh -O /tmp/conda.sh \
 && bash /tmp/conda.sh -b -p /opt/conda
```

## Bad: any version of the tool

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir poetry
```

## Good

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /uvx /bin/
RUN pip install --no-cache-dir --upgrade pip
```

## Good: the version is told

```dockerfile
FROM python:3.12-slim
RUN curl -sSL https://install.python-poetry.org | POETRY_VERSION=1.8.5 python3 -
RUN curl -LsSf https://astral.sh/uv/0.5.11/install.sh | sh
RUN pip install --no-cache-dir poetry==1.8.5 "pdm~=2.22"
```

## Fix

None: which version works is not in the file. `COPY --from=ghcr.io/astral-sh/uv:VERSION /uv /uvx /bin/` brings
one uv; a release's own URL and `sha256sum -c` one of anything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.check.rules.reproducibility._tools import MANAGERS, TOOLS, goes_by_names, is_loose
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.commands import Pipe
    from wherry.check.facts.downloads import Download
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_VERSION: Final = regex(r"\d+\.\d+|/v\d+/|[0-9a-f]{40}")
_NAMED_VERSION: Final = regex(r"(?:^|_)(?:VERSION|REF|COMMIT|TAG)$")
_SHOWN: Final = 80


def _check(facts: Facts) -> Iterator[Finding]:
    for run in facts.runs:
        if run.stage.is_reachable:
            yield from _pipes(facts, run)
            yield from _latest(facts, run)
    yield from _tools(facts)


def _pipes(facts: Facts, run: RunFacts) -> Iterator[Finding]:
    for pipe in run.pipes:
        if not _is_versioned(pipe):
            yield RULE.at(
                facts.place(pipe.source.command.span),
                f"{_runner(pipe)} runs {_shown(pipe.url) or 'a download'} as it comes",
                why=_instead(pipe.url),
            )


def _runner(pipe: Pipe) -> str:
    """``bash``, also of ``bash -c "$(curl ...)"``."""
    wrappers = pipe.call.command.wrapped_by
    is_output = pipe.call.command.name.startswith(("$(", "`"))
    return wrappers[-1].partition(" ")[0] if is_output and wrappers else pipe.call.program


def _is_versioned(pipe: Pipe) -> bool:
    """The version that is to be installed is told: in the address, the environment, or as an argument."""
    if _VERSION.search(pipe.url) or any(_VERSION.search(text) for text in pipe.call.texts):
        return True
    own = (name for name, _ in pipe.call.command.assignments)
    product = _product(pipe.url)
    set_before = (name for name in pipe.call.env if product and name.lower().startswith(product))
    return any(_NAMED_VERSION.search(name) for name in (*own, *set_before))


def _product(url: str) -> str:
    """``poetry`` of install.python-poetry.org, ``uv`` of astral.sh/uv."""
    return next((name for name in ("poetry", "uv", "pdm", "pixi", "rustup") if name in url.lower()), "")


def _instead(url: str) -> str:
    if "astral.sh" in url:
        return "another build gets another uv; COPY --from=ghcr.io/astral-sh/uv:VERSION /uv /bin/ gets one"
    return "whoever answers decides what runs as root, and it is another version next time"


def _latest(facts: Facts, run: RunFacts) -> Iterator[Finding]:
    piped = {pipe.source.command.span for pipe in run.pipes}
    for download in run.downloads:
        if _is_moving(download) and download.span not in piped and not run.verifies:
            yield RULE.at(
                facts.place(download.span),
                f"{_shown(download.source)} is whatever is newest",
                why="the next build gets another version; the address of a release stays",
            )


def _is_moving(download: Download) -> bool:
    return download.kind == "http" and download.is_floating and not download.is_weights


def _tools(facts: Facts) -> Iterator[Finding]:
    names = TOOLS if facts.settings.option(RULE, "also-pip") else MANAGERS
    found = [
        package
        for install in facts.installs
        if install.run.stage.is_reachable and goes_by_names(install)
        for package in install.packages
        if package.name in names and is_loose(package)
    ]
    if found:
        shown = ", ".join(dict.fromkeys(package.name for package in found))
        yield RULE.at(
            facts.place(found[0].word.span),
            f"{shown}: any version is installed",
            why="its next major version reads locks and options differently",
            related=[facts.place(package.word.span) for package in found[1:]],
        )


def _shown(url: str) -> str:
    return url if len(url) <= _SHOWN else f"{url[:_SHOWN]}..."


RULE = Rule(
    "F4",
    "unseen-installer",
    Severity.WARNING,
    _check,
    also=("DD054",),
    options={"also-pip": False},
)
