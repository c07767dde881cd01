"""Who may use a `QuirkRegistry`, and the token endpoint where they say so: RFC 7235, distribution's token.md.

registry.guard = Guard(users={"captain": Rights("Planted-Pa55word")}, scheme="bearer")
registry.guard.challenges = ('Bearer scope="{scope}", service="{service}" , realm="{realm}"',)
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import unquote

_PUSH_AND_PULL: Final = frozenset({"pull", "push", "delete"})


@dataclass(frozen=True)
class Rights:
    """A user's password, and what the user may do where."""

    password: str
    actions: frozenset[str] = _PUSH_AND_PULL
    repositories: frozenset[str] | None = None
    """All of them, when not said."""

    def allow(self, repository: str, actions: frozenset[str]) -> bool:
        """Whether the user may do that there."""
        return actions <= self.actions and (self.repositories is None or repository in self.repositories)


@dataclass(frozen=True)
class Refusal:
    """The answer to who may not."""

    status: int
    challenges: tuple[str, ...]
    body: bytes


@dataclass
class _Token:
    scopes: dict[str, frozenset[str]]
    uses_left: int | None


@dataclass
class Guard:
    """Asks for a name and a password, or for a token. Changed at any time."""

    users: dict[str, Rights]
    scheme: Literal["basic", "bearer"] = "bearer"
    challenges: tuple[str, ...] = ()
    """Instead of the usual ``WWW-Authenticate``; {realm}, {service} and {scope} are filled in."""
    anonymous: frozenset[str] = frozenset()
    """What anybody may do, with a token without a name if tokens are asked for."""
    service: str = "the harbour"
    realm: str = ""
    """Where tokens are had, when that is not this registry."""
    token_path: str = "/token"  # noqa: S105 - a path
    token_fields: tuple[str, ...] = ("token",)
    """The names under which the token comes: ``token``, ``access_token``."""
    token_extra: dict[str, object] = field(default_factory=dict)
    """More fields of that answer, such as ``expires_in``, or other values for its own."""
    token_uses: int | None = None
    """A token is good for so many requests."""
    first_scope_only: bool = False
    """A token is for the first scope that was asked for, as some registries have it."""
    posts: int = 200
    """The status of a POST to the token endpoint: 404 and 405 where only GET is known."""
    identity_tokens: dict[str, str] = field(default_factory=dict)
    """Each and its user, for ``grant_type=refresh_token``."""
    refusal_status: int = 401
    """For who has a good token or password, but no right to the repository: some say 403."""
    tokens_given: int = 0
    _tokens: dict[str, _Token] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refusal(
        self,
        authorization: str | None,
        repository: str,
        actions: frozenset[str],
        url: str,
        *,
        counts: bool = True,
    ) -> Refusal | None:
        """What to answer; ``None`` for who may do *actions* in *repository*."""
        known, allowed = self._judge(authorization, repository, actions, counts=counts)
        if allowed:
            return None
        # The place of a token's rights is the token: with too few it is 401 again, with what it lacks.
        status = self.refusal_status if known else 401
        code = "DENIED" if known else "UNAUTHORIZED"
        body = json.dumps(
            {"errors": [{"code": code, "message": "access to the resource is denied"}]}
        ).encode()
        return Refusal(status, self._challenges(repository, actions, url) if status == 401 else (), body)

    def get_token(self, authorization: str | None, scopes: list[str]) -> tuple[int, bytes]:
        """Answer a GET of the token endpoint."""
        user = ""
        if authorization:
            user = self._user_of(authorization) or ""
            if not user:
                return 401, b'{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}'
        return 200, self._answer(user, scopes)

    def post_token(self, form: dict[str, str], scopes: list[str]) -> tuple[int, bytes]:
        """Answer a POST of the token endpoint (oauth.md)."""
        if self.posts != 200:
            return self.posts, b"not here"
        user: str | None = None
        if form.get("grant_type") == "refresh_token":
            user = self.identity_tokens.get(form.get("refresh_token", ""))
        elif form.get("grant_type") == "password":
            rights = self.users.get(form.get("username", ""))
            user = form["username"] if rights and rights.password == form.get("password") else None
        if user is None or not (form.get("client_id") and form.get("service")):
            return 401, b'{"error":"invalid_grant"}'
        return 200, self._answer(user, scopes)

    def expire(self) -> None:
        """Let every token given so far be good for nothing."""
        with self._lock:
            self._tokens.clear()

    def _judge(
        self, authorization: str | None, repository: str, actions: frozenset[str], *, counts: bool
    ) -> tuple[bool, bool]:
        """Whether the user is known, and may do that."""
        if self.scheme == "basic":
            user = self._user_of(authorization or "")
            if user is None:
                return False, bool(actions) and actions <= self.anonymous
            return True, self.users[user].allow(repository, actions)
        with self._lock:
            token = self._tokens.get((authorization or "").removeprefix("Bearer "))
            if token is None or not (authorization or "").startswith("Bearer "):
                return False, False
            if token.uses_left is not None and counts:
                if not token.uses_left:
                    return False, False
                token.uses_left -= 1
        return True, actions <= token.scopes.get(repository, frozenset())

    def _challenges(self, repository: str, actions: frozenset[str], url: str) -> tuple[str, ...]:
        asked = {"pull", *actions} if actions else set()
        scope = f"repository:{repository}:{','.join(sorted(asked))}" if repository else ""
        values = {"realm": self.realm or f"{url}{self.token_path}", "service": self.service, "scope": scope}
        if self.challenges:
            return tuple(challenge.format(**values) for challenge in self.challenges)
        if self.scheme == "basic":
            return (f'Basic realm="{self.service}"',)
        suffix = ',scope="{scope}"'.format(**values) if scope else ""
        return ('Bearer realm="{realm}",service="{service}"'.format(**values) + suffix,)

    def _user_of(self, authorization: str) -> str | None:
        kind, _, value = authorization.partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        rights = self.users.get(user)
        return user if rights and rights.password == password else None

    def _answer(self, user: str, scopes: list[str]) -> bytes:
        granted: dict[str, frozenset[str]] = {}
        for scope in (unquote(s) for s in (scopes[:1] if self.first_scope_only else scopes)):
            kind, _, rest = scope.partition(":")
            repository, _, wanted = rest.rpartition(":")
            actions = frozenset(a for a in wanted.split(",") if self._may(user, repository, frozenset({a})))
            if kind == "repository":
                granted[repository] = granted.get(repository, frozenset()) | actions
        with self._lock:
            token = f"planted-token-{next(self._numbers)}"
            self._tokens[token] = _Token(granted, self.token_uses)
            self.tokens_given += 1
        answer: dict[str, Any] = dict.fromkeys(self.token_fields, token)
        return json.dumps(answer | self.token_extra).encode()

    def _may(self, user: str, repository: str, actions: frozenset[str]) -> bool:
        if not user:
            return actions <= self.anonymous
        return self.users[user].allow(repository, actions)
