"""A team's layer index: what one machine made, another with an empty disk need neither make nor download."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import random
import re
import selectors
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
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
from wherry.oci import media_types
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
from wherry.oci.model import Config
from wherry.oci.registry.client import Registries
from wherry.oci.registry.push import push_manifest
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.registries import DockerRegistry
    from tests.registry_world.quirks import QuirkRegistry

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

    def build(self, *arguments: str, index: str | None = None, **variables: str) -> dict[str, Any]:
        done = self._run(arguments, index, variables)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def fails(self, *arguments: str, code: int = 2) -> str:
        """What the build says when it fails."""
        done = self._run(arguments)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stderr

    def _run(
        self, arguments: tuple[str, ...], index: str | None = None, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        shutil.copytree(self.team.project, self.root / "app", dirs_exist_ok=True)
        name = f"{self.team.relay.host}/team/app:1"
        variables = {
            "WHERRY_CACHE_DIR": str(self.store),
            "UV_CACHE_DIR": str(self.root / "uv"),
            "UV_HTTP_RETRIES": "0",
            "UV_DEFAULT_INDEX": self.team.index.url if index is None else index,
            "PIP_CONFIG_FILE": os.devnull,
        }
        return subprocess.run(
            [sys.executable, "-m", "wherry", "build", "app", "--json", "-t", name, *arguments],
            env={**os.environ, **variables, **(more or {})},
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

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


def test_a_bumped_wheel_at_odds_with_one_that_is_not_here_is_an_error_that_names_both(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm
    made = WheelMaker({"green/x.py": b"", "red/data.bin": b"mine"}, name="green", version="3").write(
        team.root / "wheels"
    )
    team.index.files[made.filename] = made.path.read_bytes()
    team.lock(green="3")
    machine = team.machine()
    said = machine.fails("--push")
    assert "green-3-py3-none-any.whl and red-1-py3-none-any.whl both install" in said
    assert not machine.has(team.wheel("red"))


def test_a_lie_in_the_index_is_said_and_the_layer_is_made_from_its_wheel(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, built = warm
    large = next(layer for layer in built["images"][0]["layers"] if layer["kind"] == "wheel")
    with Registries() as registries:
        registry = registries.at(team.registry.host)
        for tag in (tag for tag in team.registry.tags("team/cache") if tag.startswith("layer-")):
            place = f"team/cache/manifests/{tag}"
            with registry.request(
                "GET", place, repository="team/cache", headers={"Accept": media_types.MANIFEST}
            ) as reply:
                data = reply.read(1 << 20)
            lie = data.replace(large["diff_id"].encode(), Digest.of_bytes(b"a lie").encode())
            push_manifest(registry, "team/cache", tag, lie, media_types.MANIFEST)
    machine = team.machine()
    again = machine.build()
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert [note for note in again["notes"] if "is wrong" in note and large["digest"] in note]
    assert machine.has(team.wheel("large"))
    assert not machine.has(team.wheel("red"))
    machine.build("--push")  # by now the store has what is right
    fresh = team.machine()
    assert fresh.build("--cache-to", f"{team.relay.host}/team/cache")["delivered"]  # which is told instead
    assert not [note for note in team.machine().build(index=NOBODY)["notes"] if "is wrong" in note]


def test_several_machines_may_tell_at_once(team: Team) -> None:
    machines = [team.machine() for _ in range(3)]
    machines[0].build("--cache-from", "none")
    for other in machines[1:]:
        shutil.copytree(machines[0].root, other.root, dirs_exist_ok=True, symlinks=True)
    with ThreadPoolExecutor() as pool:
        built = list(pool.map(lambda machine: machine.build("--push"), machines))
    assert len({one["containerimage.digest"] for one in built}) == 1
    assert not [note for one in built for note in one["notes"] if "index" in note]
    shutil.copy(machines[0].root / "app/wherry.lock", team.project)
    fresh = team.machine()
    assert fresh.build("--push", index=NOBODY)["containerimage.digest"] == built[0]["containerimage.digest"]
    assert not fresh.has(team.wheel("large"))


BACKEND = """
import base64, hashlib, zipfile

NAME = "app"

def build_wheel(directory, config_settings=None, metadata_directory=None):
    info = f"{NAME}-1.dist-info"
    members = {
        f"{NAME}.py": open(f"{NAME}.py").read(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\\nName: {NAME}\\nVersion: 1\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    rows = []
    for name, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
        rows.append(f"{name},sha256={digest},{len(text)}")
    members[f"{info}/RECORD"] = "\\n".join([*rows, f"{info}/RECORD,,", ""])
    with zipfile.ZipFile(f"{directory}/{NAME}-1-py3-none-any.whl", "w") as wheel:
        for name, text in members.items():
            wheel.writestr(zipfile.ZipInfo(name), text)
    return f"{NAME}-1-py3-none-any.whl"
"""
SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def test_a_changed_project_with_a_build_system_needs_its_own_wheel_alone(team: Team) -> None:
    text = (team.project / "pyproject.toml").read_text()
    (team.project / "pyproject.toml").write_text(SYSTEM + text)
    (team.project / "backend.py").write_text(BACKEND)
    (team.project / "app.py").write_text("print(1)\n")
    team.machine().build("--push")
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    (team.project / "app.py").write_text("print(2)\n")
    machine = team.machine()
    before = team.relay.passed_bytes
    built = machine.build("--push", index=NOBODY)
    assert team.relay.passed_bytes - before < 150_000
    assert not any(machine.has(team.wheel(name)) for name in team.versions)
    made = [layer["kind"] for layer in built["images"][0]["layers"] if not layer["reused"]]
    assert made == ["environment", "project"]


def test_a_source_distribution_is_fetched_and_built_and_the_wheels_beside_it_are_not(team: Team) -> None:
    files = {
        "pyproject.toml": SYSTEM,
        "backend.py": BACKEND.replace('"app"', '"olive"'),
        "olive.py": "x = 1\n",
    }
    files["PKG-INFO"] = "Metadata-Version: 2.1\nName: olive\nVersion: 1\n"
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"olive-1/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    team.index.files["olive-1.tar.gz"] = sink.getvalue()
    with (team.project / "requirements.txt").open("a") as lock:
        lock.write(f"olive==1 --hash={Digest.of_bytes(sink.getvalue())}\n")
    built = team.machine().build("--push")
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    machine = team.machine()
    team.index.asked.clear()
    again = machine.build("--push")
    assert set(team.index.asked) == {"olive", "olive-1.tar.gz"}
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert not any(machine.has(team.wheel(name)) for name in team.versions)


def test_a_bill_of_materials_is_the_same_whether_the_wheels_were_here_or_not(
    warm: tuple[Team, dict[str, Any]],
) -> None:
    team, _ = warm
    first, second = team.machine(), team.machine()
    first.build("--sbom-file", "sbom.json", "--cache-from", "none", "--cache-to", "none")
    second.build("--sbom-file", "sbom.json", "--push", index=NOBODY)
    assert (first.root / "sbom.json").read_bytes() == (second.root / "sbom.json").read_bytes()
    assert not second.has(team.wheel("large"))


def test_a_registry_that_refuses_to_be_told_costs_a_note(team: Team, quirks: QuirkRegistry) -> None:
    quirks.fails(403, times=1000, method="PUT")
    quirks.fails(403, times=1000, method="POST")
    built = team.machine().build("--cache-to", f"{quirks.host}/team/cache", "--cache-from", "none")
    assert [note for note in built["notes"] if "was not told all: no permission for" in note]


def test_without_network_nothing_is_asked_and_nothing_can_be_told(warm: tuple[Team, dict[str, Any]]) -> None:
    team, _ = warm
    machine = team.machine()
    machine.build()
    before = team.relay.passed_bytes
    machine.build("--offline")
    assert team.relay.passed_bytes == before
    assert "--offline is set" in machine.fails(
        "--offline", "--cache-to", f"{team.relay.host}/team/cache", code=2
    )


def test_what_is_no_repository_is_refused_before_anything_is_built(team: Team) -> None:
    assert "is not a repository in a registry" in team.machine().fails("--cache-from", "cache", code=2)


@pytest.mark.debian
def test_a_known_base_needs_no_package_no_mirror_and_no_interpreter(team: Team, cache_dir: Path) -> None:
    text = (team.project / "pyproject.toml").read_text()
    (team.project / "pyproject.toml").write_text(re.sub(r'base = ".*"', 'base = "debian:bookworm"', text))
    built = team.machine().build("--push", WHERRY_CACHE_DIR=str(cache_dir))
    shutil.copy(team.root / "machine-1/app/wherry.lock", team.project)
    machine = team.machine()
    before = team.relay.passed_bytes
    again = machine.build("--push", index=NOBODY, WHERRY_DEBIAN_MIRROR=NOBODY)
    assert again["containerimage.digest"] == built["containerimage.digest"]
    assert team.relay.passed_bytes - before < 100_000
    assert sum(file.stat().st_size for file in (machine.store / "blobs").rglob("*")) < 100_000
