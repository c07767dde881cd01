"""A token server for Debian's registry: distribution's spec/auth/token.md and jwt.md, RS256 by openssl.

    with open_token_server(directory, {"captain": Rights("Planted-Pa55word")}) as tokens:
        with docker_registry(directory, tokens=tokens) as registry:
            ...
    tokens.given                                # each token: who got it, for which scopes

A user gets the part of what was asked for that `Rights` allow, as the specification has it: the registry then
refuses, and says what scope it lacks.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from tests.oci.registry.harbour import Told, open_harbour
from tests.programs import require_program
from tests.registry_world.certificates import openssl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oci.registry.harbour import Asked
    from tests.registry_world.guard import Rights

_LEEWAY_S: Final = 60
"""For so long docker-registry 2.8 takes a token that has expired (``Leeway`` in its auth/token)."""


@dataclass(frozen=True)
class Given:
    """A token that was given out."""

    user: str
    scopes: tuple[str, ...]
    """As they were asked for."""

    text: str = field(repr=False)


@dataclass
class TokenServer:
    """See the module. Made by `open_token_server`; changed at any time."""

    directory: Path
    users: dict[str, Rights]
    anonymous: frozenset[str] = frozenset()
    """What anybody may do."""
    service: str = "the harbour"
    issuer: str = "the harbour master"
    realm: str = ""
    told_s: int = 300
    """``expires_in``."""
    good_s: float = 300
    """For so long the registry takes a token, whatever was told."""
    given: list[Given] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def certificate(self) -> Path:
        """Of the key that signs; the registry trusts it."""
        return self.directory / "tokens.pem"

    @property
    def key(self) -> Path:
        """That signs."""
        return self.directory / "tokens.key"

    def answer(self, asked: Asked) -> Told:
        """Answer a request for a token."""
        if asked.method != "GET":
            return Told(405)
        user = self._user_of(asked.authorization)
        if user is None:
            return Told.json({"errors": [{"code": "UNAUTHORIZED", "message": "incorrect password"}]}, 401)
        scopes = tuple(asked.query.get("scope", []))
        token = self._signed(user, [self._granted(user, scope) for scope in scopes])
        with self.lock:
            self.given.append(Given(user, scopes, token))
        return Told.json({"token": token, "expires_in": self.told_s})

    def _user_of(self, authorization: str | None) -> str | None:
        """The name; "" for nobody in particular, None for a wrong password."""
        if authorization is None:
            return ""
        pair = base64.b64decode(authorization.removeprefix("Basic "))
        name, _, password = pair.decode().partition(":")
        rights = self.users.get(name)
        return name if rights and rights.password == password else None

    def _granted(self, user: str, scope: str) -> dict[str, object]:
        kind, _, rest = scope.partition(":")
        repository, _, wanted = rest.rpartition(":")
        allowed = [action for action in wanted.split(",") if self._may(user, repository, action)]
        return {"type": kind, "name": repository, "actions": allowed}

    def _may(self, user: str, repository: str, action: str) -> bool:
        if action in self.anonymous:
            return True
        return bool(user) and self.users[user].allow(repository, frozenset({action}))

    def _signed(self, user: str, access: list[dict[str, object]]) -> str:
        """A JWT that brings along the certificate of its key."""
        now = int(time.time())
        certificate = base64.b64encode(ssl.PEM_cert_to_DER_cert(self.certificate.read_text())).decode()
        head = {"typ": "JWT", "alg": "RS256", "x5c": [certificate]}
        claims = {
            "iss": self.issuer,
            "sub": user,
            "aud": self.service,
            "exp": int(time.time() + self.good_s) - _LEEWAY_S,
            "nbf": now - 3600,
            "iat": now,
            "jti": str(uuid.uuid4()),
            "access": access,
        }
        text = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(claims).encode())}"
        signature = subprocess.run(
            [require_program("openssl"), "dgst", "-sha256", "-sign", str(self.key)],
            input=text.encode(),
            capture_output=True,
            check=True,
        ).stdout
        return f"{text}.{_encoded(signature)}"


@contextmanager
def open_token_server(directory: Path, users: dict[str, Rights]) -> Iterator[TokenServer]:
    """Serve for the block, on a loopback port that is free; keys go into *directory*."""
    server = TokenServer(directory, users)
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Tokens of the tests"),
        *("-keyout", str(server.key), "-out", str(server.certificate)),
    )
    with open_harbour() as harbour:
        harbour.routes["/token"] = server.answer
        server.realm = f"{harbour.url}/token"
        yield server


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
