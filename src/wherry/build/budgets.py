"""Hold a finished image to the limits in ``[tool.wherry.budgets]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from wherry.build.result import BuiltImage
    from wherry.project.config import Budgets


def broken_budgets(image: BuiltImage, budgets: Budgets) -> tuple[str, ...]:
    """Every limit that *image* exceeds, in words; bytes are compressed ones, as a registry stores them."""
    largest = max(image.layers, key=lambda layer: layer.blob.size_bytes)
    broken: list[str] = []
    if budgets.max_image is not None and image.size_bytes > budgets.max_image:
        broken.append(_exceeded("max-image", image.size_bytes, budgets.max_image, "the image"))
    if budgets.max_layer is not None and largest.blob.size_bytes > budgets.max_layer:
        title = largest.planned.title
        broken.append(
            _exceeded("max-layer", largest.blob.size_bytes, budgets.max_layer, f"the layer {title}")
        )
    if budgets.max_layers is not None and len(image.layers) > budgets.max_layers:
        count = len(image.layers)
        broken.append(f"the image has {count} layers, more than max-layers = {budgets.max_layers}")
    return tuple(f"{image.plan.target.platform}: {line}" for line in broken)


def _exceeded(key: str, size_bytes: int, limit_bytes: int, what: str) -> str:
    limit, size, excess = map(readable_size, (limit_bytes, size_bytes, size_bytes - limit_bytes))
    return f"{what} has {size}, {excess} more than {key} = {limit}"
