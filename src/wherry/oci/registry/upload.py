"""One blob into one repository, in chunks that the registry confirms, going on where a connection broke.

The registry says how far it has come and is believed: what it has is not sent again, what it lost is, and a
session that it forgot is begun anew. What was sent counts only once the registry has found its digest right.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urldefrag

from wherry.errors import WherryError, WorldError
from wherry.fetch.failures import CancelledError, NotFoundError, TransientError
from wherry.oci.registry.content import Piece
from wherry.oci.registry.errors import AccessError, TooLargeError
from wherry.oci.registry.session import (
    ACCEPTED,
    ACTIONS,
    DONE,
    Session,
    cancel_session,
    check_digest,
    has_blob,
)
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from wherry.oci.model import Descriptor
    from wherry.oci.registry.client import Registry, Reply
    from wherry.oci.registry.content import Content
    from wherry.oci.registry.errors import Complaint
    from wherry.progress import Task
    from wherry.store.uploads import RememberedUpload

CHUNK_BYTES: Final = 64 << 20
"""What is sent at once. Below the 100 MB that some proxies let through, and all that is lost where a proxy
hands a request on only when it has the whole of it."""

_LEAST_CHUNK_BYTES: Final = 1 << 20
AT_ONCE_BYTES: Final = 4 << 20
"""As much goes along with the PUT that closes the session, and is not worth remembering when it breaks."""

_BLOB: Final = "application/octet-stream"
# The specification has no "bytes=" here; some registries do.
_RANGE: Final = re.compile(r"(?:bytes=)?0-([0-9]{1,18})")

_BAD_REQUEST: Final = 400
_RANGE_NOT_SATISFIABLE: Final = 416
_WRONG_BYTES: Final = frozenset(
    {_BAD_REQUEST, _RANGE_NOT_SATISFIABLE}
)  # in answer to PUT, with one of these:
_WRONG: Final = frozenset({"DIGEST_INVALID", "SIZE_INVALID", "BLOB_UPLOAD_INVALID", "RANGE_INVALID"})
_SILENCES: Final = 2
_NO_CHUNKS: Final = frozenset({_BAD_REQUEST, 405, 411, 415, 501})  # in answer to PATCH


class Upload:
    """The state between the attempts of one upload: the session, and how far the registry has come in it."""

    def __init__(  # noqa: PLR0913 - all that an upload needs, from one caller
        self,
        registry: Registry,
        repository: str,
        blob: Descriptor,
        content: Content,
        *,
        task: Task,
        session: Session | None = None,
        memory: RememberedUpload | None = None,
    ) -> None:
        """Prepare to send *blob*.

        Args:
            registry: Where to.
            repository: Where to in it.
            blob: What the bytes must be.
            content: The bytes.
            task: Told of each byte once.
            session: One that the registry has just opened; without it one is begun.
            memory: What an earlier process left; told how far this one comes.

        """
        self._registry = registry
        self._repository = repository
        self._blob = blob
        self._content = content
        self._task = task
        self._memory = memory
        self._location = session.location if session else ""
        self._least_bytes = max(_LEAST_CHUNK_BYTES, session.least_chunk_bytes if session else 0)
        self._chunk_bytes = max(CHUNK_BYTES, self._least_bytes)
        self._offset = 0  # how far the registry has come
        self._in_step = True  # whether that is sure
        self._is_inherited = False  # whether the session is an earlier run's, and took nothing of this one's
        self._silences = 0  # times that it did not say how far it is
        self._refused_offset = -1  # where it last said that we are at the wrong place
        self._in_chunks = True  # whether it knows PATCH
        self._is_closing = False
        self._broken_chunks = 0
        self._furthest_bytes = 0  # a registry that begins anew each time does not get on
        self._told_bytes = 0
        self.sent_bytes = 0  # repeated ones as well
        self.resumed_bytes = 0  # that an earlier run had sent

    def run(self) -> None:
        """Send it, going on where an earlier run stopped.

        Raises:
            InputError: The content is not what *blob* says.
            WorldError: The registry failed more often than it got on, or refuses.

        """
        if self._memory and self._memory.location:
            if self._location:
                cancel_session(self._registry, self._repository, self._location)
            self._location, self._in_step, self._is_inherited = self._memory.location, False, True
        try:
            self._registry.retrying(self._attempt, lambda: self._furthest_bytes)
        except (TransientError, CancelledError, AccessError):
            raise  # the next run goes on
        except WherryError:
            if self._location:
                cancel_session(self._registry, self._repository, self._location)
            if self._memory:
                self._memory.forget()
            raise
        if self._memory:
            self._memory.forget()
        self._tell(self._blob.size_bytes)

    def _attempt(self) -> None:
        if self._is_closing and has_blob(self._registry, self._repository, self._blob):
            return  # only the answer to the closing PUT was lost
        self._is_closing = False
        while True:
            if self._location and not self._in_step:
                self._catch_up()
            if not self._location:
                self._begin()
            try:
                if self._is_rest_closing:
                    self._close()
                    return
                self._send_chunk()
            except TooLargeError as error:
                self._send_less(error)
            except (TransientError, CancelledError):
                raise
            except WorldError as error:
                if not self._is_inherited or error is self._content.failure:
                    raise
                self._forget()  # who may not go on may perhaps begin

    @property
    def _is_rest_closing(self) -> bool:
        """Whether what is left goes with the PUT that closes the session: nothing, little, or all."""
        if self._offset == self._blob.size_bytes or not self._in_chunks:
            return True
        return not self._offset and self._blob.size_bytes <= min(AT_ONCE_BYTES, self._chunk_bytes)

    def _begin(self) -> None:
        with self._request("POST", f"{self._repository}/blobs/uploads/", expect={ACCEPTED}) as reply:
            session = Session.of(reply)
        self._least_bytes = max(_LEAST_CHUNK_BYTES, session.least_chunk_bytes)
        self._chunk_bytes = max(self._chunk_bytes, self._least_bytes)
        self._is_inherited = self._is_closing = False
        if self._memory:
            self._memory.forget()
        self._confirm(session.location, 0)

    def _catch_up(self) -> None:
        """Ask how far the registry has come (distribution-spec, "Resuming an upload")."""
        try:
            with self._request("GET", self._location, expect=DONE) as reply:
                offset = _end_of_range(reply.headers)
                location = reply.location if "Location" in reply.headers else self._location
        except CancelledError:
            raise
        except TransientError:
            self._silences += 1
            if not self._is_inherited or self._silences < _SILENCES:
                raise
            offset = -1  # some answer 500 for what they forgot
        except WorldError:
            offset = -1  # who may not go on may perhaps begin
        if 0 <= offset <= self._blob.size_bytes and offset != self._refused_offset and self._in_chunks:
            if not self.sent_bytes:
                self.resumed_bytes = offset
            self._confirm(location, offset)
        else:
            # docker-registry 2.8 gives up a session whose chunk was cut (404): its size is not the one in
            # our signed Location (distribution#3755 mended that in 3.0).
            self._forget()

    def _send_chunk(self) -> None:
        size_bytes = min(self._chunk_bytes, self._blob.size_bytes - self._offset)
        headers = {
            "Content-Type": _BLOB,
            "Content-Range": f"{self._offset}-{self._offset + size_bytes - 1}",
        }
        expect = DONE | _NO_CHUNKS | {_RANGE_NOT_SATISFIABLE}
        body = self._piece(size_bytes)
        try:
            with (
                self._beginning_anew(),
                self._request("PATCH", self._location, headers, body, expect=expect) as reply,
            ):
                self._take_answer(reply, size_bytes)
        except TransientError:
            self._broken_chunks += 1
            if self._broken_chunks > 1:  # a line that does not hold for so long may hold for less
                self._chunk_bytes = max(min(size_bytes, self._chunk_bytes) // 4, self._least_bytes)
            raise

    def _take_answer(self, reply: Reply, size_bytes: int) -> None:
        """What the registry says to a chunk."""
        if reply.status in DONE:
            self._broken_chunks, self._is_inherited = 0, False
            location = reply.location if "Location" in reply.headers else self._location
            self._confirm(location, self._offset + size_bytes)
        elif reply.status == _RANGE_NOT_SATISFIABLE:
            self._refused_offset = self._offset
            raise TransientError("the registry wants another part of the blob", where=reply.url)
        elif self._offset:
            self._forget()
            raise TransientError(f"the registry answered {reply.status} to a chunk", where=reply.url)
        else:
            self._in_chunks = False
            self._forget()

    def _close(self) -> None:
        location = urldefrag(self._location).url
        # The query is the registry's own, often signed: it stays as it is, and the digest is put behind it.
        place = f"{location}{'&' if '?' in location else '?'}digest={quote(self._blob.digest, safe='')}"
        body = (
            self._piece(self._blob.size_bytes - self._offset)
            if self._offset < self._blob.size_bytes
            else None
        )
        headers = {"Content-Type": _BLOB} if body else {}
        self._is_closing = True
        with (
            self._beginning_anew(),
            self._request("PUT", place, headers, body, expect=DONE | _WRONG_BYTES) as reply,
        ):
            self._is_closing = False
            if reply.status in _WRONG_BYTES:
                self._content.check()
                raise _not_taken(reply, self._registry.complaint(reply))
            check_digest(reply, self._blob.digest)
        self._offset = self._blob.size_bytes

    @contextmanager
    def _beginning_anew(self) -> Iterator[None]:
        """Let the next attempt begin anew where the registry forgot the upload, or has other bytes."""
        try:
            yield
        except NotFoundError as error:
            if error is self._content.failure:
                raise  # where the bytes come from, not where they go, something is gone
            self._forget()
            raise TransientError("the registry forgot the upload", where=error.where) from error
        except _DigestRefusedError:
            self._forget()
            raise

    def _send_less(self, error: TooLargeError) -> None:
        """Try a quarter at once: 413 is most often a limit of a proxy."""
        sent_bytes = min(self._chunk_bytes, self._blob.size_bytes)
        if sent_bytes <= self._least_bytes or not self._in_chunks:
            what = f"no {readable_size(sent_bytes)} of a blob can be sent at once (413)"
            mend = "a proxy before the registry limits requests: raise it (nginx: client_max_body_size)"
            raise TooLargeError(what, where=error.where, mend=mend) from error
        self._chunk_bytes = max(sent_bytes // 4, self._least_bytes)
        self._is_closing = False

    def _request(
        self,
        method: str,
        place: str,
        headers: Mapping[str, str] | None = None,
        body: Piece | None = None,
        *,
        expect: frozenset[int] | set[int],
    ) -> AbstractContextManager[Reply]:
        self._in_step = False  # until the registry has said where it is
        return self._registry.request(
            method,
            place,
            repository=self._repository,
            actions=ACTIONS,
            headers=headers,
            body=body,
            expect=expect,
        )

    def _piece(self, size_bytes: int) -> Piece:
        return Piece(self._content, self._offset, size_bytes, self._count)

    def _count(self, position: int, size_bytes: int) -> None:
        self.sent_bytes += size_bytes
        self._tell(position + size_bytes)

    def _tell(self, position: int) -> None:
        if position > self._told_bytes:
            self._task.advance(position - self._told_bytes)
            self._told_bytes = position

    def _confirm(self, location: str, offset: int) -> None:
        self._location, self._offset, self._in_step = location, offset, True
        self._furthest_bytes = max(self._furthest_bytes, offset)
        self._tell(offset)
        if self._memory:
            self._memory.remember(location)

    def _forget(self) -> None:
        """Begin anew. What an earlier run left stays remembered until that has succeeded."""
        self._location, self._offset, self._refused_offset = "", 0, -1
        if self._memory and not self._is_inherited:
            self._memory.forget()


class _DigestRefusedError(TransientError):
    """The registry did not find the digest: it miscounted a broken chunk, or a bit turned on the way.

    Sent anew they are right, unless our own are wrong, which are hashed then.
    """


def _not_taken(reply: Reply, complaint: Complaint) -> WorldError:
    """What a refusal of the closing PUT means."""
    said = f": {complaint.text}" if complaint.text else ""
    if complaint.codes and not complaint.codes & _WRONG:
        return WorldError(f"the registry does not take the blob ({reply.status}){said}", where=reply.url)
    what = f"the registry did not find the bytes that it was sent ({reply.status}){said}"
    return _DigestRefusedError(what, where=reply.url, mend="try again later")


def _end_of_range(headers: Mapping[str, str]) -> int:
    """How many bytes a registry has (``Range: 0-<end>``, the end included); -1 where it talks nonsense."""
    text = headers.get("Range", "")
    if not text:
        return 0
    found = _RANGE.fullmatch(text)
    if found is None:
        return -1
    end = int(found[1])
    return end + 1 if end else 0  # registries write 0-0 for one byte, which we never leave, and for none
