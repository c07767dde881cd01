"""A project, a store and the real command line in a process of its own; and wheels with something odd."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.programs import cannot_run, require_program
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


BAD_INPUT = 2
WORLD = 3
MACHINE = Platform.of_host().machine
OTHER_MACHINE = "aarch64" if MACHINE == "x86_64" else "x86_64"
DEADLINE_S = 300
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"  # the one interpreter that is surely here
TAG = f"cp{PYTHON}-cp{PYTHON}".replace(".", "")


@dataclass(frozen=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str


@dataclass
class Bench:
    """A project, its wheels and a store, and the command line to build it with."""

    root: Path
    base: Path
    locked: list[tuple[str, str, str]] = field(default_factory=list)  # name, filename, sha256
    urls: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in (self.project, self.links, self.cache, self.root / "home"):
            path.mkdir(parents=True)
        (self.project / "app.py").write_text("print('hello')\n")
        self.write_pyproject()

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def links(self) -> Path:
        return self.root / "links"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def write_pyproject(self) -> None:
        (self.project / "pyproject.toml").write_text(
            f'[project]\nname = "app"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
            f'dependencies = ["demo"]\n[tool.wherry]\ncommand = ["python", "app.py"]\n'
            f'base = "oci:{self.base}"\nbytecode = false\n'
        )

    def add(self, name: str, files: dict[str, bytes] | None = None, odd: Oddity | None = None) -> Path:
        """Lock a wheel, sound but for its oddity, and put it where --find-links looks."""
        return self.lock(
            make_wheel(self.links, name, files or {f"{name}/__init__.py": b"x = 1\n"}, odd), name
        )

    def lock(self, path: Path, name: str = "demo") -> Path:
        self.locked.append((name, path.name, hashlib.sha256(path.read_bytes()).hexdigest()))
        self.write_lock()
        return path

    def write_lock(self, version: str = "1.0") -> None:
        lines = [f'lock-version = "{version}"', 'created-by = "a test"', 'requires-python = ">=3.11"']
        for name, filename, digest in self.locked:
            url = self.urls.get(name, f"https://index.example/{filename}")
            lines += [
                "[[packages]]",
                f'name = "{name}"',
                'version = "1.0"',
                "[[packages.wheels]]",
                f'name = "{filename}"',
                f'url = "{url}"',
                f'hashes = {{ sha256 = "{digest}" }}',
            ]
        (self.project / "pylock.toml").write_text("\n".join(lines) + "\n")

    @property
    def variables(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("WHERRY_", "UV_", "PIP_"))}
        return {
            **kept,
            **{k: v for k, v in os.environ.items() if k == "WHERRY_REQUIRE_E2E"},
            "WHERRY_CACHE_DIR": str(self.cache),
            "HOME": str(self.root / "home"),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "1",
            **self.environment,
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "wherry", *arguments]

    @property
    def build_arguments(self) -> list[str]:
        arguments = ["build", str(self.project), "-t", "app", "-q", "--find-links", str(self.links)]
        return arguments if self.urls else [*arguments, "--offline"]

    def run(self, *arguments: str, before: tuple[str, ...] = ()) -> Done:
        done = subprocess.run(
            [*before, *self.command(*arguments)],
            env=self.variables,
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def build(self, *more: str, before: tuple[str, ...] = ()) -> Done:
        return self.run(*self.build_arguments, *more, before=before)

    def digest(self) -> str:
        done = self.build()
        assert done.code == 0, done.err
        return done.out.strip()

    def refused(self, code: int, says: str, *more: str) -> list[str]:
        """Build, and hold the answer to all that is promised of a refusal; give its lines."""
        archive = self.root / "out.tar"
        layout = self.root / "out"
        done = self.build("-o", f"oci-archive:{archive}", "-o", f"oci:{layout}", *more)
        lines = require_refusal(done, code, says)
        assert not archive.exists()
        assert not layout.exists()
        self.require_whole()
        return lines

    def require_whole(self) -> None:
        """The store has no image, nothing half-made, and every blob in it is what its name says."""
        assert self.run("images", "-q").out.strip() == ""
        assert not list((self.cache / "tmp").glob("*"))
        verified = self.run("cache", "verify")
        assert (verified.code, verified.err) == (0, "")


def require_refusal(done: Done, code: int, says: str) -> list[str]:
    assert "Traceback" not in done.err + done.out
    assert done.code == code, done
    lines = done.err.splitlines()
    assert lines
    assert lines[0].startswith("error: "), done.err
    assert len(lines) <= 3, done.err
    assert re.search(says, done.err), done.err
    assert "did not expect" not in done.err  # the last net of the command line: a defect
    return lines


def metadata(name: str, tag: str) -> dict[str, bytes]:
    return {
        f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{name}-1.0.dist-info/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n".encode()
        ),
    }


def record_of(name: str, files: dict[str, bytes]) -> bytes:
    rows = []
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        quoted = '"' + path.replace('"', '""') + '"'
        rows.append(f"{quoted},sha256={digest},{len(data)}")
    return "\n".join([*rows, f"{name}-1.0.dist-info/RECORD,,", ""]).encode()


@dataclass(frozen=True)
class Oddity:
    """What is not as usual in a wheel."""

    tag: str = "py3-none-any"
    record: bytes | None = None  # instead of the right one
    links: dict[str, str] = field(default_factory=dict)  # symbolic links
    again: dict[str, bytes] = field(default_factory=dict)  # written under names that are there already


def make_wheel(into: Path, name: str, files: dict[str, bytes], odd: Oddity | None = None) -> Path:
    odd = odd or Oddity()
    path = into / f"{name}-1.0-{odd.tag}.whl"
    contents = {**files, **metadata(name, odd.tag)}
    contents[f"{name}-1.0.dist-info/RECORD"] = odd.record or record_of(name, contents)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of a name that is there twice
        for member, data in [*contents.items(), *odd.again.items()]:
            info = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(info, data)
        for member, target in odd.links.items():
            info = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            info.external_attr = 0o120777 << 16
            wheel.writestr(info, target)
    return path


def patch(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    data = path.read_bytes()
    for old, new in changes:
        assert old in data
        assert len(old) == len(new)
        data = data.replace(old, new)
    path.write_bytes(data)
    return path


@contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A file system of memory at *place*."""
    require_program("mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        cannot_run(f"may not mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
