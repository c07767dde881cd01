"""Entries in a repository of a registry: a key's tag, a small manifest under it, its value inside.

One GET tells all, as the value stands in the manifest's annotations. What it speaks of, where that is a blob,
is the manifest's only layer, so that the registry keeps it and can mount it elsewhere. A tag belongs to one
key and equal keys have equal values, so any number of writers may write at once and the last one does no
harm: nothing is ever read to be changed.

What is read is a stranger's until it is checked: its size, its form, and that it is of the very key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

import msgspec

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.fetch.crew import Crew
from wherry.frozen import ready
from wherry.oci import media_types
from wherry.oci.model import EMPTY_CONFIG, Descriptor, Manifest, decode_manifest, describe, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from wherry.oci.registry.client import Registry, Reply

T = TypeVar("T")

Kind = Literal["layer", "segment", "wheel", "set", "pin"]

VERSION: Final = 2
"""Raised when something is told otherwise, or held to more: what was told before is not found any more."""

THREADS: Final = 16
"""Requests at once: an entry is one round trip, and a build asks for dozens."""

KEY: Final = "dev.wherry.key"
"""Annotation: the digest of the whole key; the tag has only a part of it."""

VALUE: Final = "dev.wherry.value"
"""Annotation: the value, as JSON."""

_LIMIT_BYTES: Final = 1 << 20
_TAG_DIGITS: Final = 40
_OK: Final = 200
_NOT_FOUND: Final = 404
_NOT_ALLOWED: Final = 405

EMPTY: Final = describe(EMPTY_CONFIG, media_types.EMPTY)
"""What a manifest names where it has nothing to name (manifest.md, "Guidelines for Artifact Usage")."""


@dataclass(frozen=True, slots=True)
class Record(Generic[T]):
    """What stands under a key."""

    value: T
    blob: Descriptor | None = None  # what it speaks of


class Records:
    """The entries of one repository, for all threads."""

    def __init__(self, registry: Registry, repository: str) -> None:
        """Read and write below *repository* of *registry*."""
        self._registry = registry
        self.repository: Final = repository
        self.refused: Final[set[tuple[Kind, str]]] = set()
        """Keys under which something stands that is not rightly made, or wrong: to be told again."""

    @property
    def host(self) -> str:
        """The registry, as users write it."""
        return self._registry.host

    def __str__(self) -> str:
        """The repository as a user would type it."""
        return f"{self.host}/{self.repository}"

    def find(self, kind: Kind, keys: Iterable[str], type_: type[T]) -> dict[str, Record[T]]:
        """What stands under those of *keys* that are known. What is not rightly written there is not known.

        Raises:
            WorldError: The registry cannot be asked, or does not let us.

        """
        found: dict[str, Record[T]] = {}

        def ask(key: str) -> None:
            data = self._manifest(kind, key)
            if data is None:
                return
            record = _read(data, kind, key, type_)
            if record is not None:
                found[key] = record
            else:
                self.refused.add((kind, key))

        self._each(ask, list(dict.fromkeys(keys)))
        return found

    def lacking(self, kind: Kind, keys: Collection[str]) -> set[str]:
        """Those of *keys* under which nothing stands.

        Raises:
            WorldError: The registry cannot be asked, or does not let us.

        """
        lacking: set[str] = set()

        def ask(key: str) -> None:
            place = f"{self.repository}/manifests/{tag_of(kind, key)}"

            def attempt() -> bool:
                with self._registry.request(
                    "HEAD",
                    place,
                    repository=self.repository,
                    headers={"Accept": media_types.MANIFEST},
                    expect=(_OK, _NOT_FOUND, _NOT_ALLOWED),  # not every registry knows HEAD of a manifest
                ) as reply:
                    return bool(reply.status == _OK)

            if not self._registry.retrying(attempt):
                lacking.add(key)

        self._each(ask, list(dict.fromkeys(keys)))
        return lacking

    def holds(self, blobs: Iterable[Descriptor]) -> set[Digest]:
        """Those of *blobs* that the repository has in their full length: others may have removed some.

        Raises:
            WorldError: The registry cannot be asked, or does not let us.

        """
        by_digest = {blob.digest: blob for blob in blobs}
        held: set[Digest] = set()

        def ask(digest: str) -> None:
            blob = by_digest[Digest(digest)]

            def attempt() -> bool:
                with self._registry.request(
                    "HEAD",
                    f"{self.repository}/blobs/{digest}",
                    repository=self.repository,
                    expect=(_OK, _NOT_FOUND),
                ) as reply:
                    size = str(blob.size_bytes)
                    return bool(reply.status == _OK and reply.headers.get("Content-Length", size) == size)

            if self._registry.retrying(attempt):
                held.add(blob.digest)

        self._each(ask, list(by_digest))
        return held

    def read(self, blob: Descriptor, limit_bytes: int) -> bytes:
        """A small blob of the repository, checked.

        Raises:
            InputError: It is not what *blob* says, or larger than that.
            WorldError: The registry failed.

        """
        if blob.size_bytes > limit_bytes:
            raise InputError(f"an entry of {blob.size_bytes} bytes is too large", where=str(self))
        place = f"{self.repository}/blobs/{blob.digest}"

        def attempt() -> bytes:
            with self._registry.request("GET", place, repository=self.repository) as reply:
                return reply.read(blob.size_bytes)

        data = self._registry.retrying(attempt)
        if len(data) != blob.size_bytes or Digest.of_bytes(data) != blob.digest:
            raise InputError(f"blob {blob.digest} is not what its digest promises", where=str(self))
        return data

    def _manifest(self, kind: Kind, key: str) -> bytes | None:
        place = f"{self.repository}/manifests/{tag_of(kind, key)}"

        def attempt() -> bytes | None:
            with self._registry.request(
                "GET",
                place,
                repository=self.repository,
                headers={"Accept": media_types.MANIFEST},
                expect=(_OK, _NOT_FOUND),
            ) as reply:
                return _bounded(reply) if reply.status == _OK else None

        return self._registry.retrying(attempt)

    def _each(self, work: Callable[[str], None], keys: list[str]) -> None:
        if keys:
            Crew(work, keys, self._registry.cancel).run(THREADS)


def tag_of(kind: Kind, key: str) -> str:
    """The tag under which the entry of *key* stands."""
    return f"{kind}-{hashlib.sha256(_versioned(key)).hexdigest()[:_TAG_DIGITS]}"


def manifest_of_record(kind: Kind, key: str, record: Record[msgspec.Struct]) -> bytes:
    """The manifest of an entry: the same bytes for the same entry, whoever writes it."""
    return encode(
        Manifest(
            schema_version=2,
            media_type=media_types.MANIFEST,
            artifact_type=_artifact_type(kind),
            config=EMPTY,
            layers=(record.blob or EMPTY,),
            annotations={
                KEY: Digest.of_bytes(_versioned(key)),
                VALUE: msgspec.json.encode(record.value, order="sorted").decode(),
            },
        )
    )


def _bounded(reply: Reply) -> bytes:
    """The body; nothing of one that is too large to be an entry."""
    body = bytearray()
    for chunk in reply.chunks():
        body += chunk
        if len(body) > _LIMIT_BYTES:
            return b""
    return bytes(body)


def _read(data: bytes, kind: Kind, key: str, type_: type[T]) -> Record[T] | None:
    """The entry that a manifest is; None where it is another's or not rightly made."""
    try:
        manifest = decode_manifest(data, kind)
        value = msgspec.json.decode(manifest.annotations.get(VALUE, ""), type=ready(type_))
    except (InputError, ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    named = manifest.annotations.get(KEY), manifest.artifact_type, len(manifest.layers)
    if named != (Digest.of_bytes(_versioned(key)), _artifact_type(kind), 1):
        return None
    blob = manifest.layers[0]
    return Record(value, None if blob.digest == EMPTY.digest else blob)


def _versioned(key: str) -> bytes:
    return f"{VERSION}|{key}".encode()


def _artifact_type(kind: Kind) -> str:
    return f"application/vnd.wherry.{kind}.v{VERSION}+json"
