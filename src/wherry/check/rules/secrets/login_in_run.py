"""A RUN logs in with a secret that its text holds.

Why: the command line is in the image's history, and most clients also write the credential to a file below
HOME, which the layer keeps: `~/.netrc`, `~/.docker/config.json`, `~/.cache/huggingface/token`.

## Bad

```dockerfile
FROM python:3.12-slim
ARG WANDB_KEY
RUN pip install --no-cache-dir wandb==0.19.1
RUN wandb login $WANDB_KEY && python fetch_artifacts.py
```

## Fixed

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN pip install --no-cache-dir wandb==0.19.1
RUN --mount=type=secret,id=WANDB_KEY,env=WANDB_API_KEY python fetch_artifacts.py
```

## Bad: for what comes later

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
ARG TOKEN
RUN pip install --no-cache-dir huggingface_hub==0.26.2 && huggingface-cli login --token "${TOKEN}"
RUN huggingface-cli download acme/model
```

## Fixed: for what comes later

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN pip install --no-cache-dir huggingface_hub==0.26.2
RUN --mount=type=secret,id=TOKEN,env=HF_TOKEN huggingface-cli download acme/model
```

## Bad: a registry

```dockerfile
FROM docker:27-cli
RUN docker login -u bot -p "$REGISTRY_PASSWORD" registry.example
```

## Good

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN --mount=type=secret,id=wandb,env=WANDB_API_KEY python fetch_artifacts.py
```

## Good: it comes on standard input, from a secret

```dockerfile
# syntax=docker/dockerfile:1
FROM docker:27-cli
RUN --mount=type=secret,id=registry docker login -u bot --password-stdin r.example < /run/secrets/registry
```

## Fix

Unsafe, for Weights & Biases and Hugging Face, whose clients read the credential from the environment: the
login goes, and with it the ARG that no other instruction names; the RUNs behind it that call the client, a
script or Python get the secret under the name that the client reads (`WANDB_API_KEY`, `HF_TOKEN`). Whoever
builds passes `--secret id=NAME` in place of `--build-arg NAME`. None where nothing of the build needs it:
then the container gets the variable when it starts. None for other services. What has been pushed must be
replaced.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.secrets._mounting import syntax_line, with_secret, without
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.commands import Login
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.syntax import Instruction

_READ_FROM: Final = {"wandb": "WANDB_API_KEY", "huggingface": "HF_TOKEN"}
_CLIENTS: Final = frozenset({"wandb", "hf", "huggingface-cli"})
_RUNNERS: Final = frozenset({"bash", "sh", "make", "uv", "poetry"})
_VARIABLE: Final = regex(r"\$(?:\{(\w+)\}|(\w+))")
_OPTION: Final = regex(r"^--?[\w-]+=")


def _check(facts: Facts) -> Iterator[Finding]:
    for run in facts.runs:
        for login in run.logins:
            if login.secret is None or _is_mounted(run, login.secret.text):
                continue
            yield RULE.at(
                facts.place(login.call.command.span),
                f"the build logs in to {login.service} with a credential on the command line",
                why="the command is in the image's history, and the client keeps the credential in a file",
                fix=_fix(facts, run, login),
            )


def _is_mounted(run: RunFacts, text: str) -> bool:
    """The credential comes from a secret mount: by its variable, or by the file."""
    secrets = [mount for mount in run.mounts if mount.type == "secret"]
    return any((one.env and one.env in text) or (one.target and one.target in text) for one in secrets)


def _fix(facts: Facts, run: RunFacts, login: Login) -> Fix | None:
    env = _READ_FROM.get(login.service)
    removed = None if login.call.is_conditional else without(facts, run, [login.call.command])
    users = _users(facts, run, login)
    if env is None or removed is None or not users or login.secret is None:
        return None
    written = _OPTION.sub("", facts.text(login.secret.span)).strip("\"'")
    said = _VARIABLE.fullmatch(written)
    if said is None and ("$" in written or "`" in written):
        return None
    name = (said[1] or said[2]) if said else env
    arguments = _arguments(facts, run, name) if said else []
    if arguments is None:
        return None
    edits = [*removed, *(taken_out(facts.dockerfile, one) for one in arguments), *syntax_line(facts)]
    edits += [with_secret(facts, one, f"id={name},env={env}") for one in users]
    touched = {run.index, *(one.index for one in (*arguments, *(user.instruction for user in users)))}
    aspects = frozenset({Aspect.ENV, Aspect.MOUNTS, Aspect.COMMANDS})
    return Fix(
        f"give {name} to the RUN as a secret, and do not log in",
        tuple(edits),
        Safety.UNSAFE,
        Effect(frozenset(touched), aspects=aspects),
    )


def _users(facts: Facts, run: RunFacts, login: Login) -> list[RunFacts]:
    """The RUNs that may need the login; none where some are in stages built from this one."""
    after = [one for one in run.stage.runs if one.index > run.index and any(map(_may_ask, _steps(one)))]
    behind = login.call.command.span.end
    here = [call for call in _steps(run) if call.command.span.start >= behind and _may_ask(call)]
    inherited = any(
        _may_ask(call)
        for stage in facts.stages
        if stage is not run.stage and run.stage in stage.chain
        for one in stage.runs
        for call in _steps(one)
    )
    return [] if inherited else [*([run] if here else []), *after]


def _steps(run: RunFacts) -> list[Call]:
    """Its calls but for installs."""
    installs = {install.command.span for install in run.installs}
    return [call for call in run.calls if call.command.span not in installs]


def _may_ask(call: Call) -> bool:
    """The service's client, Python, or a script that may call either."""
    name = call.command.name
    is_program = call.program in _CLIENTS | _RUNNERS or call.program.startswith("python")
    return is_program or "/" in name or name.endswith((".sh", ".py"))


def _arguments(facts: Facts, run: RunFacts, name: str) -> list[Instruction] | None:
    """The ARG that brings the credential and nothing else; None where it is used otherwise too."""
    naming = [one for one in facts.dockerfile.instructions if _count(name, facts.text(one.span))]
    brought = [one for one in naming if one.keyword == "arg"]
    stage = facts.stage_of(brought[0]) if len(brought) == 1 else None
    if stage is not run.stage or len(naming) != 2 or run.instruction not in naming:  # noqa: PLR2004 - it and the ARG
        return None
    is_bare = facts.text(brought[0].span).split()[1:] == [name]
    return brought if is_bare and _count(name, facts.text(run.span)) == 1 else None


def _count(name: str, text: str) -> int:
    return len(re.findall(rf"\b{name}\b", text))


RULE = Rule("E5", "login-in-run", Severity.ERROR, _check, also=("DS-0031",))
