"""What a build did, for the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.build.attachments import Attachment
    from wherry.layers.model import LayerBlob
    from wherry.oci.model import Descriptor
    from wherry.plan.model import Plan, PlannedLayer


@dataclass(frozen=True, slots=True)
class MadeLayer:
    """One layer of a finished image."""

    planned: PlannedLayer
    blob: LayerBlob
    reused: bool  # the store had it


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """One image for one platform."""

    plan: Plan
    descriptor: Descriptor  # of the manifest
    layers: tuple[MadeLayer, ...]
    attached: tuple[Attachment, ...] = ()  # documents about it

    @property
    def size_bytes(self) -> int:
        """Compressed bytes of all layers: what a registry stores and a node pulls."""
        return sum(layer.blob.size_bytes for layer in self.layers)

    @property
    def unpacked_bytes(self) -> int:
        """Bytes of the layers' tars; the base's own layers are not counted where their size is not known."""
        return sum(layer.blob.unpacked_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True)
class BuildResult:
    """All that one call of ``build`` made."""

    name: str  # full, "app:latest"
    descriptor: Descriptor  # of the manifest, or of the index over several
    images: tuple[BuiltImage, ...]
    seconds_s: float
    delivered: tuple[str, ...] = ()  # where else it went, in words
    notes: tuple[str, ...] = ()
    broken_budgets: tuple[str, ...] = ()  # limits of the project that the image exceeds, in words
