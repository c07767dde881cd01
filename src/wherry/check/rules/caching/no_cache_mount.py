r"""Downloads are thrown away that a cache mount would keep.

Why: a layer is all or nothing: one new line in the lock, and every wheel is fetched again, 3 GB of them for a
torch with CUDA. A cache mount is a directory that outlives the build and is in no layer: the second build
fetches what is new, and the image is as small as with `--no-cache-dir`. It lives in the builder, so a CI that
starts with an empty one each time gains nothing.

Said of uv, which is made to work so, and of a manager of Python packages whose cache another RUN of the same
file mounts. With `everywhere = true` in `[tool.wherry.check.B6]` it is said of every install.

## Bad

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --no-install-project
```

## Bad: one RUN has it, another has not

```dockerfile
FROM python:3.12-slim
RUN useradd --create-home --uid 1000 app
USER app
COPY requirements.txt requirements-gpu.txt ./
RUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 pip install -r requirements.txt
RUN pip install \
    --extra-index-url https://wheels.example.com/cu124 \
    -r requirements-gpu.txt
```

## Fixed: one RUN has it, another has not

```dockerfile
FROM python:3.12-slim
RUN useradd --create-home --uid 1000 app
USER app
COPY requirements.txt requirements-gpu.txt ./
RUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 pip install -r requirements.txt
RUN --mount=type=cache,target=/home/app/.cache/pip,uid=1000 \
    pip install \
    --extra-index-url https://wheels.example.com/cu124 \
    -r requirements-gpu.txt
```

## Bad: everywhere

```dockerfile
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

```toml pyproject.toml
[tool.wherry.check.B6]
everywhere = true
```

## Fixed: everywhere

```dockerfile
FROM python:3.12-slim
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Good

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache/pip pip install -r requirements.txt
```

## Good: a file that does without

```dockerfile
FROM python:3.12-slim
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
```

## Fix

Safe for pip, uv, Poetry, PDM, Pipenv and npm, whose caches may be shared: only where files come from changes.
From a mount uv copies instead of linking, and says so unless `UV_LINK_MODE=copy` is set. Unsafe for apt:
Debian's images empty its archives after each install by `/etc/apt/apt.conf.d/docker-clean`, which the fix
removes. None where the user's number is not known, to whom the mount must belong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import without_word
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.caching._mounts import OFF, fetches, mounts_added, off_options, uid_of
from wherry.dockerfile.shell.segments import removal_spans
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_MANAGERS: Final = ("pip", "uv", "poetry", "pdm", "pipenv", "npm", "apt")
_APT: Final = ("/var/cache/apt", "/var/lib/apt")
_LISTS: Final = "/var/lib/apt/lists"
_MOST_LOOKED_AT: Final = 200  # installs of a stage
_SEVERAL: Final = 3


def _check(facts: Facts) -> Iterator[Finding]:
    everywhere = facts.settings.option(RULE, "everywhere") is True
    for manager in _MANAGERS:
        installs = [one for one in facts.installs if one.manager == manager and fetches(one)]
        has_mounts = any(install.cache.mounts for install in installs)
        found = [
            install
            for install in installs
            if _is_bare(install) and (everywhere or (_is_large(install) and (has_mounts or manager == "uv")))
        ]
        by_run: dict[int, list[Install]] = {}
        for install in found:
            by_run.setdefault(install.run.index, []).append(install)
        edits = {index: _mended(own[0].run, own) for index, own in by_run.items()}
        mended = [(install, edits[install.run.index]) for install in found]
        for can_be in (True, False):
            own = [(install, some) for install, some in mended if bool(some) is can_be]
            if own:
                yield _finding(facts, own)


def _is_bare(install: Install) -> bool:
    """Nothing keeps what it downloads, and nobody said in the environment that it should not."""
    cache = install.cache
    is_off_by_option = cache.is_off and install.has(*OFF)
    has_other = bool(cache.mounts or cache.useless_mounts)
    return install.run.stage.is_reachable and not has_other and (is_off_by_option or not cache.is_off)


def _is_large(install: Install) -> bool:
    """It goes by a list, or names several packages, and keeps what it downloads; apt has its own ways."""
    is_listed = bool(install.requirement_files) or install.action == "sync" or not install.packages
    is_several = len(install.packages) >= _SEVERAL
    return (
        install.cache.is_filled
        and not (len(install.run.stage.installs) <= _MOST_LOOKED_AT and install.only_adds_project)
        and not (install.cache.is_off or install.is_system)
        and (is_listed or is_several)
    )


def _finding(facts: Facts, mended: Sequence[tuple[Install, Sequence[Edit]]]) -> Finding:
    (first, _), *rest = mended
    return RULE.at(
        facts.place(first.span),
        f"{first.manager} keeps its downloads for no other build",
        why="whenever a list changes, everything on it is downloaded again",
        related=[facts.place(install.span) for install, _ in rest],
        fix=_fix(mended),
    )


def _fix(mended: Sequence[tuple[Install, Sequence[Edit]]]) -> Fix | None:
    edits = tuple(dict.fromkeys(edit for _, some in mended for edit in some))
    if not edits:
        return None
    first = mended[0][0]
    touched = frozenset(install.run.index for install, _ in mended)
    effect = Effect(touched, aspects=frozenset({Aspect.MOUNTS, Aspect.COMMANDS}))
    safety = Safety.UNSAFE if first.manager == "apt" else Safety.SAFE
    return Fix(f"keep what {first.manager} downloads on a cache mount", edits, safety, effect)


def _mended(run: RunFacts, installs: Sequence[Install]) -> list[Edit]:
    """The edits of one RUN; none where it cannot be mended."""
    uid = uid_of(run)
    if uid is None or run.instruction.is_json:
        return []
    if installs[0].manager == "apt":
        return [] if uid else _with_apt_mounts(run, installs)
    caches = {install.cache.directory for install in installs if len(install.cache.directories) == 1}
    if len(caches) != 1 or not all(install.cache.directories for install in installs):
        return []
    owner = f",uid={uid}" if uid else ""
    options = [option.word for one in installs for option in off_options(one)]
    file = run.stage.facts.file.name
    if not all(word.is_literal for word in options):
        return []
    return [
        mounts_added(run, [f"type=cache,target={caches.pop()}{owner}"]),
        *(Edit(file, without_word(run.stage.facts.dockerfile, word.span), "") for word in options),
    ]


def _with_apt_mounts(run: RunFacts, installs: Sequence[Install]) -> list[Edit]:
    """Both of apt's directories, its archives kept, its lists not removed."""
    file = run.stage.facts.file.name
    first = next(install for install in run.installs if install.manager == "apt")
    is_plain = not first.command.nesting and not first.command.wrapped_by and not run.instruction.heredocs
    if run.stage.base.package_manager != "apt" or not is_plain or first.command.name != "apt-get":
        return []
    edits = [mounts_added(run, [f"type=cache,target={path},sharing=locked" for path in _APT])]
    if not _keeps_archives(run):
        start = Span(first.span.start, first.span.start)
        edits.append(Edit(file, start, "rm -f /etc/apt/apt.conf.d/docker-clean && "))
    for removal in run.removals:
        if not removal.covers(_LISTS):
            continue
        spans = removal_spans(removal.call.command, run.instruction) if len(removal.paths) == 1 else None
        if spans is None:
            return []
        edits += [Edit(file, span, "") for span in spans]
    return edits if all(install.run is run for install in installs) else []


def _keeps_archives(run: RunFacts) -> bool:
    """A command before has told apt to keep what it downloads."""
    facts = run.stage.facts
    before = [one for one in run.stage.all_runs if one.stage is not run.stage or one.index <= run.index]
    return any(
        "docker-clean" in facts.text(one.span) or "keep-cache" in facts.text(one.span) for one in before
    )


RULE = Rule(
    "B6",
    "no-cache-mount",
    Severity.INFO,
    _check,
    also=("tally/prefer-package-cache-mounts",),
    options={"everywhere": False},
)
