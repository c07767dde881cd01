"""A team's layer index: what one machine made, another with an empty disk need neither make nor download."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import selectors
import shutil
import socket
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.handmade import Entry, directory, put_image, symlink
from tests.layers.wheel_maker import WheelMaker
from tests.programs import require_program
from tests.registries import docker_registry
from wherry.digest import Digest
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
from wherry.oci.model import Config
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry

pytestmark = pytest.mark.e2e

PYTHON = platform.python_version()
MINOR = PYTHON.rpartition(".")[0]
LARGE = 9 << 20  # of this size a wheel has a layer of its own
SMALL = 200_000
NOBODY = "http://127.0.0.1:9/simple"


def noise(seed: str, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311 - not secret


class Relay:
    """Stands before a registry and counts the bytes that pass."""

    def __init__(self, host: str) -> None:
        self._target = (host.partition(":")[0], int(host.partition(":")[2]))
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.passed_bytes = 0
        self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._pass, args=(client,), daemon=True).start()

    def _pass(self, client: socket.socket) -> None:
        with (
            suppress(OSError),
            client,
            socket.create_connection(self._target) as server,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(client, selectors.EVENT_READ, server)
            selector.register(server, selectors.EVENT_READ, client)
            while True:
                for ready, _ in selector.select():
                    assert isinstance(ready.fileobj, socket.socket)
                    data = ready.fileobj.recv(1 << 16)
                    if not data:
                        return
                    ready.data.sendall(data)
                    with self._lock:
                        self.passed_bytes += len(data)


@dataclass
class PackageIndex:
    """An index of distributions that counts what it is asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    def page(self, name: str) -> bytes | None:
        links = [
            f'<a href="/files/{file}#sha256={hashlib.sha256(data).hexdigest()}">{file}</a>'
            for file, data in sorted(self.files.items())
            if file.partition("-")[0] == name
        ]
        return "\n".join(["<!DOCTYPE html><html><body>", *links]).encode() if links else None


@contextmanager
def package_index() -> Iterator[PackageIndex]:
    index = PackageIndex()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.strip("/").partition("/")
            name = name.rstrip("/")
            index.asked[name] += 1
            body = index.files.get(name) if kind == "files" else index.page(name)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def do_HEAD(self) -> None:
            self.send_error(405)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    index.url = f"http://127.0.0.1:{server.server_port}/simple"
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()


@dataclass(frozen=True)
class Machine:
    """Somewhere to build, with a store of its own."""

    root: Path
    team: Team

    @property
    def store(self) -> Path:
        return self.root / "store"

    def build(self, *arguments: str, index: str | None = None, code: int = 0) -> dict[str, Any]:
        shutil.copytree(self.team.project, self.root / "app", dirs_exist_ok=True)
        found: dict[str, Any] = json.loads(
            self.run(
                "build",
                "app",
                "--json",
                "-t",
                f"{self.team.relay.host}/team/app:1",
                *arguments,
                index=index,
                code=code,
            )
        )
        return found

    def run(self, *arguments: str, index: str | None = None, code: int = 0) -> str:
        variables = {
            "WHERRY_CACHE_DIR": str(self.store),
            "UV_CACHE_DIR": str(self.root / "uv"),
            "UV_HTTP_RETRIES": "0",
            "UV_DEFAULT_INDEX": self.team.index.url if index is None else index,
            "PIP_CONFIG_FILE": os.devnull,
        }
        done = subprocess.run(
            [sys.executable, "-m", "wherry", *arguments],
            env={**os.environ, **variables},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def has(self, digest: str) -> bool:
        return Digest(digest) in Store(self.store).blobs


@dataclass
class Team:
    """A project, its registry with a relay before it, and an index of distributions."""

    root: Path
    registry: DockerRegistry
    relay: Relay
    index: PackageIndex
    versions: dict[str, str] = field(default_factory=dict)
    machines: int = 0

    @property
    def project(self) -> Path:
        return self.root / "project"

    def offer(self, name: str, version: str, size_bytes: int) -> None:
        """Put a wheel at the index."""
        files = {
            f"{name}/__init__.py": f"VERSION = {version!r}\n".encode(),
            f"{name}/data.bin": noise(f"{name} {version}", size_bytes),
        }
        made = WheelMaker(files, name=name, version=version).write(self.root / "wheels")
        self.index.files[made.filename] = made.path.read_bytes()

    def lock(self, **versions: str) -> None:
        """Lock the project to these versions, by hash alone."""
        self.versions |= versions
        lines = []
        for name, version in sorted(self.versions.items()):
            data = self.index.files[f"{name}-{version}-py3-none-any.whl"]
            lines.append(f"{name}=={version} --hash=sha256:{hashlib.sha256(data).hexdigest()}\n")
        (self.project / "requirements.txt").write_text("".join(lines))

    def wheel(self, name: str) -> Digest:
        return Digest.of_bytes(self.index.files[f"{name}-{self.versions[name]}-py3-none-any.whl"])

    def machine(self) -> Machine:
        self.machines += 1
        root = self.root / f"machine-{self.machines}"
        root.mkdir()
        return Machine(root, self)

    def push_base(self) -> str:
        """Have skopeo push a base like Debian's with a Python, a few kilobytes large."""
        skopeo = require_program("skopeo")
        system = [
            *map(directory, ("etc", "usr", "usr/bin", "usr/lib", "usr/lib/x86_64-linux-gnu")),
            symlink("lib", "usr/lib"),
            Entry("etc/os-release", b"ID=debian\nVERSION_CODENAME=bookworm\n"),
            Entry(
                "usr/lib/x86_64-linux-gnu/libc.so.6", b"GNU C Library (Debian) stable release version 2.36."
            ),
            Entry("usr/share/ballast", noise("ballast", 2_000_000)),
        ]
        program = [Entry(f"usr/local/bin/python{MINOR}", b"\x7fELF\0" + PYTHON.encode() + b"\0", mode=0o755)]
        store = Store.open(self.root / "made")
        config = Config(env=("PATH=/usr/local/bin:/usr/bin:/bin",))
        image = put_image(store, [system, program], config=config)
        write_layout(self.root / "layout", StoreSource(store, image), image, ref_name="x")
        subprocess.run(
            [
                *(skopeo, "copy", "-q", *self.registry.skopeo["dest"], f"oci:{self.root}/layout:x"),
                f"docker://{self.registry.host}/team/python:3",
            ],
            check=True,
            capture_output=True,
        )
        return f"{self.relay.host}/team/python:3"


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with docker_registry(tmp_path) as registry, package_index() as index:
        relay = Relay(registry.host)
        made = Team(tmp_path, registry, relay, index)
        made.project.mkdir()
        (made.project / "pyproject.toml").write_text(
            '[project]\nname = "app"\nversion = "1"\n'
            f'[tool.wherry]\ncommand = ["python", "-V"]\nbase = "{made.push_base()}"\n'
            f'cache = "{relay.host}/team/cache"\n'
        )
        (made.project / "main.py").write_text("print('at work')\n")
        made.offer("large", "1", LARGE)
        for name in ("red", "green", "blue"):
            made.offer(name, "1", SMALL)
        made.lock(large="1", red="1", green="1", blue="1")
        yield made
        relay.close()


@pytest.fixture
def warm(team: Team) -> tuple[Team, dict[str, Any]]:
    """A team one of whose machines has built and pushed; and what it built."""
    built = team.machine().build("--push")
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    return team, built


def test_a_machine_with_an_empty_disk_pushes_an_unchanged_image_by_moving_kilobytes(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, built = warm
    machine = team.machine()
    team.index.asked.clear()
    before = team.relay.passed_bytes
    again = machine.build("--push", index=NOBODY)
    moved_bytes = team.relay.passed_bytes - before
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert moved_bytes < 100_000
    assert not team.index.asked  # no page, no wheel
    assert not any(machine.has(team.wheel(name)) for name in team.versions)
    layers = {layer["kind"]: layer for layer in again["images"][0]["layers"]}
    assert not machine.has(layers["wheel"]["digest"])
    assert not machine.has(layers["wheels"]["digest"])
    assert not machine.has(layers["base"]["digest"])


def test_the_index_is_told_by_those_who_push_and_by_nobody_else(team: Team) -> None:
    team.machine().build()
    assert not team.registry.tags("team/cache")
    told = team.machine().build("--cache-to", f"{team.relay.host}/team/cache")
    kinds = Counter(tag.partition("-")[0] for tag in team.registry.tags("team/cache"))
    assert kinds == {"layer": 2, "segment": 3, "wheel": 4, "pin": 4, "set": 1}
    assert any("told the layer index" in line for line in told["delivered"])


def test_an_index_that_knows_all_is_told_nothing(warm: tuple[Team, dict[str, Any]]) -> None:
    team, _ = warm
    again = team.machine().build("--push", index=NOBODY)
    assert not any("told" in line for line in again["delivered"])
    assert not any("index" in note for note in again["notes"])


def test_one_bumped_dependency_is_all_that_the_package_index_is_asked_for(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, built = warm
    team.offer("green", "2", SMALL)
    team.lock(green="2")
    team.index.asked.clear()
    machine = team.machine()
    bumped = machine.build("--push")
    assert set(team.index.asked) == {"green", "green-2-py3-none-any.whl"}
    assert not any(machine.has(team.wheel(name)) for name in ("large", "red", "blue"))
    before, after = (
        {layer["kind"]: layer for layer in one["images"][0]["layers"]} for one in (built, bumped)
    )
    assert after["wheel"]["digest"] == before["wheel"]["digest"]
    assert after["wheels"]["digest"] != before["wheels"]["digest"]
    from_nothing = team.machine().build("--cache-from", "none", "--cache-to", "none")
    assert from_nothing["containerimage.digest"] == bumped["containerimage.digest"]


def test_without_a_push_known_layers_are_fetched_and_no_wheel_is(warm: tuple[Team, dict[str, Any]]) -> None:
    team, built = warm
    machine = team.machine()
    team.index.asked.clear()
    again = machine.build(index=NOBODY)
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert not team.index.asked
    layers = {layer["kind"]: layer for layer in again["images"][0]["layers"]}
    assert machine.has(layers["wheel"]["digest"])
    assert not machine.has(team.wheel("large"))


def test_an_index_nobody_can_reach_costs_a_note_and_no_build(team: Team) -> None:
    built = team.machine().build("--cache-from", "127.0.0.1:9/team/cache")
    assert [
        note
        for note in built["notes"]
        if note.startswith("the layer index 127.0.0.1:9/team/cache is left out")
    ]


def test_a_second_build_from_nothing_proves_what_the_index_gave(warm: tuple[Team, dict[str, Any]]) -> None:
    team, _ = warm
    machine = team.machine()
    machine.build("--check-reproducible")
