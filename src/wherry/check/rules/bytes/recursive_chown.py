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
no number, where the owner is a variable, or the mode is symbolic: make the user first.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Basis, Cost, Edit, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import copies_of, installs_of, runs_of
from wherry.check.rules.bytes._owners import USER_PROGRAMS, chown_flag, is_known_before, numbers_of
from wherry.check.sizes import closure_of
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.commands import Ownership
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Finding

_SMALL_BYTES: Final = 1_000_000
_OCTAL: Final = frozenset("01234567")
_MODE_OF_DIRECTORIES: Final = "755"
_RECURSIVE: Final = frozenset({"-R", "--recursive"})
_SHARED: Final = frozenset({"/", "/usr", "/usr/local", "/usr/src", "/opt", "/home", "/root", "/var", "/etc"})
"""Where bases have files of their own."""

_MAKES_FILES: Final = frozenset({"mkdir", "touch", "tee", "cp", "mv", "ln", "install", "unzip", "tar"})


def _check(facts: Facts) -> Iterator[Finding]:
    for run in runs_of(facts.target):
        found = [(one, _copies_below(run, one)) for one in run.ownerships if one.is_recursive]
        changed = [(one, copies) for one, copies in found if copies]
        copies = list(dict.fromkeys(copy for _, some in changed for copy in some))
        if copies and not _are_small(copies):
            yield _finding(facts, run, changed, copies)


def _copies_below(run: RunFacts, change: Ownership) -> list[CopyFacts]:
    """The copies of the layers below that wrote what the command changes."""
    return [
        copy
        for copy in copies_of(run.stage)
        if (copy.stage is not run.stage or copy.index < run.index)
        and any(_is_below(copy.destination, path) for path in change.paths)
        and not _is_done(copy, change)
    ]


def _is_below(destination: str, path: str) -> bool:
    plain = path.removesuffix("/*").rstrip("/")
    return plain.startswith("/") and (destination.rstrip("/") == plain or destination.startswith(f"{plain}/"))


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


def _finding(
    facts: Facts,
    run: RunFacts,
    changed: Sequence[tuple[Ownership, list[CopyFacts]]],
    copies: Sequence[CopyFacts],
) -> Finding:
    first = changed[0][0]
    names = list(dict.fromkeys(f"{change.kind} -R" for change, _ in changed))
    paths = list(dict.fromkeys(path for change, _ in changed for path in change.paths))
    return RULE.at(
        facts.place(first.call.command.span),
        f"{' and '.join(names)} store{'' if names[1:] else 's'} {' and '.join(paths[:2])} a second time",
        why="a file whose owner or mode changes is copied whole into the new layer",
        cost=_cost(facts, run, copies),
        related=[facts.place(copy.span) for copy in copies],
        fix=_fix(run, changed, copies),
    )


def _cost(facts: Facts, run: RunFacts, copies: Sequence[CopyFacts]) -> Cost:
    if facts.image and (layer := facts.image.layer_of(run.instruction)):
        return Cost(layer.size_bytes, basis=Basis.MEASURED, source=f"the layer in {facts.image.name}")
    sent = sum(copy.sent_bytes or 0 for copy in copies)
    frameworks = (
        closure_of(one.framework.name, one.framework.version, one.framework.build)
        for copy in copies
        for one in facts.frameworks
        if copy.from_stage is not None and one.stage in copy.from_stage.chain
    )
    largest = max((one for one in frameworks if one), key=lambda one: one.unpacked_bytes, default=None)
    if largest is not None and largest.unpacked_bytes > sent:
        return Cost(largest.unpacked_bytes, basis=Basis.TABLE, source=largest.source)
    if not sent:
        return Cost()
    return Cost(sent, basis=Basis.MEASURED, source="files of the build context that COPY takes")


def _fix(
    run: RunFacts, changed: Sequence[tuple[Ownership, list[CopyFacts]]], copies: Sequence[CopyFacts]
) -> Fix | None:
    edits: list[Edit] = []
    flags: dict[CopyFacts, list[str]] = {copy: [] for copy in copies}
    if any(copy.stage is not run.stage for copy in copies):
        return None  # other stages may be built from that one
    for change, some in sorted(changed, key=lambda pair: pair[0].kind, reverse=True):
        cuts = _not_recursive(run, change, some)
        if cuts is None:
            return None
        edits += cuts
        for copy in some:
            flag = _flag(run, change, copy)
            if flag is None:
                return None
            flags[copy].append(flag)
    safety = _safety(run, changed, copies)
    if safety is None:
        return None
    edits += [_flagged(copy, some) for copy, some in flags.items()]
    touched = frozenset({run.index, *(copy.index for copy in copies)})
    effect = Effect(touched, aspects=frozenset({Aspect.COMMANDS, Aspect.COPIES}))
    return Fix("let COPY set owner and mode", tuple(edits), safety, effect)


def _flag(run: RunFacts, change: Ownership, copy: CopyFacts) -> str | None:
    """The flag of COPY that does the same; None where that is not certain."""
    if not run.is_root or change.call.is_conditional or not all(v.is_known for v in change.call.arguments):
        return None
    if change.kind == "chmod":
        is_octal = bool(change.what) and set(change.what) <= _OCTAL and not copy.chmod
        return f"--chmod={change.what}" if is_octal else None
    owner = chown_flag(change.kind, change.what)
    if owner is None or copy.chown:
        return None
    if not is_known_before(copy.stage, copy.index, owner):
        owner = numbers_of(copy.stage, owner)
    return f"--chown={owner}" if owner else None


def _flagged(copy: CopyFacts, flags: Sequence[str]) -> Edit:
    end = copy.instruction.keyword_span.end
    text = "".join(f" {flag}" for flag in sorted(set(flags), reverse=True))
    return Edit(copy.stage.facts.file.name, Span(end, end), text)


def _not_recursive(run: RunFacts, change: Ownership, copies: Sequence[CopyFacts]) -> tuple[Edit, ...] | None:
    """The command without its ``-R``: it still does the directories themselves."""
    if run.instruction.is_json or run.script.errors or any(path.endswith("*") for path in change.paths):
        return None
    words = [value.word for value in change.call.arguments if value.text in _RECURSIVE]
    if len(words) != 1:
        return None
    span = words[0].span
    data = run.stage.facts.file.data
    if data[span.start - 1 : span.start] != b" ":
        return None
    name = run.stage.facts.file.name
    cut = Edit(name, Span(span.start - 1, span.end), "")
    more = "".join(f" {path}" for path in _made_by(copies, change))
    end = change.call.arguments[-1].span.end
    if not more:
        return (cut,)
    return (Edit(name, cut.span, more),) if end == span.end else (cut, Edit(name, Span(end, end), more))


def _made_by(copies: Sequence[CopyFacts], change: Ownership) -> list[str]:
    """Directories that COPY makes for its destination: those get its owner, but a mode of 755."""
    if change.kind != "chmod" or change.what.lstrip("0") == _MODE_OF_DIRECTORIES:
        return []
    made: dict[str, None] = {}
    for copy in copies:
        above: list[str] = []
        path = copy.destination.rstrip("/")
        while path and path not in change.paths and any(_is_below(path, one) for one in change.paths):
            above.insert(0, path)
            path = posixpath.dirname(path)
        made.update(dict.fromkeys(above))
    return list(made)


def _safety(
    run: RunFacts, changed: Sequence[tuple[Ownership, list[CopyFacts]]], copies: Sequence[CopyFacts]
) -> Safety | None:
    """Whether COPY alone wrote there; None where something else did for certain."""
    paths = [path for change, _ in changed for path in change.paths]
    first = min(copy.span.start for copy in copies)
    own = {change.call.command.span for change, _ in changed}
    calls = [
        call
        for other in runs_of(run.stage)
        if other.stage is not run.stage or other.index <= run.index
        for call in other.calls
        if call.command.span not in own
    ]
    if any(_makes_files_in(call, paths) for call in calls):
        return None
    between = [call for call in calls if call.command.span.start > first]
    installs = {install.span: install for install in installs_of(run.stage)}
    is_harmless = all(_is_harmless(call, installs, paths) for call in between)
    has_more = not _SHARED.isdisjoint(paths) or any(
        _is_below(directory, path) and directory != path.rstrip("/")
        for directory in _workdirs(run)
        for path in paths
    )
    return Safety.SAFE if is_harmless and not has_more else Safety.UNSAFE


def _workdirs(run: RunFacts) -> Iterator[str]:
    """Directories that WORKDIR has made."""
    for stage in run.stage.chain:
        for instruction in stage.stage.instructions:
            if stage is not run.stage or instruction.index <= run.index:
                yield stage.scope(instruction).workdir


def _makes_files_in(call: Call, paths: Sequence[str]) -> bool:
    named = [call.path(text) for text in call.texts if not text.startswith("-")]
    if call.program in _MAKES_FILES and any(_is_below(name, path) for name in named for path in paths):
        return True
    targets = [call.path(one.target.value) for one in call.command.redirects if ">" in one.operator]
    return any(_is_below(target, path) for target in targets for path in paths)


def _is_harmless(call: Call, installs: Mapping[Span, Install], paths: Sequence[str]) -> bool:
    """It makes no file in these trees, as far as is known."""
    if call.program in USER_PROGRAMS or call.program in {"chown", "chgrp", "chmod", "rm", "echo", "true"}:
        return True
    install = installs.get(call.command.span)
    if install is None or install.installs_project:
        return False
    return not any(_is_below(call.path(call.command.name), path) for path in paths)


RULE = Rule("G4", "recursive-chown", Severity.WARNING, _check, also=("tally/prefer-copy-chmod",))
