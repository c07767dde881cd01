"""Put the layers of one image in order. Everything it decides on comes in as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.layers.codec import codec_id
from wherry.layers.conflicts import shared_paths
from wherry.layers.deb_layer import deb_layer_key
from wherry.layers.deb_root import RootUser
from wherry.layers.model import LAYOUT_VERSION
from wherry.layers.prefetch import prefetch_below, prefetch_key, prefetch_outside
from wherry.layers.wheel_layer import wheel_layer_key
from wherry.plan.grouping import group_wheels
from wherry.plan.model import Distribution, LayerKind, Origin, Plan, PlannedLayer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wherry.bases.model import Base, DebianPin
    from wherry.layers.model import WheelFacts, WheelInput
    from wherry.plan.grouping import Group
    from wherry.plan.model import Policy, Settings
    from wherry.project.target import Target


_SHOWN: Final = 3


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
    facts: Sequence[tuple[WheelInput, WheelFacts]] = ()  # of every wheel, once all are there
    notes: tuple[str, ...] = ()


def make_plan(inputs: Inputs) -> Plan:
    """Layers bottom first: what changes least lies lowest.

    Raises:
        InputError: Two wheels own one path with different bytes.

    """
    policy = inputs.policy
    shared_paths(inputs.facts, policy.layout)
    fixed = [*_base_layers(inputs), _environment_layer(inputs)]
    late = _late_layers(inputs)
    index = [d for d in inputs.distributions if d.origin is Origin.INDEX and not d.dev]
    room = policy.max_layers - len(fixed) - len(late)
    groups = group_wheels(index, own_layer_bytes=policy.own_layer_bytes, max_groups=room)
    wheels = [_wheel_layer(inputs, group) for group in groups]
    development = [
        _group_layer(inputs, group, LayerKind.DEV, "development only, above the same production layers")
        for group in group_wheels(
            [d for d in inputs.distributions if d.dev],
            own_layer_bytes=policy.own_layer_bytes,
            max_groups=max(1, room - len(wheels)),
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
    """The base's own layers as they are, or the one made of its packages; then system packages."""
    base = inputs.base
    layers = [
        PlannedLayer(
            LayerKind.BASE,
            f"{base.name} layer {number} of {len(base.layers)}",
            "the base, as it is",
            image_layer=layer,
            download_bytes=layer.size_bytes,
        )
        for number, layer in enumerate(base.layers, 1)
    ]
    if base.packages:
        reason = f"libc and Python {base.python_full_version}, pinned in wherry.lock"
        title = f"{base.name}: {len(base.packages)} Debian packages"
        layers.append(_packages_layer(inputs, LayerKind.BASE, title, reason, base.packages))
    if base.system_packages:
        names = [pin.name for pin in base.system_packages]
        reason = "system-packages, with what the base lacks of their dependencies"
        layers.append(_packages_layer(inputs, LayerKind.SYSTEM, _some(names), reason, base.system_packages))
    return layers


def _packages_layer(
    inputs: Inputs, kind: LayerKind, title: str, reason: str, packages: tuple[DebianPin, ...]
) -> PlannedLayer:
    is_base = kind is LayerKind.BASE
    policy = inputs.policy
    prefetch = prefetch_outside(policy.prefetch, policy.layout.prefix, inputs.settings.workdir)
    key = deb_layer_key(
        packages,
        machine=inputs.target.platform.machine,
        compression=policy.compression,
        user=root_user(inputs.settings.user) if is_base else None,
        bytecode=policy.bytecode if is_base else None,
        below="" if is_base else str(inputs.base.digest),
        mtime=policy.layout.mtime,
        prefetch=prefetch,
    )
    size_bytes = sum(pin.size_bytes for pin in packages)
    return PlannedLayer(
        kind, title, reason, packages=packages, download_bytes=size_bytes, prefetch=prefetch, key=key
    )


def root_user(user: str) -> RootUser:
    """The account a base gets for *user*, ``uid:gid``: a name and a home for the number."""
    uid, _, gid = user.partition(":")
    if int(uid) == 0:
        return RootUser(0, int(gid or 0), "root", "/root")
    return RootUser(int(uid), int(gid or uid))


def _environment_layer(inputs: Inputs) -> PlannedLayer:
    base, layout = inputs.base, inputs.policy.layout
    prefetch = prefetch_below(inputs.policy.prefetch, layout.prefix)
    return PlannedLayer(
        LayerKind.ENVIRONMENT,
        f"virtual environment {layout.prefix}",
        f"uses {base.interpreter} of the base",
        download_bytes=0,
        prefetch=prefetch,
        key=_key(
            inputs,
            "environment",
            f"prefix={layout.prefix}",
            f"interpreter={base.interpreter}",
            f"python={base.python_full_version}",
            f"home={inputs.settings.user if base.layers else 'of the base'}",
            f"workdir={inputs.settings.workdir}",
            *prefetch_key(prefetch),
        ),
    )


def _late_layers(inputs: Inputs) -> list[PlannedLayer]:
    """What changes with every commit: wheels built from source trees, then the project itself."""
    local = [d for d in inputs.distributions if d.origin is Origin.BUILT and not d.dev]
    project = [d for d in inputs.distributions if d.origin is Origin.PROJECT]
    layers = [
        _group_layer(inputs, group, LayerKind.LOCAL, f"built from source: {_some(group.names)}")
        for group in group_wheels(local, own_layer_bytes=1 << 62, max_groups=1)
    ]
    layers += [
        _group_layer(inputs, group, LayerKind.PROJECT, "the project, built by its own build system")
        for group in group_wheels(project, own_layer_bytes=1 << 62, max_groups=1)
    ]
    if inputs.source is not None:
        files = inputs.source.files
        prefetch = prefetch_below(inputs.policy.prefetch, inputs.settings.workdir)
        layers.append(
            PlannedLayer(
                LayerKind.SOURCE,
                f"{files} source file{'s' * (files != 1)} in {inputs.settings.workdir}",
                "the project has no build system: its source tree",
                download_bytes=0,
                unpacked_bytes=inputs.source.size_bytes,
                prefetch=prefetch,
                key=_key(
                    inputs,
                    "source",
                    f"tree={inputs.source.digest}",
                    f"workdir={inputs.settings.workdir}",
                    *prefetch_key(prefetch),
                ),
            )
        )
    return layers


def _wheel_layer(inputs: Inputs, group: Group) -> PlannedLayer:
    unknown = sum(d.size_bytes is None for d in group.distributions)
    if unknown:
        reason = f"{unknown} of unknown size: the large ones get layers of their own once they are fetched"
        return _group_layer(inputs, group, LayerKind.WHEELS, reason)
    if len(group.distributions) > 1:
        return _group_layer(inputs, group, LayerKind.WHEELS, f"small: {_some(group.names)}")
    size = group.size_bytes
    reason = (
        "large: a layer of its own" if size >= inputs.policy.own_layer_bytes else "small, alone in its group"
    )
    return _group_layer(inputs, group, LayerKind.WHEEL, reason)


def _group_layer(inputs: Inputs, group: Group, kind: LayerKind, reason: str) -> PlannedLayer:
    members = group.distributions
    sizes = [d.size_bytes for d in members]
    known = {facts.name: facts.unpacked_bytes for _, facts in inputs.facts}
    unpacked = [known.get(d.name) for d in members]
    return PlannedLayer(
        kind,
        members[0].title if len(members) == 1 else f"{len(members)} distributions",
        reason,
        distributions=members,
        download_bytes=0 if kind is LayerKind.PROJECT else _sum(sizes),
        unpacked_bytes=_sum(unpacked),
        prefetch=prefetch_below(inputs.policy.prefetch, inputs.policy.layout.prefix),
        key=_wheels_key(inputs, members),
    )


def _wheels_key(inputs: Inputs, members: Sequence[Distribution]) -> str | None:
    files = [d.file for d in members if d.file is not None]
    if len(files) < len(members):
        return None
    policy = inputs.policy
    prefetch = prefetch_below(policy.prefetch, policy.layout.prefix)
    digests = [f.digest for f in files]
    return wheel_layer_key(digests, policy.layout, policy.compression, policy.bytecode, prefetch)


def _key(inputs: Inputs, *parts: str) -> str:
    """What the index knows a layer of plain files by."""
    codec = codec_id(inputs.policy.compression)
    return "|".join(
        (*parts, f"layout={LAYOUT_VERSION}", f"mtime={inputs.policy.layout.mtime}", f"codec={codec}")
    )


def _some(names: Collection[str]) -> str:
    """A few of the names, and how many more there are."""
    first = sorted(names)[:_SHOWN]
    return ", ".join(first) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _sum(values: Sequence[int | None]) -> int | None:
    """The total, or None where a part of it is unknown."""
    return None if any(v is None for v in values) else sum(v for v in values if v is not None)
