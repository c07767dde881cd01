"""Planned layers as work for the pool; a build that makes nothing never comes here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from wherry.build.tree_entries import environment_entries, source_entries
from wherry.digest import Digest
from wherry.layers.deb_layer import below_debs, deb_layer
from wherry.layers.model import WheelInput
from wherry.layers.stored import keep_layer
from wherry.layers.tree_layer import TreeEntry, tree_layer
from wherry.layers.wheel_jobs import WheelLayerJob
from wherry.layers.wheel_layer import Recipe
from wherry.plan.model import LayerKind, Origin
from wherry.plan.planner import root_user
from wherry.project.secrets import refuse_secrets

if TYPE_CHECKING:
    from wherry.bases.model import DebianPin
    from wherry.build.gather import Gathered
    from wherry.build.workshop import Workshop
    from wherry.layers.deb_root import RootUser
    from wherry.layers.model import BytecodeCompiler, Compression, LayerBlob
    from wherry.layers.pool import Part
    from wherry.plan.model import Distribution, PlannedLayer
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
        keep_layer(store, self.key, made)
        return made


LayerJob: TypeAlias = WheelLayerJob | PackagesLayerJob | TreeLayerJob


def job_of(layer: PlannedLayer, gathered: Gathered, workshop: Workshop) -> LayerJob:
    """The work of making a planned layer; what it is made from is in the store or on this disk.

    Raises:
        InputError: A source file holds a secret.

    """
    plan = gathered.plan
    policy = plan.policy
    if layer.distributions:
        wheels = tuple(_wheel(d, workshop.store) for d in layer.distributions)
        return WheelLayerJob(wheels, Recipe(policy.layout, policy.compression, policy.bytecode))
    if layer.packages:
        above = layer.kind is LayerKind.SYSTEM
        return PackagesLayerJob(
            key=layer.key or "",
            packages=layer.packages,
            machine=plan.target.platform.machine,
            compression=policy.compression,
            mtime=policy.layout.mtime,
            user=root_user(plan.settings.user),
            bytecode=policy.bytecode,
            below=plan.base.packages if above else (),
            below_key=str(plan.base.digest) if above else "",
        )
    if layer.kind is LayerKind.ENVIRONMENT:
        entries = environment_entries(policy.layout, plan.base, plan.settings.user, plan.settings.workdir)
    else:
        files = gathered.sources.files if gathered.sources else ()
        refuse_secrets([(f.path, workshop.project.place(f.relative)) for f in files if not f.link])
        entries = source_entries(files, plan.settings.workdir)
    return TreeLayerJob(layer.key or "", tuple(entries), policy.compression, policy.layout.mtime)


def _wheel(distribution: Distribution, store: Store) -> WheelInput:
    file = distribution.file
    if file is None:
        msg = f"{distribution.title} was planned without a wheel"
        raise RuntimeError(msg)
    return WheelInput(
        store.blobs.path(file.digest),
        file.filename,
        file.digest,
        locked=distribution.origin is Origin.INDEX,
    )


def _on_disk(pins: tuple[DebianPin, ...], store: Store) -> list[tuple[DebianPin, Path]]:
    return [(pin, store.blobs.path(Digest.from_hex(pin.sha256))) for pin in pins]
