"""The list of what refers to an image, where its registry keeps none: clients keep it, under a tag.

It is an index under a tag made of the image's digest (distribution-spec, "Referrers Tag Schema"). Many may
add to it at once and no registry puts them in a row, so who adds looks again until what was added stays.
"""

from __future__ import annotations

import json
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from wherry.errors import InputError, WorldError
from wherry.fetch.failures import NotFoundError
from wherry.oci import media_types
from wherry.oci.model import MAX_DOCUMENT_BYTES, Descriptor, decode_index, encode, index_of
from wherry.oci.registry.pull import require_digest
from wherry.oci.registry.session import ACCEPTED, ACTIONS, CREATED, OK

if TYPE_CHECKING:
    from wherry.digest import Digest
    from wherry.oci.registry.client import Registry

_PRECONDITION_FAILED: Final = 412
_WRITES: Final = 20
_LOOKS: Final = 5
_PAUSES: Final = 3  # times what reading and writing took: others may be slower
_SHORTEST_PAUSE_S: Final = 0.1


class _Seen(NamedTuple):
    """The list as the registry has it."""

    data: bytes
    entries: tuple[Descriptor, ...]
    etag: str

    def names(self, entry: Descriptor) -> bool:
        """Whether *entry* is in it."""
        return entry.digest in {known.digest for known in self.entries}


class _Written(NamedTuple):
    """One try to add to the list."""

    data: bytes
    took_s: float  # from the reading to the writing, in which another's entry can be lost
    is_there: bool  # else the list had changed, says the registry, and nothing was written
    etag: str  # that it was to have, if any


class KeptList:
    """The list of what refers to one image."""

    def __init__(self, registry: Registry, repository: str, subject: Digest) -> None:
        """Keep the list for the image *subject* of a repository."""
        self._registry = registry
        self._repository = repository
        self._tag = fallback_tag(subject)

    def entries(self) -> tuple[Descriptor, ...]:
        """What is in it; nothing if nobody began it.

        Raises:
            InputError: Something else has its tag, or it is not valid.
            WorldError: The registry failed or refused, or sent other bytes than it names.

        """
        seen = self._registry.retrying(self._read)
        return seen.entries if seen else ()

    def add(self, entry: Descriptor) -> None:
        """Add *entry*, whoever else adds to the list at the same time.

        What comes between one writer's reading and its writing is lost. So nobody is done before a look,
        after longer than that takes, finds the own entry in a list that nobody changes any more.

        Raises:
            InputError: Something else has its tag, or it is not valid.
            WorldError: The registry failed or refused, the list is full, or others never leave it alone.

        """
        refused_etag = ""
        for attempt in range(_WRITES):
            written = self._registry.retrying(partial(self._add_once, entry, refused_etag))
            if written is None:
                return
            pause_s = max(_SHORTEST_PAUSE_S, _PAUSES * written.took_s)
            if written.is_there and self._stays(entry, written.data, pause_s):
                return
            refused_etag = "" if written.is_there else written.etag
            self._pause(pause_s * attempt * random.random())  # noqa: S311 - so that writers step apart
        what = f"others keep changing the list of referrers {self._tag}"
        raise WorldError(what, where=self._where, mend="push again when they are done")

    @property
    def _where(self) -> str:
        return f"{self._registry.host}/{self._repository}:{self._tag}"

    def _add_once(self, entry: Descriptor, refused_etag: str) -> _Written | None:
        """Read the list and write it with *entry*; None if it has it. Whatever fails, it is read anew."""
        begun_s = time.monotonic()
        seen = self._read()
        if seen is not None and seen.names(entry):
            return None
        data = _with_entry(seen.data if seen else encode(index_of(())), entry)
        if len(data) > MAX_DOCUMENT_BYTES:
            what = f"the list of referrers {self._tag} is full ({len(data)} bytes with this one)"
            raise WorldError(what, where=self._where)
        # Refused with nothing changed, an ETag is none of the registry's own: proxies make some, too.
        etag = seen.etag if seen and seen.etag != refused_etag else ""
        is_there = self._write(data, etag)
        return _Written(data, time.monotonic() - begun_s, is_there, etag)

    def _stays(self, entry: Descriptor, data: bytes, pause_s: float) -> bool:
        """Whether *entry* is in the list, which was *data*, once others have stopped changing it."""
        for _ in range(_LOOKS):
            self._pause(pause_s * random.uniform(1, 2))  # noqa: S311 - so that writers step apart
            seen = self._registry.retrying(self._read)
            if seen is None or not seen.names(entry):
                return False
            if seen.data == data:
                break
            data = seen.data
        return True

    def _pause(self, seconds: float) -> None:
        self._registry.cancelled.wait(seconds)

    def _read(self) -> _Seen | None:
        """The list as it is now; None if nobody began it."""
        try:
            return self._get()
        except NotFoundError:
            return None

    def _get(self) -> _Seen:
        with self._registry.request(
            "GET",
            f"{self._repository}/manifests/{self._tag}",
            repository=self._repository,
            headers={"Accept": media_types.INDEX},
        ) as reply:
            data = reply.read(MAX_DOCUMENT_BYTES)
            if reply.media_type != media_types.INDEX:
                what = f"the tag {self._tag} is no list of referrers but {reply.media_type[:80]!r}"
                raise InputError(what, where=reply.url, mend="remove that tag")
            named = reply.headers.get("Docker-Content-Digest", "")
            require_digest(self._tag, named, data, reply.url)
            etag = reply.headers.get("ETag", "")
            # If-Match compares strongly: a weak one never fits (RFC 9110, 13.1.1).
            strong_etag = "" if etag.startswith("W/") else etag
            return _Seen(data, decode_index(data, reply.url).manifests, strong_etag)

    def _write(self, data: bytes, etag: str) -> bool:
        """Put *data* in place of the list, with *etag* only if it is of that; whether it was put there."""
        with self._registry.request(
            "PUT",
            f"{self._repository}/manifests/{self._tag}",
            repository=self._repository,
            actions=ACTIONS,
            headers={"Content-Type": media_types.INDEX} | ({"If-Match": etag} if etag else {}),
            body=data,
            expect=(CREATED, OK, ACCEPTED, _PRECONDITION_FAILED),
        ) as reply:
            reply.skip()
            return reply.status != _PRECONDITION_FAILED


def fallback_tag(subject: Digest) -> str:
    """The tag of the list of what refers to *subject*."""
    return subject.replace(":", "-")


def _with_entry(data: bytes, entry: Descriptor) -> bytes:
    """The index *data* with one more entry. What others wrote into it stays, understood or not."""
    document = json.loads(data)
    document["manifests"].append(msgspec.to_builtins(entry, enc_hook=str))
    return msgspec.json.encode(document, order="sorted")
