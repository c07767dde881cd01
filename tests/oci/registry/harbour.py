"""A small registry and its token server, in this process: for what no real one can be made to do."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from wherry.fetch.answers import Patience

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator
    from email.message import Message

HASTE = Patience(connect_s=5, silence_s=2, attempts=3, backoff_s=0.01)
"""Patience for tests: every wait is short."""


@dataclass(frozen=True)
class Asked:
    """A request, as the server got it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes

    @property
    def authorization(self) -> str | None:
        return self.headers.get("Authorization")


@dataclass(frozen=True)
class Told:
    """An answer to send."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut_at: int | None = None
    """How much of the body is sent before the connection ends."""

    @classmethod
    def json(cls, document: object, status: int = 200, **headers: str) -> Told:
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return cls(status, json.dumps(document).encode(), named)


@dataclass
class Harbour:
    """A server with routes, that remembers what it was asked."""

    host: str
    scheme: str = "http"
    routes: dict[str, Callable[[Asked], Told]] = field(default_factory=dict)
    """By path."""

    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]

    def asked_for(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes
    server: _Server

    def _answer(self) -> None:
        harbour = self.server.harbour
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = Asked(self.command, parts.path, parse_qs(parts.query), self.headers, body)
        harbour.asked.append(asked)
        route = harbour.routes.get(parts.path)
        told = Told(404) if route is None else route(asked)
        self.send_response(told.status)
        for name, value in told.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        with suppress(OSError):
            if self.command != "HEAD":
                self.wfile.write(told.body[: told.cut_at])
        if told.cut_at is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - the names are http.server's

    def log_message(self, *_: object) -> None:
        """Tests read `asked`, not a log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    harbour: Harbour

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        """A client that hangs up, or speaks TLS to us, is what some tests are about."""


@contextmanager
def open_harbour(tls: ssl.SSLContext | None = None, address: str = "127.0.0.1") -> Iterator[Harbour]:
    """Serve for the block, on a port that is free."""
    server = _Server((address, 0), _Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    server.harbour = Harbour(f"{address}:{server.server_port}", "http" if tls is None else "https")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.harbour
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def says(status: int, *headers: tuple[str, str], body: bytes = b"") -> Callable[[Asked], Told]:
    """The same answer always."""
    return lambda _: Told(status, body, headers)


def complains(
    status: int, code: str, message: str = "", *headers: tuple[str, str]
) -> Callable[[Asked], Told]:
    """An answer with a registry's list of errors."""
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return lambda _: Told(status, body, headers)


def in_turn(*routes: Callable[[Asked], Told]) -> Callable[[Asked], Told]:
    """One route for each request; the last for all further ones."""
    left = list(routes)

    def route(asked: Asked) -> Told:
        now = left.pop(0) if len(left) > 1 else left[0]
        return now(asked)

    return route


def guarded(
    challenge: str, accepts: Callable[[str | None], bool], body: bytes = b"{}"
) -> Callable[[Asked], Told]:
    """Answers only who is accepted by the ``Authorization`` it sends; others get the challenge."""

    def route(asked: Asked) -> Told:
        if accepts(asked.authorization):
            return Told(200, body)
        error = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return Told.json(error, 401, WWW_Authenticate=challenge)

    return route
