"""The lock does not fit what it was made from.

Belongs to F3. Why: `uv sync --locked` and `poetry install` end the build there, after the layers before it
were made; `uv sync` solves anew and `uv sync --frozen` installs the old versions, both without a word. What
is compared is what the lock keeps for that (uv's metadata, the hashes of Poetry, PDM and Pipenv), not dates.

## Bad

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi>=0.110", "redis>=5"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"

[[package]]
name = "api"
version = "1"
source = { editable = "." }

[package.metadata]
requires-dist = [{ name = "fastapi", specifier = ">=0.110" }]
```

## Good

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
```

```toml pyproject.toml
[project]
name = "api"
version = "1"
dependencies = ["fastapi>=0.110"]
```

```toml uv.lock
version = 1
requires-python = ">=3.12"

[[package]]
name = "api"
version = "1"
source = { editable = "." }

[package.metadata]
requires-dist = [{ name = "fastapi", specifier = ">=0.110" }]
```

## Fix

None: `uv lock`, `poetry lock`, `pdm lock` or `pipenv lock` makes it anew, which takes the index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.model import Finding


_MOST: Final = 500  # installs of a file that are looked at


def _check(facts: Facts) -> Iterator[Finding]:
    if facts.context is None:
        return
    seen: set[str] = set()
    for install in facts.installs[:_MOST]:
        lock = install.inputs.lock if install.is_python and install.run.stage.is_reachable else None
        if lock is None or lock.source.name in seen:
            continue
        seen.add(lock.source.name)
        project = install.inputs.project
        pyproject = install.inputs.pyproject or (project.pyproject if project else None)
        reason = lock.staleness(pyproject)
        if reason:
            yield RULE.at(
                facts.place(install.span),
                f"{lock.kind} does not fit its project: {reason}",
                why="the build ends here, or installs what nobody asked for any more",
                related=[lock.packages[0].text.place] if lock.packages else (),
            )


RULE = Rule("F14", "stale-lock", Severity.WARNING, _check)
