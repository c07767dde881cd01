"""The world at its worst: kill -9, several processes, full disks, TLS and proxies."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fetch.conftest import HASTE, Handler, World, serving, status
from tests.programs import cannot_run, require_program
from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.fetch.credentials import Credentials
from wherry.fetch.crew import Crew
from wherry.fetch.fetcher import Download, Fetcher
from wherry.fetch.http import Patience
from wherry.progress import SilentProgress
from wherry.store.prune import prune, verify
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = hashlib.shake_256(b"the same in every process").digest(3_000_000)
DIGEST = Digest.of_bytes(DATA)
SPAWN = multiprocessing.get_context("spawn")
SOURCES = str(Path(__file__).parents[2] / "src")


def fetch(root: Path, url: str) -> None:
    fetcher = Fetcher(
        Store.open(root),
        progress=SilentProgress(),
        credentials=Credentials(),
        patience=Patience(silence_s=20),
    )
    fetcher.fetch([Download("a.whl", DIGEST, url=url, size_bytes=len(DATA))])


def get(store: Store, url: str) -> bytes:
    return Fetcher(store, progress=SilentProgress(), credentials=Credentials(), patience=HASTE).get(url, 100)


# Kill -9 and several processes

FETCH = """
    import sys
    from pathlib import Path
    from wherry.digest import Digest
    from wherry.fetch.credentials import Credentials
    from wherry.fetch.fetcher import Download, Fetcher
    from wherry.progress import SilentProgress
    from wherry.store.store import Store
    root, url, digest, size = sys.argv[1:]
    store = Store.open(Path(root))
    fetcher = Fetcher(store, progress=SilentProgress(), credentials=Credentials())
    fetcher.fetch([Download("a.whl", Digest(digest), url=url, size_bytes=int(size))])
"""


def start_fetching(store: Store, url: str) -> subprocess.Popen[bytes]:
    arguments = [str(store.root), url, DIGEST, str(len(DATA))]
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(FETCH), *arguments], env={**os.environ, "PYTHONPATH": SOURCES}
    )


class Stopped:
    """A server that sends so many bytes and then waits."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.go_on = threading.Event()

    def __call__(self, handler: Handler) -> None:
        if handler.headers.get("Range"):
            serving(DATA)(handler)
            return
        handler.begin(200, len(DATA))
        handler.wfile.write(DATA[: self.after])
        handler.wfile.flush()
        self.go_on.wait(20)
        handler.wfile.write(DATA[self.after :])


def wait_for_partial(store: Store, size_bytes: int) -> None:
    partial = store.root / "partial" / f"{DIGEST.hex}.part"
    for _ in range(2000):
        if partial.exists() and partial.stat().st_size == size_bytes:
            return
        time.sleep(0.01)
    pytest.fail("the download does not get on")


@pytest.mark.parametrize("after", [0, 1, 1_500_000, len(DATA) - 1])
def test_after_kill_9_in_the_middle_the_next_run_goes_on_where_it_was(
    store: Store, world: World, after: int
) -> None:
    world.routes["/a.whl"] = stopped = Stopped(after)
    process = start_fetching(store, f"{world.url}/a.whl")
    wait_for_partial(store, after)
    process.kill()
    process.wait()
    stopped.go_on.set()
    assert DIGEST not in store.blobs
    fetch(store.root, f"{world.url}/a.whl")
    assert DIGEST in store.blobs
    assert verify(store, SilentProgress()) == []
    assert world.requests[-1].headers.get("Range") == (f"bytes={after}-" if after else None)


def test_ctrl_c_ends_at_once_and_keeps_what_came(store: Store, world: World) -> None:
    world.routes["/a.whl"] = stopped = Stopped(1_500_000)
    process = start_fetching(store, f"{world.url}/a.whl")
    wait_for_partial(store, 1_500_000)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) != 0
    stopped.go_on.set()
    fetch(store.root, f"{world.url}/a.whl")
    assert world.asked("Range") == [None, "bytes=1500000-"]


def test_of_two_processes_that_want_the_same_file_one_downloads_it(store: Store, world: World) -> None:
    world.routes["/a.whl"] = stopped = Stopped(1_500_000)
    processes = [SPAWN.Process(target=fetch, args=(store.root, f"{world.url}/a.whl")) for _ in range(2)]
    for process in processes:
        process.start()
    wait_for_partial(store, 1_500_000)
    time.sleep(0.5)
    stopped.go_on.set()
    for process in processes:
        process.join(30)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(world.requests) == 1
    assert verify(store, SilentProgress()) == []
    assert not list((store.root / "partial").iterdir())


def test_when_the_downloading_process_dies_the_waiting_one_goes_on(store: Store, world: World) -> None:
    world.routes["/a.whl"] = stopped = Stopped(1_500_000)
    first = start_fetching(store, f"{world.url}/a.whl")
    wait_for_partial(store, 1_500_000)
    second = SPAWN.Process(target=fetch, args=(store.root, f"{world.url}/a.whl"))
    second.start()
    time.sleep(0.5)
    first.kill()
    first.wait()
    second.join(30)
    stopped.go_on.set()
    assert second.exitcode == 0
    assert world.asked("Range") == [None, "bytes=1500000-"]


def test_a_download_under_way_is_not_pruned(store: Store, world: World) -> None:
    world.routes["/a.whl"] = stopped = Stopped(1_500_000)
    thread = threading.Thread(target=fetch, args=(store.root, f"{world.url}/a.whl"))
    thread.start()
    wait_for_partial(store, 1_500_000)
    prune(store, everything=True)
    stopped.go_on.set()
    thread.join()
    assert DIGEST in store.blobs


def test_interrupting_the_crew_gives_up_and_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up, started = threading.Event(), threading.Event()

    def work(_item: int) -> None:
        started.set()
        given_up.wait(30)

    def interrupted(*_: object) -> bool:
        started.wait(30)
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Condition, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Crew(work, [1, 2, 3], given_up.set).run(2)
    assert given_up.is_set()


# Disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    disk = tmp_path / "small-disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        cannot_run("mounts a small disk, which only root may")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_disk_too_small_is_noticed_before_the_first_byte(
    small_disk: Path, world: World, size: int | None
) -> None:
    store = Store.open(small_disk / "store")
    world.routes["/a.whl"] = serving(DATA)
    fetcher = Fetcher(store, progress=SilentProgress(), credentials=Credentials(), patience=HASTE)
    with pytest.raises(WorldError, match=r"no space for a\.whl: 3.00 MB needed") as caught:
        fetcher.fetch([Download("a.whl", DIGEST, url=f"{world.url}/a.whl", size_bytes=size)])
    assert "wherry cache prune" in caught.value.mend
    assert not list(store.blobs.items())


def test_a_disk_that_fills_under_a_download_is_an_error_and_the_next_run_goes_on(
    small_disk: Path, tmp_path: Path, world: World
) -> None:
    def unannounced(handler: Handler) -> None:
        handler.begin(200, None, Connection="close")
        handler.wfile.write(DATA)

    store = Store.open(small_disk / "store")
    world.routes["/a.whl"] = unannounced
    fetcher = Fetcher(store, progress=SilentProgress(), credentials=Credentials(), patience=HASTE)
    with pytest.raises(WorldError, match="the disk is full"):
        fetcher.fetch([Download("a.whl", DIGEST, url=f"{world.url}/a.whl")])
    assert not list(store.blobs.items())
    assert len(world.requests) == 1
    assert tmp_path.is_dir()


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, and its key beside it."""
    file = tmp_path / "certificate.pem"
    subprocess.run(
        [
            *(require_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", f"{file}.key", "-out", str(file)),
        ],
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture
def secure_world(world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    real = Handler.setup

    def setup(handler: Handler) -> None:
        handler.request = context.wrap_socket(handler.request, server_side=True)
        real(handler)

    real_finish = Handler.finish

    def finish(handler: Handler) -> None:
        real_finish(handler)
        handler.request.close()

    monkeypatch.setattr(Handler, "setup", setup)
    monkeypatch.setattr(Handler, "finish", finish)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    world.url = world.url.replace("http:", "https:")
    world.routes["/a"] = serving(b"fine")
    return world


def test_a_certificate_that_nobody_signed_is_not_trusted(store: Store, secure_world: World) -> None:
    with pytest.raises(WorldError, match="TLS certificate is not trusted") as caught:
        get(store, f"{secure_world.url}/a")
    assert "SSL_CERT_FILE" in caught.value.mend


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"])
def test_certificates_are_taken_from_where_pip_and_uv_take_them(
    store: Store, secure_world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(certificate))
    assert get(store, f"{secure_world.url}/a") == b"fine"


def test_https_never_becomes_http(
    store: Store, secure_world: World, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    secure_world.routes["/a"] = lambda handler: handler.answer(302, b"", Location="http://127.0.0.1:9/a")
    with pytest.raises(WorldError, match="not secure"):
        get(store, f"{secure_world.url}/a")


def test_speaking_tls_to_a_server_that_does_not_is_an_error(store: Store, world: World) -> None:
    with pytest.raises(WorldError, match="the secure connection broke"):
        get(store, world.url.replace("http:", "https:") + "/a")


def test_a_certificate_file_that_is_none_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(WorldError, match="SSL_CERT_FILE names no usable certificates"):
        get(store, "http://127.0.0.1:1/a")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    with pytest.raises(WorldError, match="cannot be reached"):
        get(store, "http://127.0.0.1:1/a")


# Proxies


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_the_proxy_of_the_environment_is_asked(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, world.url.replace("//", "//name:password@"))
    world.routes["http://index.example/a"] = serving(b"fine")
    assert get(store, "http://index.example/a") == b"fine"
    assert world.asked("Proxy-Authorization") == ["Basic bmFtZTpwYXNzd29yZA=="]


def test_no_proxy_is_heeded(store: Store, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    world.routes["/a"] = serving(b"fine")
    assert get(store, f"{world.url}/a") == b"fine"


def test_a_dead_proxy_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "127.0.0.1:1")
    with pytest.raises(WorldError, match="the proxy does not answer") as caught:
        get(store, "http://index.example/a")
    assert "NO_PROXY" in caught.value.mend


# How long to wait


@pytest.mark.parametrize("variable", ["UV_HTTP_TIMEOUT", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT"])
def test_we_wait_as_long_as_uv_or_pip_were_told_to(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert Patience.of_environment() == Patience()
    monkeypatch.setenv(variable, "7")
    assert Patience.of_environment().silence_s == 7
    for nonsense in ("soon", "-1", "inf", "nan", ""):
        monkeypatch.setenv(variable, nonsense)
        assert Patience.of_environment() == Patience()


def test_a_401_of_another_origin_is_not_answered_from_the_keyring(
    store: Store, world: World, another_world: World
) -> None:
    world.routes["/a"] = lambda handler: handler.answer(302, b"", Location=f"{another_world.url}/a")
    another_world.routes["/a"] = status(401)
    with pytest.raises(WorldError, match="401"):
        get(store, f"{world.url}/a")
    assert len(another_world.requests) == 1
