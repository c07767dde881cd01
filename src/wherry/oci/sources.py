"""Open whatever an image name points at, on this machine or in a registry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci import media_types
from wherry.oci.archive_source import DockerArchiveSource, OciArchiveSource
from wherry.oci.image import StoreSource, choose_root
from wherry.oci.layout import LayoutSource
from wherry.oci.model import MAX_DOCUMENT_BYTES, Descriptor, Index, decode_manifest_or_index
from wherry.oci.reference import (
    DEFAULT_TAG,
    DaemonReference,
    DockerArchiveReference,
    LayoutReference,
    OciArchiveReference,
    RegistryReference,
    StoreDigest,
    StoreTag,
    parse_reference,
)

if TYPE_CHECKING:
    from wherry.oci.image import ImageSource
    from wherry.oci.reference import Reference
    from wherry.oci.registry.client import Registries
    from wherry.progress import Progress
    from wherry.store.store import Store


def open_image(name: str, store: Store) -> tuple[ImageSource, Descriptor]:
    """The source that holds the image a user calls *name*, and its manifest or index there.

    Raises:
        InputError: That is no image's name, or there is no such image on this machine.

    """
    return open_reference(parse_reference(name), store)


def open_reference(
    reference: Reference,
    store: Store,
    registries: Registries | None = None,
    progress: Progress | None = None,
) -> tuple[ImageSource, Descriptor]:
    """As `open_image`, for a name that was read already.

    Args:
        reference: The name.
        store: Our own store.
        registries: Where a registry's name is looked up; without them it means what was pulled from there.
        progress: Told of what a registry warns of.

    Raises:
        InputError: There is no such image on this machine, or what a registry has is none.
        WorldError: The registry failed, or has no such image.

    """
    match reference:
        case StoreTag() | StoreDigest():
            return _stored(store, reference)
        case RegistryReference(host, repository, tag, digest):
            if registries is not None:
                from wherry.oci.registry.pull import open_registry  # noqa: PLC0415 - urllib3, only when needed

                return open_registry(reference, registries, progress=progress)
            stored = StoreDigest(digest) if digest else StoreTag(f"{host}/{repository}", tag or DEFAULT_TAG)
            return _pulled(store, stored, reference)
        case LayoutReference(path, tag):
            source: ImageSource = LayoutSource(path)
        case OciArchiveReference(path, tag):
            source = OciArchiveSource(path)
        case DockerArchiveReference(path, tag):
            source = DockerArchiveSource(path)
        case DaemonReference(name):
            mend = f"run: docker save -o FILE {name}, and give docker-archive:FILE"
            raise InputError("wherry does not read images out of a Docker daemon", where=name, mend=mend)
    return source, choose_root(source, tag)


def find_in_store(store: Store, name: StoreTag | StoreDigest) -> Descriptor | None:
    """The manifest or index that *name* means in our own store; ``None`` when there is none."""
    if isinstance(name, StoreDigest):
        return _by_digest(store, name.digest)
    tag = store.tags.get(str(name))
    if tag is None:
        return None
    return Descriptor(media_type=tag.media_type, digest=Digest(tag.digest), size_bytes=tag.size_bytes)


def no_such_image(store: Store, name: StoreTag | StoreDigest) -> InputError:
    """What to raise when the store has no image of that *name*; it says which was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistyped name

    known = [tag for tag, _ in store.tags.items()]
    # The tag that most names end in would make any two of them alike.
    short = {tag.removesuffix(f":{DEFAULT_TAG}"): tag for tag in known}
    near = get_close_matches(str(name).removesuffix(f":{DEFAULT_TAG}"), short, 1)
    mend = (
        f"did you mean {short[near[0]]}?" if near else "'wherry images' lists them; 'wherry build' makes one"
    )
    return InputError(f"there is no image {name} in the store", where=str(store.root), mend=mend)


def _stored(store: Store, name: StoreTag | StoreDigest) -> tuple[ImageSource, Descriptor]:
    root = find_in_store(store, name)
    if root is None or root.digest not in store.blobs:
        raise no_such_image(store, name)
    return StoreSource(store, root), root


def _pulled(
    store: Store, name: StoreTag | StoreDigest, reference: RegistryReference
) -> tuple[ImageSource, Descriptor]:
    try:
        return _stored(store, name)
    except InputError as error:
        raise InputError(error.what, where=error.where, mend=f"run: wherry pull {reference}") from None


def _by_digest(store: Store, digest: Digest) -> Descriptor | None:
    size_bytes = store.blobs.size_bytes(digest)
    if size_bytes is None or size_bytes > MAX_DOCUMENT_BYTES:
        return None
    with store.blobs.open(digest) as stream:
        found = decode_manifest_or_index(stream.read(), str(digest))
    ours = media_types.INDEX if isinstance(found, Index) else media_types.MANIFEST
    return Descriptor(media_type=found.media_type or ours, digest=digest, size_bytes=size_bytes)
