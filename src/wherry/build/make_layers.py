"""Make the layers that the store does not have, on every core, and find the ones it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.build.assemble import planned_image_layer
from wherry.build.mistold import MistoldError, look_again, unsized
from wherry.build.result import MadeLayer
from wherry.layers.conflicts import PathConflictError
from wherry.layers.stored import find_layer, find_told_layer
from wherry.plan.model import LayerKind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.build.gather import Gathered
    from wherry.build.layer_index.index import LayerIndex
    from wherry.build.workshop import Workshop
    from wherry.layers.model import LayerBlob
    from wherry.plan.model import Plan, PlannedLayer
    from wherry.store.store import Store


def stored_layers(plan: Plan, store: Store, believed: str = "") -> dict[str, LayerBlob]:
    """The plan's layers that are in the store, by key: made here, or told by the layer index *believed*."""
    found = {
        layer.key: find_layer(store, layer.key) or find_told_layer(store, layer.key, believed)
        for layer in plan.layers
        if layer.key
    }
    return {key: layer for key, layer in found.items() if layer is not None}


def make_plan_layers(gathered: Gathered, workshop: Workshop) -> tuple[MadeLayer, ...]:
    """Every layer of the plan, in its order; what the store lacked is in it afterwards, or known elsewhere.

    Raises:
        InputError: A wheel, a package or a source file is not what it should be, or a secret was found.
        MistoldError: A layer index told something that proved wrong: gather again.
        WorldError: Network, disk or the interpreter failed.

    """
    plan, store = gathered.plan, workshop.store
    stored = {**stored_layers(plan, store), **gathered.elsewhere}
    missing = [layer for layer in plan.layers if layer.key is not None and layer.key not in stored]
    made: dict[str, LayerBlob] = {}
    try:
        if missing:
            made = _make(missing, gathered, workshop)
    except PathConflictError as conflict:
        index, distributions = workshop.layer_index, [d for layer in missing for d in layer.distributions]
        if index is None or not look_again(conflict, distributions, workshop, plan.target, index):
            raise
        raise MistoldError from conflict
    return tuple(_made_layer(layer, stored, made) for layer in plan.layers)


def _make(missing: list[PlannedLayer], gathered: Gathered, workshop: Workshop) -> dict[str, LayerBlob]:
    from wherry.bases.debian import fetch_debs  # noqa: PLC0415 - a cached build makes nothing
    from wherry.build.layer_jobs import job_of  # noqa: PLC0415 - the same
    from wherry.layers.pool import make_layers  # noqa: PLC0415 - the same

    store, plan = workshop.store, gathered.plan
    base = plan.base
    packages = [pin for layer in missing for pin in layer.packages]
    packages += base.packages if any(layer.kind is LayerKind.SYSTEM for layer in missing) else ()
    if packages:
        fetch_debs(packages, fetcher=workshop.fetcher, store=store, mirror=workshop.mirror)
    if workshop.layer_index:
        _bring_wheels(missing, plan, workshop, workshop.layer_index)
    jobs = [job_of(layer, gathered, workshop) for layer in missing]
    store.require_space(_estimate(missing, store), f"{len(missing)} layers")
    return {job.key: blob for job, blob in make_layers(jobs, store, workshop.progress)}


def _bring_wheels(missing: list[PlannedLayer], plan: Plan, workshop: Workshop, index: LayerIndex) -> None:
    """Fetch what the layers that have to be made are made from: segments that the index has, else wheels.

    Raises:
        MistoldError: A wheel is not what the index told of it.

    """
    from wherry.build.distributions import fetch_wheels  # noqa: PLC0415 - only with a layer index
    from wherry.layers.wheel_layer import Recipe  # noqa: PLC0415 - the same

    policy = plan.policy
    for layer in missing:
        wheels = [d.file for d in layer.distributions if d.file is not None]
        lacking = [wheel for wheel in wheels if wheel.digest not in workshop.store.blobs]
        if lacking and len(wheels) > 1:
            told = index.wheels(lacking)
            fetch_wheels((unsized(w) for w in lacking if w.digest not in told), workshop, plan.target)
            recipe = Recipe(policy.layout, policy.compression, policy.bytecode, layer.prefetch)
            spared = index.bring_segments(wheels, recipe)
            lacking = [wheel for wheel in lacking if wheel.digest not in spared]
        fetch_wheels(map(unsized, lacking), workshop, plan.target)
    if index.is_disproved_by(d.file for layer in missing for d in layer.distributions if d.file is not None):
        raise MistoldError


def _estimate(missing: list[PlannedLayer], store: Store) -> int:
    """Bytes the new blobs will take: wheels and packages are about as large compressed again.

    Wheels count as large as they are, whatever a lock or a layer index says.

    """
    return sum(
        sum(store.blobs.size_bytes(d.file.digest) or 0 for d in layer.distributions if d.file is not None)
        if layer.distributions
        else layer.download_bytes or layer.unpacked_bytes or 0
        for layer in missing
    )


def _made_layer(
    layer: PlannedLayer, stored: Mapping[str, LayerBlob], made: Mapping[str, LayerBlob]
) -> MadeLayer:
    taken = planned_image_layer(layer)
    if taken is not None:
        return MadeLayer(layer, taken, reused=True)
    key = layer.key or ""
    return MadeLayer(layer, stored.get(key) or made[key], reused=key in stored)
