"""A file that holds secrets is sent to the build and copied into the image.

Why: `COPY . .` takes what is there. An `.env`, a private key, a cloud account's JSON or a `.git` whose remote
holds a token is then in a layer for everyone who can pull it, also when a later RUN removes it.

## Bad

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
CMD ["python", "main.py"]
```

```text .env
OPENAI_API_KEY=sk-proj-9fKq2LmXzR7vTbYc3PdSwJhGnUa8eKo
```

```python main.py
print("served")
```

## Fixed

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
CMD ["python", "main.py"]
```

```text .dockerignore
.env
```

## Good

```dockerfile
FROM python:3.12-slim
WORKDIR /app
COPY . .
```

```text .env
OPENAI_API_KEY=sk-proj-9fKq2LmXzR7vTbYc3PdSwJhGnUa8eKo
```

```text .dockerignore
.env
```

## Good: only what is needed

```dockerfile
FROM python:3.12-slim
COPY main.py ./
```

```text .env
OPENAI_API_KEY=sk-proj-9fKq2LmXzR7vTbYc3PdSwJhGnUa8eKo
```

```python main.py
print("served")
```

## Fix

Safe: the files are named in .dockerignore; unsafe where the code loads an environment file by `dotenv`, whose
values the container must then be given otherwise. None where COPY asks for one by name, which would then not
be found: take the COPY out, and give it to the RUN that needs it with `--mount=type=secret`. A container that
needs one gets it when it starts.
"""

from __future__ import annotations

import fnmatch
import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.kinds import Found
    from wherry.check.model import Finding

_SHOWN: Final = 3
_SPECIAL: Final = frozenset("*?[\\")


def _check(facts: Facts) -> Iterator[Finding]:
    context = facts.context
    if context is None or not context.kinds.secrets:
        return
    for copy in facts.copies:
        found = [secret for secret in context.kinds.secrets if _takes(context, copy, secret.path)]
        if found:
            names = ", ".join(secret.path for secret in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
            yield RULE.at(
                facts.place(copy.instruction.span),
                f"{names}{more} would be copied into {'the image' if copy.stage.is_shipped else 'a stage'}",
                why=f"{_kinds(found)}: everyone who can pull the layer can read it",
                severity=Severity.ERROR if copy.stage.is_shipped else Severity.WARNING,
                fix=None if _is_asked_for(facts, found) else _fix(facts, context, found),
            )
            return  # the same files again would be the same finding


def _takes(context: Context, copy: CopyFacts, path: str) -> bool:
    if copy.from_ is not None:
        return False
    sent = context.sent_by(copy.sources)
    return any(entry.path == path or entry.path.startswith(f"{path}/") for entry in sent.entries)


def _is_asked_for(facts: Facts, found: Sequence[Found]) -> bool:
    """A COPY or a mount asks for one of them by name or pattern: without it the build would end there."""
    copied = [source for copy in facts.copies if copy.is_from_context for source in copy.sources]
    mounts = [mount for run in facts.runs for mount in run.mounts if mount.type == "bind" and not mount.from_]
    named = [posixpath.normpath(path).lstrip("/") for path in (*copied, *(one.source for one in mounts))]
    return any(
        fnmatch.fnmatchcase(secret.path, path) for secret in found for path in named if path.strip("*")
    )


def _kinds(found: Sequence[Found]) -> str:
    return " and ".join(dict.fromkeys(secret.what for secret in found))


def _fix(facts: Facts, context: Context, found: Sequence[Found]) -> Fix | None:
    if any(_SPECIAL.intersection(secret.path) or secret.path != secret.path.strip() for secret in found):
        return None
    before = context.ignore_source.data if context.ignore_source else b""
    start = "" if not before or before.endswith(b"\n") else "\n"
    text = start + "".join(f"{secret.path}\n" for secret in found)
    span = Span(len(before), len(before))
    return Fix(
        "leave them out by .dockerignore",
        (Edit(context.ignore_path, span, text),),
        Safety.UNSAFE if _is_read_by_code(facts) else Safety.SAFE,
        Effect(aspects=frozenset({Aspect.FILES})),
    )


def _is_read_by_code(facts: Facts) -> bool:
    """The program looks for an environment file beside itself, and may not start without."""
    imports = facts.project.imports
    return imports is not None and not {"dotenv", "decouple", "environs"}.isdisjoint(imports.names)


RULE = Rule("E6", "secret-file-copied", Severity.ERROR, _check)
