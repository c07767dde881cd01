"""One registry, asked over HTTP: who asks is settled here, and so is where a request may go.

A request is one attempt; callers say what is to be tried again. Credentials go to the registry's own origin
and to the token server it names, never along with a redirect or to an upload's Location elsewhere.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self, TypeVar
from urllib.parse import urljoin

from wherry.errors import WorldError
from wherry.fetch.addresses import shown
from wherry.fetch.answers import REDIRECT, Patience, retrying
from wherry.fetch.failures import NotFoundError
from wherry.oci.registry.access import Access
from wherry.oci.registry.challenge import parse_challenges
from wherry.oci.registry.credentials import Keychain
from wherry.oci.registry.endpoint import Endpoint, registry_host
from wherry.oci.registry.errors import Complaint, is_foreign, is_page, no_registry, refusal
from wherry.oci.registry.exchange import Asked, Body, Exchange, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from types import TracebackType

    from wherry.fetch.addresses import Address

__all__ = ["Body", "Registries", "Registry", "Reply"]

R = TypeVar("R")

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_FOLLOWED: Final = frozenset({"GET", "HEAD"})
_REDIRECTS: Final = 10
_COMPLAINT_BYTES: Final = 16 << 10


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
            keychain: Who we are there; as this host's files and environment say if None.
            plain_http: Do without TLS.
            patience: How long to wait; as the environment says if None.
            cancelled: Once set, nothing more is tried; one of its own if None.

        """
        self.host: Final = host
        self.patience: Final = patience or Patience.of_environment()
        self.cancelled: Final = cancelled or threading.Event()
        self.liars: Final[set[str]] = set()  # the repositories that sent other bytes than their digest says
        self._endpoint = Endpoint(host, plain_http=plain_http)
        self._exchange = Exchange(host, self.patience, self.cancelled)
        self._access = Access(
            self._endpoint,
            Keychain.of_environment() if keychain is None else keychain,
            self._ask_token_server,
        )

    @property
    def hands_out_tokens(self) -> bool:
        """Whether it is known to answer only who brings a token."""
        return self._access.is_by_token

    def cancel(self) -> None:
        """Make every transfer of every thread end soon."""
        self.cancelled.set()
        self._exchange.interrupt()

    def close(self) -> None:
        """Close the idle connections."""
        self._exchange.close()

    @contextmanager
    def request(  # noqa: PLR0913 - what a request is, and whom it concerns
        self,
        method: str,
        place: str,
        *,
        repository: str,
        actions: str = "pull",
        also_pull: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes | Body | None = None,
        expect: Collection[int] = (200,),
    ) -> Iterator[Reply]:
        """Ask once, and read the reply in the block.

        Args:
            method: GET, HEAD, POST, PUT, PATCH or DELETE; redirects of the first two are followed.
            place: A path below /v2/ ("team/app/manifests/latest"), or a `Reply.location`.
            repository: What is asked about; its name is in the scope of the token. Empty for none.
            actions: What is to be done with it: "pull", "pull,push".
            also_pull: Another repository that blobs are mounted from.
            headers: To be sent to whichever server answers.
            body: What to send.
            expect: The statuses that are no failure.

        Raises:
            TransientError: Worth another attempt.
            NotFoundError: The registry has no such thing.
            AccessError: The registry does not let us.
            InputError: A file of credentials cannot be understood.
            WorldError: The registry refuses otherwise, or cannot be trusted.

        """
        there = self._endpoint.checked(self._url_of(place))
        # Some registries look at the first scope only: that of what is asked about.
        scopes: tuple[str, ...] = (f"repository:{repository}:{actions}",) if repository else ()
        scopes += (f"repository:{also_pull}:pull",) if also_pull else ()
        asked = Asked(method, dict(headers or {}), body, repository, scopes)
        reply = self._final_reply(asked, there)
        with self._exchange.reading(reply):
            if reply.status not in expect:
                raise self._refusal(reply, repository)
            yield reply

    def greet(self) -> bool:
        """Ask the registry for nothing but whether it lets us in.

        Returns:
            Whether it wanted to know who asks.

        Raises:
            TransientError: Worth another attempt.
            AccessError: It does not let us in.
            WorldError: It is no registry, or cannot be trusted.

        """
        try:
            with self.request("GET", "", repository="") as reply:
                if is_page(reply.headers):
                    raise no_registry(reply.status, where=reply.url, host=self.host)
                return self._access.was_asked
        except NotFoundError as error:
            raise no_registry(_NOT_FOUND, where=error.where, host=self.host) from error

    def retrying(self, attempt: Callable[[], R], progress_bytes: Callable[[], int] = lambda: 0) -> R:
        """Call *attempt* until it succeeds, waiting longer each time it fails in a way that may pass.

        Args:
            attempt: One try. It raises TransientError when another try makes sense.
            progress_bytes: How far the attempts have come in all; tries that get on do not count as failed.

        Raises:
            WorldError: The last attempt's failure.

        """
        return retrying(self.patience, self.cancelled, attempt, progress_bytes)

    def complaint(self, reply: Reply) -> Complaint:
        """What a *reply* not hoped for says is wrong, without our secrets; nothing if it is endless."""
        try:
            return Complaint(reply.read(_COMPLAINT_BYTES), self._access.redact)
        except WorldError:
            return Complaint()

    def _url_of(self, place: str) -> str:
        base = self._endpoint.base_url
        if "://" not in place and not place.startswith("/"):
            return f"{base}/v2/{place}"
        try:
            return urljoin(base, place)
        except ValueError as error:  # a place that was remembered on a disk
            raise WorldError("the registry names an address that is none", where=shown(place)) from error

    def _final_reply(self, asked: Asked, place: Address) -> Reply:
        """Follow redirects, and say who we are to the registry itself."""
        trusted = True
        for _ in range(_REDIRECTS + 1):
            trusted = trusted and self._endpoint.is_own(place)  # coming back does not restore trust
            reply = self._send_as_ourselves(asked, place) if trusted else self._exchange.send(asked, place)
            if asked.method not in _FOLLOWED or reply.status not in REDIRECT:
                return reply
            reply.skip()
            place = self._endpoint.checked(reply.location)
        raise WorldError("the registry redirects in a circle", where=shown(place.url))

    def _send_as_ourselves(self, asked: Asked, place: Address) -> Reply:
        """Send the request, and again with what the registry wants to know first."""
        sent = self._access.header(asked.repository, asked.scopes)
        settled = False
        while True:
            reply = self._exchange.send(asked, place, sent)
            if reply.status != _UNAUTHORIZED:
                return reply
            challenges = parse_challenges(reply.headers.getlist("WWW-Authenticate"))
            complaint = self.complaint(reply)
            reply.close()
            if not settled:
                refused = sent
                sent, settled = self._access.after_refusal(
                    challenges, asked.repository, asked.scopes, refused
                )
                if sent != refused:
                    continue
            raise self._access.refusal(
                challenges, complaint, sent, where=reply.url, repository=asked.repository
            )

    @contextmanager
    def _ask_token_server(
        self, method: str, place: Address, headers: Mapping[str, str], body: bytes | None
    ) -> Iterator[Reply]:
        with self._exchange.reading(self._exchange.send(Asked(method, headers, body), place)) as reply:
            yield reply

    def _refusal(self, reply: Reply, repository: str) -> WorldError:
        complaint = self.complaint(reply)
        if reply.status == _UNAUTHORIZED:
            what = "the server that the registry names wants credentials, and has no right to ours (401)"
            return WorldError(what, where=reply.url)
        if is_foreign(reply.status, complaint, reply.headers):
            return no_registry(reply.status, where=reply.url, host=self.host)
        return refusal(
            reply.status, complaint, reply.headers, where=reply.url, host=self.host, repository=repository
        )


class Registries:
    """The registries of one command, each met when it is first asked for."""

    def __init__(
        self,
        *,
        keychain: Keychain | None = None,
        plain_http: Collection[str] = (),
        patience: Patience | None = None,
    ) -> None:
        """Talk to registries.

        Args:
            keychain: Who we are there; as this host's files and environment say if None.
            plain_http: The hosts to talk to without TLS, and no others: an image may name any.
            patience: How long to wait; as the environment says if None.

        """
        self._keychain = Keychain.of_environment() if keychain is None else keychain
        self._plain_http = frozenset(map(registry_host, plain_http))
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
        with self._lock:
            if host not in self._known:
                self._known[host] = Registry(
                    host,
                    keychain=self._keychain,
                    plain_http=registry_host(host) in self._plain_http,
                    patience=self._patience,
                )
            return self._known[host]

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for registry in self._known.values():
                registry.close()
