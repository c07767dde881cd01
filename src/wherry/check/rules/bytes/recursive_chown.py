r"""A recursive chown or chmod stores a whole tree a second time.

Why: a layer holds whole files. Changing the owner or the mode of a file that an earlier layer brought copies
it, all its bytes, into the new layer. In topoteretes/cognee #3753 one `chown -R` stored a virtual environment
of 9 GB twice. COPY can set owner and mode as it writes, for nothing.

Trees of less than a megabyte are not reported.

## Bad

```dockerfile
FROM python:3.12-slim AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install numpy==2.1.3

FROM python:3.12-slim
RUN useradd --create-home app
COPY --from=build /opt/venv /opt/venv
RUN chown -R app:app /opt/venv
USER app
```

## Fixed

```dockerfile
FROM python:3.12-slim AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install numpy==2.1.3

FROM python:3.12-slim
RUN useradd --create-home app
COPY --chown=app:app --from=build /opt/venv /opt/venv
RUN chown app:app /opt/venv
USER app
```

## Bad: two trees, and a step that is not known

```dockerfile
FROM python:3.12-slim
RUN groupadd --system app && useradd --system --gid app app
WORKDIR /srv
COPY models/ models/
COPY service/ service/
RUN python -m compileall service
RUN chmod -R 755 /srv && chown -R app:app /srv
USER app
```

## Fixed: two trees, and a step that is not known

```dockerfile
FROM python:3.12-slim
RUN groupadd --system app && useradd --system --gid app app
WORKDIR /srv
COPY --chown=app:app --chmod=755 models/ models/
COPY --chown=app:app --chmod=755 service/ service/
RUN python -m compileall service
RUN chmod 755 /srv && chown app:app /srv
USER app
```

## Bad: the user comes too late, its number is not told

```dockerfile
FROM python:3.12-slim
WORKDIR /srv
COPY models/ models/
RUN useradd app && chown -R app:app /srv
USER app
```

## Bad: the user comes later, by number

```dockerfile
FROM python:3.12-slim
WORKDIR /srv
COPY models/ models/
RUN useradd --uid 10001 app && chown -R app:app /srv
USER app
```

## Fixed: the user comes later, by number

```dockerfile
FROM python:3.12-slim
WORKDIR /srv
COPY --chown=10001:10001 models/ models/
RUN useradd --uid 10001 app && chown app:app /srv
USER app
```

## Bad: what a RUN installed

```dockerfile
FROM python:3.12-slim
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir torch==2.8.0
RUN useradd app && chown -R app:app /opt/venv
USER app
```

## Good

```dockerfile
FROM python:3.12-slim AS build
RUN python -m venv /opt/venv && /opt/venv/bin/pip install numpy==2.1.3

FROM python:3.12-slim
RUN useradd --create-home app
COPY --from=build --chown=app:app /opt/venv /opt/venv
USER app
```

## Good: the tree of the same RUN

```dockerfile
FROM python:3.12-slim
RUN useradd app && mkdir -p /srv/cache && chown -R app:app /srv
USER app
```

## Fix

Safe where COPY alone put files there: each COPY sets what the command set, and the command, no longer
recursive, still does the directory itself. Unsafe where some RUN in between, a WORKDIR below or the base may
have made files there, which would keep their owner. None where the user is only made behind the COPY and has
no number, where the owner is a variable, or the mode is symbolic: make the user first. None for what a RUN
installed: do both in that RUN, or install as that user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.commands import SHELLS
from wherry.check.model import Basis, Cost, Rule, Severity
from wherry.check.rules.bytes._bounds import copies_of, runs_of
from wherry.check.rules.bytes._carried import certain_environments
from wherry.check.rules.bytes._removals import is_removed
from wherry.check.rules.bytes._set_by_copy import fix_of, is_below
from wherry.check.sizes import closure_of
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.commands import Ownership
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding
    from wherry.dockerfile.source import Span

_INSTALLED: Final = regex(r"(?i)(?:conda|forge|mamba)\S*\.sh\s(?:.*\s)?-(?:b?p|-prefix)\s+(?P<prefix>/\S+)")
"""``bash Miniforge3.sh -b -p /opt/conda``."""
_SMALL_BYTES: Final = 1_000_000
_OF_BASE: Final = frozenset({"/", "/usr", "/usr/local", "/usr/lib", "/opt/conda", "/lib"})
"""Trees that are large in any base."""


class _Tree(Frozen):
    """What a command changes of the layers below."""

    change: Ownership
    copies: list[CopyFacts]
    writers: list[tuple[Span, RunFacts]]  # commands that installed or fetched there

    @property
    def is_of_base(self) -> bool:
        return not _OF_BASE.isdisjoint(path.rstrip("/") or "/" for path in self.change.paths)


def _check(facts: Facts) -> Iterator[Finding]:
    for run in runs_of(facts.target):
        trees = [_tree(run, one) for one in run.ownerships if one.is_recursive]
        changed = [one for one in trees if one.copies or one.writers or one.is_of_base]
        copies = list(dict.fromkeys(copy for tree in changed for copy in tree.copies))
        is_only_copied = not any(tree.writers or tree.is_of_base for tree in changed)
        if changed and not (is_only_copied and _are_small(copies)):
            yield _finding(facts, run, changed, copies)


def _tree(run: RunFacts, change: Ownership) -> _Tree:
    copies = [
        copy
        for copy in copies_of(run.stage)
        if (copy.stage is not run.stage or copy.index < run.index)
        and any(is_below(copy.destination, path) for path in change.paths)
        and not _is_done(copy, change)
    ]
    writers = [
        (span, other)
        for other in runs_of(run.stage)
        if other.stage is not run.stage or other.index < run.index
        for span, places in _written(other)
        if any(is_below(place, path) for place in places for path in change.paths)
    ]
    return _Tree(change, copies, writers)


def _written(run: RunFacts) -> Iterator[tuple[Span, list[str]]]:
    """Where its installs and downloads write."""
    for install in run.installs:
        if (install.is_python or install.is_conda) and install.brings_packages:
            yield install.span, list(certain_environments(install))
    for call in run.calls:
        told = _INSTALLED.search(" ".join(call.texts)) if call.program in SHELLS else None
        if told:
            yield call.command.span, [told["prefix"]]
    for download in run.downloads:
        if download.destination.startswith("/") and not is_removed([run], download.destination):
            yield download.span, [download.destination]


def _is_done(copy: CopyFacts, change: Ownership) -> bool:
    """COPY has already set just that: no file changes."""
    if change.kind == "chmod":
        return bool(copy.chmod) and copy.chmod.lstrip("0") == change.what.lstrip("0")
    user, _, group = copy.chown.partition(":")
    if change.kind == "chgrp":
        return bool(group) and group == change.what
    wanted_user, _, wanted_group = change.what.partition(":")
    return bool(user) and user == wanted_user and wanted_group in {group, ""}


def _are_small(copies: Sequence[CopyFacts]) -> bool:
    """They are known, all of them, and too little to speak of."""
    total = 0
    for copy in copies:
        sent = copy.sent
        if sent is None or sent.missing or not sent.is_complete:
            return False
        total += sent.size_bytes
    return total < _SMALL_BYTES


def _finding(facts: Facts, run: RunFacts, changed: Sequence[_Tree], copies: Sequence[CopyFacts]) -> Finding:
    names = list(dict.fromkeys(f"{tree.change.kind} -R" for tree in changed))
    paths = list(dict.fromkeys(path for tree in changed for path in tree.change.paths))
    spans = [copy.span for copy in copies] + [span for tree in changed for span, _ in tree.writers]
    by_copy = all(tree.copies and not tree.writers and not tree.is_of_base for tree in changed)
    return RULE.at(
        facts.place(changed[0].change.call.command.span),
        f"{' and '.join(names)} store{'' if names[1:] else 's'} {' and '.join(paths[:2])} a second time",
        why="a file whose owner or mode changes is copied whole into the new layer",
        cost=_cost(facts, run, changed, copies),
        related=[facts.place(span) for span in dict.fromkeys(spans)],
        fix=fix_of(run, [(tree.change, tree.copies) for tree in changed], copies) if by_copy else None,
    )


def _cost(facts: Facts, run: RunFacts, changed: Sequence[_Tree], copies: Sequence[CopyFacts]) -> Cost:
    if facts.image and (layer := facts.image.layer_of(run.instruction)):
        return Cost(layer.size_bytes, basis=Basis.MEASURED, source=f"the layer in {facts.image.name}")
    sent = sum(copy.sent_bytes or 0 for copy in copies)
    stages = {stage.index for copy in copies if copy.from_stage for stage in copy.from_stage.chain}
    runs = {other.index for tree in changed for _, other in tree.writers}
    closures = [
        closure
        for one in facts.frameworks
        if one.stage.index in stages or one.install.run.index in runs
        if (closure := closure_of(one.framework.name, one.framework.version, one.framework.build))
    ]
    largest = max(closures, key=lambda one: one.unpacked_bytes, default=None)
    if largest is not None and largest.unpacked_bytes > sent:
        return Cost(largest.unpacked_bytes, basis=Basis.TABLE, source=largest.source)
    if not sent:
        return Cost()
    return Cost(sent, basis=Basis.MEASURED, source="files of the build context that COPY takes")


RULE = Rule("G4", "recursive-chown", Severity.WARNING, _check, also=("tally/prefer-copy-chmod",))
