"""Images of a registry: manifests and indexes, verified as they come, and blobs as streams.

A manifest is asked for in OCI's types and Docker's. What comes is read only as what both its Content-Type
and its own ``mediaType`` say it is, and must have the digest that was asked for or that the registry names.
"""

from __future__ import annotations

import hashlib
import io
import re
from typing import IO, TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.fetch.failures import NotFoundError, TransientError
from wherry.fetch.transfer import content_length
from wherry.oci import media_types
from wherry.oci.model import (
    MAX_DOCUMENT_BYTES,
    Descriptor,
    Index,
    decode_index,
    decode_manifest,
    decode_manifest_or_index,
)
from wherry.oci.origins import Origin
from wherry.oci.reference import DEFAULT_TAG, repository_of
from wherry.oci.registry.blob_reader import open_blob
from wherry.oci.registry.errors import RepositoryNotFoundError
from wherry.oci.registry.exchange import TooLongError
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from wherry.oci.model import Manifest
    from wherry.oci.reference import RegistryReference
    from wherry.oci.registry.client import Registries, Registry
    from wherry.progress import Progress
    from wherry.store.store import Store

_TYPES: Final = (
    media_types.INDEX,
    media_types.MANIFEST,
    media_types.DOCKER_INDEX,
    media_types.DOCKER_MANIFEST,
)
_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+"
_DOCUMENTS_BYTES: Final = 16 << 20
"""All manifests of one image together; the largest index in use has some 30 of a few kB each."""

_WARNING: Final = re.compile(r'299 - "((?:[^"\\]|\\.)*)"')
_WARNINGS: Final = 10
_WARNING_SHOWN: Final = 300


def open_registry(
    reference: RegistryReference,
    registries: Registries,
    *,
    store: Store | None = None,
    progress: Progress | None = None,
) -> tuple[RegistrySource, Descriptor]:
    """Ask a registry what *reference* means.

    Args:
        reference: A tag, or a digest, which goes before the tag; ``latest`` when it has neither.
        registries: The command's registries.
        store: What it has is read there and not asked for.
        progress: Told, once each, of the warnings that the registry sends along.

    Returns:
        The repository, and the manifest or index that was named, which is verified.

    Raises:
        InputError: What lies there is no image, or not a valid one.
        WorldError: The registry failed, refused, has no such image, or sent other bytes than it names.

    """
    registry = registries.at(reference.host)
    repository = repository_of(reference)
    source = RegistrySource(registry, repository, store, progress or SilentProgress())
    try:
        return source, source.resolve(reference.digest or reference.tag or DEFAULT_TAG)
    except RepositoryNotFoundError:
        raise
    except NotFoundError as error:
        raise NotFoundError(
            f"the registry has no image {reference}",
            where=error.where,
            mend=error.mend or "check the name and the tag for a mistyped part",
        ) from error


class RegistrySource:
    """One repository of a registry, as far as an image in it leads."""

    def __init__(self, registry: Registry, repository: str, store: Store | None, progress: Progress) -> None:
        self.registry: Final = registry
        self.repository: Final = repository
        self._store = store
        self._progress = progress
        self._documents: dict[Digest, bytes] = {}
        self._manifests: set[Digest] = set()  # what indexes name; everything else is a blob
        self._roots: tuple[Descriptor, ...] = ()
        self._warnings: set[str] = set()
        self.moved_bytes = 0  # that came over the network so far

    @property
    def host(self) -> str:
        """The registry as the user writes it."""
        return self.registry.host

    @property
    def name(self) -> str:
        """As the user would name it."""
        return f"docker://{self.host}/{self.repository}"

    @property
    def origin(self) -> Origin:
        """Where its blobs can be had."""
        return Origin(self.host, self.repository)

    def roots(self) -> tuple[Descriptor, ...]:
        """What was asked for by name."""
        return self._roots

    def resolve(self, reference: str) -> Descriptor:
        """The manifest or index that *reference*, a tag or a digest, means.

        Raises:
            InputError: What lies there is no image, or not a valid one.
            WorldError: The registry failed, has no such image, or sent other bytes than it names.

        """
        media_type, data = self._get(reference)
        root = Descriptor(media_type=media_type, digest=Digest.of_bytes(data), size_bytes=len(data))
        self._roots = (*self._roots, root)
        return root

    def open(self, digest: Digest) -> IO[bytes]:
        """A manifest, verified; or a blob as it comes, which goes on by itself where a connection broke."""
        if digest not in self._documents and self._store is not None and digest in self._store.blobs:
            if digest not in self._manifests:
                return self._store.blobs.open(digest)
            self._keep_stored(digest, self._store)
        if digest not in self._documents and digest in self._manifests:
            self._get(digest)
        if digest in self._documents:
            return io.BytesIO(self._documents[digest])
        return open_blob(self.registry, self.repository, digest, self._count)

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's name
        """No file of this disk holds it."""
        return None

    def _count(self, size_bytes: int) -> None:
        self.moved_bytes += size_bytes

    def _keep_stored(self, digest: Digest, store: Store) -> None:
        with store.blobs.open(digest) as stream:
            data = stream.read(MAX_DOCUMENT_BYTES + 1)
        if Digest.of_bytes(data) == digest:  # else the disk has spoilt it, and it is asked for
            self._keep(digest, data, decode_manifest_or_index(data, f"{store.root}: {digest}"))

    def _get(self, reference: str) -> tuple[str, bytes]:
        """The media type and the bytes of a manifest or index, checked in every way there is."""
        where = f"{self.name}{'@' if ':' in reference else ':'}{reference}"
        headers, data = self.registry.retrying(lambda: self._request(reference))
        self._count(len(data))
        self._warn(headers)
        require_digest(reference, headers.get("Docker-Content-Digest", ""), data, where)
        media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self._keep(Digest.of_bytes(data), data, _decoded(data, media_type, where))
        return media_type, data

    def _request(self, reference: str) -> tuple[Mapping[str, str], bytes]:
        with self.registry.request(
            "GET",
            f"{self.repository}/manifests/{reference}",
            repository=self.repository,
            headers={"Accept": ", ".join(_TYPES)},
        ) as reply:
            try:
                data = reply.read(MAX_DOCUMENT_BYTES)
            except TooLongError as error:
                what = f"it is larger than {MAX_DOCUMENT_BYTES >> 20} MiB, which no manifest of an image is"
                raise InputError(
                    what, where=error.where, mend="check the name: what lies there is no image"
                ) from error
            if content_length(reply.headers) not in {None, len(data)}:
                raise TransientError("the connection broke off", where=reply.url, mend="try again later")
            return reply.headers, data

    def _keep(self, digest: Digest, data: bytes, document: Manifest | Index) -> None:
        self._documents[digest] = data
        if sum(map(len, self._documents.values())) > _DOCUMENTS_BYTES:
            raise InputError("the image's manifests are too large together", where=self.name)
        if isinstance(document, Index):
            self._manifests.update(e.digest for e in document.manifests if e.media_type in _TYPES)

    def _warn(self, headers: Mapping[str, str]) -> None:
        """Pass on the registry's warnings (distribution-spec, "Warnings"), each once and made harmless."""
        for found in _warnings(headers):
            if found not in self._warnings and len(self._warnings) < _WARNINGS:
                self._warnings.add(found)
                self._progress.note(f"{self.host} warns: {found}")


def require_digest(reference: str, named: str, data: bytes, where: str) -> None:
    """See that a manifest is the one that was asked for, and the one that the registry says it is.

    Args:
        reference: What was asked for; a tag says nothing of the bytes.
        named: ``Docker-Content-Digest``, "" where the registry has none.
        data: What came.
        where: From where, for the message.

    Raises:
        WorldError: It is another.

    """
    found = Digest.of_bytes(data)
    if named == f"sha512:{hashlib.sha512(data).hexdigest()}":
        named = found
    wanted = {reference} if ":" in reference else set()
    if others := (wanted | ({named} if named else set())) - {found}:
        raise WorldError(
            f"the registry sent {found} for {min(others)[:90]!r}",
            where=where,
            mend="try again; if it stays so, something on the way changes what the registry sends",
        )


def _decoded(data: bytes, media_type: str, where: str) -> Manifest | Index:
    """The document, read as what the registry calls it and as nothing else (CVE-2021-41190)."""
    if media_type.startswith(_SCHEMA_1):
        raise InputError(
            "the image is in Docker's first format, which registries gave up in 2019",
            where=where,
            mend="pull and push it again with a current docker, or build it anew",
        )
    if media_type not in _TYPES:
        mend = "check the host and the port: a registry sends no pages" if media_type == "text/html" else ""
        raise InputError(f"media type {media_type[:80]!r} is not an image's", where=where, mend=mend)
    document: Manifest | Index
    if media_type in media_types.INDEXES:
        document = decode_index(data, where)
    else:
        document = decode_manifest(data, where)
    if document.media_type and document.media_type != media_type:
        what = f"the registry calls it {media_type!r}, but it calls itself {document.media_type!r}"
        raise InputError(what, where=where, mend="push the image again: one of the two is wrong")
    return document


def _warnings(headers: Mapping[str, str]) -> Iterable[str]:
    """The texts of warnings in the one form that clients may heed: ``299 - "text"``."""
    for quoted in _WARNING.findall(headers.get("Warning", "")):
        text = re.sub(r"\\(.)", r"\1", quoted)
        yield "".join(c if c.isprintable() else " " for c in text)[:_WARNING_SHOWN]
