"""A secret stands in the Dockerfile.

Why: the file is in the repository, and what ENV, ARG and RUN hold is in the image's history for whoever can
pull it, also when a later layer removes the file it was written to. A key that was built in must be revoked:
taking it out of the next image does not take it out of this one.

## Bad

```dockerfile
FROM python:3.12-slim
ENV HF_TOKEN=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
COPY fetch.py /app/
```

## Bad: in a command

```dockerfile
FROM python:3.12-slim
RUN git clone https://bot:ghp_3nRkTz81LqXwVb7YcPdS0mJfHgUa9eKoQ2Wx@github.com/acme/models.git /models
```

## Bad: by its name

```dockerfile
FROM python:3.12-slim
ARG DATABASE_PASSWORD="x9#Lq2!vTz7Rk"
RUN echo "$DATABASE_PASSWORD" > /etc/app.conf
```

## Good

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
ENV HF_TOKEN_PATH=/run/secrets/hf_token TOKENIZERS_PARALLELISM=false
RUN --mount=type=secret,id=hf_token,env=HF_TOKEN hf download acme/model
```

## Good: a word that stands for one

```dockerfile
FROM python:3.12-slim
ENV OPENAI_API_KEY=changeme
```

## Fix

None: revoke the key first. Then give it to the one command that needs it, as `--mount=type=secret`, or to the
container when it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


def _check(facts: Facts) -> Iterator[Finding]:
    for secret in facts.secrets:
        where = f"in {secret.where.upper()}" if secret.instruction else "in a comment"
        of = f" for {secret.name}" if secret.name and secret.name not in secret.kind else ""
        yield RULE.at(
            facts.place(secret.span),
            f"{_article(secret.kind)}{of} stands {where}: {secret.shown}",
            why="whoever has the file has it; revoke it"
            if secret.where in {"comment", "copy", "add"}
            else "it is in the image's history for everyone who can pull it; revoke it",
            severity=Severity.ERROR if secret.is_certain else Severity.WARNING,
        )


def _article(kind: str) -> str:
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


RULE = Rule(
    "E1",
    "secret-value",
    Severity.ERROR,
    _check,
    also=("tally/secrets-in-code", "SecretsUsedInArgOrEnv", "DL3064"),
)
