"""Images built by docker from a base that is made here: what is in them, and what they weigh."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from tests.dockerfile.buildkit import client_of
from tests.programs import require_program

BASE = "base:1"
_PROGRAMS = ("sh", "chown", "chmod", "cat", "rm", "tar", "gzip", "mkdir", "cp", "true", "head")
_STUBS = {
    "wget": 'mkdir -p "${2%/*}"; head -c 2000000 /dev/urandom > /tmp/r; cp /tmp/r "$2"; rm /tmp/r',
    "pip": (
        'shift; mkdir -p /installed; [ "$1" = --no-cache-dir ] && shift || '
        "{ mkdir -p /root/.cache/pip; head -c 2000000 /dev/urandom > /root/.cache/pip/x; }; "
        'for one in "$@"; do [ -e "$one" ] && cp "$one" /installed; done; true'
    ),
    "apt-get": (
        'if [ "$1" = update ]; then mkdir -p /var/lib/apt/lists; '
        "head -c 2000000 /dev/urandom > /var/lib/apt/lists/x; else [ -e /var/lib/apt/lists/x ]; fi"
    ),
    "fetch": 'mkdir -p "${1%/*}"; cp -r /etc/passwd "${1%/*}/packed"; tar -C "${1%/*}" -cf "$1" packed',
}


class Built(NamedTuple):
    """An image.

    Attributes:
        size_bytes: Of all its layers.
        files: Of each path its type, mode, owner and content.

    """

    size_bytes: int
    files: dict[str, tuple[object, ...]]


class Docker:
    """A daemon that has the base."""

    def __init__(self, host: str, home: Path) -> None:
        self._environment = {
            "PATH": os.defpath,
            "DOCKER_HOST": host,
            "DOCKER_BUILDKIT": "1",
            "HOME": str(home),
        }
        self._client = client_of(self._environment)
        archive = home / "base.tar"
        archive.write_bytes(_base())
        self._run("import", str(archive), BASE)

    def build(self, context: Path, target: str = "made") -> Built:
        """Build the Dockerfile of a directory."""
        self._run("build", "--network=host", "--no-cache", "--tag", target, str(context))
        size = self._run("image", "inspect", "--format", "{{.Size}}", target)
        container = self._run("create", target, "true").decode().strip()
        exported = self._run("export", container)
        self._run("rm", container)
        return Built(int(size), dict(_members(exported)))

    def _run(self, *words: str) -> bytes:
        done = subprocess.run(
            [self._client, *words], env=self._environment, capture_output=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def _members(archive: bytes) -> list[tuple[str, tuple[object, ...]]]:
    found: list[tuple[str, tuple[object, ...]]] = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            content = hashlib.sha256(stream.read()).hexdigest() if stream else member.linkname
            found.append((member.name, (member.type, member.mode, member.uid, member.gid, content)))
    return found


def _base() -> bytes:
    """A root with a shell and a few programs of this machine, and stand-ins that need no network."""
    files: dict[str, bytes] = {"etc/passwd": b"root:x:0:0::/root:/bin/sh\n"}
    for name in _PROGRAMS:
        path = require_program(name)
        files[f"bin/{name}"] = Path(path).resolve().read_bytes()
        for library in _libraries(path):
            files[library.lstrip("/")] = Path(library).resolve().read_bytes()
    files |= {f"bin/{name}": f"#!/bin/sh\n{text}\n".encode() for name, text in _STUBS.items()}
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for directory in ("tmp", "root"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def _libraries(program: str) -> list[str]:
    ldd = shutil.which("ldd") or require_program("ldd")
    listed = subprocess.run([ldd, program], capture_output=True, text=True, check=False).stdout
    return [word for word in listed.split() if word.startswith("/")]
