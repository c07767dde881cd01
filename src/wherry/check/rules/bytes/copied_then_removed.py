r"""What COPY brings and a later RUN removes stays in the image.

Why: COPY has made a layer of it, and the `rm` only makes another that hides it. What the image should not
have must not be copied: .dockerignore keeps it out, and what one step reads can be mounted for that step.

Keys that are copied and removed are E7's.

## Bad

```dockerfile
FROM python:3.12-slim
COPY . /srv
RUN rm -rf /srv/tests /srv/recordings
CMD ["python", "/srv/main.py"]
```

```text main.py
print("hello")
```

```text tests/test_main.py
import main
```

```text recordings/monday.wave
0000
```

## Fixed

```dockerfile
FROM python:3.12-slim
COPY . /srv
CMD ["python", "/srv/main.py"]
```

```text .dockerignore
/tests
/recordings
```

## Bad: wheels of another stage

```dockerfile
FROM python:3.12 AS build
COPY requirements.txt ./
RUN pip wheel --wheel-dir /wheels -r requirements.txt

FROM python:3.12-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -rf /wheels
```

## Fixed: wheels of another stage

```dockerfile
FROM python:3.12 AS build
COPY requirements.txt ./
RUN pip wheel --wheel-dir /wheels -r requirements.txt

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Bad: a step needs it in between

```dockerfile
FROM python:3.12-slim
COPY . /srv
RUN python -m unittest discover /srv/tests
RUN rm -r /srv/tests
```

```text tests/test_main.py
import main
```

## Good

```dockerfile
FROM python:3.12-slim
COPY . /srv
CMD ["python", "/srv/main.py"]
```

```text tests/test_main.py
import main
```

```text .dockerignore
tests
```

## Good: mounted

```dockerfile
FROM python:3.12 AS build
RUN pip wheel --wheel-dir /wheels numpy==2.1.3

FROM python:3.12-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels pip install --no-cache-dir /wheels/*.whl
```

## Fix

Safe where nothing reads it between COPY and `rm`, and no other instruction takes it: .dockerignore leaves it
out. Safe also for what only an install reads: it is mounted (with BuildKit) instead of copied; unsafe where
another command reads it, which might write there. None otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.edits import taken_out
from wherry.check.facts.origins import context_path
from wherry.check.model import Aspect, Basis, Cost, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import all_copies, all_runs, copies_of, runs_of
from wherry.check.rules.bytes._chain import without
from wherry.check.rules.bytes._mounting import is_next, mounted, target_of
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.commands import Removal
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_SECRET: Final = regex(
    r"(?:^|/)(?:\.env|\.envrc|\.netrc|\.pypirc|\.npmrc|\.ssh|\.aws|\.git-credentials|id_[a-z0-9]+|kaggle\.json|pip\.conf"
    r"|[^/]*(?:\.pem|\.key|credentials[^/]*|secrets?[^/]*|token[^/]*))(?:/|$)"
)
_GLOB: Final = regex(r"[*?\[{]")
_PLAIN: Final = regex(r"[\w.+@%/-]+")
_TESTS: Final = frozenset({"[", "[[", "test", "grep", "if"})
_TREES: Final = "/bin/ /boot/ /dev/ /etc/ /home/ /lib/ /media/ /mnt/ /opt/ /root/ /sbin/ /tmp/ /usr/ /var/"
_OF_BASES: Final = tuple(_TREES.split())
_LIST: Final = regex(r"\.(?:txt|toml|lock|cfg|ya?ml|json|ini|sh|in)$")
_SMALL_BYTES: Final = 1_000_000


class _Removed(Frozen):
    """One path that a COPY brought and a RUN removes."""

    path: str  # in the image
    copy: CopyFacts
    removal: Removal
    origin: str  # in the context; empty where it comes from elsewhere or is not known
    is_whole: bool  # it is all that the COPY brought


def _check(facts: Facts) -> Iterator[Finding]:
    for run in runs_of(facts.target):
        found = [one for removal in run.removals for one in _removed(run, removal)]
        if found and not all(map(_is_list, found)):
            yield _finding(facts, run, found)


def _is_list(one: _Removed) -> bool:
    """A requirements.txt, a script: a few hundred bytes of all that was copied."""
    return not one.is_whole and _LIST.search(one.path) is not None


def _removed(run: RunFacts, removal: Removal) -> Iterator[_Removed]:
    for written in removal.paths:
        path = written.removesuffix("/*").rstrip("/")
        if not path.startswith("/") or _GLOB.search(path) or _SECRET.search(path):
            continue
        for copy in reversed(copies_of(run.stage)):
            if copy.stage is run.stage and copy.index > run.index:
                continue
            if found := _brought(copy, path, removal, run):
                yield found
                break


def _brought(copy: CopyFacts, path: str, removal: Removal, run: RunFacts) -> _Removed | None:
    """What of *path* the COPY brought."""
    target = target_of(copy)
    if target == path and (removal.is_recursive or copy.from_ is None):
        origin = context_path(run.stage, path, run.index) or ""
        return _Removed(path, copy, removal, origin, is_whole=True)
    inside = path.startswith(f"{copy.destination.rstrip('/')}/") and copy.from_ is None
    if not inside or copy.inline_files:
        return None
    context = copy.stage.facts.context
    if context is None:
        return _Removed(path, copy, removal, "", is_whole=False) if copy.takes_all else None
    origin = context_path(run.stage, path, run.index) or ""
    if not origin or not context.has(origin) or copy.sent is None:
        return None
    is_taken = any(_is_at(entry.path, origin) for entry in copy.sent.entries)
    return _Removed(path, copy, removal, origin, is_whole=False) if is_taken else None


def _is_at(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory}/")


def _finding(facts: Facts, run: RunFacts, found: Sequence[_Removed]) -> Finding:
    names = list(dict.fromkeys(one.path for one in found))
    cost = _cost(facts, found)
    is_small = cost.basis is Basis.MEASURED and cost.size_bytes < _SMALL_BYTES
    return RULE.at(
        facts.place(found[0].removal.call.command.span),
        f"removing {_named(names)} frees nothing, COPY has stored it",
        why="the layer that COPY made still holds it, and is pulled",
        cost=cost,
        related=dict.fromkeys(facts.place(one.copy.span) for one in found),
        severity=Severity.INFO if is_small else Severity.WARNING,
        fix=_mount_fix(run, found) or _ignore_fix(facts, run, found),
    )


def _named(paths: Sequence[str]) -> str:
    return " and ".join(paths[:2]) if not paths[2:] else f"{paths[0]} and {len(paths) - 1} more"


def _cost(facts: Facts, found: Sequence[_Removed]) -> Cost:
    context = facts.context
    origins = {one.origin for one in found if one.origin}
    if context is None or not origins or any(one.copy.from_ for one in found):
        return Cost()
    return context.cost_of(
        (entry.path, entry.size_bytes)
        for copy in dict.fromkeys(one.copy for one in found)
        for entry in (copy.sent.entries if copy.sent else ())
        if any(_is_at(entry.path, origin) for origin in origins)
    )


def _mount_fix(run: RunFacts, found: Sequence[_Removed]) -> Fix | None:
    """Mount what the COPY brought for this RUN, which is the only one to read it."""
    one = found[0]
    if not _is_certain(run, one.removal):
        return None
    if len(found) > 1 or not one.is_whole or not is_next(one.copy, run):
        return None
    if [path.rstrip("/") for path in one.removal.paths] != [one.path]:
        return None
    edits = mounted(one.copy, run, one.path)
    cut = without(run, one.removal.call.command)
    if edits is None or cut is None:
        return None
    others = [call for call in run.calls if call is not one.removal.call]
    installs = {install.call.command.span for install in run.installs if install.brings_packages}
    is_read = all(call.command.span in installs for call in others)
    effect = Effect(
        frozenset({run.index, one.copy.index}),
        aspects=frozenset({Aspect.COMMANDS, Aspect.COPIES, Aspect.MOUNTS}),
    )
    safety = Safety.SAFE if is_read else Safety.UNSAFE
    return Fix("mount it instead of copying it", (*edits, *cut), safety, effect)


def _ignore_fix(facts: Facts, run: RunFacts, found: Sequence[_Removed]) -> Fix | None:
    """Leave it out of the context, and the command that removed it out of the file."""
    origins = list(dict.fromkeys(one.origin for one in found))
    if not all(origins) or not all(map(_PLAIN.fullmatch, origins)) or any(one.is_whole for one in found):
        return None
    if not all(is_next(one.copy, run) and _is_forced(one.removal) for one in found):
        return None
    if not all(_is_certain(run, one.removal) for one in found):
        return None
    if any(_is_taken_elsewhere(facts, one) for one in found):
        return None
    removals = {one.removal.call.command.span for one in found}
    last = max(removals)
    if any(call.command.span < last and call.command.span not in removals for call in run.calls):
        return None  # it may be read before it is removed
    covered = {one.path for one in found}
    is_all = {
        path.removesuffix("/*").rstrip("/") for removal in run.removals for path in removal.paths
    } <= covered
    edits = [_ignored(facts, origins)]
    if is_all and len(run.calls) == len(removals) and all(map(_is_only_of_copy, found)):
        edits.append(taken_out(facts.dockerfile, run.instruction))
    effect = Effect(frozenset({run.index}), aspects=frozenset({Aspect.FILES, Aspect.COMMANDS}))
    return Fix("leave it out with .dockerignore", tuple(edits), Safety.SAFE, effect)


def _is_certain(run: RunFacts, removal: Removal) -> bool:
    """It is done in every build, whatever a variable or a file says."""
    earlier = (call for call in run.calls if call.command.span < removal.call.command.span)
    return not removal.call.is_conditional and not any(call.program in _TESTS for call in earlier)


def _is_only_of_copy(one: _Removed) -> bool:
    """Neither the base nor an earlier step has something there that the command removes too."""
    stage, copy = one.copy.stage, one.copy
    if one.path.startswith(_OF_BASES) or not (stage.base.is_known or stage.base.is_scratch):
        return False
    earlier = stage.all_instructions
    text = copy.destination.rstrip("/")
    return not any(
        text in stage.facts.text(before.span)
        for before in earlier[: earlier.index(copy.instruction)]
        if before.keyword in {"run", "copy", "add"}
    )


def _is_forced(removal: Removal) -> bool:
    """It does not mind that nothing is there."""
    return removal.call.program == "rm" and any(
        text.startswith("-") and "f" in text.lstrip("-")[:4] for text in removal.call.texts
    )


def _is_taken_elsewhere(facts: Facts, one: _Removed) -> bool:
    for copy in all_copies(facts):
        if copy is not one.copy and copy.sent and any(_is_at(e.path, one.origin) for e in copy.sent.entries):
            return True
    return any(mount.type == "bind" and not mount.from_ for run in all_runs(facts) for mount in run.mounts)


def _ignored(facts: Facts, origins: Sequence[str]) -> Edit:
    context = facts.context
    source = context.ignore_source if context else None
    end = len(source.data) if source else 0
    start = "\n" if source and end and not source.data.endswith(b"\n") else ""
    path = context.ignore_path if context else ".dockerignore"
    return Edit(path, Span(end, end), start + "".join(f"/{origin}\n" for origin in origins))


RULE = Rule("G5", "copied-then-removed", Severity.WARNING, _check)
