"""What to send a registry so that it answers: nothing at first, then what it asks for.

What one 401 taught is remembered, so that later requests need not be refused first.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from wherry.errors import WorldError
from wherry.oci.registry.errors import (
    Complaint,
    ExpiredTokenError,
    NoCredentialsError,
    PermissionDeniedError,
    WrongPasswordError,
)
from wherry.oci.registry.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.oci.registry.challenge import Challenge
    from wherry.oci.registry.credentials import Keychain, Login
    from wherry.oci.registry.endpoint import Endpoint
    from wherry.oci.registry.tokens import Ask

_BASIC: Final = "basic"
_BEARER: Final = "bearer"
_MOST_SCOPES: Final = 4
_LONGEST_SCOPE: Final = 300
_SHORTEST_SECRET: Final = 4  # replacing "a" everywhere would hide the message, not the secret


class Access:
    """Who we are at one registry, for all threads."""

    def __init__(self, endpoint: Endpoint, keychain: Keychain, ask: Ask) -> None:
        """Be at *endpoint* who *keychain* says; ask token servers with *ask*."""
        self._host: Final = endpoint.host
        self._keychain = keychain
        self._tokens = Tokens(endpoint, ask, self.redact)
        self._challenges: dict[str, Challenge] = {}  # by repository
        self._latest: Challenge | None = None
        self._secrets: set[str] = set()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"Access({self._host})"

    @property
    def was_asked(self) -> bool:
        """Whether the registry ever wanted to know who asks."""
        with self._lock:
            return self._latest is not None

    @property
    def is_by_token(self) -> bool:
        """Whether the registry wants a token that somebody else gives out."""
        with self._lock:
            return self._latest is not None and self._latest.scheme == _BEARER

    def header(self, repository: str, scopes: tuple[str, ...]) -> str | None:
        """The value of ``Authorization`` for a request, as far as it is known what the registry wants.

        Args:
            repository: What is asked about.
            scopes: What is to be done, its own repository's first.

        Raises:
            AccessError: The token server does not let us.
            InputError: A file of credentials cannot be understood.
            WorldError: The token server fails otherwise, or may not be asked.

        """
        with self._lock:
            challenge = self._challenges.get(repository, self._latest)
        return None if challenge is None else self._header(challenge, repository, scopes)[0]

    def after_refusal(
        self, challenges: Sequence[Challenge], repository: str, scopes: tuple[str, ...], refused: str | None
    ) -> tuple[str | None, bool]:
        """What to send after a 401: the header, and whether asking once more could change it.

        Args:
            challenges: What the registry said it wants.
            repository: What is asked about.
            scopes: What is to be done.
            refused: What was sent.

        Raises:
            AccessError: The token server does not let us.
            InputError: A file of credentials cannot be understood.
            WorldError: The token server fails otherwise, or may not be asked.

        """
        challenge = _chosen(challenges)
        if challenge is None:
            return refused, True
        with self._lock:
            self._challenges[repository] = challenge
            # The scope of one request is not for another.
            self._latest = replace(
                challenge, parameters={k: v for k, v in challenge.parameters.items() if k != "scope"}
            )
        if refused is not None:
            self._tokens.drop(refused.partition(" ")[2])
        return self._header(challenge, repository, scopes)

    def refusal(
        self,
        challenges: Sequence[Challenge],
        complaint: Complaint,
        sent: str | None,
        *,
        where: str,
        repository: str,
    ) -> WorldError:
        """What to tell of a 401 that stands."""
        host, said = self._host, f": {complaint.text}" if complaint.text else ""
        name = (
            f"{host}/{repository} is private or does not exist" if repository else f"{host} asks who we are"
        )
        login = self._keychain.find(host, repository)
        mend = login.mend(host) if login else f"run 'wherry login {host}'"
        chosen = _chosen(challenges)
        if challenges and chosen is None:
            known = ", ".join(challenge.scheme[:20] for challenge in challenges[:3])
            what = f"{host} wants a way to log in that is not known here ({known}){said}"
            return WorldError(what, where=where)
        if login is None:
            what = f"{name}, and no credentials are known for {host} (401){said}"
            return NoCredentialsError(what, where=where, mend=mend)
        if sent is None or sent.startswith("Basic "):
            what = f"wrong name or password for {host}, from {login.source} (401){said}"
            return WrongPasswordError(what, where=where, mend=mend)
        if login.registry_token or (chosen and chosen.get("error") == "invalid_token"):
            what = f"the token for {host} from {login.source} is not valid, or no longer (401){said}"
            return ExpiredTokenError(what, where=where, mend=mend)
        what = f"no permission for {host}/{repository} with the credentials from {login.source} (401){said}"
        other = login.correction or f"'wherry login {host}' as someone who has it"
        mend = f"check the name, ask its owner for access, or {other}"
        return PermissionDeniedError(what, where=where, mend=mend)

    def redact(self, text: str) -> str:
        """The text without any secret that was used here."""
        with self._lock:
            secrets = {*self._secrets, *self._tokens.secrets()}
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "****").replace(
                    quote(secret, safe="", errors="surrogateescape"), "****"
                )
        return text

    def _header(
        self, challenge: Challenge, repository: str, scopes: tuple[str, ...]
    ) -> tuple[str | None, bool]:
        login = self._login(repository)
        if challenge.scheme == _BASIC:
            return None if login is None else login.basic, True
        if login is not None and login.registry_token:
            return f"Bearer {login.registry_token}", True
        token, fresh = self._tokens.get(challenge, (*scopes, *_further(challenge, scopes)), login)
        return f"Bearer {token}", fresh

    def _login(self, repository: str) -> Login | None:
        login = self._keychain.find(self._host, repository)
        if login is not None:
            with self._lock:
                self._secrets.update(login.secrets)
        return login


def _chosen(challenges: Sequence[Challenge]) -> Challenge | None:
    """The challenge to answer: tokens before passwords, as every registry that offers both prefers."""
    bearer = (c for c in challenges if c.scheme == _BEARER and c.get("realm"))
    basic = (c for c in challenges if c.scheme == _BASIC)
    return next(bearer, None) or next(basic, None)


def _further(challenge: Challenge, scopes: tuple[str, ...]) -> list[str]:
    """Scopes that the registry names and we did not: behind a proxy a repository may have another name.

    Not where nothing is asked of a repository: ghcr.io then names an example.
    """
    resources = {scope.rpartition(":")[0] for scope in scopes}
    named = challenge.get("scope").split(" ") if scopes else []
    fitting = (s for s in named if s and s.isascii() and s.isprintable() and len(s) <= _LONGEST_SCOPE)
    return [scope for scope in fitting if scope.rpartition(":")[0] not in resources][:_MOST_SCOPES]
