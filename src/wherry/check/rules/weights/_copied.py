"""Weights of the build context that COPY takes into the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Cost
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.weight_files import Weights

LARGE_FORMATS: Final = (".safetensors", ".gguf", ".ggml", ".ckpt", ".nemo")
"""Endings of files that are weights and large, whatever they are called."""


class Copied(Frozen):
    """One COPY and the weights it takes.

    Attributes:
        copy: The COPY or ADD.
        weights: What lies in the context, pointers of Git LFS left out.
        missing: Sources that are not there, and whose names say that they are weights.

    """

    copy: CopyFacts
    weights: tuple[Weights, ...]
    missing: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Of the files that are there."""
        return sum(one.size_bytes for one in self.weights)

    @property
    def cost(self) -> Cost:
        """What the files that are there weigh."""
        return cost_of(self.copy, self.weights)

    @property
    def names(self) -> list[str]:
        """Their paths, the largest first."""
        files = sorted(self.weights, key=lambda one: (-one.size_bytes, one.path))
        return [*(one.path for one in files), *self.missing]


def cost_of(copy: CopyFacts, weights: Iterable[Weights]) -> Cost:
    """What files that *copy* takes weigh."""
    context = copy.stage.facts.context
    return context.cost_of((one.path, one.size_bytes) for one in weights) if context else Cost()


def copied_weights(facts: Facts, *, anywhere: bool = False) -> Iterator[Copied]:
    """Every COPY that takes weights from the context, in the order of the build.

    Args:
        facts: Of the file.
        anywhere: In any stage that the build needs, not only in those that ship.

    """
    for stage in facts.stages:
        if stage.is_shipped or (anywhere and stage.is_reachable):
            for copy in stage.copies:
                if copy.is_from_context and (found := _taken(copy)):
                    yield found


def _taken(copy: CopyFacts) -> Copied | None:
    context, sent = copy.stage.facts.context, copy.sent
    if context is None or sent is None:
        missing = tuple(source for source in copy.sources if source.lower().endswith(LARGE_FORMATS))
        return Copied(copy, (), missing) if missing else None
    weights: tuple[Weights, ...] = ()
    if sent.entries and context.kinds.weights:
        paths = {entry.path for entry in sent.entries}
        weights = tuple(one for one in context.kinds.weights if one.path in paths and not one.is_pointer)
    missing = tuple(source for source in sent.missing if source.lower().endswith(LARGE_FORMATS))
    return Copied(copy, weights, missing) if weights or missing else None
