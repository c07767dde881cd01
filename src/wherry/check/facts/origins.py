"""From a path in a stage to the file of the context it was copied from.

`context_path(stage, "/app/requirements.txt", before=instruction.index)` is ``requirements.txt`` where an
earlier COPY, of this stage's chain or through ``--from`` of another stage, put it there; else None.
Bind mounts of the build context count for the RUN that has them (`run_path`).
"""

from __future__ import annotations

import fnmatch
import posixpath
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.context import Context
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts

_MOST_HOPS: Final = 20  # from stage to stage
_MOST_COPIES: Final = 500  # of one stage
_WILD: Final = regex(r"[*?\[]")


def run_path(run: RunFacts, path: str) -> str | None:
    """The file of the context that is at *path*, absolute, while *run* runs; a directory too."""
    context = run.stage.facts.context
    if context is None:
        return None
    for mount in run.mounts:
        if mount.type == "bind" and not mount.from_ and mount.holds(path):
            inner = path[len(mount.target.rstrip("/")) + 1 :]
            found = posixpath.normpath(posixpath.join(mount.source.lstrip("/") or ".", inner))
            return found if context.exists(found) else None
    return context_path(run.stage, path, before=run.index)


def context_path(stage: StageFacts, path: str, before: int | None = None) -> str | None:
    """The file or directory of the context that a COPY put at *path*, absolute.

    Args:
        stage: Where it is asked for.
        path: In that stage.
        before: Index of the instruction that asks: only what stands before it in its own stage counts.

    """
    context = stage.facts.context
    if context is None:
        return None
    for _ in range(_MOST_HOPS):
        for copy in _latest(stage, before):
            source = _source(copy, path, context if copy.from_ is None else None)
            if source is not None:
                break
        else:
            return None
        if copy.from_ is None:
            return source
        if copy.from_stage is None:
            return None  # of an image
        stage, path, before = copy.from_stage, posixpath.join("/", source), None
    return None


def _latest(stage: StageFacts, before: int | None) -> Iterator[CopyFacts]:
    """The copies of the chain, the last first; of hostile files only so many."""
    facts = stage.facts
    place: StageFacts | None = stage
    while place is not None:
        copies = place.copies
        end = len(copies) if before is None else bisect_left(place.copy_indexes, before)
        for at in range(end - 1, max(end - _MOST_COPIES, 0) - 1, -1):
            facts.steps_left -= 1
            if facts.steps_left < 0:
                return
            yield copies[at]
        place, before = place.parent, None


def _source(copy: CopyFacts, path: str, context: Context | None) -> str | None:
    """What of a copy's sources is at *path* afterwards; of the context only what is there."""
    for source in copy.sources:
        for found in _candidates(copy, source, path):
            if context is None or context.exists(found):
                return found
    return None


def _candidates(copy: CopyFacts, source: str, path: str) -> Iterator[str]:
    plain = source.rstrip("/") or "."
    bare = copy.destination.rstrip("/")
    inner = path[len(bare) + 1 :] if path.startswith(f"{bare}/") else None
    if copy.parents:
        if inner is not None and (inner == plain or inner.startswith(f"{plain}/")):
            yield inner
        return
    if _WILD.search(plain):
        name = posixpath.basename(path)
        if copy.target_of(name) == path and fnmatch.fnmatchcase(name, posixpath.basename(plain)):
            yield posixpath.join(posixpath.dirname(plain), name)
        return
    if path in {copy.target_of(plain), bare} and plain != ".":
        yield posixpath.normpath(plain)
    if inner is not None:  # a directory's content lies in the destination
        yield posixpath.normpath(posixpath.join(plain, inner))
    elif path == (bare or "/"):
        yield posixpath.normpath(plain)
