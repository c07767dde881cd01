"""Put the layers of one image in order. Everything it decides on comes in as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.layers.deb_layer import deb_layer_key
from wherry.layers.wheel_layer import wheel_layer_key
from wherry.plan.grouping import group_wheels
from wherry.plan.model import Distribution, LayerKind, Origin, Plan, PlannedLayer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wherry.bases.model import Base
    from wherry.plan.grouping import Group, Pair
    from wherry.plan.model import Policy, Settings
    from wherry.project.target import Target


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """The project's own files, when it has no build system."""

    digest: str  # over names, modes and contents
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a plan depends on."""

    name: str
    base: Base
    target: Target
    policy: Policy
    settings: Settings
    distributions: Sequence[Distribution]
    source: SourceFacts | None = None
    unpacked_bytes: dict[str, int] | None = None  # distribution name → bytes installed, where known
    apart: Collection[Pair] = ()  # distributions that own a path in common
    notes: tuple[str, ...] = ()


def make_plan(inputs: Inputs) -> Plan:
    """Layers bottom first: what changes least lies lowest."""
    policy = inputs.policy
    fixed = [*_base_layers(inputs), _environment_layer(inputs)]
    late = _late_layers(inputs)
    index = [d for d in inputs.distributions if d.origin is Origin.INDEX and not d.dev]
    room = policy.max_layers - len(fixed) - len(late)
    groups = group_wheels(index, own_layer_bytes=policy.own_layer_bytes, max_groups=room, apart=inputs.apart)
    wheels = [_wheel_layer(inputs, group) for group in groups]
    development = [
        _group_layer(inputs, group, LayerKind.DEV, "development only, above the same production layers")
        for group in group_wheels(
            [d for d in inputs.distributions if d.dev],
            own_layer_bytes=policy.own_layer_bytes,
            max_groups=max(1, room - len(wheels)),
            apart=inputs.apart,
        )
    ]
    return Plan(
        name=inputs.name,
        target=inputs.target,
        base=inputs.base,
        policy=policy,
        settings=inputs.settings,
        layers=(*fixed, *wheels, *late, *development),
        notes=inputs.notes,
    )


def _base_layers(inputs: Inputs) -> list[PlannedLayer]:
    base = inputs.base
    taken = [
        PlannedLayer(
            LayerKind.BASE,
            f"{base.name} layer {number} of {len(base.layers)}",
            "the base, as it is",
            image_layer=layer,
            download_bytes=layer.size_bytes,
        )
        for number, layer in enumerate(base.layers, 1)
    ]
    made = [
        PlannedLayer(
            kind,
            title,
            reason,
            packages=packages,
            download_bytes=sum(p.size_bytes for p in packages),
            key=deb_layer_key(packages, below=below, user=inputs.settings.user, policy=inputs.policy),
        )
        for kind, title, reason, packages, below in (
            (
                LayerKind.BASE,
                f"{base.name} · {len(base.packages)} Debian packages",
                f"libc and Python {base.python_full_version}, pinned in wherry.lock",
                base.packages,
                (),
            ),
            (
                LayerKind.SYSTEM,
                ", ".join(p.name for p in base.system_packages[:4]) + (" …" if len(base.system_packages) > 4 else ""),  # noqa: PLR2004
                "system-packages, with what the base lacks of their dependencies",
                base.system_packages,
                base.packages,
            ),
        )
        if packages
    ]
    return taken + made


def _environment_layer(inputs: Inputs) -> PlannedLayer:
    layout = inputs.policy.layout
    return PlannedLayer(
        LayerKind.ENVIRONMENT,
        f"virtual environment {layout.prefix}",
        f"uses {inputs.base.interpreter} of the base",
        key=f"environment:{layout}:{inputs.base.interpreter}:{inputs.base.python_full_version}:{inputs.settings.user}",
    )


def _late_layers(inputs: Inputs) -> list[PlannedLayer]:
    """What changes with every commit: wheels built from source trees, then the project itself."""
    local = [d for d in inputs.distributions if d.origin is Origin.BUILT and not d.dev]
    project = [d for d in inputs.distributions if d.origin is Origin.PROJECT]
    layers = [
        _group_layer(inputs, group, LayerKind.LOCAL, "built from source")
        for group in group_wheels(local, own_layer_bytes=1 << 62, max_groups=1, apart=inputs.apart)
    ]
    layers += [
        _group_layer(inputs, group, LayerKind.PROJECT, "the project, built by its own build system")
        for group in group_wheels(project, own_layer_bytes=1 << 62, max_groups=1)
    ]
    if inputs.source is not None:
        layers.append(
            PlannedLayer(
                LayerKind.SOURCE,
                f"{inputs.source.files} source files in {inputs.settings.workdir}",
                "the project has no build system: its source tree",
                unpacked_bytes=inputs.source.size_bytes,
                key=f"source:{inputs.source.digest}:{inputs.settings.workdir}",
            )
        )
    return layers


def _wheel_layer(inputs: Inputs, group: Group) -> PlannedLayer:
    if len(group.distributions) > 1:
        return _group_layer(inputs, group, LayerKind.WHEELS, f"wheels that share a layer: {_members(group)}")
    size = group.size_bytes
    reason = "large: a layer of its own" if size >= inputs.policy.own_layer_bytes else "the only small wheel"
    return _group_layer(inputs, group, LayerKind.WHEEL, reason)


def _group_layer(inputs: Inputs, group: Group, kind: LayerKind, reason: str) -> PlannedLayer:
    members = group.distributions
    sizes = [d.size_bytes for d in members]
    known = inputs.unpacked_bytes or {}
    unpacked = [known.get(d.name) for d in members]
    return PlannedLayer(
        kind,
        members[0].title if len(members) == 1 else f"{len(members)} distributions",
        reason,
        distributions=members,
        download_bytes=_sum(sizes),
        unpacked_bytes=_sum(unpacked),
        key=_wheels_key(inputs, members),
    )


def _wheels_key(inputs: Inputs, members: Sequence[Distribution]) -> str | None:
    files = [d.file for d in members if d.file is not None]
    if len(files) < len(members):
        return None
    policy = inputs.policy
    return wheel_layer_key(
        [(f.filename, f.digest) for f in files],
        policy.layout,
        compression=policy.compression,
        bytecode=policy.bytecode,
    )


def _members(group: Group) -> str:
    names = [d.name for d in group.distributions]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004


def _sum(values: Sequence[int | None]) -> int | None:
    """The total, or None where a part of it is unknown."""
    return None if any(v is None for v in values) else sum(v for v in values if v is not None)
