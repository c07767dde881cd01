"""One request to one address, and its answer: what is sent streams, what comes can be cut short.

Who asks, and whether that address may be asked at all, is settled elsewhere: in client.py.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol
from urllib.parse import urljoin

import urllib3

import wherry
from wherry.errors import WorldError
from wherry.fetch.addresses import shown
from wherry.fetch.answers import Answer, Patience, explained
from wherry.fetch.connections import Connections
from wherry.fetch.failures import CancelledError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from urllib3 import BaseHTTPResponse

    from wherry.fetch.addresses import Address

_SENT_BYTES: Final = 256 << 10
_MESSAGE_BYTES: Final = 4 << 20  # "manifests up to 4 MB must be accepted": we read nothing larger whole
_COMMITS: Final = frozenset({"PUT", "PATCH"})
_COMMITTING: Final = 10  # times the usual silence: a registry hashes what it was sent before it answers
# What OpenSSL says of a server that answers without TLS.
_PLAIN: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
_UNREACHABLE: Final = "check the registry's name and the network"


class Body(Protocol):
    """Bytes to be sent; opened anew for every attempt."""

    @property
    def size_bytes(self) -> int:
        """How many there are."""

    def open(self) -> BinaryIO:
        """Read them from the start; the client closes it."""


class TooLongError(WorldError):
    """An answer is larger than anything that is asked for."""


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

    @property
    def media_type(self) -> str:
        """What the registry calls what it sends, in lower case; "" if nothing."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    def read(self, limit_bytes: int = _MESSAGE_BYTES) -> bytes:
        """The whole body, if it is no larger than that.

        Raises:
            TooLongError: It is larger.
            TransientError: The connection broke.

        """
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > limit_bytes:
                raise TooLongError(
                    f"the registry's answer is larger than {limit_bytes} bytes", where=self.url
                )
        return bytes(body)


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """A request, wherever it is sent."""

    method: str
    headers: Mapping[str, str]
    body: bytes | Body | None = None
    repository: str = ""
    scopes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"Asked({self.method} {self.repository})"


class Exchange:
    """The connections to a registry and to the servers it names, for all threads."""

    def __init__(self, host: str, patience: Patience, cancelled: threading.Event) -> None:
        """Talk to *host* for as long as *cancelled* is not set."""
        self._host = host
        self._patience = patience
        self._cancelled = cancelled
        self._connections = Connections(patience.connect_s, patience.silence_s)
        self._reading: set[Reply] = set()
        self._lock = threading.Lock()

    def interrupt(self) -> None:
        """Let every thread that reads an answer wake up."""
        with self._lock:
            reading = list(self._reading)
        for reply in reading:
            reply.interrupt()

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    @contextmanager
    def reading(self, reply: Reply) -> Iterator[Reply]:
        """Let `interrupt` reach the reply as long as the block lasts."""
        with self._lock:
            self._reading.add(reply)
        try:
            if self._cancelled.is_set():
                raise CancelledError("given up", where=reply.url)
            yield reply
        finally:
            with self._lock:
                self._reading.discard(reply)
            reply.close()

    def send(self, asked: Asked, place: Address, authorization: str | None = None) -> Reply:
        """Send the request as it is, to that address alone.

        Raises:
            TransientError: Worth another attempt.
            WorldError: The server cannot be trusted, or the body is not what it said.

        """
        if asked.body is None or isinstance(asked.body, bytes):
            sending: bytes | Generator[bytes] | None = asked.body
        else:
            sending = _chunks(asked.body, self._cancelled, shown(place.url))
        silence_s = self._patience.silence_s * (_COMMITTING if asked.method in _COMMITS else 1)
        try:
            with explained(place.url, self._patience, _UNREACHABLE):
                response = self._connections.pool(place).request(
                    asked.method,
                    place.url,
                    body=sending,
                    headers=_headers(asked, authorization),
                    retries=False,
                    redirect=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=urllib3.Timeout(connect=self._patience.connect_s, read=silence_s),
                )
        except _BodyError as error:
            raise error.cause from None
        except TransientError as error:
            if any(reason in str(error.__cause__) for reason in _PLAIN):
                what = f"the registry {self._host} does not speak TLS"
                mend = "use --plain-http if you trust the network between you and it"
                raise WorldError(what, where=error.where, mend=mend) from error
            raise
        finally:
            if isinstance(sending, Generator):
                sending.close()
        return Reply(response, place, self._patience)


def _headers(asked: Asked, authorization: str | None) -> dict[str, str]:
    headers = {
        "User-Agent": f"wherry/{wherry.__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",  # digests are over what lies in the registry
        **asked.headers,
    }
    if authorization is not None:
        headers["Authorization"] = authorization
    if asked.body is not None and not isinstance(asked.body, bytes):
        headers["Content-Length"] = str(asked.body.size_bytes)
    return headers


class _BodyError(Exception):
    """Reading what is to be sent failed: not the connection's fault."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


def _chunks(body: Body, cancelled: threading.Event, where: str) -> Generator[bytes]:
    try:
        yield from _pieces(body, cancelled, where)
    except Exception as error:
        raise _BodyError(error) from error


def _pieces(body: Body, cancelled: threading.Event, where: str) -> Generator[bytes]:
    """The bytes of *body*, exactly as many as it says."""
    left = body.size_bytes
    with body.open() as stream:
        while left:
            if cancelled.is_set():
                raise CancelledError("given up", where=where)
            piece = stream.read(min(_SENT_BYTES, left))
            if not piece:
                raise WorldError("what is being sent ended too early", where=where)
            left -= len(piece)
            yield piece
