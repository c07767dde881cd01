"""Planned layers as work for the pool; a build that makes nothing never comes here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from wherry.build.base_pins import image_place, open_registries
from wherry.build.tree_entries import environment_entries, source_entries
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.layers.deb_layer import below_debs, below_image, deb_layer
from wherry.layers.model import WheelInput
from wherry.layers.stored import keep_layer
from wherry.layers.tree_layer import TreeEntry, tree_layer
from wherry.layers.wheel_jobs import WheelLayerJob
from wherry.layers.wheel_layer import Recipe
from wherry.plan.model import LayerKind, Origin
from wherry.plan.planner import root_user
from wherry.project.secrets import refuse_secrets

if TYPE_CHECKING:
    from wherry.bases.model import Base, DebianPin
    from wherry.build.gather import Gathered
    from wherry.build.workshop import Workshop
    from wherry.layers.deb_root import RootUser
    from wherry.layers.deb_tree import Below
    from wherry.layers.model import BytecodeCompiler, Compression, LayerBlob
    from wherry.layers.pool import Part
    from wherry.oci.platform import Platform
    from wherry.plan.model import Distribution, Plan, PlannedLayer
    from wherry.progress import Progress
    from wherry.store.store import Store

_UNPACKING_FACTOR = 8
"""A byte of a Debian package, which xz made small, takes as long as so many of a wheel."""


@dataclass(frozen=True, slots=True)
class DebianUnderneath:
    """A base of Debian packages, which are in the store; its layer need not be made yet."""

    digest: Digest
    packages: tuple[DebianPin, ...]
    user: RootUser  # whom the base runs as

    def size_bytes(self) -> int:
        """How much there is to unpack."""
        return sum(pin.size_bytes for pin in self.packages)

    def read(self, store: Store, machine: str) -> Below:
        """What the base is to packages laid over it."""
        return below_debs(_on_disk(self.packages, store), store, machine=machine, user=self.user)


@dataclass(frozen=True, slots=True)
class ImageUnderneath:
    """A base that is an image: on this disk, or in a registry whose layers the store knows by now."""

    digest: Digest  # of its manifest
    place: str  # its name, as from where this process stands
    platform: Platform

    def size_bytes(self) -> int:
        """Nothing is: the store remembers what the image holds."""
        return 0

    def read(self, store: Store, machine: str) -> Below:  # noqa: ARG002 - of its platform
        """What the base is to packages laid over it.

        Raises:
            InputError: It is another image by now.

        """
        from wherry.bases.image import known_facts, read_facts  # noqa: PLC0415 - most bases are Debian's

        known = known_facts(self.digest, store)
        if known is not None:
            return below_image(known)
        digest, facts = read_facts(self.place, self.platform, store)
        if digest != self.digest:
            raise InputError("the base changed while it was built on", where=self.place, mend="build again")
        return below_image(facts)


Underneath: TypeAlias = DebianUnderneath | ImageUnderneath
"""What system packages are laid over."""


@dataclass(frozen=True, slots=True)
class PackagesLayerJob:
    """The layer of some Debian packages, which are in the store: a base, or system packages over one."""

    key: str
    packages: tuple[DebianPin, ...]
    machine: str
    compression: Compression
    mtime: int
    user: RootUser | None = None  # whom a base runs as; None for system packages
    bytecode: BytecodeCompiler | None = None  # for a base's standard library
    prefetch: tuple[str, ...] = ()
    below: Underneath | None = None

    def cost_bytes(self, store: Store) -> int:  # noqa: ARG002 - the protocol's
        """How much work it is."""
        below_bytes = self.below.size_bytes() if self.below else 0
        return _UNPACKING_FACTOR * (below_bytes + sum(pin.size_bytes for pin in self.packages))

    def parts(self, store: Store) -> tuple[Part, ...]:  # noqa: ARG002 - the protocol's
        """Nothing to do before."""
        return ()

    def make(self, store: Store, progress: Progress, *, beside: bool) -> LayerBlob:  # noqa: ARG002 - it is small
        """Find or make the layer."""
        return deb_layer(
            _on_disk(self.packages, store),
            store,
            machine=self.machine,
            compression=self.compression,
            user=self.user,
            bytecode=self.bytecode,
            below=self.below.read(store, self.machine) if self.below else None,
            below_key=str(self.below.digest) if self.below else "",
            mtime=self.mtime,
            prefetch=self.prefetch,
            progress=progress,
        )


@dataclass(frozen=True, slots=True)
class TreeLayerJob:
    """The layer of some files that are on this disk or made by us."""

    key: str
    entries: tuple[TreeEntry, ...]
    compression: Compression
    mtime: int
    prefetch: tuple[str, ...] = ()

    def cost_bytes(self, store: Store) -> int:  # noqa: ARG002 - the protocol's
        """How much work it is."""
        return sum(e.source.stat().st_size for e in self.entries if isinstance(e.source, Path))

    def parts(self, store: Store) -> tuple[Part, ...]:  # noqa: ARG002 - the protocol's
        """Nothing to do before."""
        return ()

    def make(self, store: Store, progress: Progress, *, beside: bool) -> LayerBlob:  # noqa: ARG002 - it is small
        """Make the layer and remember it."""
        made = tree_layer(
            self.entries,
            store,
            compression=self.compression,
            mtime=self.mtime,
            prefetch=self.prefetch,
            progress=progress,
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
        teller = workshop.layer_index.teller if workshop.layer_index else ""
        wheels = tuple(_wheel(d, workshop.store, teller) for d in layer.distributions)
        return WheelLayerJob(
            wheels, Recipe(policy.layout, policy.compression, policy.bytecode, layer.prefetch)
        )
    if layer.packages:
        is_base = layer.kind is LayerKind.BASE
        return PackagesLayerJob(
            key=layer.key or "",
            packages=layer.packages,
            machine=plan.target.platform.machine,
            compression=policy.compression,
            mtime=policy.layout.mtime,
            user=root_user(plan.settings.user) if is_base else None,
            bytecode=policy.bytecode if is_base else None,
            prefetch=layer.prefetch,
            below=None if is_base else _underneath(plan, workshop),
        )
    if layer.kind is LayerKind.ENVIRONMENT:
        entries = environment_entries(policy.layout, plan.base, plan.settings.user, plan.settings.workdir)
    else:
        files = gathered.sources.files if gathered.sources else ()
        refuse_secrets([(f.path, workshop.project.place(f.relative)) for f in files if not f.link])
        entries = source_entries(files, plan.settings.workdir)
    return TreeLayerJob(
        layer.key or "", tuple(entries), policy.compression, policy.layout.mtime, layer.prefetch
    )


def _underneath(plan: Plan, workshop: Workshop) -> Underneath:
    """The plan's base, as what its system packages are laid over."""
    base = plan.base
    if base.digest is None:
        msg = f"system packages were planned over {base.name}, which has no digest"
        raise RuntimeError(msg)
    if base.packages:
        return DebianUnderneath(base.digest, base.packages, root_user(plan.settings.user))
    if base.registry_name:
        _look_at(base, base.digest, workshop)
    return ImageUnderneath(base.digest, image_place(base.name, workshop), base.platform)


def _look_at(base: Base, digest: Digest, workshop: Workshop) -> None:
    """Have the store know what a base in a registry holds: its links, directories and loader's cache.

    Raises:
        WorldError: It has to be asked of the registry, and that fails or is not to be.

    """
    from wherry.bases.image import known_facts  # noqa: PLC0415 - most bases are Debian's
    from wherry.bases.registry_image import look_at_pinned  # noqa: PLC0415 - the same

    if known_facts(digest, workshop.store) is not None:
        return
    if workshop.options.offline:
        raise WorldError(
            "system packages go over a base that this machine has not seen, and there is to be no network",
            where=base.registry_name,
            mend="build once with network",
        )
    with open_registries(workshop) as registries:
        look_at_pinned(base, digest, workshop.store, registries, workshop.progress)


def _wheel(distribution: Distribution, store: Store, teller: str) -> WheelInput:
    file = distribution.file
    if file is None:
        msg = f"{distribution.title} was planned without a wheel"
        raise RuntimeError(msg)
    return WheelInput(
        store.blobs.path(file.digest),
        file.filename,
        file.digest,
        locked=distribution.origin is Origin.INDEX,
        teller=teller,
    )


def _on_disk(pins: tuple[DebianPin, ...], store: Store) -> list[tuple[DebianPin, Path]]:
    return [(pin, store.blobs.path(Digest.from_hex(pin.sha256))) for pin in pins]
