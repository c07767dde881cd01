"""A secret comes through ENV or a build argument.

Why: the value of an ENV is in the image's configuration, and a build argument that a RUN uses is in its
history (`docker history --no-trunc` prints it), whatever later layers do. So are `ENV TOKEN=$TOKEN` and the
ARG that is never written to a file. BuildKit hands a secret to one command and keeps it nowhere.

## Bad

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
ARG HF_TOKEN
RUN hf download acme/model --token $HF_TOKEN
```

## Fixed

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN --mount=type=secret,id=HF_TOKEN,env=HF_TOKEN hf download acme/model --token $HF_TOKEN
```

## Bad: kept in the image

```dockerfile
FROM python:3.12-slim
ARG WANDB_API_KEY
ENV WANDB_API_KEY=$WANDB_API_KEY
CMD ["python", "train.py"]
```

## Good

```dockerfile
FROM python:3.12-slim
ENV MAX_TOKENS=512 TOKENIZERS_PARALLELISM=false PAD_TOKEN_ID=0 KEY_FILE=/run/secrets/key
CMD ["python", "serve.py"]
```

## Good: declared, and never used

```dockerfile
FROM python:3.12-slim
ENV API_KEY=""
CMD ["python", "serve.py"]
```

## Fix

Unsafe, for an ARG that only RUNs of one stage use: the RUNs get `--mount=type=secret` under its name, and
whoever builds passes `--secret id=NAME` in place of `--build-arg NAME`. None for ENV: pass it when the
container starts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wherry.check.edits import taken_out
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.secrets._mounting import syntax_line, with_secret
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.variables import Variable
    from wherry.check.model import Finding
    from wherry.dockerfile.syntax import Instruction


def _check(facts: Facts) -> Iterator[Finding]:
    told = {secret.instruction.index for secret in facts.secrets if secret.instruction}
    for variable in facts.secret_names:
        if variable.instruction.index in told:
            continue  # the value itself stands there, which is worse
        users = _users(facts, variable)
        if variable.kind == "env" and "$" in (variable.raw or ""):
            yield RULE.at(
                facts.place(variable.span),
                f"{variable.name} is put in the image's environment",
                why="everyone who can pull the image can read it in its configuration",
            )
        elif variable.kind == "arg" and users and not _becomes_env(facts, variable):
            if all(_only_logs_in(facts, variable, one) for one in users):
                continue  # E5 speaks of it
            stage = facts.stage_of(variable.instruction)
            is_shipped = stage is not None and stage.is_shipped
            yield RULE.at(
                facts.place(variable.span),
                f"the build argument {variable.name} is used by RUN",
                why="docker history prints the build arguments of a RUN"
                if is_shipped
                else "build caches that are shared and the record of how it was built hold it",
                severity=Severity.ERROR if is_shipped else Severity.WARNING,
                related=[facts.place(Span(one.span.start, one.keyword_span.end)) for one in users],
                fix=_fix(facts, variable, users),
            )


def _users(facts: Facts, variable: Variable) -> list[Instruction]:
    """The RUNs of the variable's stage, behind it, that name it."""
    stage = facts.stage_of(variable.instruction)
    if stage is None:
        return []
    after = (one for one in stage.instructions("run") if one.index > variable.instruction.index)
    return [one for one in after if _names(variable.name, facts.text(one.span))]


def _only_logs_in(facts: Facts, variable: Variable, user: Instruction) -> bool:
    """All that a RUN does with it is hand it to a login."""
    run = facts.run_of(user)
    secrets = [login.secret.text for login in run.logins if login.secret] if run else []
    given = sum(_names(variable.name, text) for text in secrets)
    return given > 0 and len(re.findall(rf"\b{re.escape(variable.name)}\b", facts.text(user.span))) == given


def _becomes_env(facts: Facts, variable: Variable) -> bool:
    """An ENV of the same name is told instead."""
    return any(
        other.kind == "env" and other.name == variable.name and "$" in (other.raw or "")
        for other in facts.secret_names
    )


def _names(name: str, text: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _fix(facts: Facts, variable: Variable, users: list[Instruction]) -> Fix | None:
    arg = variable.instruction
    stage = facts.stage_of(arg)
    if stage is None or len(arg.arguments) != 1 or variable.raw is not None:
        return None
    running = {one.index for one in users}
    elsewhere = any(
        _names(variable.name, facts.text(one.span))
        for one in facts.dockerfile.instructions
        if one.index not in running and one is not arg
    )
    if elsewhere or any(one.is_json or one.flag("mount") for one in users):
        return None
    fields = f"id={variable.name},env={variable.name}"
    edits = [taken_out(facts.dockerfile, arg), *syntax_line(facts)]
    edits += [with_secret(facts, run, fields) for one in users if (run := facts.run_of(one))]
    return Fix(
        f"give {variable.name} to the RUN as a secret",
        tuple(edits),
        Safety.UNSAFE,
        Effect(frozenset({arg.index, *running}), aspects=frozenset({Aspect.ENV, Aspect.MOUNTS})),
    )


RULE = Rule(
    "E2",
    "secret-in-variable",
    Severity.ERROR,
    _check,
    also=("SecretsUsedInArgOrEnv", "DL3064", "DS-0031"),
)
