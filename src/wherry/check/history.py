"""The build cache replayed: which layers the last commits rebuilt, and what another order would have saved.

Pure: the commits come as the paths they changed. Every commit is built with the Dockerfile as it is today,
after the one before it, on a machine that kept its cache. A layer is rebuilt when what it copies changed or a
layer below it was rebuilt, unless it is linked; a stage that copies from a rebuilt layer's stage is taken to
change with it.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.check.facts.installed import heaviest
from wherry.check.sizes import INSTALLED_A_SECOND
from wherry.dockerfile.ignore import IgnoreFile
from wherry.dockerfile.pattern import PatternError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.syntax import Instruction

_LAYERS: Final = frozenset({"run", "copy", "add", "workdir"})


@dataclass(frozen=True, slots=True)
class LayerHistory:
    """One instruction that makes a layer, over all commits."""

    instruction: Instruction
    rebuilt: int  # by how many commits
    size_bytes: int  # what it brings, as far as is known: packages it downloads, or files it copies
    source: str  # what the figure rests on; empty where there is none

    @property
    def moved_bytes(self) -> int:
        """Of all rebuilds together."""
        return self.rebuilt * self.size_bytes

    @property
    def seconds(self) -> float:
        """What all rebuilds take at `INSTALLED_A_SECOND`, downloads not counted."""
        return self.moved_bytes / INSTALLED_A_SECOND


@dataclass(frozen=True, slots=True)
class CacheHistory:
    """What so many commits did to the cache of one Dockerfile."""

    commits: int  # replayed
    building: int  # of them those that rebuilt anything
    layers: tuple[LayerHistory, ...]  # in the order of the file; of stages that are needed

    @property
    def seconds(self) -> float:
        """Of all layers together."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def moved_bytes(self) -> int:
        """Of all layers together."""
        return sum(layer.moved_bytes for layer in self.layers)


def replay(facts: Facts, commits: Sequence[frozenset[str]]) -> CacheHistory:
    """Build every commit in thought.

    Args:
        facts: Of the Dockerfile in the order to be tried.
        commits: Oldest first; the paths each changed, relative to the build context.

    """
    stages = [stage for stage in facts.stages if stage.is_reachable]
    takers = {
        copy.instruction.index: _taken(copy)
        for stage in stages
        for copy in stage.copies
        if copy.from_ is None
    }
    ignore = facts.context.ignore if facts.context else None
    counts: dict[int, int] = {}
    building = 0
    for paths in commits:
        sent = [path for path in paths if ignore is None or not ignore.matches(path)]
        rebuilt = _rebuilt(stages, takers, sent)
        building += bool(rebuilt)
        for index in rebuilt:
            counts[index] = counts.get(index, 0) + 1
    layers = tuple(
        _layer(stage, one, counts.get(one.index, 0))
        for stage in stages
        for one in stage.stage.instructions
        if one.keyword in _LAYERS
    )
    return CacheHistory(len(commits), building, layers)


def _taken(copy: CopyFacts) -> Callable[[str], bool]:
    """Whether a COPY takes a path of the context."""
    sources = (
        ["**"]
        if copy.takes_all
        else [posixpath.normpath(f"/{source}").lstrip("/") for source in copy.sources]
    )
    excludes = copy.excludes if copy.takes_all else ()  # else they start at the sources: none is held to them
    try:
        wanted, left_out = IgnoreFile.of_patterns(sources), IgnoreFile.of_patterns(excludes)
    except PatternError:  # no build takes anything by it
        return lambda _: False
    return lambda path: wanted.matches(path) and not left_out.matches(path)


def _rebuilt(
    stages: Sequence[StageFacts], takers: dict[int, Callable[[str], bool]], paths: Sequence[str]
) -> set[int]:
    """The layers that are made anew when *paths* have changed."""
    rebuilt: set[int] = set()
    changed: set[int] = set()  # stages of which some layer is
    for stage in stages:
        is_broken = stage.parent is not None and stage.parent.index in changed
        for one in stage.stage.instructions:
            if one.keyword not in _LAYERS:
                continue
            breaks = _breaks(stage, one, takers, paths, changed)
            is_broken = is_broken or breaks
            if breaks or (is_broken and not _is_linked(stage, one)):
                rebuilt.add(one.index)
        if is_broken:
            changed.add(stage.index)
    return rebuilt


def _is_linked(stage: StageFacts, one: Instruction) -> bool:
    """Whether the layer is the same whatever lies below it."""
    copy = stage.facts.copy_of(one)
    return copy is not None and copy.link


def _breaks(
    stage: StageFacts,
    one: Instruction,
    takers: dict[int, Callable[[str], bool]],
    paths: Sequence[str],
    changed: set[int],
) -> bool:
    """Whether a layer whose layers below are kept is made anew."""
    if one.index in takers:
        return any(map(takers[one.index], paths))
    copy = stage.facts.copy_of(one)
    if copy is not None:
        return copy.from_stage is not None and copy.from_stage.index in changed
    run = stage.facts.run_of(one)
    return run is not None and any(
        _mount_breaks(stage, run, at, paths, changed) for at in range(len(run.mounts))
    )


def _mount_breaks(stage: StageFacts, run: RunFacts, at: int, paths: Sequence[str], changed: set[int]) -> bool:
    """Whether what a RUN binds has changed."""
    mount = run.mounts[at]
    if mount.type != "bind":
        return False
    if mount.from_:
        source = stage.facts.stage_named(mount.from_)
        return source is not None and source.index in changed
    below = mount.source.strip("/.")
    return any(not below or path == below or path.startswith(f"{below}/") for path in paths)


def _layer(stage: StageFacts, one: Instruction, rebuilt: int) -> LayerHistory:
    image = stage.facts.image
    measured = image.layer_of(one) if image is not None else None
    if measured is not None:
        return LayerHistory(one, rebuilt, measured.compressed_bytes, "layers of the image")
    copy, run = stage.facts.copy_of(one), stage.facts.run_of(one)
    if copy is not None and copy.from_ is None and copy.sent is not None:
        return LayerHistory(one, rebuilt, copy.sent.size_bytes, "files of the context")
    closure = heaviest(run.installs) if run is not None else None
    if closure is not None:
        return LayerHistory(one, rebuilt, closure.wheel_bytes, closure.source)
    return LayerHistory(one, rebuilt, 0, "")
