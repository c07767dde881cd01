"""A team: machines with stores, one project, a registry whose bytes are counted, a package index."""

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

from tests.handmade import Entry, directory, put_image, symlink
from tests.layers.wheel_maker import WheelMaker
from tests.programs import require_program
from wherry.build.layer_index.records import VALUE, Record, manifest_of_record, tag_of
from wherry.digest import Digest
from wherry.oci import media_types
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
from wherry.oci.model import EMPTY_CONFIG, Config
from wherry.oci.reference import RegistryReference
from wherry.oci.registry.client import Registries
from wherry.oci.registry.push import push_bytes, push_manifest
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from msgspec import Struct

    from tests.registries import DockerRegistry
    from wherry.build.layer_index.records import Kind


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

    def fails(self, *arguments: str, code: int = 2, index: str | None = None) -> str:
        """What the build says when it fails."""
        done = self._run(arguments, index)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stderr

    def run(self, *arguments: str) -> str:
        """What another command prints."""
        done = self._wherry(arguments, None, {})
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def _run(
        self, arguments: tuple[str, ...], index: str | None = None, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        shutil.copytree(self.team.project, self.root / "app", dirs_exist_ok=True)
        name = f"{self.team.relay.host}/team/app:1"
        return self._wherry(("build", "app", "--json", "-t", name, *arguments), index, more or {})

    def _wherry(
        self, arguments: tuple[str, ...], index: str | None, more: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        variables = {
            "WHERRY_CACHE_DIR": str(self.store),
            "UV_CACHE_DIR": str(self.root / "uv"),
            "UV_HTTP_RETRIES": "0",
            "UV_DEFAULT_INDEX": self.team.index.url if index is None else index,
            "PIP_CONFIG_FILE": os.devnull,
        }
        return subprocess.run(
            [sys.executable, "-m", "wherry", *arguments],
            env={**os.environ, **variables, **more},
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


class Liar:
    """Somebody who may write to an index, and writes what is not so."""

    def __init__(self, host: str, repository: str = "team/cache") -> None:
        self._reference = RegistryReference(host, repository)
        self._repository = repository

    def change(self, tag: str, change: Callable[[dict[str, Any]], bytes | None]) -> None:
        """Have the value of the entry under *tag* changed; what *change* gives is its blob from now on."""
        with Registries() as registries:
            registry = registries.at(self._reference.host)
            place = f"{self._repository}/manifests/{tag}"
            with registry.request(
                "GET", place, repository=self._repository, headers={"Accept": media_types.MANIFEST}
            ) as reply:
                manifest = json.loads(reply.read(1 << 20))
            value = json.loads(manifest["annotations"][VALUE])
            blob = change(value)
            manifest["annotations"][VALUE] = json.dumps(value)
            if blob is not None:
                media_type = manifest["layers"][0]["mediaType"]
                push_bytes(registry, self._repository, blob, media_type)
                digest = str(Digest.of_bytes(blob))
                manifest["layers"] = [{"mediaType": media_type, "digest": digest, "size": len(blob)}]
            push_manifest(
                registry, self._repository, tag, json.dumps(manifest).encode(), media_types.MANIFEST
            )

    def put(self, kind: Kind, key: str, value: Struct) -> None:
        """Write an entry without a blob."""
        data = manifest_of_record(kind, key, Record(value))
        with Registries() as registries:
            registry = registries.at(self._reference.host)
            push_bytes(registry, self._repository, EMPTY_CONFIG, media_types.EMPTY)
            push_manifest(registry, self._repository, tag_of(kind, key), data, media_types.MANIFEST)
