"""Layers of wheels as work for the pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.layers.conflicts import shared_paths
from wherry.layers.stored import find_layer
from wherry.layers.wheel_layer import (
    Recipe,
    find_segment,
    known_facts,
    ordered_facts,
    segment,
    wheel_layer,
)

if TYPE_CHECKING:
    from wherry.layers.model import LayerBlob, WheelInput
    from wherry.layers.wheel_layer import Segment
    from wherry.progress import Progress
    from wherry.store.store import Store


JOIN_DIVISOR: Final = 4
"""Joining segments takes about this much less time than making them."""

COMPILE_FACTOR: Final = 30
"""A byte of Python takes about as long to compile as so many bytes of a wheel take to read."""


@dataclass(frozen=True, slots=True)
class WheelLayerJob:
    """The layer of some wheels."""

    wheels: tuple[WheelInput, ...]
    recipe: Recipe

    def cost_bytes(self, store: Store) -> int:
        """How much work it is; little where the store has it already.

        Raises:
            InputError: A wheel is damaged or hostile, or two are at odds.

        """
        if find_layer(store, self.key) is not None:
            return 0
        if len(self.wheels) == 1:
            return _cost_bytes(self.wheels[0], self.recipe, store)
        missing = sum(_cost_bytes(part.wheel, self.recipe, store) for part in self.parts(store))
        return missing + sum(wheel.size_bytes for wheel in self.wheels) // JOIN_DIVISOR

    @property
    def key(self) -> str:
        """What the index knows the layer by."""
        return self.recipe.key(*sorted(wheel.digest for wheel in self.wheels))

    def parts(self, store: Store) -> tuple[SegmentPart, ...]:
        """The segments that are missing of wheels that share the layer, unless it is there already.

        Raises:
            InputError: A wheel is damaged or hostile, or two are at odds.

        """
        if len(self.wheels) == 1 or find_layer(store, self.key) is not None:
            return ()
        known = ordered_facts(self.wheels, store)
        left_out = shared_paths(known, self.recipe.layout)
        recipes = [self.recipe.of_wheel(facts) for _, facts in known]
        return tuple(
            SegmentPart(wheel, recipe, without, first)
            for (wheel, _), recipe, without in zip(known, recipes, left_out, strict=True)
            for first in ((True, False) if recipe.prefetch else (False,))
            if find_segment(wheel, recipe, store, without, first=first) is None
        )

    def make(self, store: Store, progress: Progress, *, beside: bool) -> LayerBlob:
        """Find or make the layer."""
        recipe = self.recipe
        return wheel_layer(
            self.wheels,
            recipe.layout,
            store,
            compression=recipe.compression,
            bytecode=recipe.bytecode,
            prefetch=recipe.prefetch,
            progress=progress,
            beside=beside,
        )


@dataclass(frozen=True, slots=True)
class SegmentPart:
    """The segment of one wheel that shares its layer with others."""

    wheel: WheelInput
    recipe: Recipe
    left_out: frozenset[str]
    first: bool = False

    def make(self, store: Store, progress: Progress, *, beside: bool) -> Segment:  # noqa: ARG002 - it is small
        """Find or make the segment."""
        with progress.task(f"packing {self.wheel.filename}", self.wheel.size_bytes) as task:
            return segment(self.wheel, self.recipe, store, task, self.left_out, first=self.first)


def _cost_bytes(wheel: WheelInput, recipe: Recipe, store: Store) -> int:
    read_bytes = wheel.size_bytes
    if recipe.bytecode is None:
        return read_bytes
    files = known_facts(wheel, store).files
    return read_bytes + COMPILE_FACTOR * sum(file.size_bytes for file in files if file.path.endswith(".py"))
