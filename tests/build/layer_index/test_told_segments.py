"""A segment that an index tells of makes a layer only if it is its wheel's; else the wheel itself does."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.build.layer_index.conftest import RECIPE, REPOSITORY, locked, tell_segment, tell_wheel
from wherry.build.layer_index.entries import segment_descriptor
from wherry.digest import Digest
from wherry.layers.stored import find_layer, find_told_layer
from wherry.layers.wheel_layer import TOLD_SEGMENTS, Recipe, find_segment, segment_key, wheel_layer

if TYPE_CHECKING:
    from tests.build.layer_index.conftest import Team
    from wherry.build.layer_index.index import LayerIndex
    from wherry.layers.model import WheelInput
    from wherry.store.store import Store


@pytest.fixture
def wheels(team: Team) -> list[WheelInput]:
    """Two that share a layer, of which the index tells the facts."""
    made = [team.wheel(name) for name in ("red", "blue")]
    team.layer(*made)
    for wheel in made:
        tell_wheel(team, wheel)
    return made


def asked(index: LayerIndex, wheels: list[WheelInput]) -> set[Digest]:
    wanted = [locked(wheel) for wheel in wheels]
    index.wheels(wanted)
    return index.bring_segments(wanted, RECIPE)


def remembered(store: Store) -> int:
    return sum(1 for kind, _ in store.index.files() if kind == TOLD_SEGMENTS)


def test_the_segments_of_wheels_that_are_not_here_make_their_layer(
    team: Team, index: LayerIndex, empty: Store, wheels: list[WheelInput]
) -> None:
    green = team.wheel("green")
    key, made = team.layer(*wheels, green)
    for wheel in wheels:
        tell_segment(team, wheel)
    empty.blobs.add_file(green.path, green.digest)
    chosen = [locked(wheel) for wheel in (*wheels, green)]
    spared = {wheel.digest for wheel in wheels}
    assert index.bring_segments(chosen, RECIPE) == set()  # nothing is known of red and blue yet
    index.wheels(chosen[:2])
    assert index.bring_segments(chosen, RECIPE) == spared
    team.registry.forget_requests()
    assert index.bring_segments(chosen, RECIPE) == spared
    assert not team.registry.asked()  # they are here by now
    assert wheel_layer([index.input(wheel) for wheel in chosen], RECIPE.layout, empty) == made
    assert find_layer(empty, key) is None  # some of it was told
    assert find_told_layer(empty, key, index.teller) == made
    assert not index.notes


@pytest.mark.parametrize(
    "changed",
    [
        {"directories": ("etc",)},
        {"directories": ("opt/venv/../../etc",)},
        {"unpacked_bytes": -1},
        {"unpacked_bytes": 0},
        {"unpacked_bytes": 1 << 50},
        {"diff_id": ""},
        {"diff_id": "../../etc/passwd"},
        {"table": b"x"},
    ],
)
def test_a_segment_that_cannot_be_is_not_even_fetched(
    team: Team, index: LayerIndex, wheels: list[WheelInput], changed: dict[str, object]
) -> None:
    key = tell_segment(team, wheels[0], **changed)
    assert asked(index, wheels) == set()
    assert index.refused == {("segment", key)}
    assert not team.registry.asked(place="/blobs/")


def test_a_segment_larger_than_its_wheel_is_not_even_fetched(
    team: Team, index: LayerIndex, wheels: list[WheelInput]
) -> None:
    made = find_segment(wheels[0], RECIPE, team.store)
    assert made is not None
    data = gzip.compress(bytes(32 << 20))
    digest = team.registry.put_blob(REPOSITORY, data)
    told = msgspec.structs.replace(made, digest=digest, unpacked_bytes=32 << 20)
    key = segment_key(wheels[0].digest, RECIPE, frozenset())
    team.put("segment", key, told, segment_descriptor(told, len(data)))
    assert asked(index, wheels) == set()
    assert index.refused == {("segment", key)}
    assert [note for note in index.notes if "larger than the wheel's can be" in note]
    assert not team.registry.asked(place="/blobs/")


@pytest.mark.parametrize("left", [None, b"cut short"])
def test_a_segment_whose_blob_is_gone_costs_its_own_wheel_alone(
    team: Team, index: LayerIndex, wheels: list[WheelInput], left: bytes | None
) -> None:
    gone, _ = (tell_segment(team, wheel) for wheel in wheels)
    made = find_segment(wheels[0], RECIPE, team.store)
    assert made is not None
    if left is None:
        del team.registry.blobs[REPOSITORY][made.digest]
    else:
        team.registry.blobs[REPOSITORY][made.digest] = left
    assert asked(index, wheels) == {wheels[1].digest}
    assert index.refused == {("segment", gone)}
    assert not index.notes


def test_a_segment_that_is_another_wheels_is_refused_said_once_and_not_remembered(
    team: Team, index: LayerIndex, empty: Store, wheels: list[WheelInput]
) -> None:
    other = find_segment(wheels[1], RECIPE, team.store)
    assert other is not None
    size_bytes = team.blob(Digest(other.digest)) and team.store.blobs.size_bytes(Digest(other.digest))
    key = segment_key(wheels[0].digest, RECIPE, frozenset())
    team.put("segment", key, other, segment_descriptor(other, size_bytes or 0))
    tell_segment(team, wheels[1])
    for _ in range(2):
        assert asked(index, wheels) == {wheels[1].digest}
    assert index.refused == {("segment", key)}
    assert len(index.notes) == 1
    assert "its segment of red-1.0-py3-none-any.whl is not that: it has " in index.notes[0]
    assert remembered(empty) == 1


def test_estargz_layers_are_made_of_whole_wheels(team: Team, index: LayerIndex) -> None:
    chosen = [locked(team.wheel(name)) for name in ("red", "blue")]
    assert index.bring_segments(chosen, Recipe(RECIPE.layout, "estargz")) == set()
    assert not team.registry.asked()
