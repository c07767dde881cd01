"""Segments that an index tells of: fetched, held to their wheels, only then remembered as the teller's."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.build.layer_index.entries import segment_of
from wherry.build.layer_index.segment_proof import may_be_of_wheel, why_not_of_wheel
from wherry.digest import Digest
from wherry.layers.wheel_layer import Segment, segment_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.build.layer_index.conversation import Conversation
    from wherry.build.layer_index.memory import Memory
    from wherry.layers.model import WheelFacts, WheelInput
    from wherry.layers.wheel_layer import Recipe
    from wherry.store.store import Store


@dataclass(frozen=True, slots=True)
class Wanted:
    """A wheel that is not here, and whose segment is not."""

    wheel: WheelInput
    facts: WheelFacts
    left_out: frozenset[str]  # paths that another segment of the layer has


def bring_segments(
    wanted: Sequence[Wanted], recipe: Recipe, talk: Conversation, memory: Memory, store: Store
) -> set[Digest]:
    """Have the segments of *wanted* in the store that the index tells of, each proved to be its wheel's.

    Args:
        wanted: Wheels of one layer.
        recipe: Of the layer.
        talk: Asks the index.
        memory: Remembers what was proved.
        store: Where the segments go.

    Returns:
        The wheels whose segments are there.

    """
    by_key = {segment_key(one.wheel.digest, recipe, one.left_out): one for one in wanted}
    asked = [key for key in by_key if ("segment", key) not in talk.refused]
    found = talk.ask(lambda: talk.records.find("segment", asked, Segment)) or {}
    told = {key: made for key, record in found.items() if (made := segment_of(record, recipe)) is not None}
    large = [
        key
        for key, made in told.items()
        if not may_be_of_wheel(made, by_key[key].facts, recipe, by_key[key].left_out)
    ]
    for key in large:
        _refuse(key, "it is larger than the wheel's can be", by_key, talk)
        del told[key]
    blobs = {key: blob for key in told if (blob := found[key].blob) is not None}
    held = talk.held(blobs.values())
    talk.fetch([blob for blob in blobs.values() if blob.digest in held])
    if not talk.is_out:
        talk.refused.update(
            ("segment", key) for key in found if key not in told or blobs[key].digest not in held
        )
    there = {key: made for key, made in told.items() if Digest(made.digest) in store.blobs}
    spared = set()
    for key, why in _proved(there, by_key, recipe, store).items():
        wheel = by_key[key].wheel
        if why is None:
            memory.put("segment", key, there[key])
            spared.add(wheel.digest)
        else:
            _refuse(key, why, by_key, talk)
    return spared


def _refuse(key: str, why: str, by_key: Mapping[str, Wanted], talk: Conversation) -> None:
    filename = by_key[key].wheel.filename
    talk.is_wrong("segment", key, f"its segment of {filename} is not that: {why}; the wheel is used instead")


def _proved(
    there: Mapping[str, Segment], by_key: Mapping[str, Wanted], recipe: Recipe, store: Store
) -> dict[str, str | None]:
    """Why each segment is not its wheel's; None for those that are."""

    def why(key: str) -> str | None:
        one = by_key[key]
        with store.blobs.open(Digest(there[key].digest)) as blob:
            return why_not_of_wheel(blob, there[key], one.facts, recipe, one.left_out)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets go of the interpreter's lock
        return dict(zip(there, pool.map(why, there), strict=True))
