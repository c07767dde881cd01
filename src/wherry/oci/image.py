"""Images wherever they lie: where bytes come from (`ImageSource`), and what they mean once verified.

A source hands out bytes and promises nothing. Everything read through this module is checked, size
first and digest second, before it is believed or kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, Protocol

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci import media_types
from wherry.oci.model import (
    MAX_DOCUMENT_BYTES,
    Descriptor,
    ImageConfig,
    Index,
    Manifest,
    decode_config,
    decode_index,
    decode_manifest,
)
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from wherry.oci.platform import Platform
    from wherry.oci.tarstream import Readable
    from wherry.progress import Progress
    from wherry.store.store import Store

PIECE: Final = 1024 * 1024
_MAX_INDEX_DEPTH: Final = 3
_SAME_VARIANT: Final = {("arm64", "v8"): "", ("amd64", "v1"): ""}


class ImageSource(Protocol):
    """A place with images: our store, a layout, an archive."""

    @property
    def name(self) -> str:
        """What to call the place in errors."""
        ...

    def roots(self) -> tuple[Descriptor, ...]:
        """The manifests and indexes it offers; a descriptor's ``ref_name`` tells them apart."""
        ...

    def open(self, digest: Digest) -> IO[bytes]:
        """The bytes said to have *digest*, unverified.

        Raises:
            WherryError: It has no such blob.

        """
        ...

    def path(self, digest: Digest) -> Path | None:
        """The file that holds exactly this blob, if there is one."""
        ...


class StoreSource:
    """One image in our own store."""

    def __init__(self, store: Store, root: Descriptor) -> None:
        self._store = store
        self._root = root

    @property
    def name(self) -> str:
        """The store's directory."""
        return str(self._store.root)

    def roots(self) -> tuple[Descriptor, ...]:
        """The image this source was made for."""
        return (self._root,)

    def open(self, digest: Digest) -> IO[bytes]:
        """The blob of the store."""
        return self._store.blobs.open(digest)

    def path(self, digest: Digest) -> Path | None:
        """The blob's file in the store."""
        return self._store.blobs.path(digest) if digest in self._store.blobs else None


@dataclass(frozen=True, slots=True)
class Image:
    """One image for one platform: its documents, verified and decoded."""

    descriptor: Descriptor
    manifest: Manifest
    config: ImageConfig

    @property
    def image_id(self) -> Digest:
        """What docker calls the image's id: the digest of its config."""
        return self.manifest.config.digest

    def layers(self) -> Iterator[tuple[Descriptor, Digest]]:
        """Each layer's descriptor and diff id, base first."""
        return zip(self.manifest.layers, self.config.rootfs.diff_ids, strict=True)


class VerifiedStream:
    """Reads a blob and checks it: never more bytes than said, never fewer, and the digest at the end.

    Args:
        stream: The blob's bytes, from anywhere.
        descriptor: What they must be.
        where: What to call them in errors.

    Raises:
        InputError: While reading: the bytes are not the ones described.

    """

    def __init__(self, stream: Readable, descriptor: Descriptor, where: str) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._where = where
        self._left = descriptor.size_bytes
        self._hash = hashlib.sha256()
        self._finished = False

    def read(self, size: int = -1, /) -> bytes:
        """Up to *size* bytes."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._stream.read(wanted) if wanted else b""
        self._hash.update(data)
        self._left -= len(data)
        if wanted and not data:
            self._fail("ends too early")
        if not self._left:
            self._finish()
        return data

    def drain(self) -> None:
        """Read what is left, so that all of it was checked."""
        while self._left:
            self.read(PIECE)
        self._finish()

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        if self._stream.read(1):
            self._fail("is longer than its descriptor says")
        if Digest.from_hex(self._hash.hexdigest()) != self._descriptor.digest:
            self._fail("does not have the bytes its digest promises")

    def _fail(self, what: str) -> None:
        raise InputError(
            f"blob {self._descriptor.digest} {what}", where=self._where, mend="fetch or write the image again"
        )


def read_document(source: ImageSource, descriptor: Descriptor) -> bytes:
    """A manifest, index or config, verified.

    Raises:
        InputError: It is larger than such documents may be, or not what *descriptor* says.

    """
    if descriptor.size_bytes > MAX_DOCUMENT_BYTES:
        raise InputError(
            f"{descriptor.media_type} of {descriptor.size_bytes} bytes is too large", where=source.name
        )
    with source.open(descriptor.digest) as stream:
        verified = VerifiedStream(stream, descriptor, source.name)
        data = verified.read()
        verified.drain()
    return data


def choose_root(source: ImageSource, ref_name: str = "") -> Descriptor:
    """The image of *source* that is called *ref_name*; without a name, the only one there.

    Raises:
        InputError: There is none, or no telling which.

    """
    roots = source.roots()
    found = [root for root in roots if not ref_name or root.ref_name == ref_name]
    if len({root.digest for root in found}) == 1:
        return found[0]
    names = ", ".join(sorted({root.ref_name for root in roots if root.ref_name})) or "none has a name"
    if not roots:
        raise InputError("there is no image in it", where=source.name)
    if found:
        raise InputError(
            f"it holds {len(found)} images: {names}", where=source.name, mend="add :TAG to say which"
        )
    raise InputError(f"it holds no image {ref_name!r}; it has: {names}", where=source.name)


def read_image(source: ImageSource, root: Descriptor, platform: Platform | None) -> Image:
    """The image for *platform* under *root*, which is its manifest or an index; the first that fits.

    Args:
        source: Where the documents are.
        root: What to start from.
        platform: What it must run on; ``None`` takes the only image there is, whatever it is for.

    Raises:
        InputError: No image fits, or a document is not valid.

    """
    descriptor = _manifest_of(source, root, platform, 0)
    where = f"{source.name}: {descriptor.digest}"
    manifest = decode_manifest(read_document(source, descriptor), where)
    if manifest.config.media_type not in media_types.CONFIGS:
        raise InputError(f"it is no image but {manifest.config.media_type!r}", where=where)
    config = decode_config(read_document(source, manifest.config), f"{source.name}: {manifest.config.digest}")
    if len(config.rootfs.diff_ids) != len(manifest.layers):
        raise InputError(
            f"the config names {len(config.rootfs.diff_ids)} layers, the manifest {len(manifest.layers)}",
            where=where,
        )
    for layer in manifest.layers:
        if media_types.layer_coding(layer.media_type) is None:
            raise InputError(f"layer type {layer.media_type!r} is not one wherry can read", where=where)
    if platform and not fits(platform, config.os, config.architecture, config.variant):
        raise InputError(
            f"the image is for {config.os}/{config.architecture}, not {platform}",
            where=where,
            mend=f"give --platform {config.os}/{config.architecture}, or an image for {platform}",
        )
    return Image(descriptor, manifest, config)


def read_images(source: ImageSource, root: Descriptor) -> tuple[Image, ...]:
    """Every image under *root*, in the index's order; attestations and other artifacts are left out."""
    return tuple(
        read_image(source, d, None) for d in _manifests(source, root, 0, set()) if not is_artifact(d)
    )


def blobs_under(source: ImageSource, root: Descriptor) -> tuple[Descriptor, ...]:
    """Every blob that *root* needs, each once, the named before what names them: the order of a push."""
    found: dict[Digest, Descriptor] = {}
    for descriptor in _walk(source, root, 0, set()):
        found.setdefault(descriptor.digest, descriptor)
    return tuple(found.values())


def copy_into(
    source: ImageSource, store: Store, blobs: Iterable[Descriptor], progress: Progress | None = None
) -> None:
    """Copy *blobs* into the store, each verified; those it has are left alone.

    Raises:
        InputError: A blob is not what its descriptor says.
        WorldError: The store cannot take it.

    """
    wanted = [blob for blob in blobs if blob.digest not in store.blobs]
    total = sum(blob.size_bytes for blob in wanted)
    store.require_space(total, source.name)
    with (progress or SilentProgress()).task(f"copying {source.name}", total) as task:
        for blob in wanted:
            with source.open(blob.digest) as stream, store.blobs.writer() as writer:
                verified = VerifiedStream(stream, blob, source.name)
                while piece := verified.read(PIECE):
                    writer.write(piece)
                    task.advance(len(piece))
                verified.drain()
                writer.commit(blob.digest)


def fits(platform: Platform, os: str, architecture: str, variant: str) -> bool:
    """Whether an image for this operating system, architecture and variant runs on *platform*."""
    variant = _SAME_VARIANT.get((architecture, variant), variant)
    return (platform.os, platform.architecture, platform.variant) == (os, architecture, variant)


def is_artifact(entry: Descriptor) -> bool:
    """BuildKit's attestations stand in an index under the platform unknown/unknown: they are no images."""
    return entry.platform is not None and entry.platform.os == "unknown"


def _manifest_of(source: ImageSource, root: Descriptor, platform: Platform | None, depth: int) -> Descriptor:
    """The first manifest that fits, depth first (image-index.md, ``manifests``)."""
    if root.media_type in media_types.MANIFESTS:
        return root
    offered: list[str] = []
    for entry in _entries(source, root, depth):
        spec = entry.platform
        if is_artifact(entry):
            continue
        offered.append(f"{spec.os}/{spec.architecture}" if spec else "?")
        if platform and spec and not fits(platform, spec.os, spec.architecture, spec.variant):
            continue
        return _manifest_of(source, entry, platform, depth + 1)
    raise InputError(
        f"there is no image for {platform} in the index; it has: {', '.join(offered) or 'none'}",
        where=f"{source.name}: {root.digest}",
    )


def _entries(source: ImageSource, root: Descriptor, depth: int) -> tuple[Descriptor, ...]:
    where = f"{source.name}: {root.digest}"
    if root.media_type not in media_types.INDEXES or depth > _MAX_INDEX_DEPTH:
        raise InputError(f"media type {root.media_type!r} is not an image's", where=where)
    index: Index = decode_index(read_document(source, root), where)
    return index.manifests


def _manifests(source: ImageSource, root: Descriptor, depth: int, seen: set[Digest]) -> Iterator[Descriptor]:
    """Each manifest once. Three indexes of the same entry over and over would else never end."""
    if root.digest in seen:
        return
    seen.add(root.digest)
    if root.media_type in media_types.MANIFESTS:
        yield root
        return
    for entry in _entries(source, root, depth):
        yield from _manifests(source, entry, depth + 1, seen)


def _walk(source: ImageSource, root: Descriptor, depth: int, seen: set[Digest]) -> Iterator[Descriptor]:
    if root.digest in seen:  # as in `_manifests`
        return
    seen.add(root.digest)
    if root.media_type in media_types.MANIFESTS:
        manifest = decode_manifest(read_document(source, root), f"{source.name}: {root.digest}")
        yield from manifest.layers
        yield manifest.config
    else:
        for entry in _entries(source, root, depth):
            yield from _walk(source, entry, depth + 1, seen)
    yield root
