r"""The build context is large, and what makes it so is neither data, weights nor a cache.

Why: what `COPY . .` takes is in the image, and is sent, hashed and compressed anew whenever one file of it
changes. What no COPY takes is still sent by every builder but BuildKit, and by BuildKit to a remote builder
whenever a mount of the context asks for it.

Data and experiments (D7), weights (D1), version control, virtual environments and caches (B11) have their own
rules, and are not counted here. `max-mb` sets what is large.

## Bad

```toml pyproject.toml
[tool.wherry.check.G13]
max-mb = 0
```

```dockerfile
FROM python:3.12-slim
COPY pyproject.toml ./
COPY src/ src/
```

```text src/main.py
print("hello")
```

```text recordings/monday.wave
0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
```

```text .dockerignore
.git
Dockerfile
```

## Fixed

```text .dockerignore
.git
Dockerfile
/recordings
```

## Bad: all of it is copied

```toml pyproject.toml
[tool.wherry.check.G13]
max-mb = 0
```

```dockerfile
FROM python:3.12-slim
COPY . /srv
```

```text recordings/monday.wave
0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000
```

## Good

```dockerfile
FROM python:3.12-slim
COPY . /srv
```

```text src/main.py
print("hello")
```

## Fix

Safe: what no COPY, ADD or mount takes is left out by .dockerignore. None for what `COPY .` takes: whether the
program reads it is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.context_walk import Kind
from wherry.check.model import Aspect, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import all_copies, all_runs
from wherry.dockerfile.source import Source, Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.model import Finding

_MB: Final = 1_000_000
_NAMED: Final = 3  # of the largest paths
_SHARE: Final = 10  # a path of less than a tenth is not worth a line
_PLAIN: Final = regex(r"[\w.+@%-][\w .+@%-]*")


def _check(facts: Facts) -> Iterator[Finding]:
    context = facts.context
    if context is None or context.total_bytes <= _limit(facts):
        return
    sizes = _by_first_part(context)
    whole = next((copy for copy in all_copies(facts) if copy.takes_all and copy.stage.is_reachable), None)
    if whole is None:
        sizes = {path: size for path, size in sizes.items() if not _is_taken(facts, path)}
    total = sum(sizes.values())
    if total <= _limit(facts):
        return
    largest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    named = ", ".join(f"{path} {_shown(size)}" for path, size in largest[:_NAMED])
    more = "" if context.is_complete else "at least "
    if whole:
        yield _copied(facts, context, whole, largest, f"{more}{_shown(total)} of context, most of it {named}")
    else:
        yield _sent(facts, context, largest, f"{more}{_shown(total)} that nothing copies, most of it {named}")


def _limit(facts: Facts) -> int:
    return int(facts.settings.option(RULE, "max-mb")) * _MB


def _shown(size_bytes: int) -> str:
    if size_bytes < _MB:
        return f"{size_bytes / 1000:.1f} kB"
    return f"{size_bytes / _MB:.0f} MB" if size_bytes < 1000 * _MB else f"{size_bytes / 1000 / _MB:.1f} GB"


def _by_first_part(context: Context) -> dict[str, int]:
    """Bytes by what lies at the top of the context, without what other rules speak of."""
    kinds = context.kinds
    listed = (*kinds.caches, *kinds.repository, *kinds.experiments, *kinds.datasets, *kinds.notebooks)
    others = {found.path for found in listed} | {weights.path for weights in kinds.weights}
    others |= {context.ignore_path.rpartition("/")[2], "Dockerfile"}  # always sent, and small
    sizes: dict[str, int] = {}
    for entry in context.entries:
        if entry.kind is Kind.FILE and not _is_among(entry.path, others):
            first = entry.path.partition("/")[0]
            sizes[first] = sizes.get(first, 0) + entry.size_bytes
    return sizes


def _is_among(path: str, others: set[str]) -> bool:
    while path:
        if path in others:
            return True
        path = path.rpartition("/")[0]
    return False


def _copied(
    facts: Facts, context: Context, copy: CopyFacts, sizes: Sequence[tuple[str, int]], what: str
) -> Finding:
    return RULE.at(
        facts.place(copy.span),
        f"this takes {what}",
        why="all of it is in the image, and is stored anew when one file of it changes",
        cost=context.cost_of(sizes),
    )


def _sent(facts: Facts, context: Context, largest: Sequence[tuple[str, int]], what: str) -> Finding:
    total = sum(size for _, size in largest)
    unused = [path for path, size in largest if size * _SHARE >= total]
    source = context.ignore_source or Source(context.ignore_path, b"")
    return RULE.at(
        facts.place(facts.target.start.span),
        f"a build may send {what}",
        why="it is walked, and by most builders sent, before the first instruction runs",
        severity=Severity.INFO,
        fix=_fix(source, unused),
    )


def _is_taken(facts: Facts, path: str) -> bool:
    """Whether something of the file takes it, or might."""
    for copy in all_copies(facts):
        if copy.from_ is None and any(not _is_apart(source, path) for source in copy.sources):
            return True
    mounts = (mount for run in all_runs(facts) for mount in run.mounts)
    return any(
        mount.type == "bind" and not mount.from_ and not _is_apart(mount.source, path) for mount in mounts
    )


def _is_apart(source: str, path: str) -> bool:
    """What is taken lies, for certain, elsewhere."""
    first = source.strip("./").partition("/")[0]
    return bool(first) and not set("*?[$") & set(first) and first != path


def _fix(source: Source, paths: Sequence[str]) -> Fix | None:
    plain = [path for path in paths if _PLAIN.fullmatch(path) and path == path.strip()]
    if not plain:
        return None
    end = len(source.data)
    start = "" if not end or source.data.endswith(b"\n") else "\n"
    text = start + "".join(f"/{path}\n" for path in plain)
    effect = Effect(aspects=frozenset({Aspect.FILES}))
    edit = Edit(source.name, Span(end, end), text)
    return Fix("leave out what nothing copies", (edit,), Safety.SAFE, effect)


RULE = Rule("G13", "large-context", Severity.WARNING, _check, options={"max-mb": 100})
