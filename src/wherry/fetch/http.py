"""Asking a server, politely and suspiciously: timeouts, retries, redirects, and errors that say what to do.

Redirects are followed here and not by urllib3: credentials never go to another origin, and https never
becomes http.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urljoin, urlsplit

import wherry
from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import Address, address, shown
from wherry.fetch.answers import (
    GONE,
    REDIRECT,
    TRY_AGAIN,
    Answer,
    Patience,
    explained,
    retry_after_s,
    retrying,
)
from wherry.fetch.connections import Connections
from wherry.fetch.failures import CancelledError, NotFoundError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wherry.fetch.credentials import Credential, Credentials

__all__ = ["Answer", "Http", "NotFoundError", "Patience", "TransientError"]

R = TypeVar("R")

_REDIRECTS: Final = 10

OK: Final = 200
PARTIAL_CONTENT: Final = 206
RANGE_NOT_SATISFIABLE: Final = 416
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403


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
        return retrying(self.patience, self.cancelled, attempt, progress_bytes)

    def _final_answer(self, place: Address, headers: dict[str, str]) -> Answer:
        """Follow redirects, and answer a 401 with what the keyring has."""
        origin = place.origin
        credential = self.credentials.find(place)
        asked = False
        for _ in range(_REDIRECTS + 1):
            answer = self._ask(place, headers, credential)
            if answer.status in REDIRECT and "Location" in answer.headers:
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
        with explained(place.url, self.patience):
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
        if answer.status in GONE:
            raise NotFoundError(f"the server has no such file ({answer.status})", where=answer.url)
        what = f"the server answered {answer.status}"
        if answer.status in TRY_AGAIN:
            error = TransientError(what, where=answer.url, mend="try again later")
            error.wait_s = retry_after_s(answer.headers.get("Retry-After", ""))
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
