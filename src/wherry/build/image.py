"""Plan and build: the two things that the command line asks for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from wherry.build.base import find_base
from wherry.build.budgets import broken_budgets
from wherry.build.gather import gather
from wherry.build.make_layers import make_plan_layers, stored_layers
from wherry.build.result import BuildResult, BuiltImage
from wherry.build.workshop import open_workshop
from wherry.oci.platform import Platform
from wherry.oci.reference import parse_tag
from wherry.project.locks.read import require_lock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.build.deliver import Destination
    from wherry.build.gather import Gathered
    from wherry.build.options import BuildOptions
    from wherry.build.workshop import Workshop
    from wherry.layers.model import LayerBlob
    from wherry.oci.model import Descriptor
    from wherry.plan.model import Plan
    from wherry.progress import Progress
    from wherry.store.store import Store


def plan_images(
    options: BuildOptions, store: Store, progress: Progress
) -> list[tuple[Plan, Mapping[str, LayerBlob]]]:
    """The plan for each platform, and those of its layers that the store has, by key.

    Raises:
        InputError: Something the user wrote is not valid.
        WorldError: Network, disk or a program failed.

    """
    with store.using():
        workshop = _open(options, store, progress)
        bases = [find_base(platform, workshop) for platform in _platforms(workshop)]
        plans = [gather(base, workshop, dry=True).plan for base in bases]
        return [(plan, stored_layers(plan, store)) for plan in plans]


def build_image(
    options: BuildOptions, store: Store, progress: Progress, destinations: Sequence[Destination] = ()
) -> BuildResult:
    """Build the project's image for every platform, name it in the store, and hand it over.

    Args:
        options: What the user asked for.
        store: Where the image goes.
        progress: Told of all that takes time.
        destinations: Where else it goes.

    Raises:
        InputError: Something the user wrote, or an input, is not valid.
        WorldError: Network, disk or a program failed.

    """
    started = time.monotonic()
    with store.using():
        workshop = _open(options, store, progress)
        name = str(parse_tag(options.name or workshop.project.image_name))
        gathered = [gather(find_base(p, workshop), workshop, dry=False) for p in _platforms(workshop)]
        images = tuple(_build(one, workshop) for one in gathered)
        descriptor = _name(name, [image.descriptor for image in images], store)
        budgets = workshop.project.config.budgets
        broken = tuple(line for image in images for line in broken_budgets(image, budgets))
        # An image over its budget is kept to be looked at, and goes nowhere.
        delivered = tuple(_deliver(name, to, workshop) for to in destinations if not broken)
    return BuildResult(
        name=name,
        descriptor=descriptor,
        images=images,
        seconds_s=time.monotonic() - started,
        delivered=delivered,
        broken_budgets=broken,
        notes=tuple(dict.fromkeys(note for one in gathered for note in one.plan.notes)),
    )


def _open(options: BuildOptions, store: Store, progress: Progress) -> Workshop:
    """The workshop of a project that can be built: what it lacks is said before its base is pinned."""
    workshop = open_workshop(options, store, progress)
    config = workshop.project.config
    require_lock(workshop.project, groups=config.groups, extras=config.extras)
    return workshop


def _platforms(workshop: Workshop) -> tuple[Platform, ...]:
    """What to build for: as asked, as configured, else for this machine's processor."""
    return workshop.options.platforms or workshop.project.config.platforms or (Platform.of_host(),)


def _build(gathered: Gathered, workshop: Workshop) -> BuiltImage:
    from wherry.build.assemble import assemble_image  # noqa: PLC0415 - a plan assembles nothing

    layers = make_plan_layers(gathered, workshop)
    descriptor = assemble_image(gathered.plan, [layer.blob for layer in layers], workshop.store)
    image = BuiltImage(gathered.plan, descriptor, layers)
    if workshop.options.sbom or workshop.options.provenance:
        from wherry.build.attachments import attach_documents  # noqa: PLC0415 - only where asked for

        image = attach_documents(image, gathered, workshop)
    return image


def _name(name: str, manifests: Sequence[Descriptor], store: Store) -> Descriptor:
    """Let *name* mean the image, or the index over several; returns what it means now."""
    from wherry.build.assemble import assemble_index  # noqa: PLC0415 - a plan names nothing
    from wherry.store.tags import Tag  # noqa: PLC0415 - the same

    descriptor = manifests[0] if len(manifests) == 1 else assemble_index(manifests, store)
    store.tags.put(
        name,
        Tag(
            digest=descriptor.digest,
            size_bytes=descriptor.size_bytes,
            media_type=descriptor.media_type,
            created_s=int(time.time()),
        ),
    )
    return descriptor


def _deliver(name: str, destination: Destination, workshop: Workshop) -> str:
    from wherry.build.deliver import deliver  # noqa: PLC0415 - most builds stay in the store

    options = workshop.options
    given = deliver(
        workshop.store,
        name,
        destination,
        workshop.progress,
        offline=options.offline,
        plain_http=options.plain_http,
    )
    return given.words
