"""What one index told is that index's alone; what proves wrong is forgotten, said and told anew."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from tests.build.layer_index.conftest import RECIPE, locked, pin_of, tell_layer, tell_segment, tell_wheel
from wherry.build.layer_index.entries import ToldSet, ToldWheel, set_key
from wherry.build.layer_index.facts import pack_facts
from wherry.build.layer_index.index import LayerIndex
from wherry.build.layer_index.names import pin_key, tell_pin
from wherry.build.make_layers import stored_layers
from wherry.digest import Digest
from wherry.layers.stored import find_layer, find_told_layer
from wherry.layers.wheel import wheel_facts
from wherry.layers.wheel_layer import facts_key, find_segment, wheel_layer
from wherry.oci.reference import RegistryReference
from wherry.plan.model import LayerKind, PlannedLayer
from wherry.progress import SilentProgress
from wherry.project.locks.offers import KnownFile
from wherry.store.prune import prune, usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.build.layer_index.conftest import Team
    from wherry.layers.model import WheelInput
    from wherry.plan.model import Plan
    from wherry.store.store import Store

PYTHON = (3, 11)


@pytest.fixture
def another(team: Team, empty: Store) -> Iterator[LayerIndex]:
    """Another index of the same registry, asked by the same machine."""
    made = LayerIndex(RegistryReference(team.registry.host, "other/cache"), empty, SilentProgress())
    yield made
    made.close()


def telling_all(team: Team) -> list[WheelInput]:
    """Two wheels of which the index tells all there is to tell; the blobs of their segments among it."""
    wheels = [team.wheel("red"), team.wheel("blue")]
    tell_layer(team, *wheels)
    for wheel in wheels:
        tell_wheel(team, wheel)
        tell_segment(team, wheel)
    team.put("set", set_key([w.digest for w in wheels], RECIPE.layout), set_of(*wheels))
    return wheels


def set_of(*wheels: WheelInput, **changed: int) -> ToldSet:
    in_order = sorted(wheels, key=lambda wheel: wheel.digest)
    return ToldSet(tuple(changed.get(w.filename.partition("-")[0], w.size_bytes) for w in in_order))


def answers(index: LayerIndex, wheels: list[WheelInput]) -> list[object]:
    chosen, key = [locked(wheel) for wheel in wheels], RECIPE.key(*sorted(w.digest for w in wheels))
    layers = index.layers([key])
    index.bring(layers)
    return [
        layers,
        index.agreed(chosen, RECIPE.layout),
        index.wheels(chosen),
        index.bring_segments(chosen, RECIPE),
    ]


def test_what_one_index_told_is_unknown_to_another(
    team: Team, index: LayerIndex, another: LayerIndex
) -> None:
    wheels = telling_all(team)
    assert all(answers(index, wheels))
    assert not any(answers(another, wheels))


def test_an_index_that_is_only_told_is_not_believed_for_what_it_said_before(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    wheels = telling_all(team)
    told = answers(index, wheels)
    silent = LayerIndex(team.reference, empty, SilentProgress(), asks=False)
    assert answers(silent, wheels) == told
    unbelieved = LayerIndex(team.reference, empty, SilentProgress(), believes=False)
    team.registry.forget_requests()
    assert not any(answers(unbelieved, wheels))
    assert not team.registry.asked()
    assert unbelieved.name == index.name
    silent.close()
    unbelieved.close()


def test_told_values_are_never_this_machines_own(team: Team, index: LayerIndex, empty: Store) -> None:
    wheels = telling_all(team)
    assert all(answers(index, wheels))
    key = RECIPE.key(*sorted(wheel.digest for wheel in wheels))
    assert find_layer(empty, key) is None
    assert find_told_layer(empty, key, index.teller)
    assert not find_told_layer(empty, key, "")
    absent = index.input(locked(wheels[0]))
    assert find_segment(absent, RECIPE, empty) is not None
    assert find_segment(replace(absent, teller=""), RECIPE, empty) is None
    empty.blobs.add_file(wheels[0].path, wheels[0].digest)
    assert find_segment(absent, RECIPE, empty) is None  # from now on the wheel counts


def test_told_layers_and_segments_count_as_layers_and_go_with_their_blobs(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    wheels = telling_all(team)
    answers(index, wheels)
    assert usage(empty).layers.count == 3
    assert usage(empty).files.count == 0
    prune(empty, keep_bytes=0)
    kinds = {kind for kind, _ in empty.index.files()}
    assert not kinds & {"told-layers", "told-segments"}
    later = LayerIndex(team.reference, empty, SilentProgress(), asks=False)
    assert later.layers([RECIPE.key(*sorted(wheel.digest for wheel in wheels))]) == {}
    later.close()


def test_a_plan_counts_what_its_own_index_told_and_no_other(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    wheels = telling_all(team)
    answers(index, wheels)
    key = RECIPE.key(*sorted(wheel.digest for wheel in wheels))
    layers = (PlannedLayer(LayerKind.WHEELS, "2 distributions", "", key=key),)
    plan = cast("Plan", SimpleNamespace(layers=layers))
    assert stored_layers(plan, empty, index.name).keys() == {key}
    assert not stored_layers(plan, empty)
    assert not stored_layers(plan, empty, "registry.example/other/cache")


def test_a_layer_of_wheels_that_are_here_is_ones_own(team: Team, index: LayerIndex, empty: Store) -> None:
    wheels = telling_all(team)
    for wheel in wheels:
        empty.blobs.add_file(wheel.path, wheel.digest)
    made = wheel_layer([index.input(locked(wheel)) for wheel in wheels], RECIPE.layout, empty)
    assert find_layer(empty, RECIPE.key(*sorted(wheel.digest for wheel in wheels))) == made


def test_what_was_told_in_this_build_is_heard_and_what_is_remembered_is_not(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    wheels = telling_all(team)
    answers(index, wheels)
    assert index.heard == {(kind, wheel.digest) for kind in ("wheel", "segment") for wheel in wheels}
    later = LayerIndex(team.reference, empty, SilentProgress())
    answers(later, wheels)
    assert later.heard == set()
    later.close()


@pytest.mark.parametrize("sizes", [(0, 5), (-1, 5), (1 << 50, 5), (5,), (5, 5, 5)])
def test_sizes_that_cannot_be_are_not_remembered(
    team: Team, index: LayerIndex, empty: Store, sizes: tuple[int, ...]
) -> None:
    wheels = [team.wheel("red"), team.wheel("blue")]
    key = set_key([w.digest for w in wheels], RECIPE.layout)
    team.put("set", key, ToldSet(sizes))
    assert index.agreed([locked(w) for w in wheels], RECIPE.layout) is None
    assert index.refused == {("set", key)}
    assert not list(empty.index.files())


def test_names_that_cannot_be_are_not_remembered(team: Team, index: LayerIndex, empty: Store) -> None:
    pin = pin_of(Digest.of_bytes(b"red"))
    file = KnownFile(pin.files[0].digest.hex, "blue-1.0-py3-none-any.whl", None)
    team.put("pin", pin_key(pin, PYTHON), tell_pin(pin, [file]))
    assert index.find([pin], PYTHON) == {}
    assert index.refused == {("pin", pin_key(pin, PYTHON))}
    assert not list(empty.index.files())


def test_a_size_that_the_wheel_does_not_have_is_forgotten_and_told_anew(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    red, blue = wheels = telling_all(team)
    key = set_key([w.digest for w in wheels], RECIPE.layout)
    team.put("set", key, set_of(red, blue, red=7))
    packed = pack_facts(wheel_facts(red.path, red.filename))
    team.put("wheel", facts_key(red.filename, red.digest), ToldWheel(8, packed))
    chosen = [locked(wheel) for wheel in wheels]
    assert index.agreed(chosen, RECIPE.layout) == {red.digest: 7, blue.digest: blue.size_bytes}
    assert index.wheels(chosen) == {red.digest: 8, blue.digest: blue.size_bytes}
    assert not index.is_disproved_by(chosen)  # none is here
    for wheel in wheels:
        empty.blobs.add_file(wheel.path, wheel.digest)
    assert index.is_disproved_by(chosen)
    assert index.refused == {("set", key), ("wheel", facts_key(red.filename, red.digest))}
    assert f"red-1.0-py3-none-any.whl has {red.size_bytes} bytes, not 7" in index.notes[0]
    assert f"red-1.0-py3-none-any.whl has {red.size_bytes} bytes, not 8" in index.notes[1]
    assert not index.is_disproved_by(chosen)
    assert index.agreed(chosen, RECIPE.layout) is None
    assert set(index.wheels(chosen)) == {blue.digest}
    later = LayerIndex(team.reference, empty, SilentProgress(), asks=False)
    assert later.agreed(chosen, RECIPE.layout) is None
    assert set(later.wheels(chosen)) == {blue.digest}
    later.close()


def test_facts_that_are_not_the_wheels_are_forgotten_as_soon_as_it_is_here(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    red = team.wheel("red")
    true = wheel_facts(red.path, red.filename)
    key = facts_key(red.filename, red.digest)
    lie = pack_facts(msgspec.structs.replace(true, files=true.files[1:]))
    team.put("wheel", key, ToldWheel(red.size_bytes, lie))
    assert index.wheels([locked(red)])
    empty.blobs.add_file(red.path, red.digest)
    assert index.is_disproved_by([locked(red)])
    assert index.refused == {("wheel", key)}
    assert "holds other files than it tells" in index.notes[0]
    assert not index.is_disproved_by([locked(red)])


def test_wheels_that_do_not_agree_after_all_are_no_set(team: Team, index: LayerIndex) -> None:
    wheels = telling_all(team)
    chosen = [locked(wheel) for wheel in wheels]
    digests = {wheel.digest for wheel in wheels}
    assert not index.is_at_odds(digests)  # nobody said that they agree
    assert index.agreed(chosen, RECIPE.layout)
    assert not index.is_at_odds({*digests, Digest.of_bytes(b"another")})
    assert index.is_at_odds(digests)
    assert index.refused == {("set", set_key(digests, RECIPE.layout))}
    assert not index.is_at_odds(digests)
    assert index.agreed(chosen, RECIPE.layout) is None
    assert "wheels do not agree" in index.notes[0]


@pytest.mark.parametrize(
    ("told", "true", "doubted", "wrong"),
    [
        ([("red-1.0-py3-none-any.whl", 5)], [("red-1.0-py3-none-any.whl", 5)], False, False),
        ([("red-1.0-py3-none-any.whl", None)], [("red-1.0-py3-none-any.whl", 5)], False, False),
        ([("red-1.0-py3-none-any.whl", 6)], [("red-1.0-py3-none-any.whl", 5)], False, True),
        ([("red-1.0-py3-none-win32.whl", 5)], [("red-1.0-py3-none-any.whl", 5)], False, True),
        ([("red-1.0-py3-none-any.whl", 5)], [], False, True),
        ([], [("red-1.0-py3-none-any.whl", 5)], False, False),  # its index of distributions had less
        ([], [("red-1.0-py3-none-any.whl", 5)], True, True),
        ([], [], True, False),
    ],
)
def test_names_are_held_to_what_an_index_of_distributions_answers(  # noqa: PLR0913, PLR0917 - both, and the verdict
    team: Team,
    index: LayerIndex,
    empty: Store,
    told: list[tuple[str, int | None]],
    true: list[tuple[str, int | None]],
    doubted: bool,  # noqa: FBT001 - one of the rows above
    wrong: bool,  # noqa: FBT001 - the same
) -> None:
    pin = pin_of(Digest.of_bytes(b"red"))
    hex_ = pin.files[0].digest.hex
    key = pin_key(pin, PYTHON)
    team.put("pin", key, tell_pin(pin, [KnownFile(hex_, name, None, size) for name, size in told]))
    assert not LayerIndex(team.reference, empty, SilentProgress()).doubt_names()
    assert pin in index.find([pin], PYTHON)
    if doubted:
        assert index.doubt_names()
        assert index.find([pin], PYTHON) == {}
    index.saw(pin, PYTHON, [KnownFile(hex_, name, "https://index.example/x", size) for name, size in true])
    assert index.refused == ({("pin", key)} if wrong else set())
    assert [note for note in index.notes if "the files of red 1.0 are others" in note] == list(index.notes)
    assert bool(index.notes) is wrong
    assert any(kind == "told-pins" for kind, _ in empty.index.files()) is not wrong
