"""The container runs as root.

Why: whoever gets into the process is root in the container, may write everywhere in it, and is one kernel or
mount mistake away from the host. Kubernetes' restricted profile refuses it. Of 150 Dockerfiles of
machine-learning projects, 127 have no other user at all.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
CMD ["python", "serve.py"]
```

## Fixed

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
USER 65532:65532
CMD ["python", "serve.py"]
```

## Bad: back to root

```dockerfile
FROM mambaorg/micromamba:1.5.10
USER root
RUN micromamba install -y -n base -c conda-forge python=3.12
CMD ["python", "serve.py"]
```

## Fixed: back to root

```dockerfile
FROM mambaorg/micromamba:1.5.10
USER root
RUN micromamba install -y -n base -c conda-forge python=3.12
USER 65532:65532
CMD ["python", "serve.py"]
```

## Good

```dockerfile
FROM python:3.12-slim
RUN useradd --uid 10001 --create-home app
USER 10001
CMD ["python", "serve.py"]
```

## Good: an image to build on

```dockerfile
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3 && rm -rf /var/lib/apt/lists/*
```

## Fix

Unsafe: `USER 65532:65532`, the number distroless images and wherry use, above the last CMD or ENTRYPOINT.
What the program writes must lie where that user may write: copy it with `--chown`, or mount it. None where
the build leaves models, packages or settings in root's home, where nobody else finds them; and none where
`uv run`, `poetry run` or the like starts it, which wants a home: start the program in the environment itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import put_before
from wherry.check.facts.endings import is_shell_alone
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding
    from wherry.dockerfile.syntax import Instruction

_MANAGERS: Final = frozenset({"uv", "poetry", "pipenv", "pdm", "hatch", "rye"})
_AT_HOME: Final = frozenset({"huggingface", "torch", "weights", "nltk", "dataset", "ollama", "kaggle"})
"""What is fetched into the home of whoever fetches it."""


def _check(facts: Facts) -> Iterator[Finding]:
    ending = facts.target.ending
    entry = ending.cmd or ending.entrypoint
    if entry is None or not ending.is_root or "$" in ending.user:
        yield from _left_as_root(facts)
        return
    if facts.target.base.reference and not facts.target.base.is_known and ending.user_instruction is None:
        return  # the base may well have a user of its own
    if facts.target.stage.is_windows:
        return
    if is_shell_alone(ending.calls) or facts.target.instructions("onbuild"):
        return  # somebody works in it, or builds on it, and says what rights they have
    if _is_set_by_compose(facts) or "/lambda/" in facts.target.base.reference:
        return  # AWS Lambda gives every function a user of its own
    said = ending.user_instruction
    place = facts.place(said.span if said else facts.target.start.span)
    yield RULE.at(
        place,
        "the container runs as root" if said is None else "the last USER is root",
        why="whoever gets into the process owns the container, and Kubernetes' restricted profile refuses it",
        related=[facts.place(entry.instruction.span)],
        fix=_fix(facts, entry.instruction),
    )


def _left_as_root(facts: Facts) -> Iterator[Finding]:
    """The base starts as somebody, and what is built on it does so as root."""
    ending, own = facts.target.ending, facts.target.base.user
    said = ending.user_instruction
    has_entry = ending.cmd is not None or ending.entrypoint is not None
    if own and said and not has_entry and ending.is_root and "$" not in ending.user:
        yield RULE.at(
            facts.place(said.span),
            f"the last USER is root, the base starts as {own}",
            why="whoever gets into the process owns the container, which the base took care of",
        )


def _is_set_by_compose(facts: Facts) -> bool:
    """Every service that builds it runs it as another user."""
    if facts.context is None or not facts.compose:
        return False
    return all(
        service.user is not None and str(service.user) not in {"0", "root"} for service in facts.compose
    )


def _fix(facts: Facts, entry: Instruction) -> Fix | None:
    if facts.stage_of(entry) is not facts.target or _lives_in_roots_home(facts) or _needs_a_home(facts):
        return None
    first = next(one for one in facts.target.stage.instructions if one.keyword in {"cmd", "entrypoint"})
    rest = [one for one in facts.target.stage.instructions if one.index > first.index]
    if any(one.keyword in {"run", "copy", "add", "user", "workdir"} for one in rest):
        return None
    return Fix(
        "run as a numbered user",
        (put_before(facts.dockerfile, first, "USER 65532:65532\n"),),
        Safety.UNSAFE,
        Effect(inserts=1, aspects=frozenset({Aspect.USER})),
    )


def _needs_a_home(facts: Facts) -> bool:
    """What starts the program wants a cache or an environment of the user's own: ``pipenv run``."""
    starters = [wrapper for call in facts.target.ending.calls for wrapper in call.command.wrapped_by]
    return any(wrapper.partition(" ")[0] in _MANAGERS for wrapper in starters)


def _lives_in_roots_home(facts: Facts) -> bool:
    """The build puts into root's home what the program looks for there: models, packages, settings."""
    target = facts.target
    if any(copy.destination.startswith("/root/") and copy.from_ is None for copy in target.all_copies):
        return True
    if any(install.has("--user") for install in target.all_installs):
        return True
    downloads = (one for run in target.all_runs if run.is_root for one in run.downloads)
    started = (script for run in target.all_runs if run.is_root for _, script in run.scripts)
    return any(
        one.destination.startswith("/root/") or (one.kind in _AT_HOME and not one.destination)
        for one in downloads
    ) or any(one.kind in _AT_HOME for script in started for one in script.downloads)


RULE = Rule(
    "H1", "runs-as-root", Severity.WARNING, _check, also=("DL3002", "DS-0002", "CKV_DOCKER_3", "CKV_DOCKER_8")
)
