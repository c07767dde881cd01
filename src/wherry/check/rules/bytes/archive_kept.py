r"""An archive or installer stays in the image beside what came out of it.

Why: the archive is as large as its contents are compressed, nobody opens it a second time, and it is pulled
with them. So it is with installers: Miniconda's script is its packages, CUDA's `.run` gigabytes. It has to go
in the RUN that fetched it: a later `rm` frees nothing (G3).

## Bad

```dockerfile
FROM debian:bookworm-slim
RUN wget -q https://example.com/onnxruntime-1.20.tgz -O /tmp/ort.tgz \
 && tar -xzf /tmp/ort.tgz -C /opt \
 && ldconfig
```

## Fixed

```dockerfile
FROM debian:bookworm-slim
RUN wget -q https://example.com/onnxruntime-1.20.tgz -O /tmp/ort.tgz \
 && tar -xzf /tmp/ort.tgz -C /opt \
 && rm /tmp/ort.tgz \
 && ldconfig
```

## Bad: fetched by one RUN, unpacked by the next

```dockerfile
FROM debian:bookworm-slim
WORKDIR /data
RUN curl -fsSLO https://example.com/train.zip
RUN unzip -q train.zip
```

## Fixed: fetched by one RUN, unpacked by the next

```dockerfile
FROM debian:bookworm-slim
WORKDIR /data
RUN curl -fsSLO https://example.com/train.zip \
    && unzip -q train.zip && rm train.zip
```

## Bad: an installer

```dockerfile
FROM debian:bookworm-slim
RUN wget -q https://example.com/Miniforge3.sh && bash Miniforge3.sh -b -p /opt/conda
```

## Fixed: an installer

```dockerfile
FROM debian:bookworm-slim
RUN wget -q https://example.com/Miniforge3.sh && bash Miniforge3.sh -b -p /opt/conda && rm Miniforge3.sh
```

## Bad: copied

```dockerfile
FROM debian:bookworm-slim
COPY vendor/tpu.tar.gz /tmp/
RUN tar -xzf /tmp/tpu.tar.gz -C /opt
```

## Fixed: copied

```dockerfile
FROM debian:bookworm-slim
RUN --mount=type=bind,source=vendor/tpu.tar.gz,target=/tmp/tpu.tar.gz tar -xzf /tmp/tpu.tar.gz -C /opt
```

## Bad: added from a URL

```dockerfile
FROM debian:bookworm-slim
ADD https://example.com/train.tar.gz /tmp/train.tar.gz
RUN tar -xzf /tmp/train.tar.gz -C /opt && rm /tmp/train.tar.gz
```

## Good

```dockerfile
FROM debian:bookworm-slim
RUN wget -q https://example.com/ort.tgz -O /tmp/ort.tgz && tar -xzf /tmp/ort.tgz -C /opt && rm /tmp/ort.tgz
RUN curl -fsSL https://example.com/train.tgz | tar -xz -C /data
```

## Good: unpacked by ADD

```dockerfile
FROM debian:bookworm-slim
ADD vendor/tpu.tar.gz /opt/
```

## Fix

Safe: `rm` behind the command that opens it, in one RUN with the download where the two follow each other;
or a mount (with BuildKit) in place of a COPY. None for ADD of a URL: fetch it in the RUN that unpacks it; and
none where something later names the file, or takes it with others.
"""

from __future__ import annotations

import fnmatch
import posixpath
from typing import TYPE_CHECKING, Final

from wherry.check.facts.commands import SHELLS
from wherry.check.joining import joined
from wherry.check.model import Aspect, Effect, Fix, Rule, Safety, Severity
from wherry.check.rules.bytes._bounds import all_copies, copies_of, own_runs, runs_of
from wherry.check.rules.bytes._chain import command_behind, without
from wherry.check.rules.bytes._mounting import mounted, target_of
from wherry.check.rules.bytes._removals import covers, is_removed
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.downloads import Download
    from wherry.check.facts.runs import RunFacts
    from wherry.check.model import Edit, Finding

_INSTALLER: Final = regex(r"(?i)\.run$|(?:conda|forge|mamba)[^/]*\.sh$")
_PACKAGES: Final = (".deb", ".rpm", ".whl")
_REMOVES_ITSELF: Final = frozenset({"gunzip"})
_WILD: Final = regex(r"[*?\[]")
_AROUND: Final = "\"',;[]()"
_WHY: Final = "it is pulled with what came out of it, and nobody opens it again"


class _Opened(Frozen):
    """A file that a command has no more use for."""

    archive: str  # absolute where known
    call: Call
    how: str  # in words


def _check(facts: Facts) -> Iterator[Finding]:
    runs = runs_of(facts.target)
    for at, run in enumerate(runs):
        for opened in _opened(run):
            archive = opened.archive
            if not archive.startswith("/") or any(mount.holds(archive) for mount in run.mounts):
                continue
            if copy := _copied(run, archive):
                yield _of_copy(facts, run, opened, copy)
            elif not is_removed(runs[at:], archive):
                yield from _of_download(facts, runs[: at + 1], opened)


def _opened(run: RunFacts) -> Iterator[_Opened]:
    """What it unpacks, runs or installs, once each."""
    for extraction in run.extractions:
        if extraction.call.program not in _REMOVES_ITSELF:
            yield _Opened(extraction.archive, extraction.call, "unpacked")
    for call in run.calls:
        named = [value.text for value in call.arguments[:3] if not value.text.startswith("-")][:1]
        script = named[0] if call.program in SHELLS and named else call.command.name
        if _INSTALLER.search(script):
            yield _Opened(call.path(script), call, "run")
    for install in run.installs:
        for package in install.packages:
            if package.is_local and package.is_known and package.url.endswith(_PACKAGES):
                yield _Opened(install.call.path(package.url), install.call, "installed")


def _copied(run: RunFacts, archive: str) -> CopyFacts | None:
    """The COPY, or ADD of a URL, that put the archive there."""
    for copy in copies_of(run.stage):
        is_before = copy.stage is not run.stage or copy.index < run.index
        urls = [copy.target_of(url.partition("?")[0]) for url in copy.urls]
        if is_before and (target_of(copy) == archive or archive in urls):
            return copy
    return None


def _of_copy(facts: Facts, run: RunFacts, opened: _Opened, copy: CopyFacts) -> Finding:
    return RULE.at(
        facts.place(opened.call.command.span),
        f"{posixpath.basename(opened.archive)} is {opened.how}, and the layer of {_keyword(copy)} keeps it",
        why=_WHY,
        cost=copy.cost,
        related=[facts.place(copy.span)],
        fix=_mount_fix(run, opened, copy),
    )


def _keyword(copy: CopyFacts) -> str:
    return copy.instruction.keyword.upper()


def _mount_fix(run: RunFacts, opened: _Opened, copy: CopyFacts) -> Fix | None:
    edits = mounted(copy, run, opened.archive) if not copy.urls else None
    if edits is None:
        return None
    archive = opened.archive
    removals = [one for one in run.removals if covers(one, archive)]
    for removal in removals:
        cut = without(run, removal.call.command) if removal.paths == (archive,) else None
        if cut is None:
            return None
        edits += cut
    effect = Effect(
        frozenset({run.index, copy.index}),
        aspects=frozenset({Aspect.COMMANDS, Aspect.COPIES, Aspect.MOUNTS}),
    )
    return Fix("mount it instead of copying it", edits, Safety.SAFE, effect)


def _of_download(facts: Facts, runs: tuple[RunFacts, ...], opened: _Opened) -> Iterator[Finding]:
    """Of a RUN, this one or an earlier one, that fetched it."""
    for writer in runs:
        for download in writer.downloads:
            if opened.archive == _stored_at(download) and not _is_mounted(writer, opened.archive):
                yield RULE.at(
                    facts.place(opened.call.command.span),
                    f"{posixpath.basename(opened.archive)} is {opened.how} and kept",
                    why=_WHY,
                    related=[facts.place(download.span)],
                    fix=_removal_fix(writer, runs[-1], opened),
                )
                return


def _stored_at(download: Download) -> str:
    """The file that it writes; into a directory under its own name."""
    name = posixpath.basename(download.source.partition("?")[0])
    last = posixpath.basename(download.destination)
    if last == name or "." in last.strip("."):
        return download.destination
    return posixpath.normpath(posixpath.join(download.call.directory, download.destination, name))


def _is_mounted(run: RunFacts, path: str) -> bool:
    return any(mount.holds(path) for mount in run.mounts)


def _removal_fix(writer: RunFacts, run: RunFacts, opened: _Opened) -> Fix | None:
    call = opened.call
    if _is_needed_later(run, opened):
        return None
    words = [value.word for value in call.arguments if call.path(value.text) == opened.archive]
    word = next(iter(words or call.command.words[:1]), None)
    edit = command_behind(run, call.command, f"rm {word.raw}") if word and "\n" not in word.raw else None
    if edit is None:
        return None
    edits: tuple[Edit, ...] = (edit,)
    touched = [run]
    if writer is not run:
        touched = [one for one in own_runs(run.stage) if writer.index <= one.index <= run.index]
        one_run = joined(touched) if writer.stage is run.stage else None
        if one_run is None:
            return None
        edits = (*one_run, edit)
    effect = Effect(frozenset(one.index for one in touched), aspects=frozenset({Aspect.COMMANDS}))
    return Fix("remove it where it is unpacked", edits, Safety.SAFE, effect)


def _is_needed_later(run: RunFacts, opened: _Opened) -> bool:
    """Something behind the command that opened it names the file, or takes it by a pattern or a directory."""
    facts = run.stage.facts
    name = posixpath.basename(opened.archive)
    rest = facts.text(Span(opened.call.command.span.end, run.span.end))
    later = [facts.text(one.span) for one in facts.dockerfile.instructions[run.index + 1 :]]
    if any(name in text for text in (rest, *later)):
        return True
    patterns = (word.strip(_AROUND) for text in (rest, *later) for word in text.split() if _WILD.search(word))
    if any(fnmatch.fnmatchcase(name, posixpath.basename(pattern)) for pattern in patterns):
        return True
    return any(
        copy.from_stage is not None
        and run.stage in copy.from_stage.chain
        and any(f"{opened.archive}/".startswith(f"/{source.strip('/')}/") for source in copy.sources)
        for copy in all_copies(facts)
    )


RULE = Rule("G6", "archive-kept", Severity.WARNING, _check, also=("DL3010",))
