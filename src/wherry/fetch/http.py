"""Asking a server, politely and suspiciously: timeouts, retries, redirects, and errors that say what to do.

Redirects are followed here and not by urllib3: credentials never go to another origin, and https never
becomes http.
"""

from __future__ import annotations

import os
import random
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urljoin, urlsplit

from urllib3 import exceptions as http_errors

import wherry
from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import Address, address, shown
from wherry.fetch.connections import Connections
from wherry.fetch.failures import CancelledError, NotFoundError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3 import BaseHTTPResponse

    from wherry.fetch.credentials import Credential, Credentials

__all__ = ["Answer", "Http", "NotFoundError", "Patience", "TransientError"]

R = TypeVar("R")

CHUNK_BYTES: Final = 1 << 20
_REDIRECTS: Final = 10
_SHORT_BYTES: Final = 64 << 10
_LONGEST_WAIT_S: Final = 120.0
_TIMEOUTS: Final = ("UV_HTTP_TIMEOUT", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT")
_ENOUGH_PROGRESS_BYTES: Final = 1 << 20

OK: Final = 200
PARTIAL_CONTENT: Final = 206
RANGE_NOT_SATISFIABLE: Final = 416
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_GONE: Final = frozenset({404, 410})
_REDIRECT: Final = frozenset({301, 302, 303, 307, 308})
_TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to try again."""

    connect_s: float = 15.0
    silence_s: float = 30.0  # between two bytes
    attempts: int = 5
    backoff_s: float = 0.5  # before the second attempt; doubled each time
    slowest_bytes: int = 10_000  # fewer in crawl_s seconds is a server that never ends
    crawl_s: float = 60.0

    @classmethod
    def of_environment(cls) -> Patience:
        """Wait for bytes as long as uv or pip were told to."""
        for variable in _TIMEOUTS:
            with suppress(ValueError):
                seconds = float(os.environ.get(variable, ""))
                if 0 < seconds < float("inf"):
                    return cls(silence_s=seconds)
        return cls()


class Answer:
    """What a server sends, while it is being read."""

    def __init__(self, response: BaseHTTPResponse, url: str, patience: Patience) -> None:
        """Read *response* to the request for *url*."""
        self._response = response
        self._patience = patience
        self.status: Final = response.status
        self.headers: Final = response.headers
        self.url: Final = shown(url)

    @property
    def size_bytes(self) -> int | None:
        """How many bytes the server says it sends; None when it does not."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, in pieces of at most CHUNK_BYTES, never decoded.

        Raises:
            TransientError: The server fell silent, crawls, or ended before the end.

        """
        window_end = time.monotonic() + self._patience.crawl_s
        window_bytes = 0
        while True:
            with _transient(self.url, self._patience):
                chunk = self._response.read1(CHUNK_BYTES, decode_content=False)
            if not chunk:
                return
            yield chunk
            window_bytes += len(chunk)
            if time.monotonic() > window_end:
                if window_bytes < self._patience.slowest_bytes:
                    what = f"the server sent only {window_bytes} bytes in {self._patience.crawl_s:.0f} s"
                    raise TransientError(what, where=self.url, mend="try again later")
                window_end, window_bytes = time.monotonic() + self._patience.crawl_s, 0

    def interrupt(self) -> None:
        """Let a reading thread wake up, from another thread."""
        with suppress(OSError, ValueError, RuntimeError):
            self._response.shutdown()

    def close(self) -> None:
        """Give the connection back if everything was read, else end it."""
        self._response.close()

    def skip(self) -> None:
        """Pass over the body: read it if it is short, so that the connection serves again."""
        size_bytes = self.size_bytes
        if size_bytes is not None and size_bytes <= _SHORT_BYTES:
            self._response.drain_conn()
        self.close()


class Http:
    """A client for one command's requests, for all its threads."""

    def __init__(self, credentials: Credentials, patience: Patience | None = None) -> None:
        """Send *credentials* where they belong; wait as *patience* says, or as the environment does."""
        self.credentials: Final = credentials
        self.patience: Final = patience or Patience.of_environment()
        self.cancelled: Final = threading.Event()
        self._connections = Connections(self.patience.connect_s, self.patience.silence_s)
        self._reading: set[Answer] = set()
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """Make every transfer of every thread end soon."""
        self.cancelled.set()
        with self._lock:
            reading = list(self._reading)
        for answer in reading:
            answer.interrupt()

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """Ask once for *url*, following redirects, and read the answer in the block.

        Args:
            url: http or https; userinfo in it is used as credentials.
            headers: To be sent to whichever server answers.

        Raises:
            TransientError: Worth another attempt.
            NotFoundError: The server has no such document.
            WorldError: The server refuses, or cannot be trusted.

        """
        answer = self._final_answer(address(url), dict(headers or {}))
        with self._lock:
            self._reading.add(answer)
        try:
            if self.cancelled.is_set():
                raise CancelledError("given up", where=answer.url)
            yield answer
        finally:
            with self._lock:
                self._reading.discard(answer)
            answer.close()

    def retrying(self, attempt: Callable[[], R], progress_bytes: Callable[[], int] = lambda: 0) -> R:
        """Call *attempt* until it succeeds, waiting longer each time it fails in a way that may pass.

        Args:
            attempt: One try. It raises TransientError when another try makes sense.
            progress_bytes: How far the attempts have come in all; tries that get on do not count as failed.

        Raises:
            WorldError: The last attempt's failure.

        """
        failed, before = 0, progress_bytes()
        while True:
            try:
                return attempt()
            except TransientError as error:
                if self.cancelled.is_set():
                    raise
                now = progress_bytes()
                failed = 1 if now - before >= _ENOUGH_PROGRESS_BYTES else failed + 1
                before = now
                if failed >= self.patience.attempts:
                    raise
                self._wait(failed, error.wait_s)

    def _wait(self, failed: int, wait_s: float | None) -> None:
        backoff_s = self.patience.backoff_s * 2 ** (failed - 1)
        backoff_s *= random.uniform(0.75, 1.25)  # noqa: S311 - only so that clients do not come back together
        self.cancelled.wait(min(backoff_s if wait_s is None else wait_s, _LONGEST_WAIT_S))

    def _final_answer(self, place: Address, headers: dict[str, str]) -> Answer:
        """Follow redirects, and answer a 401 with what the keyring has."""
        origin = place.origin
        credential = self.credentials.find(place)
        asked = False
        for _ in range(_REDIRECTS + 1):
            answer = self._ask(place, headers, credential)
            if answer.status in _REDIRECT and "Location" in answer.headers:
                answer.skip()
                place = _redirected(place, answer.headers["Location"])
                if place.origin != origin:
                    credential = None  # for the rest of the way: coming back does not restore trust
                    origin = ""
            elif answer.status == _UNAUTHORIZED and place.origin == origin and not asked:
                asked = True
                found = self.credentials.ask_keyring(place)
                if found is None:
                    return self._accepted(answer, credential)
                answer.skip()
                credential = found
            else:
                return self._accepted(answer, credential)
        raise WorldError("the server redirects in a circle", where=shown(place.url))

    def _ask(self, place: Address, headers: dict[str, str], credential: Credential | None) -> Answer:
        sent = {
            "User-Agent": f"wherry/{wherry.__version__}",
            "Accept": "*/*",
            "Accept-Encoding": "identity",  # hashes are over what lies on the server
            **headers,
        }
        if credential is not None:
            sent["Authorization"] = credential.header()
        with _transient(place.url, self.patience):
            response = self._connections.pool(place).request(
                "GET",
                place.url,
                headers=sent,
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        return Answer(response, place.url, self.patience)

    def _accepted(self, answer: Answer, credential: Credential | None) -> Answer:
        """The answer, if it is one to read."""
        if answer.status in {OK, PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE}:
            return answer
        answer.skip()
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            what = f"the index answered {answer.status}: {_what_was_sent(credential)}"
            names = f"the name and password for {urlsplit(answer.url).hostname}"
            mend = f"put {names} into ~/.netrc, or set UV_INDEX_<NAME>_USERNAME and _PASSWORD"
            raise WorldError(what, where=answer.url, mend=mend)
        if answer.status in _GONE:
            raise NotFoundError(f"the server has no such file ({answer.status})", where=answer.url)
        what = f"the server answered {answer.status}"
        if answer.status in _TRY_AGAIN:
            error = TransientError(what, where=answer.url, mend="try again later")
            error.wait_s = _retry_after_s(answer.headers.get("Retry-After", ""))
            raise error
        raise WorldError(what, where=answer.url)


def _redirected(place: Address, location: str) -> Address:
    """Where a redirect leads.

    Raises:
        WorldError: To no web address, or from https to anything less.

    """
    try:
        there = address(urljoin(place.url, location))
    except (InputError, ValueError) as error:
        raise WorldError("the server redirects to no web address", where=shown(place.url)) from error
    schemes = (urlsplit(place.url).scheme, urlsplit(there.url).scheme)
    if schemes not in {("http", "http"), ("http", "https"), ("https", "https")}:
        raise WorldError("the server redirects to an address that is not secure", where=shown(there.url))
    return there


def _what_was_sent(credential: Credential | None) -> str:
    if credential is None:
        return "no credentials found in the URL, uv's and pip's configuration, netrc or keyring"
    return f"it refuses the credentials from {credential.source}"


def _retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3). Dates are not heeded: clocks lie."""
    return float(text) if text.isascii() and text.isdigit() else None


@contextmanager
def _transient(url: str, patience: Patience) -> Iterator[None]:
    """Say what urllib3's errors mean, and whether they may pass."""
    where = shown(url)
    try:
        yield
    # The order matters: urllib3 derives the next two from ConnectTimeoutError.
    except http_errors.NameResolutionError as error:
        mend = "check the network, or use --offline with --find-links"
        raise TransientError("the server's name is not known", where=where, mend=mend) from error
    except http_errors.NewConnectionError as error:
        mend = "check the network, or use --offline with --find-links"
        raise TransientError("the server cannot be reached", where=where, mend=mend) from error
    except http_errors.ConnectTimeoutError as error:
        what = f"the server did not answer for {patience.connect_s:g} s"
        raise TransientError(what, where=where, mend="check the network, or try again later") from error
    except http_errors.ReadTimeoutError as error:
        what = f"the server sent nothing for {patience.silence_s:g} s"
        raise TransientError(what, where=where, mend="try again later, or set UV_HTTP_TIMEOUT") from error
    except http_errors.SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            mend = "let SSL_CERT_FILE name the file with your organisation's certificates"
            raise WorldError("the server's TLS certificate is not trusted", where=where, mend=mend) from error
        raise TransientError("the secure connection broke", where=where, mend="try again later") from error
    except http_errors.ProxyError as error:
        mend = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        raise TransientError("the proxy does not answer", where=where, mend=mend) from error
    except (http_errors.HTTPError, OSError, ValueError, AttributeError) as error:
        # A connection shut down from another thread shows up as almost anything.
        raise TransientError("the connection broke off", where=where, mend="try again later") from error
