"""What refers to an image in a registry: artifacts whose ``subject`` it is, such as SBOMs and signatures.

A registry that knows of subjects lists them for each image (distribution-spec, "Listing Referrers"). For one
that does not, clients keep the list themselves, as an index under a tag made of the image's digest (there,
"Referrers Tag Schema"). Who reads sees no difference.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec

from wherry.digest import Digest
from wherry.errors import InputError, WorldError
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
    index_of,
)
from wherry.oci.registry.pull import open_registry
from wherry.oci.registry.push import push_bytes, push_manifest
from wherry.oci.registry.session import ACCEPTED, ACTIONS, CREATED, OK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.oci.reference import RegistryReference
    from wherry.oci.registry.client import Registries, Registry, Reply

_NOT_FOUND: Final = 404
_PRECONDITION_FAILED: Final = 412
_NO_SUCH_API: Final = (400, _NOT_FOUND, 405, 406)
"""What registries answer that have no list of referrers; go-containerregistry falls back for the same."""

_MAX_PAGES: Final = 200
_MAX_REFERRERS: Final = 10_000
_MAX_SUBJECTS: Final = 100
_WRITES: Final = 8
_STEP_S: Final = 0.2
_NEXT: Final = re.compile(r'<([^<>]{1,4096})>[^<>]*;\s*rel="?next"?(?:\s*[,;]|\s*$)')


@dataclass(frozen=True, slots=True)
class Referrer:
    """One artifact, and what it is about."""

    subject: Descriptor
    artifact: Descriptor


class _List(NamedTuple):
    """The list that clients keep."""

    data: bytes
    entries: tuple[Descriptor, ...]
    etag: str


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
        _enlist(registry, repository, subject.digest, entry)
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
        kept = registry.retrying(partial(_read_list, registry, repository, subject))
        listed = list(kept.entries) if kept else []
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


def fallback_tag(subject: Digest) -> str:
    """The tag under which clients keep the list of what refers to *subject*."""
    return subject.replace(":", "-")


def _listed(
    registry: Registry, repository: str, subject: Digest, artifact_type: str
) -> list[Descriptor] | None:
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
            return found
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
        if reply.status != OK or _media_type(reply) != media_types.INDEX:
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


def _enlist(registry: Registry, repository: str, subject: Digest, entry: Descriptor) -> None:
    """Add *entry* to the list under the fallback tag.

    Others may be adding to it, and most registries that need it know no If-Match: what was written is read
    again, and written again if another writer's list has taken its place.
    """
    tag = fallback_tag(subject)
    where = f"{registry.host}/{repository}:{tag}"
    etag = ""
    for attempt in range(_WRITES + 1):
        known = registry.retrying(partial(_read_list, registry, repository, subject))
        if known is not None and entry.digest in {d.digest for d in known.entries}:
            return
        if attempt == _WRITES:
            break
        data = _with_entry(known.data if known else encode(index_of(())), entry)
        if len(data) > MAX_DOCUMENT_BYTES:
            what = f"the list of what refers to {subject} is full ({len(data)} bytes with this one)"
            raise WorldError(what, where=where)
        # Refused with nothing changed, an ETag is none of the registry's own: proxies make some, too.
        etag = known.etag if known and known.etag != etag else ""
        registry.retrying(partial(_write_list, registry, repository, tag, data, etag))
        registry.cancelled.wait(random.uniform(0, _STEP_S * attempt))  # noqa: S311 - so that writers step apart
    what = f"others keep changing the list of what refers to {subject}"
    raise WorldError(what, where=where, mend="push again when they are done")


def _read_list(registry: Registry, repository: str, subject: Digest) -> _List | None:
    """The list under the fallback tag; None if there is none yet."""
    tag = fallback_tag(subject)
    with registry.request(
        "GET",
        f"{repository}/manifests/{tag}",
        repository=repository,
        headers={"Accept": media_types.INDEX},
        expect=(OK, _NOT_FOUND),
    ) as reply:
        if reply.status == _NOT_FOUND:
            return None
        data = reply.read(MAX_DOCUMENT_BYTES)
        if _media_type(reply) != media_types.INDEX:
            what = f"the tag {tag} is no list of referrers but {_media_type(reply)[:80]!r}"
            raise InputError(what, where=reply.url, mend="remove that tag")
        named = reply.headers.get("Docker-Content-Digest", "")
        if named.startswith("sha256:") and named != Digest.of_bytes(data):
            raise WorldError(f"the registry sent other bytes than {named[:80]!r}", where=reply.url)
        etag = reply.headers.get("ETag", "")
        # If-Match compares strongly: a weak one never fits (RFC 9110, 13.1.1).
        strong_etag = "" if etag.startswith("W/") else etag
        return _List(data, decode_index(data, reply.url).manifests, strong_etag)


def _with_entry(data: bytes, entry: Descriptor) -> bytes:
    """The index *data* with one more entry. What others wrote into it stays, understood or not."""
    document = json.loads(data)
    document["manifests"].append(msgspec.to_builtins(entry, enc_hook=str))
    return msgspec.json.encode(document, order="sorted")


def _write_list(registry: Registry, repository: str, tag: str, data: bytes, etag: str) -> None:
    """Put the list under its tag; with *etag* only in place of the one it is of, else nothing happens."""
    with registry.request(
        "PUT",
        f"{repository}/manifests/{tag}",
        repository=repository,
        actions=ACTIONS,
        headers={"Content-Type": media_types.INDEX} | ({"If-Match": etag} if etag else {}),
        body=data,
        expect=(CREATED, OK, ACCEPTED, _PRECONDITION_FAILED),
    ) as reply:
        reply.skip()


def _media_type(reply: Reply) -> str:
    return str(reply.headers.get("Content-Type", "")).partition(";")[0].strip().lower()
