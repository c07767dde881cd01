"""One registry, asked over HTTP: who asks is settled here, and so is where a request may go.

A request is one attempt; callers say what is to be tried again. Credentials go to the registry's own origin and
to the token server it names, never along with a redirect or to an upload's Location elsewhere.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, Self, TypeVar
from urllib.parse import urljoin

import urllib3

import wherry
from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import address, shown
from wherry.fetch.answers import CHUNK_BYTES, REDIRECT, Answer, Patience, explained, retrying
from wherry.fetch.connections import Connections
from wherry.fetch.failures import CancelledError
from wherry.oci.registry.endpoint import Endpoint
from wherry.oci.registry.errors import Complaint, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import TracebackType

    from urllib3 import BaseHTTPResponse

    from wherry.fetch.addresses import Address
    from wherry.oci.registry.credentials import Keychain

R = TypeVar("R")

_REDIRECTS: Final = 10
_COMPLAINT_BYTES: Final = 16 << 10
_SENT_BYTES: Final = 256 << 10
_MESSAGE_BYTES: Final = (
    4 << 20
)  # "registries MUST accept manifests of 4 megabytes": nothing we read whole is larger
_COMMITTING: Final = 10  # times the usual silence: a registry hashes what it was sent before it answers
_UNREACHABLE: Final = "check the registry's name and the network"


class Body(Protocol):
    """Bytes to be sent; opened anew for every attempt."""

    @property
    def size_bytes(self) -> int:
        """How many there are."""

    def open(self) -> BinaryIO:
        """Read them from the start; the client closes it."""


class Reply(Answer):
    """What the registry answers, while it is being read."""

    def __init__(self, response: BaseHTTPResponse, place: Address, patience: Patience) -> None:
        """Read *response* to the request for *place*."""
        super().__init__(response, place.url, patience)
        self._place = place

    @property
    def location(self) -> str:
        """Where the registry says to go on: the whole URL, its query included. Not to be shown.

        Raises:
            WorldError: It does not say.

        """
        location = self.headers.get("Location", "")
        if not location:
            raise WorldError("the registry does not say where to go on (no Location)", where=self.url)
        try:
            return urljoin(self._place.url, location)
        except ValueError as error:
            raise WorldError("the registry's Location is no URL", where=self.url) from error

    def read(self, limit_bytes: int = _MESSAGE_BYTES) -> bytes:
        """The whole body, if it is no larger than that.

        Raises:
            WorldError: It is larger.
            TransientError: The connection broke.

        """
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > limit_bytes:
                raise WorldError(f"the registry's answer is larger than {limit_bytes} bytes", where=self.url)
        return bytes(body)


class Registry:
    """A client for one registry, for all threads of one command."""

    def __init__(
        self,
        host: str,
        *,
        keychain: Keychain | None = None,
        plain_http: bool = False,
        patience: Patience | None = None,
        cancelled: threading.Event | None = None,
    ) -> None:
        """Talk to *host*.

        Args:
            host: As users write it: "docker.io", "localhost:5000".
            keychain: Who we are there; nobody if None.
            plain_http: Do without TLS.
            patience: How long to wait; as the environment says if None.
            cancelled: Once set, nothing more is tried; one of its own if None.

        """
        self.host: Final = host
        self.patience: Final = patience or Patience.of_environment()
        self.cancelled: Final = cancelled or threading.Event()
        self._keychain = keychain
        self._endpoint = Endpoint(host, plain_http=plain_http)
        self._connections = Connections(self.patience.connect_s, self.patience.silence_s)
        self._reading: set[Reply] = set()
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """Make every transfer of every thread end soon."""
        self.cancelled.set()
        with self._lock:
            reading = list(self._reading)
        for reply in reading:
            reply.interrupt()

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    @contextmanager
    def request(
        self,
        method: str,
        place: str,
        *,
        repository: str,
        actions: str = "pull",  # noqa: ARG002 - soon
        also_pull: str = "",  # noqa: ARG002 - soon
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        expect: Collection[int] = (200,),
    ) -> Iterator[Reply]:
        """Ask once, and read the reply in the block.

        Args:
            method: GET, HEAD, POST, PUT, PATCH or DELETE.
            place: A path below /v2/ ("team/app/manifests/latest"), or a `Reply.location`.
            repository: What is asked about; its name is in the scope of the token.
            actions: What is to be done with it: "pull", "pull,push".
            also_pull: Another repository that blobs are mounted from.
            headers: To be sent to whichever server answers.
            body: What to send.
            expect: The statuses that are no failure.

        Raises:
            TransientError: Worth another attempt.
            NotFoundError: The registry has no such thing.
            AccessError: The registry does not let us.
            WorldError: The registry refuses otherwise, or cannot be trusted.

        """
        there = self._address(place)
        reply = self._final_reply(method, there, dict(headers or {}), body)
        with self._lock:
            self._reading.add(reply)
        try:
            if self.cancelled.is_set():
                raise CancelledError("given up", where=reply.url)
            if reply.status not in expect:
                raise self._refusal(reply, repository)
            yield reply
        finally:
            with self._lock:
                self._reading.discard(reply)
            reply.close()

    def retrying(self, attempt: Callable[[], R], progress_bytes: Callable[[], int] = lambda: 0) -> R:
        """Call *attempt* until it succeeds, waiting longer each time it fails in a way that may pass.

        Args:
            attempt: One try. It raises TransientError when another try makes sense.
            progress_bytes: How far the attempts have come in all; tries that get on do not count as failed.

        Raises:
            WorldError: The last attempt's failure.

        """
        return retrying(self.patience, self.cancelled, attempt, progress_bytes)

    def _address(self, place: str) -> Address:
        base = self._endpoint.base_url()
        if "://" in place:
            return address(place)
        return address(urljoin(base, place) if place.startswith("/") else f"{base}/v2/{place}")

    def _final_reply(
        self, method: str, place: Address, headers: dict[str, str], body: bytes | Body | None
    ) -> Reply:
        for _ in range(_REDIRECTS + 1):
            reply = self._send(method, place, headers, body)
            if method not in {"GET", "HEAD"} or reply.status not in REDIRECT:
                return reply
            reply.skip()
            try:
                place = address(reply.location)
            except InputError as error:
                raise WorldError("the registry redirects to no web address", where=reply.url) from error
        raise WorldError("the registry redirects in a circle", where=shown(place.url))

    def _send(
        self, method: str, place: Address, headers: Mapping[str, str], body: bytes | Body | None
    ) -> Reply:
        sent = {
            "User-Agent": f"wherry/{wherry.__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # digests are over what lies in the registry
            **headers,
        }
        silence_s = self.patience.silence_s * (1 if method in {"GET", "HEAD"} else _COMMITTING)
        sending = None
        if isinstance(body, bytes) or body is None:
            sending = body
        else:
            sent["Content-Length"] = str(body.size_bytes)
        chunks = None if sending is not None or body is None else self._chunks(body, shown(place.url))
        try:
            with explained(place.url, self.patience, _UNREACHABLE):
                response = self._connections.pool(place).request(
                    method,
                    place.url,
                    body=sending if chunks is None else chunks,
                    headers=sent,
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=urllib3.Timeout(connect=self.patience.connect_s, read=silence_s),
                )
        except _BodyError as error:
            raise error.cause from None
        finally:
            if chunks is not None:
                chunks.close()
        return Reply(response, place, self.patience)

    def _chunks(self, body: Body, where: str) -> _Chunks:
        return _chunks(body, self.cancelled, where)

    def _refusal(self, reply: Reply, repository: str) -> WorldError:
        try:
            said = reply.read(_COMPLAINT_BYTES)
        except WorldError:
            said = b""
        return refusal(
            reply.status,
            Complaint(said),
            reply.headers,
            where=reply.url,
            host=self.host,
            repository=repository,
        )


class _BodyError(Exception):
    """Reading what is to be sent failed: not the connection's fault."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


def _chunks(body: Body, cancelled: threading.Event, where: str) -> _Chunks:
    """The bytes of *body*, exactly as many as it says."""
    try:
        left = body.size_bytes
        with body.open() as stream:
            while left:
                if cancelled.is_set():
                    raise CancelledError("given up", where=where)
                chunk = stream.read(min(_SENT_BYTES, left))
                if not chunk:
                    raise WorldError("what is being sent ended too early", where=where)
                left -= len(chunk)
                yield chunk
    except Exception as error:
        raise _BodyError(error) from error


if TYPE_CHECKING:
    from collections.abc import Generator

    _Chunks = Generator[bytes, None, None]

_ = CHUNK_BYTES


class Registries:
    """The registries of one command, each met when it is first asked for."""

    def __init__(
        self,
        *,
        keychain: Keychain | None = None,
        plain_http: Collection[str] | bool = False,
        patience: Patience | None = None,
    ) -> None:
        """Talk to registries as *keychain* says; without TLS to those of *plain_http*, or to all if True."""
        self._keychain = keychain
        self._plain_http = plain_http
        self._patience = patience
        self._known: dict[str, Registry] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def at(self, host: str) -> Registry:
        """The registry at *host*, as users write it."""
        plain = self._plain_http
        with self._lock:
            if host not in self._known:
                self._known[host] = Registry(
                    host,
                    keychain=self._keychain,
                    plain_http=plain if isinstance(plain, bool) else host in plain,
                    patience=self._patience,
                )
            return self._known[host]

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for registry in self._known.values():
                registry.close()
