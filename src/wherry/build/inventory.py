"""Images that the store holds: what their names mean and how large they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.model import Manifest, decode_config, decode_manifest_or_index
from wherry.oci.reference import parse_tag

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


def image_tag(store: Store, name: str) -> tuple[str, Tag]:
    """The full name and the tag of the image that a user calls *name*.

    Raises:
        InputError: The store has no such image; the message says which it has.

    """
    full = str(parse_tag(name))
    tag = store.tags.get(full)
    if tag is None:
        from difflib import get_close_matches  # noqa: PLC0415 - only for a mistyped name

        known = [existing for existing, _ in store.tags.items()]
        near = get_close_matches(full, known, 1)
        mend = (
            f"did you mean {near[0]}?"
            if near
            else "'wherry images' lists them; 'wherry build -t NAME' makes one"
        )
        raise InputError(f"there is no image {full} in the store", where=str(store.root), mend=mend)
    return full, tag


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
    return [found for entry in document.manifests for found in _manifests(store, entry.digest)]
