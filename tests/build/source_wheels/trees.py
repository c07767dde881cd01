"""Source trees with a backend of their own, which needs nothing from an index."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from wherry.digest import Digest
from wherry.oci.platform import Platform
from wherry.plan.select import Chosen
from wherry.progress import SilentProgress
from wherry.project.locks.model import DirectorySource, LockedFile, LockedPackage
from wherry.project.target import Target

if TYPE_CHECKING:
    from pathlib import Path


MINOR = sys.version_info[:2]  # the one interpreter that is surely here
TAG = f"cp{MINOR[0]}{MINOR[1]}-cp{MINOR[0]}{MINOR[1]}"
HOST = Target(Platform.of_host(), MINOR, f"{MINOR[0]}.{MINOR[1]}.0", (9, 99))
OTHER = Target(
    Platform("linux", "arm64" if Platform.of_host().architecture == "amd64" else "amd64"),
    MINOR,
    HOST.python_full_version,
    (9, 99),
)

# An in-tree backend needs nothing from an index, so most promises are tested without one.
BACKEND = """
import os, sys, zipfile

def build_wheel(directory, config_settings=None, metadata_directory=None):
    import settings
    tag = getattr(settings, "TAG", "py3-none-any")
    name, version = settings.NAME, settings.VERSION
    filename = f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(directory, filename), "w") as wheel:
        def add(path, data):
            wheel.writestr(zipfile.ZipInfo(path), data)
        for path, data in settings.files().items():
            add(path, data)
        info = f"{name}-{version}.dist-info"
        add(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
        add(f"{info}/WHEEL", f"Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: {tag}\\n")
        add(f"{info}/RECORD", "")
    return filename
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


class Notes(SilentProgress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def make_tree(
    root: Path, name: str = "demo", *, settings: str = "", pyproject: str = "", version: str = "1.0"
) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pyproject.toml").write_text(PYPROJECT + pyproject)
    (root / "backend.py").write_text(BACKEND)
    (root / "settings.py").write_text(
        f"NAME = {name!r}\nVERSION = {version!r}\n"
        f"def files():\n    return {{{name + '.py'!r}: 'X = 1'}}\n{settings}\n"
    )
    return root


def package(name: str = "demo", version: str | None = "1.0", **what: object) -> Chosen:
    locked = LockedPackage(
        canonicalize_name(name),
        Version(version) if version else None,
        where="uv.lock: packages[0]",
        **what,  # type: ignore[arg-type]  # a test's shorthand
    )
    return Chosen(locked, None)


def of_directory(root: Path, name: str = "demo", version: str | None = "1.0") -> Chosen:
    return package(name, version, source=DirectorySource(root))


def make_sdist(tree: Path, into: Path, top: str = "demo-1.0") -> LockedFile:
    into.mkdir(exist_ok=True)
    path = into / f"{top}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(tree, top)
    return LockedFile(path.name, Digest.of_file(path), path=path, size_bytes=path.stat().st_size)


def names(wheel: LockedFile) -> list[str]:
    assert wheel.path is not None
    with zipfile.ZipFile(wheel.path) as archive:
        return sorted(archive.namelist())


def listing(root: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p.relative_to(root)): (p.lstat().st_mtime_ns, p.lstat().st_size)
        for p in sorted(root.rglob("*"))
        if not p.is_dir()
    }
