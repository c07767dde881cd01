"""Plan and build: the two things that the command line asks for."""

from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from wherry.build.base import find_base
from wherry.build.base_pins import asked_platforms, plain_hosts
from wherry.build.budgets import broken_budgets
from wherry.build.gather import gather
from wherry.build.make_layers import make_plan_layers, stored_layers
from wherry.build.mistold import MistoldError
from wherry.build.prefetch import prefetch_notes
from wherry.build.result import BuildResult, BuiltImage
from wherry.build.workshop import open_workshop
from wherry.oci.reference import RegistryReference, parse_tag
from wherry.project.locks.read import require_lock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.build.base import FoundBase
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
        bases = [find_base(platform, workshop) for platform in asked_platforms(workshop)]
        plans = [gather(base, workshop, dry=True).plan for base in bases]
        believed = _believed(workshop)
        return [(plan, stored_layers(plan, store, believed)) for plan in plans]


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
    pushes = any(isinstance(to, RegistryReference) for to in destinations)
    # What only goes to a registry need not be here where a registry has it.
    whole = not pushes or not all(isinstance(to, RegistryReference) for to in destinations)
    with store.using(), _asking(_open(options, store, progress), pushes=pushes) as (workshop, told):
        name = str(parse_tag(options.name or workshop.project.image_name))
        _require_push(destinations, workshop)
        bases = [find_base(platform, workshop) for platform in asked_platforms(workshop)]
        gathered = [gather(base, workshop, dry=False, whole=whole) for base in bases]
        images = tuple(
            _build(base, one, workshop, whole=whole) for base, one in zip(bases, gathered, strict=True)
        )
        descriptor = _name(name, [image.descriptor for image in images], store)
        budgets = workshop.project.config.budgets
        broken = tuple(line for image in images for line in broken_budgets(image, budgets))
        # An image over its budget is kept to be looked at, and goes nowhere.
        delivered = tuple(_deliver(name, to, workshop) for to in destinations if not broken)
        notes = [note for image in images for note in image.plan.notes]
        notes += prefetch_notes(images, workshop)
        if workshop.layer_index:
            notes += workshop.layer_index.notes
        if told and not broken:
            lines, remarks = _tell(told, images, workshop)
            delivered, notes = (*delivered, *lines), [*notes, *remarks]
    return BuildResult(
        name=name,
        descriptor=descriptor,
        images=images,
        seconds_s=time.monotonic() - started,
        delivered=delivered,
        broken_budgets=broken,
        notes=tuple(dict.fromkeys(notes)),
    )


def _believed(workshop: Workshop) -> str:
    """The layer index that a build of the project believes: what it told before counts as here; "": none."""
    options, config = workshop.options, workshop.project.config
    if not (options.cache_from or config.cache):
        return ""
    from wherry.build.layer_index.chosen import choose_indexes, name_of  # noqa: PLC0415 - few builds have an index

    asked = choose_indexes(options, config, pushes=False).asked
    return name_of(asked) if asked else ""


@contextmanager
def _asking(workshop: Workshop, *, pushes: bool) -> Iterator[tuple[Workshop, RegistryReference | None]]:
    """The workshop with the layer index that is to be asked, and the one that is to be told."""
    options, config = workshop.options, workshop.project.config
    if not (options.cache_from or options.cache_to or config.cache):
        yield workshop, None
        return
    from wherry.build.layer_index.chosen import choose_indexes  # noqa: PLC0415 - few builds have an index
    from wherry.build.layer_index.index import LayerIndex  # noqa: PLC0415 - the same

    chosen = choose_indexes(options, config, pushes=pushes)
    reference = chosen.asked or chosen.told
    if reference is None:
        yield workshop, None
        return
    index = LayerIndex(
        reference,
        workshop.store,
        workshop.progress,
        plain_http=plain_hosts(workshop),
        asks=chosen.is_online,
        believes=chosen.asked is not None,
    )
    with closing(index):
        yield replace(workshop, layer_index=index), chosen.told


def _tell(
    told: RegistryReference, images: Sequence[BuiltImage], workshop: Workshop
) -> tuple[list[str], list[str]]:
    """Tell a layer index of *images*: what it was told, and what went wrong, in words."""
    from wherry.build.layer_index.publish import tell  # noqa: PLC0415 - few builds have an index

    done = tell(
        told,
        images,
        workshop.store,
        workshop.progress,
        asked=workshop.layer_index,
        plain_http=plain_hosts(workshop),
    )
    return [done.line] if done.line else [], [done.note] if done.note else []


def _open(options: BuildOptions, store: Store, progress: Progress) -> Workshop:
    """The workshop of a project that can be built: what it lacks is said before its base is pinned."""
    workshop = open_workshop(options, store, progress)
    config = workshop.project.config
    require_lock(workshop.project, groups=config.groups, extras=config.extras)
    return workshop


def _build(base: FoundBase, gathered: Gathered, workshop: Workshop, *, whole: bool) -> BuiltImage:
    from wherry.build.assemble import assemble_image  # noqa: PLC0415 - a plan assembles nothing

    while True:
        try:
            layers = make_plan_layers(gathered, workshop)
            break
        except MistoldError:  # each time one thing less is told
            gathered = gather(base, workshop, dry=False, whole=whole)
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


def _require_push(destinations: Sequence[Destination], workshop: Workshop) -> None:
    """See that the image can go where it is to be pushed, before an hour is spent on it."""
    targets = [to for to in destinations if isinstance(to, RegistryReference)]
    if not targets or workshop.options.offline:
        return
    from wherry.build.push import require_push  # noqa: PLC0415 - most builds stay in the store

    plain = frozenset().union(*(plain_hosts(workshop, to) for to in targets))
    require_push(targets, plain_http=plain)


def _deliver(name: str, destination: Destination, workshop: Workshop) -> str:
    from wherry.build.deliver import deliver  # noqa: PLC0415 - most builds stay in the store

    options = workshop.options
    given = deliver(
        workshop.store,
        name,
        destination,
        workshop.progress,
        offline=options.offline,
        plain_http=plain_hosts(workshop, destination),
    )
    return given.words
