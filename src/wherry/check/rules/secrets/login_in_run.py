"""A RUN logs in with a secret that its text holds.

Why: the command line is in the image's history, and most clients also write the credential to a file below
HOME, which the layer keeps: `~/.netrc`, `~/.docker/config.json`, `~/.cache/huggingface/token`.

## Bad

```dockerfile
FROM python:3.12-slim
ARG WANDB_KEY
RUN pip install --no-cache-dir wandb==0.19.1 && wandb login $WANDB_KEY
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

None: the clients read their credential from the environment (`HF_TOKEN`, `WANDB_API_KEY`), so mount it as a
secret for the one command that needs it, and do not log in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    for run in facts.runs:
        for login in run.logins:
            if login.secret is None or _is_mounted(run, login.secret.text):
                continue
            yield RULE.at(
                facts.place(login.call.command.span),
                f"the build logs in to {login.service} with a credential on the command line",
                why="the command is in the image's history, and the client keeps the credential in a file",
            )


def _is_mounted(run: RunFacts, text: str) -> bool:
    """The credential comes from a secret mount: by its variable, or by the file."""
    secrets = [mount for mount in run.mounts if mount.type == "secret"]
    return any((one.env and one.env in text) or (one.target and one.target in text) for one in secrets)


RULE = Rule("E5", "login-in-run", Severity.ERROR, _check, also=("DS-0031",))
