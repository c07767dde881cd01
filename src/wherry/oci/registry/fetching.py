"""Blobs of registries into the store: many at once, resumed across attempts and across killed processes.

Each is a transfer like that of a wheel: a partial file by its digest, which any later run goes on with,
from whichever registry; kept only once its size and its digest are right.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from wherry.errors import InputError, WherryError, WorldError
from wherry.fetch.crew import Crew
from wherry.fetch.download import Download
from wherry.fetch.failures import CancelledError
from wherry.fetch.http import OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE
from wherry.fetch.partial import begun_bytes
from wherry.fetch.transfer import transfer
from wherry.oci.origins import Origins
from wherry.oci.registry.places import Place, Reasons, honest_first

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from wherry.digest import Digest
    from wherry.fetch.transfer import Reply
    from wherry.oci.model import Descriptor
    from wherry.oci.registry.client import Registries
    from wherry.oci.registry.pull import RegistrySource
    from wherry.progress import Progress, Task
    from wherry.store.store import Store

R = TypeVar("R")

_THREADS: Final = 8


def fetch_blobs(source: RegistrySource, blobs: Iterable[Descriptor], store: Store, progress: Progress) -> int:
    """Have all *blobs* of the repository among the store's.

    Args:
        source: The repository.
        blobs: What is wanted; what the store has is not asked for.
        store: Where they go.
        progress: Where the transfer is announced.

    Returns:
        The bytes that came over the network.

    Raises:
        InputError: A blob of the store has another size than the manifest says.
        WorldError: The registry failed or sent other bytes than promised, or the disk is full.

    """
    wanted = _missing(blobs, store)
    place = Place(source.registry, source.repository)
    return _fetch(wanted, dict.fromkeys(wanted, (place,)), store, progress)


def require_blobs(
    store: Store, blobs: Iterable[Descriptor], registries: Registries, progress: Progress
) -> int:
    """Fetch what the store lacks of *blobs* from where they were seen.

    Returns:
        The bytes that came over the network.

    Raises:
        InputError: A blob of the store has another size than the manifest says.
        WorldError: Nobody is known who has a blob, or none of them gives it.

    """
    wanted = _missing(blobs, store)
    origins = {digest: Origins(store).of(digest) for digest in wanted}
    if unknown := [digest for digest in wanted if not origins[digest]]:
        raise WorldError(
            f"the store lacks {len(unknown)} blobs of the image, {unknown[0]} among them",
            where=str(store.root),
            mend="no registry is known to have them: pull or build the image again",
        )
    places = {
        digest: tuple(Place(registries.at(origin.host), origin.repository) for origin in known)
        for digest, known in origins.items()
    }
    return _fetch(wanted, places, store, progress)


class _BlobServer:
    """The one blob of a place, as a transfer asks for it; counts what came."""

    def __init__(self, place: Place, digest: Digest, count: Callable[[int], None]) -> None:
        self._place = place
        self._digest = digest
        self._count = count

    @property
    def cancelled(self) -> threading.Event:
        return self._place.registry.cancelled

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:  # noqa: ARG002 - there is one blob here
        repository = self._place.repository
        with self._place.registry.request(
            "GET",
            f"{repository}/blobs/{self._digest}",
            repository=repository,
            headers=headers,
            expect=(OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE),
        ) as reply:
            yield _Counted(reply, self._count)

    def retrying(self, attempt: Callable[[], R], progress_bytes: Callable[[], int]) -> R:
        return self._place.registry.retrying(attempt, progress_bytes)


class _Counted:
    """A reply whose bytes are counted as they come."""

    def __init__(self, reply: Reply, count: Callable[[int], None]) -> None:
        self._reply = reply
        self._count = count
        self.status: Final = reply.status
        self.headers: Final = reply.headers
        self.url: Final = reply.url

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._reply.chunks():
            self._count(len(chunk))
            yield chunk


class _Counter:
    """Bytes, from several threads."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._lock = threading.Lock()

    def add(self, size_bytes: int) -> None:
        with self._lock:
            self.size_bytes += size_bytes


def _missing(blobs: Iterable[Descriptor], store: Store) -> dict[Digest, Descriptor]:
    """Those of *blobs* that the store lacks; those it has are at least as long as they should be."""
    wanted: dict[Digest, Descriptor] = {}
    for blob in blobs:
        size_bytes = store.blobs.size_bytes(blob.digest)
        known = wanted.setdefault(blob.digest, blob).size_bytes if size_bytes is None else size_bytes
        if known != blob.size_bytes:
            raise InputError(
                f"a manifest says that blob {blob.digest} has {blob.size_bytes} bytes, and it has {known}",
                mend="the image is damaged where it was made: build and push it again",
            )
    return wanted


def _fetch(
    wanted: Mapping[Digest, Descriptor],
    places: Mapping[Digest, Sequence[Place]],
    store: Store,
    progress: Progress,
) -> int:
    if not wanted:
        return 0
    left = sum(max(b.size_bytes - begun_bytes(store, b.digest), 0) for b in wanted.values())
    what = f"{len(wanted)} blobs" if len(wanted) > 1 else "1 blob"
    store.require_space(left, what)
    first = next(iter(places.values()))[0]
    received = _Counter()
    registries = {place.registry for known in places.values() for place in known}
    largest_first = sorted(wanted.values(), key=lambda blob: -blob.size_bytes)

    def cancel() -> None:
        for registry in registries:
            registry.cancel()

    with progress.task(f"fetching {what} of {first}", sum(b.size_bytes for b in wanted.values())) as task:
        Crew(
            lambda blob: _fetch_one(blob, places[blob.digest], store, task, received), largest_first, cancel
        ).run(_THREADS)
    return received.size_bytes


def _fetch_one(
    blob: Descriptor, places: Sequence[Place], store: Store, task: Task, received: _Counter
) -> None:
    """Take the blob from the first place that gives it; when none does, all their reasons are told."""
    reasons = Reasons(blob.digest)
    for place in honest_first(places):
        try:
            transfer(
                Download(f"a blob of {place}", blob.digest, size_bytes=blob.size_bytes),
                f"docker://{place}@{blob.digest}",
                store=store,
                http=_BlobServer(place, blob.digest, received.add),
                task=task,
                mend="try again; if it stays so, something on the way changes what the registry sends",
            )
        except CancelledError:
            raise
        except WherryError as error:
            reasons.add(place, error)
        else:
            return
    raise reasons.error()
