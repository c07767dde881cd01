"""Images that the store holds: what their names mean and how large they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.digest import Digest
from wherry.oci.image import is_artifact
from wherry.oci.model import Manifest, decode_config, decode_manifest_or_index
from wherry.oci.reference import parse_tag
from wherry.oci.sources import no_such_image

if TYPE_CHECKING:
    from wherry.store.store import Store
    from wherry.store.tags import Tag


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One named image."""

    name: str
    digest: Digest  # of its manifest or index
    platforms: tuple[str, ...]
    size_bytes: int  # compressed layers and configs, each blob once
    created_s: int  # seconds since 1970


def full_name(store: Store, name: str) -> str:
    """The full name, ``app:latest``, of the image that a user calls *name*.

    Raises:
        InputError: The store has no such image; the message says which it has.

    """
    tag = parse_tag(name)
    if store.tags.get(str(tag)) is None:
        raise no_such_image(store, tag)
    return str(tag)


def stored_images(store: Store) -> list[StoredImage]:
    """Every named image, by name. An image that lost a blob is listed with what is left of it."""
    return [_image(store, name, tag) for name, tag in store.tags.items()]


def _image(store: Store, name: str, tag: Tag) -> StoredImage:
    sizes: dict[Digest, int] = {}
    platforms: list[str] = []
    for manifest in _manifests(store, Digest(tag.digest)):
        sizes.update((layer.digest, layer.size_bytes) for layer in manifest.layers)
        sizes[manifest.config.digest] = manifest.config.size_bytes
        if manifest.config.digest in store.blobs:
            config = decode_config(
                store.blobs.path(manifest.config.digest).read_bytes(), manifest.config.digest
            )
            platforms.append("/".join(filter(None, (config.os, config.architecture, config.variant))))
    return StoredImage(name, Digest(tag.digest), tuple(platforms), sum(sizes.values()), tag.created_s)


def _manifests(store: Store, digest: Digest) -> list[Manifest]:
    if digest not in store.blobs:
        return []
    document = decode_manifest_or_index(store.blobs.path(digest).read_bytes(), digest)
    if isinstance(document, Manifest):
        return [document]
    images = (entry for entry in document.manifests if not is_artifact(entry))
    return [found for entry in images for found in _manifests(store, entry.digest)]
