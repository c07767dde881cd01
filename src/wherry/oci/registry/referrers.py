"""What refers to an image in a registry: artifacts whose ``subject`` it is, such as SBOMs and signatures.

A registry that knows of subjects lists them for each image (distribution-spec, "Listing Referrers"). For one
that does not, clients keep the list themselves (kept_list.py). Who reads sees no difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urljoin, urlsplit

from wherry.errors import WorldError
from wherry.oci import media_types
from wherry.oci.image import read_document
from wherry.oci.model import (
    EMPTY_CONFIG,
    MAX_DOCUMENT_BYTES,
    Descriptor,
    artifact_of,
    decode_index,
    describe,
    encode,
)
from wherry.oci.registry.kept_list import KeptList
from wherry.oci.registry.pull import open_registry
from wherry.oci.registry.push import push_bytes, push_manifest
from wherry.oci.registry.session import OK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.digest import Digest
    from wherry.oci.reference import RegistryReference
    from wherry.oci.registry.client import Registries, Registry, Reply

_NO_SUCH_API: Final = (400, 404, 405, 406)
"""What registries answer that have no list of referrers; go-containerregistry falls back for the same."""

_MAX_PAGES: Final = 200
_MAX_REFERRERS: Final = 10_000
_MAX_SUBJECTS: Final = 100
_NEXT: Final = re.compile(r'<([^<>]{1,4096})>[^<>]*;\s*rel="?next"?(?:\s*[,;]|\s*$)')


@dataclass(frozen=True, slots=True)
class Referrer:
    """One artifact, and what it is about."""

    subject: Descriptor
    artifact: Descriptor


def attach(  # noqa: PLR0913, PLR0917 - what an artifact is made of
    registry: Registry,
    repository: str,
    subject: Descriptor,
    artifact_type: str,
    payload: bytes,
    media_type: str,
    annotations: Mapping[str, str] | None = None,
) -> Descriptor:
    """Push a small document as an artifact about an image. Doing it again changes nothing.

    Args:
        registry: Where the image is.
        repository: Where it is there.
        subject: The image's manifest.
        artifact_type: What the document is, as lists of referrers tell it.
        payload: The document.
        media_type: Of the document.
        annotations: Of the artifact; lists of referrers have them too.

    Returns:
        The artifact's manifest as a list of referrers has it.

    Raises:
        WorldError: The registry failed or refused.

    """
    document = describe(payload, media_type)
    artifact = artifact_of(artifact_type, document, subject, dict(annotations or {}))
    manifest = encode(artifact)
    push_bytes(registry, repository, payload, media_type)
    push_bytes(registry, repository, EMPTY_CONFIG, media_types.EMPTY)
    entry = describe(
        manifest, artifact.media_type, artifact_type=artifact_type, annotations=artifact.annotations
    )
    headers = push_manifest(registry, repository, entry.digest, manifest, entry.media_type)
    # "If the registry ... does not set OCI-Subject, the client MUST" keep the list itself.
    if headers.get("OCI-Subject", "") != subject.digest:
        KeptList(registry, repository, subject.digest).add(entry)
    return entry


def list_referrers(
    registry: Registry, repository: str, subject: Digest, artifact_type: str = ""
) -> tuple[Descriptor, ...]:
    """The artifacts about an image, in the registry's order.

    Args:
        registry: Where the image is.
        repository: Where it is there.
        subject: The digest of its manifest or index.
        artifact_type: The only type wanted; "" for all.

    Raises:
        InputError: The list is not valid.
        WorldError: The registry failed or refused, or its list has no end.

    """
    listed = _listed(registry, repository, subject, artifact_type)
    if listed is None:
        listed = KeptList(registry, repository, subject).entries()
    # A registry may pass over the filter (then OCI-Filters-Applied is not set): it is always applied here.
    once = {d.digest: d for d in listed if artifact_type in {"", d.artifact_type}}
    return tuple(once.values())


def image_referrers(
    reference: RegistryReference, registries: Registries, artifact_type: str = ""
) -> list[Referrer]:
    """What refers to an image, and where it is an index to the images in it.

    Args:
        reference: The image.
        registries: The command's registries.
        artifact_type: The only type wanted; "" for all.

    Raises:
        InputError: There is no valid image or list.
        WorldError: The registry failed or refused, or has no such image.

    """
    source, root = open_registry(reference, registries)
    subjects = [root]
    if root.media_type in media_types.INDEXES:
        index = decode_index(read_document(source, root), f"{source.name}: {root.digest}")
        subjects += index.manifests[:_MAX_SUBJECTS]
    return [
        Referrer(subject, artifact)
        for subject in {s.digest: s for s in subjects}.values()
        for artifact in list_referrers(source.registry, source.repository, subject.digest, artifact_type)
    ]


def _listed(
    registry: Registry, repository: str, subject: Digest, artifact_type: str
) -> tuple[Descriptor, ...] | None:
    """The registry's own list; None if it keeps none."""
    query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
    place = f"{repository}/referrers/{subject}{query}"
    found: list[Descriptor] = []
    for _ in range(_MAX_PAGES):
        page = registry.retrying(partial(_page, registry, repository, place))
        if page is None:
            return None
        entries, place = page
        found += entries
        if len(found) > _MAX_REFERRERS:
            break
        if not place:
            return tuple(found)
    raise WorldError(
        f"the registry's list of what refers to {subject} has no end", where=f"{registry.host}/{repository}"
    )


def _page(registry: Registry, repository: str, place: str) -> tuple[tuple[Descriptor, ...], str] | None:
    """The entries of one page and where the next one is ("" after the last); None if there is no such API."""
    with registry.request(
        "GET",
        place,
        repository=repository,
        headers={"Accept": media_types.INDEX},
        expect=(OK, *_NO_SUCH_API),
    ) as reply:
        if reply.status != OK or reply.media_type != media_types.INDEX:
            return None
        data = reply.read(MAX_DOCUMENT_BYTES)
        return decode_index(data, reply.url).manifests, _next_page(reply)


def _next_page(reply: Reply) -> str:
    match = _NEXT.search(reply.headers.get("Link", ""))
    if match is None:
        return ""
    try:
        following = str(urljoin(reply.url, match[1]))
        same_origin = urlsplit(following)[:2] == urlsplit(reply.url)[:2]
    except ValueError:
        same_origin = False
    if not same_origin:
        raise WorldError("the registry's list goes on at another server", where=reply.url)
    return following
