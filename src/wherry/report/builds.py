"""A finished build as text for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.report.amounts import columns, seconds, size

if TYPE_CHECKING:
    from wherry.build.result import BuildResult, BuiltImage


def build_lines(result: BuildResult) -> list[str]:
    """The table at the end of a build."""
    lines: list[str] = []
    for image in result.images:
        lines += [*_layer_lines(image), ""]
    made = sum(not layer.reused for image in result.images for layer in image.layers)
    total = sum(len(image.layers) for image in result.images)
    sizes = ", ".join(size(image.size_bytes) for image in result.images)
    lines += [
        (
            f"built {result.name} in {seconds(result.seconds_s)}: {total} layers"
            f" ({made} made, {total - made} reused), {sizes} compressed"
        ),
        f"  {result.descriptor.digest}",
        *_attached_lines(result),
        *(f"  {line}" for line in result.delivered),
    ]
    return lines


def build_json(result: BuildResult) -> dict[str, Any]:
    """The same as plain JSON values, for ``--json`` and ``--metadata-file``; some keys are BuildKit's."""
    return {
        "image.name": result.name,
        "containerimage.digest": result.descriptor.digest,
        "containerimage.descriptor": {
            "mediaType": result.descriptor.media_type,
            "digest": result.descriptor.digest,
            "size": result.descriptor.size_bytes,
        },
        "seconds": round(result.seconds_s, 3),
        "images": [
            {
                "platform": str(image.plan.target.platform),
                "digest": image.descriptor.digest,
                "size_bytes": image.size_bytes,
                "unpacked_bytes": image.unpacked_bytes,
                "layers": [
                    {
                        "kind": layer.planned.kind.value,
                        "title": layer.planned.title,
                        "digest": layer.blob.digest,
                        "diff_id": layer.blob.diff_id,
                        "size_bytes": layer.blob.size_bytes,
                        "unpacked_bytes": layer.blob.unpacked_bytes,
                        "codec": layer.blob.codec,
                        "reused": layer.reused,
                    }
                    for layer in image.layers
                ],
                "attached": [
                    {
                        "artifact_type": one.artifact_type,
                        "digest": one.descriptor.digest,
                        "document": one.payload.digest,
                    }
                    for one in image.attached
                ],
            }
            for image in result.images
        ],
        "delivered": list(result.delivered),
        "notes": list(result.notes),
        "broken_budgets": list(result.broken_budgets),
    }


def _attached_lines(result: BuildResult) -> list[str]:
    """What is attached to the images: the same to each."""
    kinds = dict.fromkeys(one.artifact_type for image in result.images for one in image.attached)
    return [f"  attached: {', '.join(kinds)}"] if kinds else []


def _layer_lines(image: BuiltImage) -> list[str]:
    rows = [[f"{image.plan.target.platform}", "blob", "unpacked", ""]]
    rows += [
        [
            f"{number:>2} {layer.planned.title}",
            size(layer.blob.size_bytes),
            size(layer.blob.unpacked_bytes or None),
            "reused" if layer.reused else "made",
        ]
        for number, layer in enumerate(image.layers, 1)
    ]
    return columns(rows, right=frozenset({1, 2}))
