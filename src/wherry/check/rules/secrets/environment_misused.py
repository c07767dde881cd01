"""A Python environment is activated where it does not last, or the distribution's own is written into.

Why: each RUN is a shell of its own, so `RUN . venv/bin/activate` ends with its own line, and pip of the next
line installs into the system. `conda activate` needs what `conda init` puts into `.bashrc`, which a build's
shell does not read. With `--break-system-packages` pip overwrites files that belong to apt's packages, and
whichever comes later breaks the other.

## Bad

```dockerfile
FROM python:3.12-slim
RUN python -m venv /opt/venv
RUN . /opt/venv/bin/activate
RUN pip install --no-cache-dir fastapi==0.115.6
```

## Bad: conda

```dockerfile
FROM continuumio/miniconda3:24.9.2-0
RUN conda create -y -n app python=3.11 && conda clean -afy
RUN conda activate app && pip install --no-cache-dir fastapi==0.115.6
```

## Bad: the system's packages

```dockerfile
FROM ubuntu:24.04
ENV PIP_BREAK_SYSTEM_PACKAGES=1
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir fastapi==0.115.6
```

## Good

```dockerfile
FROM python:3.12-slim
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
RUN pip install --no-cache-dir fastapi==0.115.6
RUN . /opt/venv/bin/activate && python -m compileall /app
```

## Good: conda

```dockerfile
FROM continuumio/miniconda3:24.9.2-0
RUN conda create -y -n app python=3.11 && conda clean -afy
RUN conda run -n app pip install --no-cache-dir fastapi==0.115.6
RUN . /opt/conda/etc/profile.d/conda.sh && conda activate app && pip check
SHELL ["/bin/bash", "--login", "-c"]
RUN conda activate app && pip check
```

## Fix

None: put the environment's `bin` on PATH by ENV, or say `conda run -n NAME`; give the application an
environment of its own in place of the system's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_SOURCES: Final = frozenset({"source", "."})
_ACTIVATE: Final = regex(r"(?:.*/)?activate")
_IDLE: Final = frozenset({"echo", "true", ":", "conda", "deactivate"})
_LOGIN: Final = regex(r"-[a-z]*[li][a-z]*|--login")
_FALSE: Final = frozenset({"", "0", "false", "no", "off"})


def _check(facts: Facts) -> Iterator[Finding]:
    for run in facts.runs:
        if run.stage.is_reachable:
            yield from _activations(facts, run)
    yield from _broken_system(facts)


def _activations(facts: Facts, run: RunFacts) -> Iterator[Finding]:
    """Of the first one in a RUN."""
    call = next(filter(_activates, run.calls), None)
    if call is None:
        return
    if _is_last(run, call):
        yield RULE.at(
            facts.place(call.command.span),
            "the environment is active until the end of this RUN, where nothing follows",
            why="the next RUN is another shell, and uses the Python that is first on PATH",
        )
    elif call.program in {"conda", "mamba"} and not _is_initialised(run, call):
        yield RULE.at(
            facts.place(call.command.span),
            f"{call.program} activate has not been set up in this shell",
            why=f"it ends in \"Run '{call.program} init' before '{call.program} activate'\"",
        )


def _activates(call: Call) -> bool:
    words = call.texts
    if call.is_conditional or call.command.nesting:
        return False
    if call.program in {"conda", "mamba"}:
        return words[:1] == ("activate",)
    return call.program in _SOURCES and bool(words) and _ACTIVATE.fullmatch(words[0]) is not None


def _is_last(run: RunFacts, call: Call) -> bool:
    later = (one for one in run.calls if one.command.span.start > call.command.span.start)
    return all(one.program in _IDLE for one in later)


def _is_initialised(run: RunFacts, call: Call) -> bool:
    """A login shell, a file that is read before it, or ``eval "$(conda shell.bash hook)"``."""
    if any(map(_LOGIN.fullmatch, run.scope.shell[1:])) or call.command.wrapped_by or "BASH_ENV" in run.env:
        return True
    earlier = (one for one in run.calls if one.command.span.start < call.command.span.start)
    return any(one.program in _SOURCES or any("shell." in text for text in one.texts[:1]) for one in earlier)


def _broken_system(facts: Facts) -> Iterator[Finding]:
    """One finding for the variable, or else for the option."""
    spans = [
        variable.span
        for stage in facts.stages
        if stage.is_reachable
        for variable in stage.variables
        if variable.name == "PIP_BREAK_SYSTEM_PACKAGES" and variable.value.lower() not in _FALSE
    ]
    spans = spans or [
        option.word.span
        for install in facts.installs
        if install.is_python and install.run.stage.is_reachable
        for option in install.options.get("--break-system-packages", ())
    ]
    if spans:
        yield RULE.at(
            facts.place(spans[0]),
            "pip installs over the distribution's own Python packages",
            why="files of apt's packages are overwritten, and either side may break the other",
            related=[facts.place(span) for span in spans[1:]],
            severity=Severity.INFO,
        )


RULE = Rule("E11", "environment-misused", Severity.WARNING, _check)
