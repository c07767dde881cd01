"""Bring an image of a registry into the store, whole, under its full name."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.errors import InputError
from wherry.oci import media_types
from wherry.oci.image import blobs_under, read_document, read_image, read_images
from wherry.oci.origins import Origins
from wherry.oci.reference import (
    DEFAULT_TAG,
    RegistryReference,
    StoreDigest,
    StoreTag,
    parse_reference,
)
from wherry.oci.registry.fetching import fetch_blobs
from wherry.oci.registry.pull import open_registry
from wherry.progress import SilentProgress
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from wherry.digest import Digest
    from wherry.oci.model import Descriptor
    from wherry.oci.platform import Platform
    from wherry.oci.registry.client import Registries
    from wherry.oci.registry.pull import RegistrySource
    from wherry.progress import Progress
    from wherry.store.store import Store


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that the store has now."""

    reference: str  # as it was asked for, with its transport
    name: str  # its tag in the store; empty for one that is known by its digest alone
    digest: Digest  # of the manifest or index
    size_bytes: int  # all of it, each blob once
    moved_bytes: int  # of which so many came over the network now


def parse_registry_reference(text: str) -> RegistryReference:
    """Read ``docker://HOST/NAME[:TAG][@DIGEST]``, or the same without ``docker://``.

    Raises:
        InputError: It names no registry.

    """
    reference = parse_reference(text)
    if not isinstance(reference, RegistryReference):
        raise InputError(f"{text[:300]!r} names no registry", mend=_with_registry(text, reference))
    return reference


def pull_image(  # noqa: PLR0913 - what, where to and how
    reference: RegistryReference,
    store: Store,
    registries: Registries,
    *,
    name: StoreTag | None = None,
    platform: Platform | None = None,
    progress: Progress | None = None,
) -> Pulled:
    """Have the image that *reference* names in the store.

    Args:
        reference: The image.
        store: Where it goes. What it has of the image is not asked for.
        registries: The command's registries.
        name: What the store calls it. If None: its full name, or nothing if it is named by its digest.
        platform: Only the first image that fits, instead of all that the name means.
        progress: Where to announce the transfer.

    Raises:
        InputError: What lies there is no image, or not a valid one.
        WorldError: The registry or the disk failed.

    """
    progress = progress or SilentProgress()
    tag = name or _own_name(reference)
    with store.using():
        source, root = open_registry(reference, registries, store=store, progress=progress)
        if platform is not None:
            root = read_image(source, root, platform).descriptor
        blobs = blobs_under(source, root)
        fetched_bytes = _fetch(source, root, blobs, store, progress)
        if tag is not None:
            store.tags.put(
                str(tag),
                Tag(
                    digest=root.digest,
                    size_bytes=root.size_bytes,
                    media_type=root.media_type,
                    created_s=int(time.time()),
                ),
            )
    return Pulled(
        reference=str(reference),
        name=str(tag or ""),
        digest=root.digest,
        size_bytes=sum(blob.size_bytes for blob in blobs),
        moved_bytes=source.moved_bytes + fetched_bytes,
    )


def _fetch(
    source: RegistrySource,
    root: Descriptor,
    blobs: tuple[Descriptor, ...],
    store: Store,
    progress: Progress,
) -> int:
    """Configs, which tell whether it is an image at all; then layers, then what names them, the root last."""
    documents = [blob for blob in blobs if _is_manifest(blob)]
    configs = [blob for blob in blobs if blob.media_type in media_types.CONFIGS]
    moved = fetch_blobs(source, configs, store, progress)
    read_images(source, root)
    contents = [blob for blob in blobs if not _is_manifest(blob)]
    moved += fetch_blobs(source, contents, store, progress)
    for blob in documents:
        store.blobs.add_bytes(read_document(source, blob))
    origins = Origins(store)
    for blob in contents:
        origins.note(blob.digest, source.origin)
    return moved


def _is_manifest(blob: Descriptor) -> bool:
    return blob.media_type in media_types.MANIFESTS | media_types.INDEXES


def _own_name(reference: RegistryReference) -> StoreTag | None:
    """The full name of what a tag means. A digest alone is no name, and needs none to be found."""
    if reference.digest is not None and not reference.tag:
        return None
    return StoreTag(f"{reference.host}/{reference.repository}", reference.tag or DEFAULT_TAG)


def _with_registry(text: str, reference: object) -> str:
    if isinstance(reference, StoreTag):
        path = reference.repository if "/" in reference.repository else f"library/{reference.repository}"
        return f"write the whole name: docker.io/{path}:{reference.tag}"
    if isinstance(reference, StoreDigest):
        return f"write the whole name: HOST/NAME@{reference}"
    return f"to bring it into the store: wherry copy {text} NAME"
