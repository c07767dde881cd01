from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from wherry.fetch.http import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import Message
    from pathlib import Path

HASTE = Patience(connect_s=2, silence_s=0.5, attempts=3, backoff_s=0.01)
"""Patience for tests: every wait is short."""


class Handler(BaseHTTPRequestHandler):
    """Answers as the route says; what a test may ask of a request is noted."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        world = self.server.world
        path = self.path.split("?")[0]
        with world.lock:
            world.requests.append(Request(self.path, self.headers))
            route = world.routes.get(path)
        if route is None:
            self.answer(404, b"")
        else:
            with suppress(ConnectionError):
                route(self)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """Send a whole answer; ``Retry_After="1"`` is the header Retry-After."""
        self.begin(status, len(body), **headers)
        self.wfile.write(body)

    def begin(self, status: int, size_bytes: int | None, **headers: str) -> None:
        self.send_response(status)
        if size_bytes is not None:
            self.send_header("Content-Length", str(size_bytes))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Tests read `requests`, not a log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    world: World

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as inherited
        """A client that hangs up is what half of the tests are about."""


@dataclass(frozen=True)
class Request:
    path: str
    headers: Message


@dataclass
class World:
    """A server with routes, that remembers what was asked of it."""

    url: str
    routes: dict[str, Callable[[Handler], None]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, header: str) -> list[str | None]:
        """That header of every request."""
        return [request.headers.get(header) for request in self.requests]


@pytest.fixture
def start_world() -> Iterator[Callable[[], World]]:
    servers: list[_Server] = []

    def start() -> World:
        server = _Server(("127.0.0.1", 0), Handler)
        server.world = World(f"http://127.0.0.1:{server.server_port}")
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return server.world

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def world(start_world: Callable[[], World]) -> World:
    return start_world()


@pytest.fixture
def another_world(start_world: Callable[[], World]) -> World:
    return start_world()


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see nothing of what this machine's pip, uv, netrc and proxies are configured with."""
    import os  # noqa: PLC0415 - only here

    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if (
            name.startswith(("UV_", "PIP_"))
            or name.lower().endswith("_proxy")
            or name in {"NETRC", "VIRTUAL_ENV"}
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "xdg"))


def serving(data: bytes, *, etag: str = "", ranges: bool = True) -> Callable[[Handler], None]:
    """A well-behaved server of *data*."""

    def route(handler: Handler) -> None:
        headers = {"ETag": etag} if etag else {}
        asked = handler.headers.get("Range")
        condition = handler.headers.get("If-Range")
        if not (ranges and asked) or condition not in {None, etag}:
            handler.answer(200, data, **headers)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            handler.answer(416, b"", Content_Range=f"bytes */{len(data)}")
        else:
            handler.answer(
                206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}", **headers
            )

    return route


def cutting_off(
    route: Callable[[Handler], None], after: int, times: int = 10**9
) -> Callable[[Handler], None]:
    """That route, but the connection ends *after* so many bytes of body, so many *times*."""
    left = [times]

    def cut(handler: Handler) -> None:
        if left[0] <= 0:
            route(handler)
            return
        left[0] -= 1
        sent = [0]
        real = handler.answer

        def answer(status: int, body: bytes, **headers: str) -> None:
            handler.begin(status, len(body), **headers)
            handler.wfile.write(body[:after])
            sent[0] = after
            handler.hang_up()

        handler.answer = answer  # type: ignore[method-assign]
        route(handler)
        handler.answer = real  # type: ignore[method-assign]

    return cut


def in_turn(*routes: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """One route for each request; the last one for all further ones."""
    left = list(routes)

    def route(handler: Handler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return route


def status(number: int, **headers: str) -> Callable[[Handler], None]:
    """Only that status."""
    return lambda handler: handler.answer(number, b"no", **headers)
