"""An image in a registry as a base: what its name means, and what is pinned of it after a look at its bytes.

The look is taken once, when the base is locked: every layer passes by, verified, and what a plan needs goes
into ``wherry.lock``. Later builds, on whatever machine, then ask the registry nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from wherry.bases.image_pins import image_fault, pin_image
from wherry.bases.pins import PlatformPins
from wherry.errors import InputError
from wherry.fetch.failures import NotFoundError
from wherry.oci.image import StoreSource, read_image
from wherry.oci.origins import Origin, Origins
from wherry.oci.platform import SUPPORTED, Platform
from wherry.oci.reference import (
    DEFAULT_TAG,
    DOCKER_HUB,
    DOCKER_HUB_NAMES,
    RegistryReference,
    parse_reference,
    repository_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wherry.bases.image_scan import ImageFacts
    from wherry.bases.model import Base, ImageLayer
    from wherry.digest import Digest
    from wherry.oci.image import Image
    from wherry.oci.registry.client import Registries
    from wherry.oci.registry.pull import RegistrySource
    from wherry.progress import Progress
    from wherry.store.store import Store

_TRANSPORT: Final = "docker://"


def base_reference(name: str) -> RegistryReference:
    """The image in a registry that *name* means where a base is named, and only there.

    As with ``FROM``: ``python:3.12-slim`` is ``docker.io/library/python:3.12-slim``, ``nvidia/cuda`` is
    ``docker.io/nvidia/cuda``; everything else names its host.

    Raises:
        InputError: It can be no image's name.

    """
    text = name.removeprefix(_TRANSPORT)
    host, slash, _ = text.partition("/")
    if not slash or not (host == "localhost" or "." in host or ":" in host):
        text = f"{DOCKER_HUB}/{text}"
    found = parse_reference(f"{_TRANSPORT}{text}")
    if not isinstance(found, RegistryReference):
        msg = f"{text!r} was read as another kind of name"
        raise TypeError(msg)
    tag = found.tag or ("" if found.digest else DEFAULT_TAG)
    host = DOCKER_HUB if found.host in DOCKER_HUB_NAMES else found.host
    return RegistryReference(host, repository_of(found), tag, found.digest)


def full_name(reference: RegistryReference) -> str:
    """What the image is called by whoever assumes no registry (annotations.md, ``base.name``)."""
    if reference.tag:
        return f"{reference.host}/{reference.repository}:{reference.tag}"
    return f"{reference.host}/{reference.repository}@{reference.digest}"


def pin_registry_image(
    reference: RegistryReference,
    needed: Collection[Platform],
    store: Store,
    registries: Registries,
    progress: Progress,
) -> tuple[Digest, dict[str, PlatformPins]]:
    """Ask the registry what *reference* means now, and look at its layers.

    Args:
        reference: The image.
        needed: The platforms that it must be there for. Of all others that wherry knows, those it has.
        store: Remembers what was seen, and keeps the layers of the needed platforms.
        registries: Where to ask.
        progress: Told of what takes time.

    Returns:
        The digest of what the name means, an index or a manifest, and the pins by platform.

    Raises:
        InputError: There is no image for a needed platform, or what the registry has for any
            platform is damaged.
        WorldError: The registry cannot be asked, does not let us, or has no such image.

    """
    from wherry.oci.registry.pull import open_registry  # noqa: PLC0415 - a pinned base asks no registry

    source, root = open_registry(reference, registries, progress=progress)
    pins = {str(p): _pins(source, read_image(source, root, p), store, progress, keep=True) for p in needed}
    others: dict[str, Image] = {}
    for platform in map(Platform.parse, SUPPORTED):
        if str(platform) not in pins:
            # Not for it, or a mirror that has copied less than the whole index.
            with suppress(InputError, NotFoundError):
                others[str(platform)] = read_image(source, root, platform)
    for name, image in others.items():  # what is there is whole, or nothing is locked
        with suppress(NotFoundError):  # a mirror that has the manifest and not the layers
            pins[name] = _pins(source, image, store, progress, keep=False)
    return root.digest, pins


def look_at_pinned(
    base: Base, digest: Digest, store: Store, registries: Registries, progress: Progress
) -> None:
    """Have the store know all that the layers of a base hold, where more is needed than the lock has.

    Args:
        base: An image in a registry, as it was pinned.
        digest: Of its manifest.
        store: Remembers what was seen.
        registries: Where the image is.
        progress: Told of what takes time.

    Raises:
        WorldError: The registry cannot be asked, or has the image no more.

    """
    from wherry.oci.registry.pull import open_registry  # noqa: PLC0415 - few builds look again

    named = base_reference(base.registry_name)
    try:
        source, root = open_registry(
            RegistryReference(named.host, named.repository, "", digest), registries, progress=progress
        )
        _facts(source, read_image(source, root, base.platform), store, progress, keep=True)
    except NotFoundError as error:
        raise NotFoundError(
            f"the registry no longer has the base that wherry.lock pins, {digest}",
            where=base.registry_name,
            mend="wherry lock --upgrade base",
        ) from error


def note_origins(reference: RegistryReference, layers: Iterable[ImageLayer], store: Store) -> None:
    """Remember where the *layers* of a pinned image are, for whoever needs their bytes or mounts them.

    Raises:
        WorldError: The store cannot be written.

    """
    origins = Origins(store)
    for layer in layers:
        origins.note(layer.digest, Origin(reference.host, reference.repository))


def _pins(
    source: RegistrySource, image: Image, store: Store, progress: Progress, *, keep: bool
) -> PlatformPins:
    facts = _facts(source, image, store, progress, keep=keep)
    pinned = pin_image(image, facts)
    if fault := image_fault(pinned):  # which would be found when the lock is read
        where = f"{source.name}: {image.descriptor.digest}"
        raise InputError(f"the image has {fault}", where=where, mend="name another image as the base")
    return PlatformPins(digest=image.descriptor.digest, image=pinned)


def _facts(
    source: RegistrySource, image: Image, store: Store, progress: Progress, *, keep: bool
) -> ImageFacts:
    """What the layers hold: those that are kept come in parallel and resumed, others only pass by."""
    from wherry.bases.image import image_facts, known_facts  # noqa: PLC0415 - a pinned base is not looked at
    from wherry.oci.registry.fetching import fetch_blobs  # noqa: PLC0415 - the same

    known = known_facts(image.descriptor.digest, store)
    if known is not None:
        return known
    if keep:
        fetch_blobs(source, [layer for layer, _ in image.layers()], store, progress)
        return image_facts(StoreSource(store, image.descriptor), image, store)
    with progress.task(f"looking at {source.name}"):
        return image_facts(source, image, store)
