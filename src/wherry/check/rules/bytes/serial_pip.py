r"""pip is called again and again for what one call would resolve.

Why: each call looks only at its own packages. A later one may replace what an earlier one installed, and the
replaced files stay in the earlier layer; or it may leave versions side by side that do not fit each other, of
which pip only warns. One call resolves them together, asks the index once, and is faster.

Three calls in a row with the same options are reported; two are often meant, torch apart from the rest.

## Bad

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir pandas==2.2.3 && \
    pip install --no-cache-dir transformers==4.46.3 && \
    pip install --no-cache-dir fastapi==0.115.5 uvicorn==0.32.1
```

## Fixed

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir pandas==2.2.3 \
    transformers==4.46.3 \
    fastapi==0.115.5 uvicorn==0.32.1
```

## Bad: a RUN for each

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir pandas==2.2.3
RUN pip install --no-cache-dir transformers==4.46.3
RUN pip install --no-cache-dir fastapi==0.115.5
```

## Good

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir --upgrade pip \
 && pip install --no-cache-dir torch==2.6.0 \
 && pip install --no-cache-dir -r requirements.txt
```

## Good: they cannot be one

```dockerfile
FROM python:3.12-slim
RUN pip install --no-cache-dir torch==2.6.0 --index-url https://wheels.example.com/cpu
RUN pip install --no-cache-dir numpy==2.1.3
RUN pip install --no-cache-dir --no-deps fairseq==0.12.2
```

## Fix

Unsafe, where they stand in one RUN: resolved together other versions may be chosen, or none may fit. None
for a RUN for each: put them in one, or better in requirements.txt.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._carried import carried_installs
from wherry.dockerfile.source import Span, decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.model import Finding

_FEWEST: Final = 3
_TOOLS: Final = frozenset(
    {"pip", "setuptools", "wheel", "uv", "poetry", "pipenv", "pdm", "ninja", "packaging"}
)
_NO_MATTER: Final = frozenset(
    {
        *("--requirement", "--constraint", "--editable", "--quiet", "--verbose", "--upgrade", "--yes"),
        *("--progress-bar", "--no-cache-dir", "--disable-pip-version-check", "--root-user-action"),
        *("--timeout", "--retries", "--break-system-packages"),
    }
)


def _check(facts: Facts) -> Iterator[Finding]:
    for calls in _rows(facts):
        if len(calls) >= _FEWEST:
            yield _finding(facts, calls)


def _rows(facts: Facts) -> Iterator[list[Install]]:
    """Calls that follow each other with nothing but RUNs in between, and could be one."""
    row: list[Install] = []
    for install in carried_installs(facts):
        if install.manager not in {"pip", "uv"} or not install.brings_packages:
            continue
        if not _counts(install) or (row and not _could_join(row[-1], install)):
            yield row
            row = []
        if _counts(install):
            row.append(install)
    yield row


def _counts(install: Install) -> bool:
    is_tool = bool(install.names) and set(install.names) <= _TOOLS
    is_plain = install.action == "install" and install.subcommand in {"install", "pip install"}
    named = bool(install.packages) and not install.requirement_files
    return is_plain and named and not (is_tool or install.installs_project or install.call.is_conditional)


def _could_join(first: Install, second: Install) -> bool:
    same = _kept_options(first) == _kept_options(second)
    if not same or first.command.name != second.command.name or first.run.stage is not second.run.stage:
        return False
    instructions = first.run.stage.facts.dockerfile.instructions
    between = instructions[first.run.index + 1 : second.run.index]
    return all(one.keyword == "run" for one in between) and second.run.index - first.run.index <= 1


def _kept_options(install: Install) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(option.text for option in options)
        for name, options in install.options.items()
        if name not in _NO_MATTER
    }


def _finding(facts: Facts, calls: Sequence[Install]) -> Finding:
    return RULE.at(
        facts.place(calls[0].span),
        f"{len(calls)} calls of {calls[0].manager} in a row that one could resolve",
        why="each may replace what an earlier one installed, whose bytes stay, and none sees them all",
        related=[facts.place(call.span) for call in calls[1:]],
        fix=_fix(facts, calls),
    )


def _fix(facts: Facts, calls: Sequence[Install]) -> Fix | None:
    run = calls[0].run
    if run.instruction.is_json or run.script.errors or any(call.run is not run for call in calls):
        return None
    edits = [_joined(facts, first, second) for first, second in pairwise(calls)]
    if None in edits:
        return None
    made = tuple(edit for edit in edits if edit)
    effect = Effect(frozenset({run.index}), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("install them in one call", made, Safety.UNSAFE, effect)


def _joined(facts: Facts, first: Install, second: Install) -> Edit | None:
    """From behind the first call to the packages of the second: the operator and its options go."""
    segment = second.command.segment
    flags = first.options.keys()
    same_flags = flags == second.options.keys() and not flags & {"--editable", "--upgrade"}
    if segment is None or segment.operator != "&&" or segment.previous is not first.command.segment:
        return None
    if not same_flags or second.command.redirects or first.command.redirects or second.command.wrapped_by:
        return None
    start, behind = first.span.end, second.packages[0].word.span.start
    options = [word for some in second.options.values() for option in some for word in option.words]
    if any(word.span.start > behind for word in options):
        return None
    data = facts.file.data
    gap = decode(data[start : second.span.start]).replace("\r\n", "\n")
    if "#" in gap:
        return None
    indent = gap.rpartition("\n")[2].replace("&&", "").rstrip() or _blanks(gap)
    joiner = f" {facts.dockerfile.escape}\n{indent}" if "\n" in gap else " "
    return Edit(facts.file.name, Span(start, behind), joiner)


def _blanks(gap: str) -> str:
    """The indentation of the line that the gap ends on."""
    last = gap.rpartition("\n")[2]
    return last[: len(last) - len(last.lstrip())] or "    "


RULE = Rule("G11", "serial-pip", Severity.INFO, _check)
