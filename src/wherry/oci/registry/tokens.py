"""Tokens for a registry, from the token server it names: one for each set of scopes, renewed in time.

The rules are those of distribution's docs/content/spec/auth/token.md (GET) and oauth.md (POST, for identity
tokens). A token server is asked only over the kind of connection that its registry may name.
"""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlencode, urlsplit

import msgspec

from wherry.errors import WorldError
from wherry.fetch.addresses import address, shown
from wherry.frozen import ready
from wherry.oci.registry.errors import (
    Complaint,
    ExpiredTokenError,
    NoCredentialsError,
    WrongPasswordError,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from wherry.fetch.addresses import Address
    from wherry.oci.registry.challenge import Challenge
    from wherry.oci.registry.credentials import Login
    from wherry.oci.registry.endpoint import Endpoint

_OK: Final = 200
_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_NO_POST: Final = frozenset({404, 405})
_ANSWER_BYTES: Final = 256 << 10
_WORD: Final = re.compile(r"[!-~]{1,65536}")  # what may stand in a header
_USUAL_LIFE_S: Final = 60.0  # token.md: "if omitted, this defaults to 60 seconds"
_LONGEST_LIFE_S: Final = 24 * 3600.0
_AHEAD_S: Final = 30.0
_AHEAD: Final = 0.25
_CLIENT: Final = "wherry"


class Answered(Protocol):
    """What a server answered."""

    @property
    def status(self) -> int:
        """The status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""

    def read(self, limit_bytes: int) -> bytes:
        """The whole body."""


class Ask(Protocol):
    """A way to ask a server once; no status is an error."""

    def __call__(
        self, method: str, place: Address, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractContextManager[Answered]:
        """Send the request."""


class _Answer(msgspec.Struct):
    """token.md: "for compatibility with OAuth 2.0, we will also accept token under the name access_token"."""

    token: str | None = None
    access_token: str | None = None
    refresh_token: str | None = None
    expires_in: float | None = None
    issued_at: str | None = None

    def __repr__(self) -> str:
        """Show nothing secret."""
        return "_Answer()"


@dataclass(frozen=True, slots=True, repr=False)
class _Token:
    text: str
    good_until: float  # by time.monotonic

    def __repr__(self) -> str:
        """Show nothing secret."""
        return "_Token()"


_Key = tuple[str, str, tuple[str, ...]]  # realm, service, scopes


class Tokens:
    """The tokens that one registry's token servers gave out."""

    def __init__(self, endpoint: Endpoint, ask: Ask, redact: Callable[[str], str]) -> None:
        """Ask the token servers of *endpoint* with *ask*; *redact* what they complain of."""
        self._endpoint = endpoint
        self._ask = ask
        self._redact = redact
        self._kept: dict[_Key, _Token] = {}
        self._asking: dict[_Key, threading.Lock] = {}
        self._given: set[str] = set()
        self._renewed: dict[str, str] = {}  # identity token → the one that replaced it
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"Tokens({len(self._kept)} for {self._endpoint.host})"

    def secrets(self) -> frozenset[str]:
        """What must be shown nowhere."""
        with self._lock:
            return frozenset({*self._given, *self._renewed.values()})

    def get(self, challenge: Challenge, scopes: tuple[str, ...], login: Login | None) -> tuple[str, bool]:
        """A token for *scopes*, and whether it was made just now.

        Args:
            challenge: What the registry said of its token server.
            scopes: ``repository:name:pull``; some registries only look at the first.
            login: Who we are; nobody in particular if None.

        Raises:
            AccessError: The token server does not let us.
            WorldError: It fails otherwise, or may not be asked.

        """
        key = (challenge.get("realm"), challenge.get("service"), scopes)
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:  # threads that need the same token wait for one answer
            if (kept := self._fitting(key)) is not None:
                return kept.text, False
            token = self._new(key, login)
            with self._lock:
                self._kept[key] = token
                self._given.add(token.text)
            return token.text, True

    def drop(self, text: str) -> None:
        """Forget a token that the registry refused."""
        with self._lock:
            self._kept = {key: token for key, token in self._kept.items() if token.text != text}

    def _fitting(self, key: _Key) -> _Token | None:
        realm, service, scopes = key
        now = time.monotonic()
        with self._lock:
            for (its_realm, its_service, its_scopes), token in self._kept.items():
                same = (its_realm, its_service) == (realm, service)
                if same and now < token.good_until and _covers(its_scopes, scopes):
                    return token
        return None

    def _new(self, key: _Key, login: Login | None) -> _Token:
        realm, service, scopes = key
        place = self._endpoint.checked(realm)
        if login is not None and login.identity_token:
            token = self._by_identity(place, service, scopes, login)
            if token is not None:
                return token
        query = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        if login is not None and login.user:
            query.append(("account", login.user))
        joint = "&" if urlsplit(place.url).query else "?"
        asked = address(
            f"{place.url}{joint}{urlencode(query, errors='surrogateescape')}" if query else place.url
        )
        headers = {} if login is None else {"Authorization": login.basic}
        with self._ask("GET", asked, headers, None) as answer:
            if answer.status != _OK:
                raise self._refusal(answer, place, login)
            return self._read(answer, place)

    def _by_identity(
        self, place: Address, service: str, scopes: tuple[str, ...], login: Login
    ) -> _Token | None:
        """Exchange the identity token; None where the token server does not know how."""
        with self._lock:
            identity = self._renewed.get(login.identity_token, login.identity_token)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": identity,
            "service": service,
            "client_id": _CLIENT,
            "scope": " ".join(scopes),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        with self._ask("POST", place, headers, urlencode(form).encode()) as answer:
            if answer.status in _NO_POST:
                return None
            if answer.status != _OK:
                raise self._refusal(answer, place, login)
            return self._read(answer, place, login)

    def _read(self, answer: Answered, place: Address, login: Login | None = None) -> _Token:
        where = shown(place.url)
        try:
            found = msgspec.json.decode(answer.read(_ANSWER_BYTES), type=ready(_Answer), strict=False)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise WorldError("the token server's answer cannot be understood", where=where) from None
        text = found.token or found.access_token or ""
        if not _WORD.fullmatch(text):
            raise WorldError("the token server answers without a token", where=where)
        if login is not None and found.refresh_token and _WORD.fullmatch(found.refresh_token):
            with self._lock:  # oauth.md: a new one takes the place of the old
                self._renewed[login.identity_token] = found.refresh_token
        return _Token(text, time.monotonic() + _useful_s(found, answer.headers.get("Date", "")))

    def _refusal(self, answer: Answered, place: Address, login: Login | None) -> WorldError:
        try:
            complaint = Complaint(answer.read(_ANSWER_BYTES), self._redact)
        except WorldError:
            complaint = Complaint()
        host, where = self._endpoint.host, shown(place.url)
        said = f": {complaint.text}" if complaint.text else ""
        mend = login.mend(host) if login else f"run 'wherry login {host}'"
        by_identity = login is not None and bool(login.identity_token)
        if answer.status == _UNAUTHORIZED or (answer.status == _BAD_REQUEST and by_identity):
            if login is None:
                what = (
                    f"the token server of {host} answers nobody without a name, and no credentials are known"
                )
                return NoCredentialsError(what + said, where=where, mend=mend)
            if by_identity:
                what = f"the token for {host} from {login.source} is not valid, or no longer{said}"
                return ExpiredTokenError(what, where=where, mend=mend)
            what = f"wrong name or password for {host}, from {login.source}{said}"
            return WrongPasswordError(what, where=where, mend=mend)
        return refusal(answer.status, complaint, answer.headers, where=where, host=host, repository="")


def _useful_s(answer: _Answer, date: str) -> float:
    """How long to use a token: until some time before it expires."""
    life_s = answer.expires_in if answer.expires_in is not None and answer.expires_in > 0 else _USUAL_LIFE_S
    life_s = min(life_s, _LONGEST_LIFE_S)
    return life_s - min(max(_age_s(answer.issued_at or "", date), 0), life_s) - min(_AHEAD_S, _AHEAD * life_s)


def _age_s(issued_at: str, date: str) -> float:
    """How old a token came to us, by the clock of its server where it tells the time."""
    try:
        issued = datetime.fromisoformat(issued_at)
    except (ValueError, OverflowError):
        return 0
    try:
        now = parsedate_to_datetime(date)
    except (ValueError, OverflowError):  # the latter of a year that no clock shows
        now = datetime.now(UTC)
    if issued.tzinfo is None or now.tzinfo is None:
        return 0
    return (now - issued).total_seconds()


def _covers(have: tuple[str, ...], asked: tuple[str, ...]) -> bool:
    """Whether a token for *have* serves for *asked*, at a registry that looks only at the first scope too."""
    granted = {resource: set(actions.split(",")) for resource, _, actions in map(_split, have)}
    wanted = [(resource, set(actions.split(","))) for resource, _, actions in map(_split, asked)]
    first = [_split(scopes[0])[0] if scopes else "" for scopes in (have, asked)]
    return first[0] == first[1] and all(
        actions <= granted.get(resource, set()) for resource, actions in wanted
    )


def _split(scope: str) -> tuple[str, str, str]:
    return scope.rpartition(":")
