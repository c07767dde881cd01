"""A plan and its finished layers become an image: config, manifest and, for several platforms, an index."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.layers.model import LayerBlob
from wherry.oci import media_types
from wherry.oci.model import (
    Config,
    Descriptor,
    History,
    ImageConfig,
    PlatformSpec,
    RootFS,
    describe,
    encode,
    index_of,
    manifest_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.plan.model import Plan, PlannedLayer
    from wherry.store.store import Store

LAYER_TITLE: Final = "dev.wherry.layer"
"""Annotation of a layer's descriptor: what the layer holds, in words."""

CODEC: Final = "dev.wherry.codec"
"""Annotation of a layer's descriptor: what compressed it. Digests are promised equal for equal codecs."""


def assemble_image(plan: Plan, layers: Sequence[LayerBlob], store: Store) -> Descriptor:
    """Write the config and manifest of *plan* into the store.

    Args:
        plan: What the image is.
        layers: The finished layers, one for each of the plan's, in its order.
        store: Where the documents go; the layers are there already.

    Returns:
        The manifest's descriptor, with its platform.

    """
    annotations = _annotations(plan)
    config = encode(_config(plan, layers))
    store.blobs.add_bytes(config)
    descriptors = tuple(
        _layer_descriptor(planned, blob) for planned, blob in zip(plan.layers, layers, strict=True)
    )
    manifest = encode(manifest_of(describe(config, media_types.CONFIG), descriptors, annotations))
    store.blobs.add_bytes(manifest)
    platform = plan.target.platform
    spec = PlatformSpec(architecture=platform.architecture, os=platform.os, variant=platform.variant)
    return describe(manifest, media_types.MANIFEST, platform=spec)


def assemble_index(manifests: Sequence[Descriptor], store: Store) -> Descriptor:
    """Write the index over images for several platforms into the store; returns its descriptor."""
    index = encode(index_of(tuple(manifests)))
    store.blobs.add_bytes(index)
    return describe(index, media_types.INDEX)


def _config(plan: Plan, layers: Sequence[LayerBlob]) -> ImageConfig:
    settings = plan.settings
    created = datetime.fromtimestamp(plan.policy.layout.mtime, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    own = [
        History(created=created, created_by=f"wherry: {layer.kind.value}: {layer.title}").entry()
        for layer in plan.layers
        if layer.image_layer is None
    ]
    return ImageConfig(
        architecture=plan.target.platform.architecture,
        os=plan.target.platform.os,
        variant=plan.target.platform.variant,
        created=created,
        rootfs=RootFS.of(tuple(Digest(blob.diff_id) for blob in layers)),
        history=(*_base_history(plan), *own),
        config=Config(
            user=settings.user,
            env=tuple(f"{name}={value}" for name, value in settings.env),
            entrypoint=settings.command,
            working_dir=settings.workdir,
            exposed_ports={port: {} for port in settings.ports} or None,
            labels=dict(settings.labels) or None,
        ),
    )


def _base_history(plan: Plan) -> tuple[dict[str, object], ...]:
    """The base's own history untouched; one line a layer where the base has none that fits."""
    made = sum(not line.get("empty_layer") for line in plan.base.history)
    if made == len(plan.base.layers):
        return plan.base.history
    return tuple(
        History(created_by=f"base layer {number}").entry() for number, _ in enumerate(plan.base.layers, 1)
    )


def _layer_descriptor(planned: PlannedLayer, blob: LayerBlob) -> Descriptor:
    own = {} if planned.image_layer else {LAYER_TITLE: planned.title, CODEC: blob.codec, **blob.annotations}
    return Descriptor(
        media_type=media_types.oci_name(blob.media_type),
        digest=Digest(blob.digest),
        size_bytes=blob.size_bytes,
        annotations=own,
    )


def _annotations(plan: Plan) -> dict[str, str]:
    """The image's labels that OCI has names for, and what it stands on."""
    found = {
        name: value for name, value in plan.settings.labels if name.startswith("org.opencontainers.image.")
    }
    # The path of an image on this disk means nothing elsewhere.
    if name := plan.base.registry_name or (plan.base.name if plan.base.packages else ""):
        found["org.opencontainers.image.base.name"] = name
    if plan.base.digest is not None:
        found["org.opencontainers.image.base.digest"] = plan.base.digest
    return dict(sorted(found.items()))


def planned_image_layer(planned: PlannedLayer) -> LayerBlob | None:
    """A base's layer as a finished layer: it is copied as it is."""
    layer = planned.image_layer
    if layer is None:
        return None
    return LayerBlob(
        diff_id=layer.diff_id,
        digest=layer.digest,
        size_bytes=layer.size_bytes,
        unpacked_bytes=0,
        codec="",
        media_type=layer.media_type,
    )
