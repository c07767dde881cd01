"""Layers of Debian packages and of plain files as work for the pool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wherry.digest import Digest
from wherry.layers.deb_layer import below_debs, deb_layer
from wherry.layers.tree_layer import TreeEntry, tree_layer
from wherry.layers.wheel_layer import LAYERS

if TYPE_CHECKING:
    from wherry.bases.model import DebianPin
    from wherry.layers.deb_root import RootUser
    from wherry.layers.model import BytecodeCompiler, Compression, LayerBlob
    from wherry.layers.pool import Part
    from wherry.progress import Progress
    from wherry.store.store import Store

_UNPACKING_FACTOR = 8
"""A byte of a Debian package, which xz made small, takes as long as so many of a wheel."""


@dataclass(frozen=True, slots=True)
class PackagesLayerJob:
    """The layer of some Debian packages, which are in the store."""

    key: str
    packages: tuple[DebianPin, ...]
    machine: str
    compression: Compression
    mtime: int
    user: RootUser  # whom the base runs as
    bytecode: BytecodeCompiler | None  # for the base's standard library
    below: tuple[DebianPin, ...] = ()  # the base's packages, when these are system packages over them
    below_key: str = ""

    def cost_bytes(self, store: Store) -> int:  # noqa: ARG002 - the protocol's
        """How much work it is."""
        return _UNPACKING_FACTOR * sum(pin.size_bytes for pin in (*self.packages, *self.below))

    def parts(self, store: Store) -> tuple[Part, ...]:  # noqa: ARG002
        """Nothing to do before."""
        return ()

    def make(self, store: Store, progress: Progress) -> LayerBlob:
        """Find or make the layer."""
        above = bool(self.below_key)
        under = _on_disk(self.below, store)
        below = below_debs(under, store, machine=self.machine, user=self.user) if above else None
        return deb_layer(
            _on_disk(self.packages, store),
            store,
            machine=self.machine,
            compression=self.compression,
            user=None if above else self.user,
            bytecode=None if above else self.bytecode,
            below=below,
            below_key=self.below_key,
            mtime=self.mtime,
            progress=progress,
        )


@dataclass(frozen=True, slots=True)
class TreeLayerJob:
    """The layer of some files that are on this disk or made by us."""

    key: str
    entries: tuple[TreeEntry, ...]
    compression: Compression
    mtime: int

    def cost_bytes(self, store: Store) -> int:  # noqa: ARG002 - the protocol's
        """How much work it is."""
        return sum(e.source.stat().st_size for e in self.entries if isinstance(e.source, Path))

    def parts(self, store: Store) -> tuple[Part, ...]:  # noqa: ARG002
        """Nothing to do before."""
        return ()

    def make(self, store: Store, progress: Progress) -> LayerBlob:
        """Make the layer and remember it."""
        made = tree_layer(
            self.entries, store, compression=self.compression, mtime=self.mtime, progress=progress
        )
        store.index.put(LAYERS, self.key, made)
        return made


def _on_disk(pins: tuple[DebianPin, ...], store: Store) -> list[tuple[DebianPin, Path]]:
    return [(pin, store.blobs.path(Digest.from_hex(pin.sha256))) for pin in pins]
