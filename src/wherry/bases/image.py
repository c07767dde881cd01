"""An image on this disk as a base: what a plan may know of it, with its blobs brought into the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.bases.image_base import base_of_image, debian_image_of
from wherry.bases.image_pins import pin_image
from wherry.bases.image_scan import ImageFacts, scan_image
from wherry.bases.model import WantedPython
from wherry.oci.image import copy_into, read_image
from wherry.oci.sources import open_image

if TYPE_CHECKING:
    from wherry.bases.image_base import DebianImage
    from wherry.bases.model import Base
    from wherry.digest import Digest
    from wherry.oci.image import Image, ImageSource
    from wherry.oci.platform import Platform
    from wherry.progress import Progress
    from wherry.store.store import Store

SCAN_VERSION: Final = 1
"""Raised when the same image would give other facts. What is laid over images then needs another
`wherry.layers.deb_layer.DEB_LAYOUT_VERSION` too."""

_INDEX: Final = "bases"


def base_from_layout(
    name: str,
    platform: Platform,
    store: Store,
    *,
    python: WantedPython | None = None,
    progress: Progress | None = None,
) -> Base:
    """The image called *name* as a base; its layers are in the store afterwards.

    Args:
        name: ``oci:DIR``, ``oci-archive:FILE``, ``docker-archive:FILE`` or a tag in the store.
        platform: What the image must be for.
        store: Where the layers go, and where what was found is remembered by the manifest's digest.
        python: Which Pythons will do; None takes the first that PATH finds.
        progress: Told of the bytes copied.

    Raises:
        InputError: No such image, none for the platform, a damaged one, or none of the Python or
            libc that is needed.
        WorldError: The store cannot take it.

    """
    source, root = open_image(name, store)
    image = read_image(source, root, platform)
    copy_into(source, store, (layer for layer, _ in image.layers()), progress)
    pinned = pin_image(image, image_facts(source, image, store))
    return base_of_image(name, platform, image.descriptor.digest, pinned, python=python or WantedPython())


def debian_image(name: str, platform: Platform, store: Store) -> DebianImage:
    """What the image called *name*, as for `base_from_layout`, is to Debian packages laid over it.

    Raises:
        InputError: No such image, a damaged one, or one that is not of a Debian suite we know.

    """
    digest, facts = read_facts(name, platform, store)
    return debian_image_of(name, digest, facts.codename, facts.packages)


def read_facts(name: str, platform: Platform, store: Store) -> tuple[Digest, ImageFacts]:
    """The digest of the manifest that *name* stands for, and what the image's layers hold.

    Raises:
        InputError: No such image, none for the platform, or a damaged one.

    """
    source, root = open_image(name, store)
    image = read_image(source, root, platform)
    return image.descriptor.digest, image_facts(source, image, store)


def image_facts(source: ImageSource, image: Image, store: Store) -> ImageFacts:
    """What the layers of *image* hold, remembered by the manifest's digest."""
    known = known_facts(image.descriptor.digest, store)
    if known is not None:
        return known
    facts = scan_image(source, image)
    store.index.put(_INDEX, _key(image.descriptor.digest), facts)
    return facts


def known_facts(digest: Digest, store: Store) -> ImageFacts | None:
    """What the store remembers of the image whose manifest has that *digest*."""
    return store.index.get(_INDEX, _key(digest), ImageFacts)


def _key(digest: Digest) -> str:
    return f"{SCAN_VERSION} {digest}"
