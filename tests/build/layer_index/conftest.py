"""Wheels, an index of the tests' own, and what a liar would write into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.layers.wheel_maker import WheelMaker
from wherry.build.layer_index.index import LayerIndex
from wherry.build.layer_index.records import Record, manifest_of_record, tag_of
from wherry.layers.model import Layout
from wherry.layers.wheel_layer import Recipe, wheel_layer
from wherry.oci import media_types
from wherry.oci.reference import RegistryReference
from wherry.progress import SilentProgress
from wherry.project.locks.model import LockedFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registry_world.quirks import QuirkRegistry
    from wherry.build.layer_index.records import Kind
    from wherry.digest import Digest
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
