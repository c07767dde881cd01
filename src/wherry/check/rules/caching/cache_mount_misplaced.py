r"""A cache is mounted where the package manager does not look.

Why: pip's cache is in the home of whoever runs it. Copied from a Dockerfile that runs as root, a mount at
`/root/.cache/pip` is of no use to `USER app`, whose cache is in `/home/app`; with `PIP_CACHE_DIR` or
`UV_CACHE_DIR` set it is elsewhere again. And a mount belongs to root unless it says `uid=`: pip then warns
that the directory is not writable, and works without a cache.

## Bad

```dockerfile
FROM python:3.12-slim
RUN useradd --create-home --uid 1000 app
USER app
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Fixed

```dockerfile
FROM python:3.12-slim
RUN useradd --create-home --uid 1000 app
USER app
COPY requirements.txt ./
RUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 pip install -r requirements.txt
```

## Bad: the environment names another place

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
ENV UV_CACHE_DIR=/opt/uv-cache
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked
```

## Fixed: the environment names another place

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
ENV UV_CACHE_DIR=/opt/uv-cache
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/opt/uv-cache uv sync --locked
```

## Bad: it belongs to root

```dockerfile
FROM python:3.12-slim
USER 1000
ENV HOME=/home/app
COPY requirements.txt ./
RUN --mount=type=cache,target=/home/app/.cache/pip pip install -r requirements.txt
```

## Fixed: it belongs to root

```dockerfile
FROM python:3.12-slim
USER 1000
ENV HOME=/home/app
COPY requirements.txt ./
RUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 pip install -r requirements.txt
```

## Good

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Fix

Safe: a cache mount is in no layer. Unsafe where the user's home is only the usual one. None where the user's
number is not known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.caching._mounts import fetches, uid_of
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.mounts import Mount
    from wherry.check.model import Finding

_TARGET: Final = regex(rb"(?:target|dst|destination)=([^,\"\s]+)", re.IGNORECASE)
_OPEN_MODE: Final = regex(r"0?1?[0-7]?777")


def _check(facts: Facts) -> Iterator[Finding]:
    seen: set[Span] = set()
    for install in facts.installs:
        if not fetches(install) or install.cache.is_off:
            continue
        for mount in install.cache.useless_mounts:
            if mount.span not in seen and _is_missed(install, mount):
                seen.add(mount.span)
                yield _misplaced(facts, install, mount)
        for mount in install.cache.mounts:
            if mount.span not in seen and _is_closed(install, mount):
                seen.add(mount.span)
                yield _closed(facts, install, mount)


def _is_missed(install: Install, mount: Mount) -> bool:
    """Where the cache is is certain, and no other call of the RUN uses the mount."""
    others = (other for other in install.run.installs if other is not install)
    is_roots = mount.target.startswith("/root/") and not install.run.is_root
    return (
        (install.cache.is_certain or is_roots)
        and len(install.cache.directories) == 1
        and not install.cache.mounts
        and not any(mount in other.cache.mounts for other in others)
    )


def _misplaced(facts: Facts, install: Install, mount: Mount) -> Finding:
    directory = install.cache.directory
    return RULE.at(
        facts.place(mount.span),
        f"{install.manager}'s cache is {directory}, and the mount is at {mount.target}",
        why="the mount stays empty: every build downloads everything again, and keeps it in the layer",
        related=[facts.place(install.span)],
        fix=_moved(facts, install, mount, directory, is_certain=install.cache.is_certain),
    )


def _is_closed(install: Install, mount: Mount) -> bool:
    """Somebody who is not root runs the command, and the mount is root's."""
    is_open = "uid" in mount.fields or _OPEN_MODE.fullmatch(mount.fields.get("mode", "")) is not None
    user = install.run.user.partition(":")[0]
    is_sudo = "sudo" in install.command.wrapped_by
    return not (install.run.is_root or is_open or is_sudo or "$" in user or install.is_system)


def _closed(facts: Facts, install: Install, mount: Mount) -> Finding:
    return RULE.at(
        facts.place(mount.span),
        f"{install.run.user} runs {install.manager}, and the cache mounted for it belongs to root",
        why="what cannot be written is not kept: every build downloads everything again",
        related=[facts.place(install.span)],
        fix=_moved(facts, install, mount, mount.target, is_certain=True),
    )


def _moved(facts: Facts, install: Install, mount: Mount, directory: str, *, is_certain: bool) -> Fix | None:
    """The mount at *directory*, and writable for who runs the command."""
    uid = uid_of(install.run)
    found = _TARGET.search(facts.file.data, mount.span.start, mount.span.end)
    if uid is None or found is None or re.search(r"[,\"\s]", directory):
        return None
    owner = f",uid={uid}" if uid and "uid" not in mount.fields else ""
    written = found[1].decode("utf-8", "surrogateescape")
    text = written if mount.target == directory else directory
    edit = Edit(facts.file.name, Span(*found.span(1)), f"{text}{owner}")
    effect = Effect(frozenset({install.run.index}), aspects=frozenset({Aspect.MOUNTS}))
    return Fix(
        "mount it where it is looked for", (edit,), Safety.SAFE if is_certain else Safety.UNSAFE, effect
    )


RULE = Rule("B8", "cache-mount-misplaced", Severity.WARNING, _check)
