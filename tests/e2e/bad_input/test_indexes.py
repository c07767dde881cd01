"""An index that refuses, lies, is slow or not there: three lines, exit code 3, and the next run goes on."""

from __future__ import annotations

import functools
import http.server
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

from tests.e2e.bad_input.bench import WORLD, Bench, mounted, require_refusal

pytestmark = pytest.mark.e2e


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every request as the test says."""

    protocol_version = "HTTP/1.1"

    def __init__(self, answer: Callable[[Handler], None], *arguments: Any) -> None:  # noqa: ANN401 - as inherited
        self.answer = answer
        super().__init__(*arguments)

    def do_GET(self) -> None:
        with suppress(OSError):
            self.answer(self)

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def serve(bench: Bench) -> Iterator[Callable[[Callable[[Handler], None]], None]]:
    """Let the locked wheel be on a server, and only there."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(answer: Callable[[Handler], None]) -> None:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, answer))
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        bench.urls["demo"] = f"http://127.0.0.1:{server.server_port}/{bench.locked[0][1]}"
        bench.environment["UV_HTTP_TIMEOUT"] = "0.5"
        bench.write_lock()

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def wheel(bench: Bench) -> bytes:
    path = bench.add("demo", {"demo/data.bin": os.urandom(200_000)})
    data = path.read_bytes()
    path.unlink()
    return data


@pytest.mark.parametrize(("status", "says"), [(401, "401"), (403, "403"), (404, "404"), (500, "500")])
def test_an_index_that_answers_with_an_error(
    bench: Bench, wheel: bytes, serve: Callable[..., None], status: int, says: str
) -> None:
    assert wheel
    serve(lambda handler: handler.reply(status))
    lines = bench.refused(WORLD, says)
    assert "127.0.0.1" in " ".join(lines)


def test_credentials_that_an_index_refuses_are_not_shown(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    assert wheel
    serve(lambda handler: handler.reply(401))
    bench.urls["demo"] = bench.urls["demo"].replace("http://", "http://someone:open-sesame@")
    bench.write_lock()
    assert "open-sesame" not in " ".join(bench.refused(WORLD, "401"))
    kept = [path for path in bench.cache.rglob("*") if path.is_file() and b"open-sesame" in path.read_bytes()]
    assert kept == []


def test_an_index_that_answers_slowly_is_waited_for(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    def slowly(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        for start in range(0, len(wheel), 20_000):
            handler.wfile.write(wheel[start : start + 20_000])
            handler.wfile.flush()
            time.sleep(0.1)

    serve(slowly)
    assert bench.digest()


def test_an_index_that_never_answers(bench: Bench, wheel: bytes, serve: Callable[..., None]) -> None:
    assert wheel
    serve(lambda _: time.sleep(60))
    bench.refused(WORLD, "(?i)nothing|time|answer")


def test_an_index_that_falls_silent_in_the_middle(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    def half(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        handler.wfile.write(wheel[:1000])
        handler.wfile.flush()
        time.sleep(60)

    serve(half)
    bench.refused(WORLD, "127.0.0.1")


def test_a_download_that_is_cut_off_and_the_next_run_goes_on(
    bench: Bench, wheel: bytes, serve: Callable[..., None]
) -> None:
    whole = threading.Event()

    def cut(handler: Handler) -> None:
        if whole.is_set():
            handler.reply(200, wheel)
            return
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(wheel)))
        handler.end_headers()
        handler.wfile.write(wheel[:50_000])
        handler.close_connection = True

    serve(cut)
    bench.refused(WORLD, "127.0.0.1")
    whole.set()
    assert bench.digest()


def test_an_index_that_sends_other_bytes(bench: Bench, wheel: bytes, serve: Callable[..., None]) -> None:
    serve(lambda handler: handler.reply(200, bytes(len(wheel))))
    bench.refused(WORLD, "127.0.0.1|hash|sha256")


def test_an_index_that_sends_without_end(bench: Bench, wheel: bytes, serve: Callable[..., None]) -> None:
    assert wheel

    def flood(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        for _ in range(20_000):
            handler.wfile.write(bytes(1 << 20))

    serve(flood)
    with mounted(bench.cache, "size=64m"):
        done = bench.build()
        require_refusal(done, WORLD, "127.0.0.1|(?i:disk)")


def test_an_index_that_is_not_there(bench: Bench, wheel: bytes) -> None:
    assert wheel
    bench.urls["demo"] = "http://127.0.0.1:9/demo.whl"
    bench.write_lock()
    bench.refused(WORLD, "127.0.0.1")
