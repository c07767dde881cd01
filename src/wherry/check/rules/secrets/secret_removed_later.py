"""A secret is copied in, and removed by a later RUN.

Why: layers only add. What a COPY wrote is in its layer for whoever pulls the image; the RUN only hides it.

## Bad

```dockerfile
FROM python:3.12-slim
COPY id_rsa /root/.ssh/id_rsa
RUN pip install --no-cache-dir git+ssh://git@github.com/acme/models@v1.4.0
RUN rm /root/.ssh/id_rsa
```

```text id_rsa
-----BEGIN OPENSSH PRIVATE KEY-----
```

## Bad: together with the command that uses it

```dockerfile
FROM python:3.12-slim
COPY .netrc /root/.netrc
RUN pip install --no-cache-dir acme-models==1.4.0 && rm -f /root/.netrc
```

## Good

```dockerfile
# syntax=docker/dockerfile:1
FROM python:3.12-slim
RUN --mount=type=secret,id=netrc,target=/root/.netrc pip install --no-cache-dir acme-models==1.4.0
```

## Good: in a stage that does not ship

```dockerfile
FROM python:3.12 AS build
COPY .netrc /root/.netrc
RUN pip install --no-cache-dir --target /deps acme-models==1.4.0 && rm -f /root/.netrc

FROM python:3.12-slim
COPY --from=build /deps /deps
```

## Fix

None: mount it as a secret (`--mount=type=secret,target=...`) or use `--mount=type=ssh`; the key that was
shipped must be replaced.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.model import Finding

_SECRET: Final = regex(
    r"(?:\.netrc|\.env(?:\.\w+)?|id_(?:rsa|dsa|ecdsa|ed25519)|\.pypirc|\.npmrc|\.pgpass|kaggle\.json|pip\.conf"
    r"|\.git-credentials|service[-_]?account[\w-]*\.json|[\w.-]*credentials[\w.-]*|[\w.-]+\.(?:pem|key|p12|pfx))",
    re.IGNORECASE,
)


def _check(facts: Facts) -> Iterator[Finding]:
    for stage in facts.shipped:
        for copy in stage.copies:
            for path in _secrets(copy):
                remover = next(
                    (
                        run
                        for run in facts.target.all_runs
                        if run.instruction.index > copy.instruction.index and run.removes(path)
                    ),
                    None,
                )
                if remover is not None:
                    yield RULE.at(
                        facts.place(copy.instruction.span),
                        f"{posixpath.basename(path)} is copied in and removed again",
                        why="the layer of the COPY keeps it for everyone who can pull the image",
                        related=[facts.place(remover.instruction.keyword_span)],
                    )


def _secrets(copy: CopyFacts) -> Iterator[str]:
    """Where in the image secrets lie that are copied by name."""
    if copy.from_ is not None:
        return
    for source in copy.sources:
        name = posixpath.basename(source.rstrip("/"))
        if _SECRET.fullmatch(name):
            target = copy.destination
            yield posixpath.join(target, name) if target.endswith("/") else target


RULE = Rule("E7", "secret-removed-later", Severity.ERROR, _check)
