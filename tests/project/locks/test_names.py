"""Names of files that others tell spare the index, until a file is to be fetched."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from wherry.project.locks.addresses import address
from wherry.project.locks.offers import KnownFile
from wherry.project.locks.pins import Lookup, Pin, PinnedFile
from wherry.project.locks.read import read_lock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.project.locks.conftest import LocalIndex
    from wherry.digest import Digest
    from wherry.project.project import Project
    from wherry.store.store import Store

WHEEL = "click-8.1-py3-none-any.whl"


@dataclass
class Gossip:
    """Knows what it was told of some pins, and hears of others."""

    told: dict[str, tuple[KnownFile, ...]] = field(default_factory=dict)
    heard: dict[str, tuple[KnownFile, ...]] = field(default_factory=dict)

    def find(self, pins: Sequence[Pin], python: tuple[int, int]) -> dict[Pin, tuple[KnownFile, ...]]:
        assert python == (3, 11)
        return {pin: self.told[pin.name] for pin in pins if pin.name in self.told}

    def saw(self, pin: Pin, python: tuple[int, int], files: Sequence[KnownFile]) -> None:
        assert python == (3, 11)
        self.heard[pin.name] = tuple(files)


def pin(name: str, version: str, digest: Digest) -> Pin:
    return Pin(canonicalize_name(name), Version(version), (PinnedFile(digest),), where=name)


@pytest.fixture
def gossip() -> Gossip:
    return Gossip()


@pytest.fixture
def online(index: LocalIndex, store: Store, root: Path, gossip: Gossip) -> Lookup:
    return Lookup(store=store, directory=root, indexes=index.configuration, names=gossip)


def test_a_name_that_is_told_is_not_asked_of_the_index(
    index: LocalIndex, online: Lookup, gossip: Gossip
) -> None:
    click, attrs = (
        pin("click", "8.1", index.add(WHEEL)),
        pin("attrs", "2", index.add("attrs-2-py3-none-any.whl")),
    )
    gossip.told["click"] = (KnownFile(click.files[0].digest.hex, WHEEL, None, 77),)
    first, second = address([click, attrs], online)
    assert [(file.filename, file.url, file.size_bytes) for file in first.wheels] == [(WHEEL, None, 77)]
    assert second.wheels[0].url is not None
    assert not [path for path in index.asked if "click" in path]
    assert list(gossip.heard) == ["attrs"]  # what was told is not told again


def test_a_file_that_is_to_be_fetched_is_looked_up_by_itself(
    index: LocalIndex, online: Lookup, gossip: Gossip
) -> None:
    click, attrs = (
        pin("click", "8.1", index.add(WHEEL)),
        pin("attrs", "2", index.add("attrs-2-py3-none-any.whl")),
    )
    for one in (click, attrs):
        name = f"{one.name}-{one.version}-py3-none-any.whl"
        gossip.told[one.name] = (KnownFile(one.files[0].digest.hex, name, None),)
    wanted = replace(online, addressed=frozenset({click.files[0].digest}))
    first, second = address([click, attrs], wanted)
    assert first.wheels[0].url is not None
    assert second.wheels[0].url is None
    assert not [path for path in index.asked if "attrs" in path]
    again, _ = address([click, attrs], online)
    assert again.wheels[0].url == first.wheels[0].url  # the store remembers what an index said


def test_what_is_told_is_never_remembered_as_the_lock(
    project: Project, root: Path, store: Store, index: LocalIndex, gossip: Gossip
) -> None:
    digest = index.add(WHEEL)
    document = {"_meta": {"pipfile-spec": 6}, "default": {"click": {"version": "==8.1", "hashes": [digest]}}}
    (root / "Pipfile.lock").write_text(json.dumps(document))
    gossip.told["click"] = (KnownFile(digest.hex, WHEEL, None),)
    told = read_lock(project, store=store, indexes=index.configuration, names=gossip)
    assert told.packages[0].wheels[0].url is None
    asked = read_lock(project, store=store, indexes=index.configuration)
    assert asked.packages[0].wheels[0].url is not None
