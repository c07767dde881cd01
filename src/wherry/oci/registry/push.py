"""Images into a registry: only what it lacks, in an order in which nothing ever names what is not there.

Blobs go first, several at once and the largest first; then configs, then manifests, and an index over several
last. A registry that was left in the middle has blobs that nobody sees, and the next push goes on from there.
"""

from __future__ import annotations

import io
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from wherry.errors import InputError, WherryError, WorldError
from wherry.fetch.crew import Crew
from wherry.fetch.failures import CancelledError
from wherry.oci import media_types
from wherry.oci.image import blobs_under, read_document
from wherry.oci.model import describe
from wherry.oci.origins import Origin, Origins
from wherry.oci.reference import DEFAULT_TAG, repository_of
from wherry.oci.registry.blob_reader import open_blob
from wherry.oci.registry.content import Content
from wherry.oci.registry.endpoint import registry_host
from wherry.oci.registry.mount import mount_blob
from wherry.oci.registry.places import Place, Reasons, honest_first
from wherry.oci.registry.pull import RegistrySource
from wherry.oci.registry.session import (
    ACCEPTED,
    ACTIONS,
    CREATED,
    OK,
    cancel_session,
    check_digest,
    has_blob,
    there_bytes,
)
from wherry.oci.registry.upload import AT_ONCE_BYTES, Upload
from wherry.progress import SilentProgress
from wherry.store.uploads import remembered_upload, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wherry.digest import Digest
    from wherry.oci.image import ImageSource
    from wherry.oci.model import Descriptor
    from wherry.oci.reference import RegistryReference
    from wherry.oci.registry.client import Registries, Registry
    from wherry.oci.registry.session import Session
    from wherry.progress import Progress
    from wherry.store.store import Store

_THREADS: Final = 4
_DOCUMENTS: Final = media_types.MANIFESTS | media_types.INDEXES


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did."""

    reference: str  # "docker://registry.example/team/app:1"
    digest: Digest  # of the manifest or index
    sent_bytes: int  # of this machine's, what had to be sent twice counted twice
    mounted_bytes: int  # that another repository of the registry had
    present_bytes: int  # that the repository had, from an upload that broke off, too
    copied_bytes: int  # that came from another registry, and went on without touching this disk


def push_image(  # noqa: PLR0913 - an image, where to, and what is known of its blobs
    source: ImageSource,
    root: Descriptor,
    target: RegistryReference,
    registries: Registries,
    *,
    origins: Callable[[Digest], Sequence[Origin]] = lambda _: (),
    progress: Progress | None = None,
    store: Store | None = None,
) -> Pushed:
    """Put the image *root*, a manifest or an index, where *target* says.

    Args:
        source: Has its documents, and those of its blobs that no origin has.
        root: What to push.
        target: Where to; ``latest`` where it has neither tag nor digest.
        registries: The command's registries.
        origins: Where a blob was seen: it is mounted from there, or copied where the source lacks it.
        progress: Where to announce each blob's way.
        store: Remembers uploads that break off, and where the blobs can be had from now on.

    Raises:
        InputError: The image is not what its digests say, or has another digest than *target*.
        WorldError: A registry failed or refuses, or nobody has one of the blobs.

    """
    if target.digest and target.digest != root.digest:
        raise InputError(
            f"the image has the digest {root.digest}, not the one it is to be pushed under",
            where=str(target),
            mend="leave out the digest, or push the image that has it",
        )
    push = _Push(
        source, target, registries, origins=origins, progress=progress or SilentProgress(), store=store
    )
    push.run(root, target.tag or target.digest or DEFAULT_TAG)
    return push.result(str(target), root.digest)


def push_bytes(registry: Registry, repository: str, data: bytes, media_type: str) -> Descriptor:
    """Put a small blob into a repository, unless it has it.

    Raises:
        WorldError: The registry failed or refuses.

    """
    blob = describe(data, media_type)
    if not has_blob(registry, repository, blob):
        content = Content(lambda: io.BytesIO(data), blob, "memory")
        with SilentProgress().task("push") as task:
            Upload(registry, repository, blob, content, task=task).run()
    return blob


def push_manifest(
    registry: Registry, repository: str, reference: str, data: bytes, media_type: str
) -> Mapping[str, str]:
    """Put a manifest or index into a repository, byte for byte.

    Args:
        registry: Where to.
        repository: Where to in it.
        reference: A tag, or the digest of *data*.
        data: The document.
        media_type: What it says it is.

    Returns:
        The headers of the answer; `OCI-Subject` is among them where the registry knows of referrers.

    Raises:
        WorldError: The registry failed, refuses, or kept something else.

    """
    digest = describe(data, media_type).digest

    def attempt() -> Mapping[str, str]:
        with registry.request(
            "PUT",
            f"{repository}/manifests/{reference}",
            repository=repository,
            actions=ACTIONS,
            headers={"Content-Type": media_type},
            body=data,
            expect=(CREATED, OK, ACCEPTED),
        ) as reply:
            check_digest(reply, digest)
            return reply.headers

    return registry.retrying(attempt)


class _Push:
    """One push, while it runs."""

    def __init__(  # noqa: PLR0913 - all that a push needs, from one caller
        self,
        source: ImageSource,
        target: RegistryReference,
        registries: Registries,
        *,
        origins: Callable[[Digest], Sequence[Origin]],
        progress: Progress,
        store: Store | None,
    ) -> None:
        self._source = source
        self._registry = registries.at(target.host)
        self._repository = repository_of(target)
        self._registries = registries
        self._origins = origins
        self._progress = progress
        self._store = store
        self._lock = threading.Lock()
        self._asked = {self._registry}
        self._sent_bytes = self._mounted_bytes = self._present_bytes = self._copied_bytes = 0

    def run(self, root: Descriptor, reference: str) -> None:
        if self._store is not None:
            sweep(self._store)
        everything = blobs_under(self._source, root)
        documents = [blob for blob in everything if blob.media_type in _DOCUMENTS]
        blobs = [blob for blob in everything if blob.media_type not in _DOCUMENTS]
        layers = [blob for blob in blobs if blob.media_type not in media_types.CONFIGS]
        configs = [blob for blob in blobs if blob.media_type in media_types.CONFIGS]
        for wave in (sorted(layers, key=lambda blob: -blob.size_bytes), configs):
            Crew(self._push_blob, wave, self._give_up).run(_THREADS)
        for document in documents:  # an index comes behind what it names, and so does the root
            data = read_document(self._source, document)
            place = reference if document.digest == root.digest else document.digest
            push_manifest(self._registry, self._repository, place, data, document.media_type)
            self._sent_bytes += len(data)
        self._note_origins(blobs)

    def result(self, reference: str, digest: Digest) -> Pushed:
        return Pushed(
            reference,
            digest,
            sent_bytes=self._sent_bytes,
            mounted_bytes=self._mounted_bytes,
            present_bytes=self._present_bytes,
            copied_bytes=self._copied_bytes,
        )

    def _push_blob(self, blob: Descriptor) -> None:
        if has_blob(self._registry, self._repository, blob):
            with self._lock:
                self._present_bytes += blob.size_bytes
            return
        origins = self._origins_of(blob.digest)
        here = [origin.repository for origin in origins if self._is_here(origin.host)]
        mounted = mount_blob(self._registry, self._repository, blob.digest, here)
        if mounted.is_there and self._is_whole(blob):
            with self._lock:
                self._mounted_bytes += blob.size_bytes
            return
        self._send_from_anywhere(blob, origins, mounted.session)

    def _is_here(self, host: str) -> bool:
        """Whether *host* is the registry, which may have several names: Docker Hub's has three."""
        try:
            return registry_host(host) == registry_host(self._registry.host)
        except InputError:  # what a damaged store remembers
            return False

    def _is_whole(self, blob: Descriptor) -> bool:
        """Whether a blob that was mounted is there.

        Raises:
            WorldError: It has another size than the manifest says.

        """
        size_bytes = there_bytes(self._registry, self._repository, blob)
        if size_bytes not in {None, blob.size_bytes}:
            what = (
                f"the registry has {blob.digest} with {size_bytes} bytes; the manifest says {blob.size_bytes}"
            )
            mend = "the manifest or the registry is damaged: ask who made the image"
            raise WorldError(what, where=f"{self._registry.host}/{self._repository}", mend=mend)
        return size_bytes is not None

    def _send_from_anywhere(
        self, blob: Descriptor, origins: Sequence[Origin], session: Session | None
    ) -> None:
        """Send the blob's bytes from the first place that gives them as they should be.

        Raises:
            WherryError: No place does, or the registry does not take them.

        """
        reasons = Reasons(blob.digest)
        for place, content in self._contents(blob, origins):
            try:
                content.require()
                waiting, session = session, None
                self._send(blob, content, waiting, is_copy=isinstance(place, Place))
            except CancelledError:
                raise
            except WherryError as error:
                if error is not content.failure:
                    raise
                if isinstance(place, Place) or isinstance(error, InputError) or not origins:
                    reasons.add(place, error)  # that this disk lacks what others should have is no news
            else:
                return
            finally:
                content.close()
        if session:
            cancel_session(self._registry, self._repository, session.location)
        raise reasons.error()

    def _contents(self, blob: Descriptor, origins: Sequence[Origin]) -> Iterator[tuple[Place | str, Content]]:
        """The places that may give the blob: this disk, then other registries, none of them asked yet."""
        here = self._open_here(blob.digest)
        if here is not None:
            yield self._source.name, Content(here, blob, self._source.name)
        places = [Place(self._registries.at(origin.host), origin.repository) for origin in origins]
        for place in honest_first(places):
            with self._lock:
                self._asked.add(place.registry)
            opens = partial(open_blob, place.registry, place.repository, blob.digest)
            yield place, Content(opens, blob, str(place), is_remote=True)

    def _send(self, blob: Descriptor, content: Content, session: Session | None, *, is_copy: bool) -> None:
        what = f"{'copying' if is_copy else 'pushing'} {blob.digest.hex[:12]} to {self._registry.host}"
        with ExitStack() as stack:
            memory = None
            if self._store is not None and blob.size_bytes > AT_ONCE_BYTES:
                memory = stack.enter_context(
                    remembered_upload(self._store, self._registry.host, self._repository, blob.digest)
                )
            task = stack.enter_context(self._progress.task(what, blob.size_bytes))
            upload = Upload(
                self._registry, self._repository, blob, content, task=task, session=session, memory=memory
            )
            try:
                upload.run()
            finally:
                self._count(upload, is_copy=is_copy)

    def _count(self, upload: Upload, *, is_copy: bool) -> None:
        with self._lock:
            self._present_bytes += upload.resumed_bytes
            if is_copy:
                self._copied_bytes += upload.sent_bytes
            else:
                self._sent_bytes += upload.sent_bytes

    def _origins_of(self, digest: Digest) -> list[Origin]:
        own = [self._source.origin] if isinstance(self._source, RegistrySource) else []
        return [*own, *(origin for origin in self._origins(digest) if origin not in own)]

    def _open_here(self, digest: Digest) -> Callable[[], IO[bytes]] | None:
        """What opens the blob on this disk, if it may be there."""
        if not isinstance(self._source, RegistrySource):
            return partial(self._source.open, digest)
        if self._store is not None and digest in self._store.blobs:
            return partial(self._store.blobs.open, digest)
        return None

    def _give_up(self) -> None:
        with self._lock:
            asked = list(self._asked)
        for registry in asked:
            registry.cancel()

    def _note_origins(self, blobs: Sequence[Descriptor]) -> None:
        if self._store is None:
            return
        here = Origin(self._registry.host, self._repository)
        with suppress(WorldError):  # a store that may only be read has images to push, too
            for blob in blobs:
                Origins(self._store).note(blob.digest, here)
