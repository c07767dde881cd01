"""Make the layers that the store does not have, on every core, and find the ones it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from wherry.build.assemble import planned_image_layer
from wherry.build.layer_jobs import PackagesLayerJob, TreeLayerJob
from wherry.build.result import MadeLayer
from wherry.build.tree_entries import environment_entries, source_entries
from wherry.digest import Digest
from wherry.layers.model import LayerBlob, WheelInput
from wherry.layers.wheel_jobs import WheelLayerJob
from wherry.layers.wheel_layer import LAYERS, Recipe
from wherry.plan.model import LayerKind, Origin
from wherry.plan.planner import root_user

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wherry.build.gather import Gathered
    from wherry.build.workshop import Workshop
    from wherry.plan.model import Distribution, Plan, PlannedLayer
    from wherry.store.store import Store

LayerJob: TypeAlias = "WheelLayerJob | PackagesLayerJob | TreeLayerJob"


def stored_layers(plan: Plan, store: Store) -> dict[str, LayerBlob]:
    """The plan's layers that are in the store, by key."""
    found: dict[str, LayerBlob] = {}
    for key in (layer.key for layer in plan.layers):
        blob = store.index.get(LAYERS, key, LayerBlob) if key else None
        if key and blob is not None and Digest(blob.digest) in store.blobs:
            found[key] = blob
    return found


def make_plan_layers(gathered: Gathered, workshop: Workshop) -> tuple[MadeLayer, ...]:
    """Every layer of the plan, in its order; what the store lacked is in it afterwards.

    Raises:
        InputError: A wheel, a package or a source file is not what it should be, or a secret was found.
        WorldError: Network, disk or the interpreter failed.

    """
    plan, store = gathered.plan, workshop.store
    stored = stored_layers(plan, store)
    missing = [layer for layer in plan.layers if layer.key is not None and layer.key not in stored]
    made = _make(missing, gathered, workshop) if missing else {}
    return tuple(_made_layer(layer, stored, made) for layer in plan.layers)


def _make(missing: list[PlannedLayer], gathered: Gathered, workshop: Workshop) -> dict[str, LayerBlob]:
    from wherry.bases.debian import fetch_debs  # noqa: PLC0415 - a cached build makes nothing
    from wherry.layers.pool import make_layers  # noqa: PLC0415 - the same

    store = workshop.store
    base = gathered.plan.base
    packages = [pin for layer in missing for pin in layer.packages]
    packages += base.packages if any(layer.kind is LayerKind.SYSTEM for layer in missing) else ()
    if packages:
        fetch_debs(packages, fetcher=workshop.fetcher, store=store, mirror=workshop.mirror)
    jobs = [_job(layer, gathered, workshop) for layer in missing]
    store.require_space(_estimate(missing), f"{len(missing)} layers")
    return {job.key: blob for job, blob in make_layers(jobs, store, workshop.progress)}


def _estimate(missing: list[PlannedLayer]) -> int:
    """Bytes the new blobs will take: wheels and packages are about as large compressed again."""
    return sum(layer.download_bytes or layer.unpacked_bytes or 0 for layer in missing)


def _job(layer: PlannedLayer, gathered: Gathered, workshop: Workshop) -> LayerJob:
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
        _refuse_secrets([(f.path, workshop.project.place(f.relative)) for f in files if not f.link])
        entries = source_entries(files, plan.settings.workdir)
    return TreeLayerJob(layer.key or "", tuple(entries), policy.compression, policy.layout.mtime)


def _refuse_secrets(files: list[tuple[Path, str]]) -> None:
    from wherry.project.secrets import refuse_secrets  # noqa: PLC0415 - only when sources changed

    refuse_secrets(files)


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


def _made_layer(
    layer: PlannedLayer, stored: Mapping[str, LayerBlob], made: Mapping[str, LayerBlob]
) -> MadeLayer:
    taken = planned_image_layer(layer)
    if taken is not None:
        return MadeLayer(layer, taken, reused=True)
    key = layer.key or ""
    return MadeLayer(layer, stored.get(key) or made[key], reused=key in stored)
