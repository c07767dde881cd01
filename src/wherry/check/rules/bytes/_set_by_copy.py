"""A recursive chown or chmod of what COPY brought, done by COPY: `fix_of`."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix, Safety
from wherry.check.rules.bytes._bounds import installs_of, runs_of
from wherry.check.rules.bytes._owners import USER_PROGRAMS, chown_flag, is_known_before, numbers_of
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.check.facts.calls import Call
    from wherry.check.facts.commands import Ownership
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts

SHARED: Final = frozenset({"/", "/usr", "/usr/local", "/usr/src", "/opt", "/home", "/root", "/var", "/etc"})
"""Where bases have files of their own."""

_OCTAL: Final = frozenset("01234567")
_MODE_OF_DIRECTORIES: Final = "755"
_RECURSIVE: Final = frozenset({"-R", "--recursive"})
_MAKES_FILES: Final = frozenset({"mkdir", "touch", "tee", "cp", "mv", "ln", "install", "unzip", "tar"})


def is_below(destination: str, path: str) -> bool:
    """*destination* is *path*, absolute, or lies in it."""
    plain = path.removesuffix("/*").rstrip("/")
    return plain.startswith("/") and (destination.rstrip("/") == plain or destination.startswith(f"{plain}/"))


def fix_of(
    run: RunFacts, changed: Sequence[tuple[Ownership, list[CopyFacts]]], copies: Sequence[CopyFacts]
) -> Fix | None:
    """The edits that let COPY set owner and mode; None where that might not be the same."""
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
        while path and path not in change.paths and any(is_below(path, one) for one in change.paths):
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
    has_more = not SHARED.isdisjoint(paths) or any(
        is_below(directory, path) and directory != path.rstrip("/")
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
    if call.program in _MAKES_FILES and any(is_below(name, path) for name in named for path in paths):
        return True
    targets = [call.path(one.target.value) for one in call.command.redirects if ">" in one.operator]
    return any(is_below(target, path) for target in targets for path in paths)


def _is_harmless(call: Call, installs: Mapping[Span, Install], paths: Sequence[str]) -> bool:
    """It makes no file in these trees, as far as is known."""
    if call.program in USER_PROGRAMS or call.program in {"chown", "chgrp", "chmod", "rm", "echo", "true"}:
        return True
    install = installs.get(call.command.span)
    if install is None or install.installs_project:
        return False
    return not any(is_below(call.path(call.command.name), path) for path in paths)
