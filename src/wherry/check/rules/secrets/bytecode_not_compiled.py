"""uv installs packages without compiling them, so that each container compiles them when it starts.

Belongs to E11. Why: pip compiles what it installs, uv leaves that to the first import. In a container that
is every start, since what Python writes is gone with it; with `PYTHONDONTWRITEBYTECODE` or as a user who may
not write there, it is each process. Torch with its dependencies is thousands of files.

## Bad

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY . .
RUN uv sync --locked --no-dev
CMD ["/app/.venv/bin/python", "serve.py"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY . .
RUN uv sync --compile-bytecode --locked --no-dev
CMD ["/app/.venv/bin/python", "serve.py"]
```

## Good

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
ENV UV_COMPILE_BYTECODE=1
WORKDIR /app
COPY . .
RUN uv sync --locked --no-dev
CMD ["/app/.venv/bin/python", "serve.py"]
```

## Good: pip compiles

```dockerfile
FROM python:3.12-slim
ENV PYTHONDONTWRITEBYTECODE=1
RUN pip install --no-cache-dir fastapi==0.115.6
CMD ["fastapi", "run"]
```

## Good: nothing is served from it

```dockerfile
FROM python:3.12-slim AS test
RUN pip install --no-cache-dir uv==0.5.11 && uv pip install --system pytest==8.3.4
FROM scratch
```

## Fix

Safe: `--compile-bytecode`. The layer grows by the compiled files, and the start no longer waits for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.stages import StageFacts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    ending = facts.target.ending
    if ending.cmd is None and ending.entrypoint is None:
        return
    stages = list(_shipping(facts))
    installs = [install for stage in stages for install in stage.installs if _leaves_sources(install)]
    if not installs or any("compileall" in call.texts for stage in stages for call in stage.calls):
        return
    is_kept_from_it = "PYTHONDONTWRITEBYTECODE" in facts.target.env
    yield RULE.at(
        facts.place(installs[0].span),
        "uv installs packages uncompiled"
        + (", and Python is told to leave them so" if is_kept_from_it else ""),
        why="each container compiles them again when it starts",
        related=[facts.place(install.span) for install in installs[1:]],
        fix=_fix(facts, installs),
        severity=Severity.WARNING if is_kept_from_it else Severity.INFO,
    )


def _shipping(facts: Facts) -> Iterator[StageFacts]:
    """The stages of the image, and those it copies from."""
    stages = {stage.index: stage for stage in facts.shipped}
    for stage in facts.shipped:
        for copy in stage.copies:
            if copy.from_stage:
                stages |= {one.index: one for one in copy.from_stage.chain}
    yield from (stages[index] for index in sorted(stages))


def _leaves_sources(install: Install) -> bool:
    is_install = install.manager == "uv" and install.subcommand in {"sync", "pip install", "pip sync"}
    return is_install and not install.is_on("--compile-bytecode") and not install.has("--dry-run")


def _fix(facts: Facts, installs: Sequence[Install]) -> Fix | None:
    edits = []
    for install in installs:
        last = install.subcommand.rpartition(" ")[2]
        word = next((value.word for value in install.call.arguments if value.text == last), None)
        if (
            word is None
            or not word.is_literal
            or install.run.instruction.is_json
            or install.run.script.errors
        ):
            return None
        end = word.span.end
        edits.append(Edit(facts.file.name, Span(end, end), " --compile-bytecode"))
    touched = frozenset(install.run.index for install in installs)
    effect = Effect(touches=touched, aspects=frozenset({Aspect.COMMANDS}))
    return Fix("compile them in the build", tuple(edits), Safety.SAFE, effect)


RULE = Rule("E13", "bytecode-not-compiled", Severity.INFO, _check)
