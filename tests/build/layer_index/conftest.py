"""Wheels, an index of the tests' own, and what a liar would write into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.layers.wheel_maker import WheelMaker
from wherry.build.layer_index.entries import (
    ToldWheel,
    descriptor_of,
    facts_descriptor,
    segment_descriptor,
)
from wherry.build.layer_index.facts import pack_facts
from wherry.build.layer_index.index import LayerIndex
from wherry.build.layer_index.records import Record, manifest_of_record, tag_of
from wherry.digest import Digest
from wherry.layers.model import Layout
from wherry.layers.wheel import wheel_facts
from wherry.layers.wheel_layer import Recipe, facts_key, find_segment, segment_key, wheel_layer
from wherry.oci import media_types
from wherry.oci.reference import RegistryReference
from wherry.progress import SilentProgress
from wherry.project.locks.model import LockedFile
from wherry.project.locks.pins import Pin, PinnedFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registry_world.quirks import QuirkRegistry
    from wherry.build.layer_index.records import Kind
    from wherry.layers.model import LayerBlob, WheelInput
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store

REPOSITORY = "team/cache"
RECIPE = Recipe(Layout())


@dataclass(frozen=True)
class Team:
    """A registry with an index in it, and a store that has made what it is told."""

    registry: QuirkRegistry
    store: Store
    directory: Path

    @property
    def reference(self) -> RegistryReference:
        return RegistryReference(self.registry.host, REPOSITORY)

    def wheel(self, name: str, size_bytes: int = 100) -> WheelInput:
        files = {f"{name}/__init__.py": b"", f"{name}/data.txt": name.encode() * size_bytes}
        return WheelMaker(files, name=name).write(self.directory)

    def layer(self, *wheels: WheelInput) -> tuple[str, LayerBlob]:
        """Make the layer of *wheels* here; its key too."""
        key = RECIPE.key(*sorted(wheel.digest for wheel in wheels))
        return key, wheel_layer(wheels, RECIPE.layout, self.store)

    def blob(self, digest: Digest) -> str:
        """Have a blob of the store in the repository."""
        return self.registry.put_blob(REPOSITORY, self.store.blobs.path(digest).read_bytes())

    def put(self, kind: Kind, key: str, value: Any, blob: Descriptor | None = None) -> None:  # noqa: ANN401 - of any kind
        """Write an entry, true or not."""
        self.put_raw(kind, key, manifest_of_record(kind, key, Record(value, blob)))

    def put_raw(self, kind: Kind, key: str, data: bytes) -> None:
        self.registry.put_manifest(REPOSITORY, data, media_types.MANIFEST, tag_of(kind, key))


@pytest.fixture
def team(quirks: QuirkRegistry, store: Store, tmp_path: Path) -> Team:
    return Team(quirks, store, tmp_path / "wheels")


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    """The store of a machine that starts with nothing."""
    from wherry.store.store import Store  # noqa: PLC0415 - as the fixture beside it

    return Store.open(tmp_path / "empty")


@pytest.fixture
def index(team: Team, empty: Store) -> Iterator[LayerIndex]:
    made = LayerIndex(team.reference, empty, SilentProgress())
    yield made
    made.close()


def locked(wheel: WheelInput) -> LockedFile:
    """The wheel as a lock without addresses names it."""
    return LockedFile(wheel.filename, wheel.digest)


def tell_layer(team: Team, *wheels: WheelInput, **changed: object) -> tuple[str, LayerBlob]:
    """Have the layer of *wheels* known; with what a liar *changed* of it."""
    key, made = team.layer(*wheels)
    told = msgspec.structs.replace(made, **changed)
    team.blob(Digest(made.digest))
    team.put("layer", key, told, descriptor_of(told))
    return key, made


def tell_wheel(team: Team, wheel: WheelInput, *, as_blob: bool = False) -> None:
    packed = pack_facts(wheel_facts(wheel.path, wheel.filename))
    key, size_bytes = facts_key(wheel.filename, wheel.digest), wheel.path.stat().st_size
    if as_blob:
        team.registry.put_blob(REPOSITORY, packed)
        team.put("wheel", key, ToldWheel(size_bytes), facts_descriptor(packed))
    else:
        team.put("wheel", key, ToldWheel(size_bytes, packed))


def pin_of(digest: Digest) -> Pin:
    return Pin(canonicalize_name("red"), Version("1.0"), (PinnedFile(digest),))


def tell_segment(team: Team, wheel: WheelInput, **changed: object) -> str:
    """Have the segment of *wheel* known, whose layer the team's store has; its key."""
    made = find_segment(wheel, RECIPE, team.store)
    assert made is not None
    key, digest = segment_key(wheel.digest, RECIPE, frozenset()), Digest(made.digest)
    told = msgspec.structs.replace(made, **changed)
    team.blob(digest)
    blob = segment_descriptor(told, team.store.blobs.size_bytes(digest) or 0)
    team.put("segment", key, told, blob)
    return key
