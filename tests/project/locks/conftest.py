"""A package index on this machine, and projects made from lock files that real tools wrote."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wherry.digest import Digest
from wherry.fetch.indexes import IndexConfiguration
from wherry.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.project.locks.pins import Lookup
    from wherry.store.store import Store

FIXTURES = Path(__file__).parent / "fixtures"


def wheel_bytes(name: str, version: str, *, requires_python: str = "") -> bytes:
    """A wheel with nothing in it but its metadata, the same every time."""
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    if requires_python:
        metadata += f"Requires-Python: {requires_python}\n"
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for member, text in (
            (f"{stem}.dist-info/METADATA", metadata),
            (f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
            (f"{stem}.dist-info/RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(member), text)
    return sink.getvalue()


@dataclass
class LocalIndex:
    """A package index over HTTP that counts what it is asked."""

    url: str = ""
    pages: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    status: int = 200

    def add(self, filename: str, data: bytes | None = None, *, requires_python: str = "") -> Digest:
        """Offer a file; without *data* a small wheel of that name."""
        name, version = filename.split("-")[:2]
        normalized = name.replace("_", "-").lower()
        content = wheel_bytes(name, version, requires_python=requires_python) if data is None else data
        digest = hashlib.sha256(content).hexdigest()
        python = f' data-requires-python="{requires_python}"' if requires_python else ""
        link = f'<a href="/files/{filename}#sha256={digest}"{python}>{filename}</a>'
        self.pages.setdefault(normalized, []).append(link)
        self.files[filename] = content
        return Digest.from_hex(digest)

    @property
    def configuration(self) -> IndexConfiguration:
        """This index and no other, as if the machine were configured with it."""
        variables = (("UV_DEFAULT_INDEX", self.url), ("UV_INDEX", ""), ("UV_FIND_LINKS", ""))
        return IndexConfiguration(default=self.url, for_uv=variables)

    def respond(self, path: str) -> bytes | None:
        """The page or file at *path*."""
        self.asked[path] += 1
        parts = path.strip("/").split("/")
        if parts[0] == "files":
            return self.files.get(parts[1])
        links = self.pages.get(parts[-1])
        return None if links is None else "\n".join(["<!DOCTYPE html><html><body>", *links]).encode()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalIndex]:
    """An empty index; uv has a cache of the test's own."""
    offered = LocalIndex()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = offered.respond(self.path) if offered.status == 200 else None
            status = offered.status if offered.status != 200 else 404 if body is None else 200
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def do_HEAD(self) -> None:
            self.send_error(405)

        def log_message(self, *arguments: object) -> None:
            """Tests are quiet."""

    for variable in (
        "UV_INDEX_URL",
        "UV_EXTRA_INDEX_URL",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    offered.url = f"http://127.0.0.1:{server.server_port}/simple"
    yield offered
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty project directory, in a repository of its own."""
    path = tmp_path / "repository" / "project"
    path.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    return path


@pytest.fixture
def project(root: Path) -> Project:
    """The project in `root`."""
    return Project(root=root, shown=root, name="project")


@pytest.fixture
def copy(root: Path) -> Callable[..., Path]:
    """Copy a fixture into the project under the name that its tool gives it."""

    def copy_(fixture: str, name: str, replace: dict[str, str] | None = None) -> Path:
        text = (FIXTURES / fixture).read_text("utf-8")
        for old, new in (replace or {}).items():
            assert old in text
            text = text.replace(old, new)
        path = root / name
        path.write_text(text, "utf-8")
        return path

    return copy_


@pytest.fixture
def lookup(store: Store, root: Path) -> Lookup:
    """Nowhere to look: offline, without directories."""
    from wherry.project.locks.pins import Lookup  # noqa: PLC0415 - other rooms' tests start without it

    return Lookup(store=store, directory=root, offline=True)
