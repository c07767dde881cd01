"""``docker build`` itself says which files it would send: to a daemon that only listens."""

from __future__ import annotations

import io
import os
import random
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.programs import require_program
from wherry.dockerfile.ignore import IgnoreFile
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN_FILES = {"Dockerfile", ".dockerignore"}  # the client always sends them
NAMES = [
    "a",
    "b",
    "ab",
    "a.b",
    "c",
    "a-b",
    "a^b",
    "a]b",
    "(a)",
    "a+b",
    "a$",
    "{a}",
    "!a",
    "#a",
    "7",
    "é",
    "a*b",
    " a",
]
PARTS = [
    *(
        "a",
        "b",
        "ab",
        "*",
        "?",
        "a*",
        "*b",
        "**",
        "a?b",
        "*.b",
        "[a-c]",
        "[^a]",
        "[^a]*",
        "a**",
        "**b",
        "***",
        "\\*",
    ),
    *(
        "\\a",
        "\\d",
        "a\\*b",
        "[!a]",
        "[a-]",
        "[]a]",
        "a]b",
        "(a)",
        "a+b",
        "a$",
        "{a}",
        "é",
        "[é]",
        "é*",
        "!a",
        "#a",
    ),
    *(
        " a",
        "[[:alpha:]]",
        "[a\\]]*",
        "..",
        ".",
        "",
        "a^*",
        "[\\d]",
        "[*]",
        "[?a]",
        "*a*b*",
        "\\w*",
        "[^/]*",
        "[+--]",
    ),
]


class _Daemon(ThreadingMixIn, UnixStreamServer):
    """Takes a build's context and says that all is well."""

    daemon_threads = True
    contexts: list[bytes]

    def get_request(self) -> tuple[Any, Any]:
        request, _ = super().get_request()
        return request, ("client", 0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        del format, args

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(b"OK")

    def do_POST(self) -> None:
        body = io.BytesIO()
        while size := int(self.rfile.readline(), 16):
            body.write(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        cast("_Daemon", self.server).contexts.append(body.getvalue())
        self.answer(b'{"stream":"done"}\n')

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Api-Version", "1.41")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[_Daemon]:
    require_program("docker")
    with _Daemon(str(tmp_path / "socket"), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sent_by_docker(daemon: _Daemon, root: Path) -> set[str] | None:
    """The files in the context that the client sends, or None where it refuses the project."""
    daemon.contexts = []
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(root.parent),
        "DOCKER_HOST": f"unix://{root.parent / 'socket'}",
        "DOCKER_BUILDKIT": "0",  # the older builder matches on the client's side, with the same library
    }
    command = [require_program("docker"), "build", "--quiet", "."]
    subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False, timeout=60)
    if not daemon.contexts:
        return None
    with tarfile.open(fileobj=io.BytesIO(daemon.contexts[0])) as archive:
        return {member.name for member in archive if member.isfile()} - OWN_FILES


def kept_here(lines: str, files: set[str]) -> set[str] | None:
    try:
        ignore = IgnoreFile.parse(lines)
    except InputError:
        return None
    return {
        file for file in files if not ignore.matches(file) and not _skipped_by_the_older_builder(ignore, file)
    }


def _skipped_by_the_older_builder(ignore: IgnoreFile, file: str) -> bool:
    """It enters a left-out directory only for a ``!`` line that begins with its name, unlike BuildKit."""
    parts = file.split("/")
    above = ["/".join(parts[:end]) for end in range(1, len(parts))]
    return any(
        ignore.matches(directory)
        and not any(p.takes_back and f"{p.text}/".startswith(f"{directory}/") for p in ignore.patterns)
        for directory in above
    )


@pytest.mark.parametrize("seed", range(3))
def test_docker_sends_exactly_the_files_that_are_kept_here(
    daemon: _Daemon, tmp_path: Path, seed: int
) -> None:
    choose = random.Random(seed)  # noqa: S311 - to vary the cases
    for number in range(20):
        root = tmp_path / f"case{number}"
        root.mkdir()
        for _ in range(10):
            path = root / "/".join(choose.choices(NAMES, k=choose.randint(1, 4)))
            if not path.exists() and not any(parent.is_file() for parent in path.parents):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("")
        files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
        lines = "\n".join(
            choose.choice(["", "", "!", "! ", "/", "  "])
            + "/".join(choose.choices(PARTS, k=choose.randint(1, 4)))
            + choose.choice(["", "/", " ", "\r"])
            for _ in range(choose.randint(1, 5))
        )
        (root / "Dockerfile").write_text("FROM scratch\n")
        (root / ".dockerignore").write_text(lines, newline="")
        assert sent_by_docker(daemon, root) == kept_here(lines, files), lines
