"""An index is asked, and believed no further than what can be checked; whatever fails costs a note alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.build.layer_index.conftest import RECIPE, REPOSITORY, locked, pin_of, tell_layer, tell_wheel
from wherry.build.layer_index.entries import (
    FACTS_LIMIT_BYTES,
    ToldSet,
    ToldWheel,
    descriptor_of,
    facts_descriptor,
    set_key,
)
from wherry.build.layer_index.facts import pack_facts
from wherry.build.layer_index.index import LayerIndex
from wherry.build.layer_index.names import pin_key, tell_pin
from wherry.build.layer_index.records import Record, manifest_of_record
from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.fetch.failures import TransientError
from wherry.layers.stored import find_layer, find_told_layer
from wherry.layers.wheel import wheel_facts
from wherry.layers.wheel_layer import (
    facts_key,
    known_facts,
)
from wherry.oci.origins import Origin, Origins
from wherry.oci.reference import RegistryReference
from wherry.progress import SilentProgress
from wherry.project.locks.offers import KnownFile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.build.layer_index.conftest import Team
    from wherry.build.layer_index.records import Kind
    from wherry.store.store import Store

OTHER = str(Digest.of_bytes(b"other"))


def test_a_known_layer_has_its_repository_for_an_origin_and_no_byte_of_it_is_fetched(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    key, made = tell_layer(team, team.wheel("red"))
    assert index.layers([key, "another key"]) == {key: made}
    assert Origins(empty).of(Digest(made.digest)) == (Origin(team.registry.host, REPOSITORY),)
    assert not team.registry.asked("GET", place="/blobs/")
    assert not index.notes


def test_a_layer_is_asked_for_once(team: Team, index: LayerIndex) -> None:
    key, made = tell_layer(team, team.wheel("red"))
    assert index.layers([key, key]) == index.layers([key]) == {key: made}
    assert len(team.registry.asked("GET")) == 1


def test_a_layer_that_is_brought_is_in_the_store_as_the_tellers(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    key, made = tell_layer(team, team.wheel("red"))
    assert index.bring(index.layers([key]))
    assert find_told_layer(empty, key, index.teller) == made
    assert find_layer(empty, key) is None  # it was not made here


def test_a_lie_about_the_diff_id_is_found_out_and_the_layer_is_made_here(
    team: Team, index: LayerIndex, empty: Store
) -> None:
    lied, _ = tell_layer(team, team.wheel("red"), diff_id=OTHER)
    true, made = tell_layer(team, team.wheel("blue"))
    assert not index.bring(index.layers([lied, true]))
    assert find_told_layer(empty, lied, index.teller) is None
    assert find_told_layer(empty, true, index.teller) == made
    assert index.layers([lied, true]) == {true: made}
    assert index.refused == {("layer", lied)}
    assert [note for note in index.notes if "is wrong" in note and OTHER in note]


@pytest.mark.parametrize("unpacked_bytes", [1, 100_000])
def test_a_lie_about_the_unpacked_size_is_found_out(
    team: Team, index: LayerIndex, unpacked_bytes: int
) -> None:
    key, _ = tell_layer(team, team.wheel("red"), unpacked_bytes=unpacked_bytes)
    assert not index.bring(index.layers([key]))


def test_a_blob_that_is_no_layer_is_refused(team: Team, index: LayerIndex) -> None:
    key, made = team.layer(team.wheel("red"))
    data = b"no gzip at all"
    told = msgspec.structs.replace(
        made, digest=team.registry.put_blob(REPOSITORY, data), size_bytes=len(data)
    )
    team.put("layer", key, told, descriptor_of(told))
    assert not index.bring(index.layers([key]))


@pytest.mark.parametrize(
    "changed",
    [
        {"diff_id": "sha256:short"},
        {"diff_id": "../../etc/passwd"},
        {"size_bytes": 0},
        {"size_bytes": 1 << 41},
        {"unpacked_bytes": -1},
        {"unpacked_bytes": 1 << 30},  # of a kilobyte
        {"codec": "gzip;another"},
        {"media_type": "application/vnd.oci.image.layer.v1.tar"},
        {"media_type": "application/vnd.oci.image.layer.v1.tar+zstd"},  # and the codec is gzip's
        {"annotations": {"org.opencontainers.image.title": "x"}},
        {"annotations": {"containerd.io/snapshot/stargz/toc.digest": "x" * 101}},
    ],
)
def test_a_layer_that_cannot_be_is_not_known(
    team: Team, index: LayerIndex, changed: dict[str, object]
) -> None:
    key, _ = tell_layer(team, team.wheel("red"), **changed)
    assert index.layers([key]) == {}
    assert index.refused == {("layer", key)}


def test_an_entry_whose_blob_is_another_is_not_known(team: Team, index: LayerIndex) -> None:
    key, made = team.layer(team.wheel("red"))
    team.put("layer", key, msgspec.structs.replace(made, digest=OTHER), descriptor_of(made))
    assert index.layers([key]) == {}


def test_a_blob_that_is_gone_costs_its_own_layer_alone(team: Team, index: LayerIndex, empty: Store) -> None:
    gone, made = tell_layer(team, team.wheel("red"))
    there, other = tell_layer(team, team.wheel("blue"))
    known = index.layers([gone, there])
    del team.registry.blobs[REPOSITORY][made.digest]
    assert not index.bring(known)
    assert find_told_layer(empty, there, index.teller) == other
    assert find_told_layer(empty, gone, index.teller) is None
    assert [note for note in index.notes if "in vain" in note]


@pytest.mark.parametrize("left", [None, b"cut short"])
def test_a_layer_whose_blob_is_gone_is_not_known_and_told_again(
    team: Team, index: LayerIndex, left: bytes | None
) -> None:
    gone, made = tell_layer(team, team.wheel("red"))
    there, other = tell_layer(team, team.wheel("blue"))
    if left is None:
        del team.registry.blobs[REPOSITORY][made.digest]
    else:
        team.registry.blobs[REPOSITORY][made.digest] = left
    assert index.layers([gone, there]) == {there: other}
    assert index.refused == {("layer", gone)}
    assert not index.notes


def test_layers_are_not_refused_for_a_registry_that_fails(
    team: Team, index: LayerIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wherry.build.layer_index.conversation.require_blobs", _breaks)
    key, _ = tell_layer(team, team.wheel("red"))
    assert not index.bring(index.layers([key]))
    assert index.refused == set()
    assert index.layers([key]) == {}


def _breaks(*_: object) -> None:
    raise TransientError("the connection broke")


def test_what_stands_there_and_is_no_entry_is_told_again(team: Team, index: LayerIndex) -> None:
    wheel = team.wheel("red")
    pin = pin_of(wheel.digest)
    names: list[tuple[Kind, str]] = [
        ("layer", "key"),
        ("wheel", facts_key(wheel.filename, wheel.digest)),
        ("set", set_key([wheel.digest], RECIPE.layout)),
        ("pin", pin_key(pin, (3, 11))),
    ]
    for kind, key in names:
        team.put_raw(kind, key, manifest_of_record("segment", key, Record(ToldSet(()))))
    assert index.layers(["key"]) == {}
    assert index.wheels([locked(wheel)]) == {}
    assert index.agreed([locked(wheel)], RECIPE.layout) is None
    assert index.find([pin], (3, 11)) == {}
    assert index.refused == set(names)


def test_a_registry_that_fails_is_asked_no_more(
    team: Team, index: LayerIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    key, _ = tell_layer(team, team.wheel("red"))
    team.registry.fails(403, times=1)
    assert index.layers([key]) == {}
    asked = len(team.registry.asked())
    assert index.layers(["another"]) == {}
    assert index.agreed([locked(team.wheel("red"))], RECIPE.layout) is None
    assert len(team.registry.asked()) == asked
    assert len(index.notes) == 1
    assert index.notes[0].startswith(f"the layer index {team.registry.host}/{REPOSITORY} is left out: ")


def test_an_index_that_is_not_asked_hears_what_it_may_be_told(team: Team, empty: Store) -> None:
    index = LayerIndex(team.reference, empty, SilentProgress(), asks=False)
    pin = pin_of(Digest.of_bytes(b"red"))
    assert index.find([pin], (3, 11)) == {}
    index.saw(pin, (3, 11), ())
    assert index.seen == {pin_key(pin, (3, 11)): (pin, ())}
    assert not team.registry.asked()
    assert not index.notes
    index.close()


def test_names_are_asked_for_once(team: Team, index: LayerIndex) -> None:
    digest = Digest.of_bytes(b"red")
    pin = pin_of(digest)
    file = KnownFile(digest.hex, "red-1.0-py3-none-any.whl", None, 7)
    team.put("pin", pin_key(pin, (3, 11)), tell_pin(pin, [file]))
    assert index.find([pin], (3, 11)) == {pin: (file,)}
    assert index.find([pin], (3, 11)) == {pin: (file,)}
    assert index.find([pin], (3, 12)) == {}
    assert len(team.registry.asked("GET")) == 2


def test_wheels_that_agree_are_known_by_their_digests_in_any_order(team: Team, index: LayerIndex) -> None:
    wheels = [locked(team.wheel(name)) for name in ("red", "blue")]
    in_order = sorted(wheel.digest for wheel in wheels)
    team.put("set", set_key(in_order, RECIPE.layout), ToldSet((10, 20)))
    assert index.agreed(wheels, RECIPE.layout) == dict(zip(in_order, (10, 20), strict=True))
    assert index.agreed(wheels[:1], RECIPE.layout) is None
    team.put("set", set_key(in_order[:1], RECIPE.layout), ToldSet((1, 2, 3)))
    assert index.agreed([w for w in wheels if w.digest == in_order[0]], RECIPE.layout) is None


@pytest.mark.parametrize("as_blob", [False, True])
def test_what_is_told_of_a_wheel_stands_in_for_it(
    team: Team, index: LayerIndex, empty: Store, tmp_path: Path, *, as_blob: bool
) -> None:
    wheel = team.wheel("red")
    tell_wheel(team, wheel, as_blob=as_blob)
    assert index.wheels([locked(wheel)]) == {wheel.digest: wheel.path.stat().st_size}
    absent = replace(wheel, path=tmp_path / "nowhere", teller=index.teller)
    assert known_facts(absent, empty) == wheel_facts(wheel.path, wheel.filename)
    for teller in ("", "registry.example/another"):
        with pytest.raises(WorldError):
            known_facts(replace(absent, teller=teller), empty)


def test_what_is_told_of_another_wheel_is_not_believed(team: Team, index: LayerIndex) -> None:
    red, blue = team.wheel("red"), team.wheel("blue")
    packed = pack_facts(wheel_facts(blue.path, blue.filename))
    team.put("wheel", facts_key(red.filename, red.digest), ToldWheel(10, packed))
    assert index.wheels([locked(red)]) == {}


def test_facts_that_are_not_what_their_digest_says_are_not_believed(team: Team, index: LayerIndex) -> None:
    red, blue = team.wheel("red"), team.wheel("blue")
    tell_wheel(team, red, as_blob=True)
    tell_wheel(team, blue)
    held = team.registry.blobs[REPOSITORY]
    held.update({digest: data[:-1] + b"!" for digest, data in held.items()})
    assert set(index.wheels([locked(red), locked(blue)])) == {blue.digest}


def test_nobody_waits_long_for_an_index_that_is_not_there(empty: Store) -> None:
    index = LayerIndex(RegistryReference("127.0.0.1:9", REPOSITORY), empty, SilentProgress())
    assert index.layers(["key"]) == {}
    assert len(index.notes) == 1
    index.close()


def test_what_was_told_once_is_known_without_network(team: Team, index: LayerIndex, empty: Store) -> None:
    wheel = team.wheel("red")
    pin = pin_of(wheel.digest)
    team.put("set", set_key([wheel.digest], RECIPE.layout), ToldSet((10,)))
    team.put("pin", pin_key(pin, (3, 11)), tell_pin(pin, [KnownFile(wheel.digest.hex, wheel.filename, None)]))
    tell_wheel(team, wheel)

    def answers(asked: LayerIndex) -> tuple[object, ...]:
        return (
            asked.agreed([locked(wheel)], RECIPE.layout),
            asked.wheels([locked(wheel)]),
            asked.find([pin], (3, 11)),
        )

    told = answers(index)
    assert all(told)
    without = LayerIndex(team.reference, empty, SilentProgress(), asks=False)
    assert answers(without) == told
    without.close()
    another = LayerIndex(RegistryReference(team.registry.host, "other/cache"), empty, SilentProgress())
    assert not any(answers(another))
    another.close()


def test_facts_whose_blob_is_gone_are_not_known(team: Team, index: LayerIndex) -> None:
    wheel = team.wheel("red")
    tell_wheel(team, wheel, as_blob=True)
    team.registry.blobs.clear()
    assert index.wheels([locked(wheel)]) == {}
    assert not index.notes


def test_facts_too_large_to_be_facts_are_not_read(team: Team, index: LayerIndex) -> None:
    wheel = team.wheel("red")
    huge = msgspec.structs.replace(facts_descriptor(b""), size_bytes=FACTS_LIMIT_BYTES + 1)
    team.put("wheel", facts_key(wheel.filename, wheel.digest), ToldWheel(10), huge)
    assert index.wheels([locked(wheel)]) == {}
    assert not team.registry.asked(place="/blobs/")
