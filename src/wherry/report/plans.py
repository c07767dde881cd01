"""A plan as text for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wherry.report.amounts import columns, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.layers.model import LayerBlob
    from wherry.plan.model import Plan, PlannedLayer


def plan_lines(plan: Plan, stored: Mapping[str, LayerBlob]) -> list[str]:
    """The plan as lines of text.

    Args:
        plan: The plan of one image.
        stored: The layers that the store already has, by key.

    """
    settings = plan.settings
    rows = [["layer", "download", "unpacked", "store", "why"]]
    rows += [
        [
            f"{number:>2} {layer.title}",
            "" if layer.download_bytes == 0 else size(layer.download_bytes),
            size(_unpacked_bytes(layer, stored)),
            "has it" if layer.key in stored else "",
            layer.reason,
        ]
        for number, layer in enumerate(plan.layers, 1)
    ]
    head = [
        f"{plan.name} for {plan.target.platform}: Python {plan.base.python_full_version} on {plan.base.name}",
        f"  runs {_shell(settings.command)}   ({settings.command_reason})",
        f"  as user {settings.user} in {settings.workdir}"
        + (f", ports {', '.join(settings.ports)}" if settings.ports else ""),
        "",
    ]
    notes = ["", *(f"note: {note}" for note in plan.notes)] if plan.notes else []
    return [*head, *columns(rows, right=frozenset({1, 2})), *notes]


def plan_json(plan: Plan, stored: Mapping[str, LayerBlob]) -> dict[str, Any]:
    """The plan as plain JSON values; sizes are bytes, null where not known."""
    return {
        "name": plan.name,
        "platform": str(plan.target.platform),
        "python": plan.base.python_full_version,
        "base": plan.base.name,
        "command": list(plan.settings.command),
        "command_reason": plan.settings.command_reason,
        "user": plan.settings.user,
        "workdir": plan.settings.workdir,
        "env": dict(plan.settings.env),
        "ports": list(plan.settings.ports),
        "layers": [
            {
                "kind": layer.kind.value,
                "title": layer.title,
                "reason": layer.reason,
                "distributions": [
                    {"name": d.name, "version": d.version, "file": d.file.filename if d.file else None}
                    for d in layer.distributions
                ],
                "packages": [{"name": p.name, "version": p.version} for p in layer.packages],
                "download_bytes": layer.download_bytes,
                "unpacked_bytes": _unpacked_bytes(layer, stored),
                "key": layer.key,
                "stored": layer.key in stored,
            }
            for layer in plan.layers
        ],
        "notes": list(plan.notes),
    }


def _unpacked_bytes(layer: PlannedLayer, stored: Mapping[str, LayerBlob]) -> int | None:
    """What the finished layer has where there is one; else what its wheels or files have."""
    blob = stored.get(layer.key or "")
    return blob.unpacked_bytes if blob else layer.unpacked_bytes


def _shell(argv: tuple[str, ...]) -> str:
    import shlex  # noqa: PLC0415 - only for display

    return shlex.join(argv)
