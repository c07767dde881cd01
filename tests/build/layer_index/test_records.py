"""Entries in a registry: under the tag of their key, or not there. What is ill-made is not there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.build.layer_index.records import (
    EMPTY,
    KEY,
    VALUE,
    Record,
    Records,
    _read,
    manifest_of_record,
    tag_of,
)
from wherry.oci.model import decode_manifest
from wherry.oci.reference import _TAG
from wherry.oci.registry.client import Registry
from wherry.oci.registry.push import push_bytes, push_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.build.layer_index.conftest import Team
    from tests.registries import DockerRegistry


class Word(msgspec.Struct, frozen=True):
    """A value to tell."""

    word: str


@pytest.fixture
def records(team: Team) -> Iterator[Records]:
    registry = Registry(team.registry.host)
    yield Records(registry, team.reference.repository)
    registry.close()


@given(st.text(), st.text())
def test_an_entry_is_read_as_it_was_written_and_under_its_own_key_alone(key: str, word: str) -> None:
    data = manifest_of_record("pin", key, Record(Word(word)))
    assert _read(data, "pin", key, Word) == Record(Word(word))
    assert _read(data, "set", key, Word) is None
    assert _read(data, "pin", f"{key} ", Word) is None
    assert _TAG.fullmatch(tag_of("pin", key))


@given(st.binary(max_size=300))
def test_other_bytes_are_no_entry(data: bytes) -> None:
    assert _read(data, "pin", "key", Word) is None


@pytest.mark.parametrize(
    "change",
    [
        {"layers": []},
        {"artifactType": "application/vnd.wherry.set.v1+json"},
        {"annotations": {}},
        {"annotations": {KEY: "sha256:" + 64 * "0", VALUE: '{"word":"x"}'}},
        {"mediaType": "application/vnd.oci.image.index.v1+json"},
        {"manifests": []},
    ],
)
def test_an_entry_that_is_not_all_it_should_be_is_none(change: dict[str, object]) -> None:
    document = json.loads(manifest_of_record("pin", "key", Record(Word("x"))))
    assert _read(json.dumps(document).encode(), "pin", "key", Word) is not None
    assert _read(json.dumps(document | change).encode(), "pin", "key", Word) is None


@pytest.mark.parametrize("value", ["", "[]", '{"word":1}', "{" * 10_000, '{"word":"x"'])
def test_a_value_of_another_shape_is_none(value: str) -> None:
    document = json.loads(manifest_of_record("pin", "key", Record(Word("x"))))
    document["annotations"][VALUE] = value
    assert _read(json.dumps(document).encode(), "pin", "key", Word) is None


def test_the_same_entry_is_the_same_bytes_whoever_writes_it() -> None:
    one = manifest_of_record("pin", "key", Record(Word("x")))
    assert one == manifest_of_record("pin", "key", Record(Word("x"), None))
    assert decode_manifest(one, "").layers == (EMPTY,)


def test_a_real_registry_takes_entries_and_gives_them_back(
    plain_registry: DockerRegistry, fresh_repository: str
) -> None:
    registry = Registry(plain_registry.host)
    records = Records(registry, fresh_repository)
    assert records.find("pin", ["one", "two"], Word) == {}
    push_bytes(registry, fresh_repository, b"{}", EMPTY.media_type)
    data = manifest_of_record("pin", "one", Record(Word("x")))
    push_manifest(
        registry, fresh_repository, tag_of("pin", "one"), data, decode_manifest(data, "").media_type
    )
    assert records.find("pin", ["one", "two", "one"], Word) == {"one": Record(Word("x"))}
    assert records.lacking("pin", ["one", "two"]) == {"two"}
    assert str(records) == f"{plain_registry.host}/{fresh_repository}"
    registry.close()


def test_an_entry_of_a_megabyte_is_not_known_and_the_others_are(team: Team, records: Records) -> None:
    team.put("pin", "huge", Word("x" * (1 << 20)))
    team.put("pin", "key", Word("x"))
    assert records.find("pin", ["huge", "key"], Word) == {"key": Record(Word("x"))}


def test_a_registry_that_knows_no_head_of_a_manifest_is_told_again(team: Team, records: Records) -> None:
    team.put("pin", "key", Word("x"))
    assert records.lacking("pin", ["key"]) == set()
    team.registry.quirks.manifest_heads = False
    assert records.lacking("pin", ["key"]) == {"key"}


def test_a_hiccup_is_borne(team: Team, records: Records) -> None:
    team.put("pin", "key", Word("x"))
    team.registry.fails(503, times=1, retry_after="0")
    team.registry.cuts(times=1, answer=True)
    assert records.find("pin", ["key"], Word) == {"key": Record(Word("x"))}
