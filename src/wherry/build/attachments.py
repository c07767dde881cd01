"""What goes along with an image: its bill of materials and its provenance, as artifacts whose subject it is.

They lie in the store beside the image, remembered by its digest, and go to a registry when the image is
pushed: each platform's to that platform's manifest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from wherry.bases.pins import FILENAME, read_pins
from wherry.build import cyclonedx, provenance
from wherry.build.distributions import read_locks
from wherry.build.provenance import Inputs, make_provenance
from wherry.build.sbom import Underneath, make_sbom
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.image import StoreSource, read_document
from wherry.oci.media_types import INDEXES, MANIFEST
from wherry.oci.model import (
    EMPTY_CONFIG,
    Descriptor,
    artifact_of,
    decode_index,
    decode_manifest,
    describe,
    encode,
)
from wherry.store.attached import Attached

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.bases.model import Base
    from wherry.build.gather import Gathered
    from wherry.build.result import BuildResult, BuiltImage
    from wherry.build.workshop import Workshop
    from wherry.oci.model import Manifest
    from wherry.oci.reference import RegistryReference
    from wherry.oci.registry.client import Registries
    from wherry.store.store import Store

_PREDICATE: Final = "in-toto.io/predicate-type"
"""Annotation by which tools tell one in-toto statement from another, as BuildKit and cosign write it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One document about an image, in the store."""

    artifact_type: str
    descriptor: Descriptor  # of the artifact's manifest
    payload: Descriptor  # of the document itself


def attach_documents(image: BuiltImage, gathered: Gathered, workshop: Workshop) -> BuiltImage:
    """Write the documents that were asked for into the store, and remember that they are of *image*.

    Returns:
        *image*, with them.

    Raises:
        InputError: A lock is not valid.
        WorldError: The store cannot be written.

    """
    options, name, made = workshop.options, workshop.project.image_name, list[Attachment]()
    store = workshop.store
    if options.sbom:
        facts = [wheel for _, wheel in gathered.facts]
        document = make_sbom(name, image, facts, _underneath(image.plan.base, workshop))
        made.append(_keep(store, image, document, cyclonedx.MEDIA_TYPE, {}))
    if options.provenance:
        document = make_provenance(name, image, _inputs(image, workshop))
        about = {_PREDICATE: provenance.PREDICATE_TYPE}
        made.append(_keep(store, image, document, provenance.MEDIA_TYPE, about))
    Attached(store).put(image.descriptor.digest, {one.artifact_type: one.descriptor.digest for one in made})
    return replace(image, attached=tuple(made))


def push_attachments(
    store: Store, root: Descriptor, target: RegistryReference, registries: Registries
) -> tuple[Descriptor, ...]:
    """Attach in the registry what is attached here to the image, or to each image of the index, *root*.

    Args:
        store: Where they are.
        root: The manifest or index, which is in the registry already.
        target: What it was pushed as; only the repository counts.
        registries: The command's registries.

    Returns:
        The artifacts' descriptors, in the registry now.

    Raises:
        InputError: A document of the store is damaged.
        WorldError: The registry failed or refused.

    """
    found = list(_stored(store, root))
    if not found:
        return ()
    from wherry.oci.reference import repository_of  # noqa: PLC0415 - most images have nothing attached
    from wherry.oci.registry.referrers import attach  # noqa: PLC0415 - the same

    registry, repository = registries.at(target.host), repository_of(target)
    source = StoreSource(store, root)
    return tuple(
        attach(
            registry,
            repository,
            subject,
            manifest.artifact_type,
            read_document(source, manifest.layers[0]),
            manifest.layers[0].media_type,
            manifest.annotations,
        )
        for subject, manifest in found
    )


def write_sboms(path: Path, result: BuildResult, store: Store) -> list[Path]:
    """Write the bill of materials of a build to *path*; of several platforms each to a file of its own.

    Returns:
        The files: ``sbom.json``, or ``sbom.linux-amd64.json`` and so on.

    Raises:
        WorldError: A file cannot be written.

    """
    from wherry.store.whole import whole_file  # noqa: PLC0415 - seldom asked for

    written = []
    for image in result.images:
        platform = str(image.plan.target.platform).replace("/", "-")
        place = path if len(result.images) == 1 else path.with_name(f"{path.stem}.{platform}{path.suffix}")
        for one in image.attached:
            if one.artifact_type == cyclonedx.MEDIA_TYPE:
                with whole_file(place) as file, store.blobs.open(one.payload.digest) as document:
                    file.write(document.read())
                written.append(place)
    return written


def _keep(
    store: Store, image: BuiltImage, document: bytes, media_type: str, annotations: dict[str, str]
) -> Attachment:
    payload = describe(document, media_type)
    artifact = artifact_of(media_type, payload, image.descriptor, annotations)
    manifest = encode(artifact)
    for blob in (document, EMPTY_CONFIG, manifest):
        store.blobs.add_bytes(blob)
    return Attachment(media_type, describe(manifest, artifact.media_type, artifact_type=media_type), payload)


def _stored(store: Store, root: Descriptor) -> Iterator[tuple[Descriptor, Manifest]]:
    """Each image under *root* with the artifacts that the store has of it, whole."""
    attached = Attached(store)
    source = StoreSource(store, root)
    for image in _images(source, root):
        for digest in attached.of(image.digest).values():
            size_bytes = store.blobs.size_bytes(digest)
            if size_bytes is None:
                continue
            where = f"{source.name}: {digest}"
            described = Descriptor(media_type=MANIFEST, digest=digest, size_bytes=size_bytes)
            manifest = decode_manifest(read_document(source, described), where)
            if not manifest.layers:
                raise InputError("the artifact has no document", where=where, mend="build the image again")
            if manifest.layers[0].digest in store.blobs:
                yield image, manifest


def _images(source: StoreSource, root: Descriptor) -> tuple[Descriptor, ...]:
    """The manifests that *root* stands for: itself, or those that its index names."""
    if root.media_type not in INDEXES:
        return (root,)
    return decode_index(read_document(source, root), f"{source.name}: {root.digest}").manifests


def _underneath(base: Base, workshop: Workshop) -> Underneath | None:
    """What is known of the image that is the base: from wherry.lock, or from when it was looked through."""
    if not base.layers or base.digest is None:
        return None
    pins = read_pins(workshop.project.root / FILENAME)
    found = pins.platforms.get(str(base.platform)) if pins else None
    if found is not None and found.image is not None and found.digest == base.digest:
        return Underneath(found.image.codename, found.image.installed)
    from wherry.bases.image import known_facts  # noqa: PLC0415 - most bases are pinned

    facts = known_facts(base.digest, workshop.store)
    return Underneath(facts.codename, facts.packages) if facts else None


def _inputs(image: BuiltImage, workshop: Workshop) -> Inputs:
    project, options = workshop.project, workshop.options
    base = image.plan.base
    locks = {lock.path.name: lock.digest for lock in read_locks(workshop, image.plan.target)}
    pins = read_pins(project.root / FILENAME)
    found = pins.platforms.get(str(base.platform)) if pins else None
    if found is not None and found.digest == base.digest:  # else another base was tried on the command line
        locks[FILENAME] = Digest.of_file(project.root / FILENAME)
    return Inputs(
        locks=sorted(locks.items()),
        target="dev" if options.dev else "production",
        groups=(*project.config.groups, *(project.dev_groups if options.dev else ())),
        extras=project.config.extras,
        source_url=project.source_url or "",
        revision=project.revision or "",
        source_date_epoch=options.source_date_epoch,
    )
