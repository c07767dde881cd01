"""Copy an image from anywhere to anywhere: all its platforms, byte for byte, its digests kept.

From a registry to a registry nothing touches this disk: what both are the same host for is mounted, the
rest goes straight through.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from wherry.build.deliver import hand_over
from wherry.build.whole_image import make_whole
from wherry.errors import InputError
from wherry.oci.image import StoreSource, blobs_under, copy_into, read_image, read_images
from wherry.oci.origins import Origins
from wherry.oci.reference import (
    DEFAULT_TAG,
    DockerArchiveReference,
    RegistryReference,
    StoreDigest,
    StoreTag,
    parse_reference,
)
from wherry.oci.sources import open_reference
from wherry.progress import SilentProgress
from wherry.store.tags import Tag

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.digest import Digest
    from wherry.oci.image import ImageSource
    from wherry.oci.model import Descriptor
    from wherry.oci.platform import Platform
    from wherry.oci.reference import Reference
    from wherry.oci.registry.client import Registries
    from wherry.progress import Progress
    from wherry.store.store import Store


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied."""

    to: str  # "docker://localhost:5000/app:v1", "app:latest"
    digest: Digest  # of the manifest or index that went there
    written_bytes: int  # sent or written there
    mounted_bytes: int = 0  # that a registry took over from another of its repositories
    present_bytes: int = 0  # that were there already


def copy_image(  # noqa: PLR0913 - from where, to where and how
    source_name: str,
    destination_name: str,
    store: Store,
    registries: Registries,
    *,
    platform: Platform | None = None,
    progress: Progress | None = None,
) -> Copied:
    """Copy an image.

    Args:
        source_name: Where it is: any name of an image. One with a registry's host is in that registry.
        destination_name: Where it goes; the same, and ``docker-daemon:NAME``.
        store: Our own, for names without a transport.
        registries: The command's registries.
        platform: Only the first image that fits, instead of all that the name means.
        progress: Where to announce the copying.

    Raises:
        InputError: A name is none, there is no such image, or it is not valid.
        WorldError: A registry, an engine or a disk failed.

    """
    reference, destination = parse_reference(source_name), parse_reference(destination_name)
    if isinstance(destination, StoreDigest):
        raise InputError("a digest cannot be given to an image", mend="name it: wherry copy SRC NAME")
    progress = progress or SilentProgress()
    with store.using():
        if isinstance(destination, StoreTag) and isinstance(reference, RegistryReference):
            return _pull(
                reference,
                destination,
                store=store,
                registries=registries,
                platform=platform,
                progress=progress,
            )
        source, root = open_reference(reference, store, registries, progress)
        if not isinstance(reference, StoreTag | StoreDigest | RegistryReference):
            source = _Distrusted(source)
        if platform is not None:
            root = read_image(source, root, platform).descriptor
        if isinstance(destination, RegistryReference):
            return _push(source, root, destination, store=store, registries=registries, progress=progress)
        if isinstance(destination, StoreTag):
            return _keep(source, root, destination, store, progress)
        if isinstance(source, StoreSource):
            make_whole(store, blobs_under(source, root), progress, registries)
        ref_name, full_name = _names(reference, root)
        delivered = hand_over(
            source, root, destination, ref_name=ref_name, full_name=full_name, progress=progress
        )
        return Copied(delivered.to, delivered.digest, delivered.size_bytes)


class _Distrusted:
    """A source whose files are read through, and checked, where those of our store may be linked."""

    def __init__(self, source: ImageSource) -> None:
        self._source = source

    @property
    def name(self) -> str:
        return self._source.name

    def roots(self) -> tuple[Descriptor, ...]:
        return self._source.roots()

    def open(self, digest: Digest) -> IO[bytes]:
        return self._source.open(digest)

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's name
        return None


def _pull(  # noqa: PLR0913 - as `copy_image`
    reference: RegistryReference,
    destination: StoreTag,
    *,
    store: Store,
    registries: Registries,
    platform: Platform | None,
    progress: Progress,
) -> Copied:
    from wherry.build.pull import pull_image  # noqa: PLC0415 - only with a registry

    pulled = pull_image(reference, store, registries, name=destination, platform=platform, progress=progress)
    present_bytes = max(pulled.size_bytes - pulled.moved_bytes, 0)
    return Copied(pulled.name, pulled.digest, pulled.moved_bytes, present_bytes=present_bytes)


def _push(  # noqa: PLR0913 - as `copy_image`
    source: ImageSource,
    root: Descriptor,
    destination: RegistryReference,
    *,
    store: Store,
    registries: Registries,
    progress: Progress,
) -> Copied:
    from wherry.oci.registry.push import push_image  # noqa: PLC0415 - only with a registry

    pushed = push_image(
        source,
        root,
        destination,
        registries,
        origins=Origins(store).of,
        progress=progress,
        store=store,
    )
    return Copied(
        pushed.reference,
        pushed.digest,
        pushed.sent_bytes + pushed.copied_bytes,
        pushed.mounted_bytes,
        pushed.present_bytes,
    )


def _keep(
    source: ImageSource, root: Descriptor, destination: StoreTag, store: Store, progress: Progress
) -> Copied:
    read_images(source, root)  # what is none is refused before a byte is copied
    blobs = blobs_under(source, root)
    missing = [blob for blob in blobs if blob.digest not in store.blobs]
    if not isinstance(source, StoreSource):
        copy_into(source, store, missing, progress)
    store.tags.put(
        str(destination),
        Tag(
            digest=root.digest,
            size_bytes=root.size_bytes,
            media_type=root.media_type,
            created_s=int(time.time()),
        ),
    )
    written_bytes = sum(blob.size_bytes for blob in missing)
    present_bytes = sum(blob.size_bytes for blob in blobs) - written_bytes
    return Copied(str(destination), root.digest, written_bytes, present_bytes=present_bytes)


def _names(reference: Reference, root: Descriptor) -> tuple[str, str]:
    """What a layout and what docker call the image when nobody says: ``v1`` and ``app:v1``."""
    match reference:
        case StoreTag(_, tag):
            return tag, str(reference)
        case RegistryReference(host, repository, tag, digest) if tag or not digest:
            return tag, f"{host}/{repository}:{tag or DEFAULT_TAG}"
        case DockerArchiveReference():
            return root.ref_name.rpartition(":")[2], root.ref_name
    return root.ref_name, ""
