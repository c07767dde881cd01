"""A user's directory as a build may see it: walked, hashed and copied, never written to.

Left out is what no build needs and every copy would pay for or leak: version control, virtual environments,
caches, what earlier builds left behind, credentials, and model files that nobody named.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.layers.model import MTIME
from wherry.project.left_out import SECRET, file_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.store.index import Index

_LEFT_DIRECTORIES: Final = frozenset(
    {
        ".bzr",
        ".eggs",
        ".git",
        ".hg",
        ".hypothesis",
        ".ipynb_checkpoints",
        ".jj",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        "__pycache__",
        "node_modules",
    }
)
_LEFT_FILES: Final = (".DS_Store", "*.pyc", "*.pyo", ".coverage", ".coverage.*")
_EXAMPLES: Final = (".env.example", ".env.sample", ".env.template", ".env.dist")
_MODELS: Final = tuple(
    f"*.{suffix}" for suffix in ("ckpt", "gguf", "h5", "keras", "onnx", "pt", "pth", "safetensors", "tflite")
)
MODEL_BYTES: Final = 1 << 20
"""A smaller file of such a name is a test's or an example's: nobody's weights."""

MAX_ENTRIES: Final = 200_000
_REMEMBER_BYTES: Final = 1 << 20
_SETTLED_S: Final = 2
_KIND: Final = "file-digests"


class _Remembered(msgspec.Struct, frozen=True):
    """The hash of a large file, good for as long as the file looks the same."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file or link of a tree."""

    relative: str  # POSIX, below the tree's root
    path: Path  # where its bytes are; for a link out of the tree another place
    executable: bool = False
    size_bytes: int = 0
    link: str | None = None  # the target, when it stays a link


@dataclass(frozen=True, slots=True)
class BuildTree:
    """What a build of a directory may see."""

    root: Path
    files: tuple[TreeFile, ...]  # by relative path
    left_out: tuple[str, ...] = ()  # model files, for whoever wonders where they are

    def digest(self, index: Index) -> Digest:
        """Over names, executable bits, links and contents. Large unchanged files are not read again."""
        total = hashlib.sha256()
        for file in self.files:
            content = f"link {file.link}" if file.link is not None else _content_digest(file, index)
            total.update(
                f"{file.relative}\0{int(file.executable)}\0{content}\0".encode("utf-8", "surrogateescape")
            )
        return Digest.from_hex(total.hexdigest())

    def copy(self, into: Path) -> None:
        """Copy everything below *into*, with plain modes and one time for all."""
        for file in self.files:
            target = into / file.relative
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.link is not None:
                target.symlink_to(file.link)
                continue
            shutil.copyfile(file.path, target)
            target.chmod(0o755 if file.executable else 0o644)
            os.utime(target, (MTIME, MTIME))

    @property
    def size_bytes(self) -> int:
        """What a copy takes on disk, about."""
        return sum(file.size_bytes for file in self.files)


def build_tree(root: Path, *, keep: Sequence[str] = ()) -> BuildTree:
    """Walk a directory that is to be built.

    Args:
        root: The directory with pyproject.toml or setup.py.
        keep: Patterns of model files that the project names: relative paths, ``*`` allowed.

    Raises:
        InputError: The directory is not there, cannot be read, or is far too large to be a source tree.

    """
    walk = _Walk(root, keep)
    try:
        files = sorted(walk.below(root, ""), key=lambda file: os.fsencode(file.relative))
    except OSError as error:
        raise InputError(
            f"the source directory cannot be read: {error.strerror}",
            where=os.fsdecode(error.filename or root),
            mend="check the path in the lock and its permissions",
        ) from error
    return BuildTree(root, tuple(files), tuple(sorted(walk.left_out)))


class _Walk:
    """One walk through one tree."""

    def __init__(self, root: Path, keep: Sequence[str]) -> None:
        self._root = root
        self._real_root = root.resolve()
        self._keep = keep
        self._entries = 0
        self._followed = {self._real_root}
        self.left_out: list[str] = []

    def below(self, directory: Path, prefix: str) -> Iterator[TreeFile]:
        for path in directory.iterdir():
            self._count()
            relative = f"{prefix}{path.name}"
            if path.is_symlink():
                yield from self._linked(path, relative)
            elif path.is_dir():
                if not _is_left(path) and not (prefix == "" and _is_old_output(path)):
                    yield from self.below(path, f"{relative}/")
            elif path.is_file():
                yield from self._file(path, relative)

    def _count(self) -> None:
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise InputError(
                f"the source directory has more than {MAX_ENTRIES} files",
                where=str(self._root),
                mend="keep data outside the project's directory",
            )

    def _file(self, path: Path, relative: str) -> Iterator[TreeFile]:
        name = path.name
        if _matches(name, _LEFT_FILES):
            return
        if name.endswith((".key", ".pem")):  # certificates are package data, private keys are not
            if _is_private_key(path):
                return
        elif file_rule(name, 0) is SECRET and name not in _EXAMPLES:
            return
        status = path.stat()
        if (
            status.st_size >= MODEL_BYTES
            and _matches(name.lower(), _MODELS)
            and not _matches(relative, self._keep)
        ):
            self.left_out.append(relative)
            return
        yield TreeFile(relative, path, bool(status.st_mode & 0o100), status.st_size)

    def _linked(self, path: Path, relative: str) -> Iterator[TreeFile]:
        """A link within the tree stays one. One that leads out is followed: the copy shows the same."""
        target = path.readlink()
        real = Path(os.path.realpath(path))  # does not mind a circle
        inside = real.is_relative_to(self._real_root)
        if inside or not real.exists():
            if target.is_absolute():
                target = Path(os.path.relpath(real, path.parent.resolve())) if inside else target
            yield TreeFile(relative, path, link=str(target))
        elif real.is_file():
            yield from self._file(real, relative)
        elif real not in self._followed and any(real.glob("*.py")):
            # A package shared between projects. Any other directory (a data set, a home) is not source.
            self._followed.add(real)
            yield from self.below(real, f"{relative}/")


def _is_left(directory: Path) -> bool:
    name = directory.name
    if name in _LEFT_DIRECTORIES or name.endswith(".egg-info"):
        return True
    return (directory / "pyvenv.cfg").exists() or (directory / "conda-meta").is_dir()


def _is_old_output(directory: Path) -> bool:
    """What an earlier build left at the top: setuptools would put its stale modules into the wheel."""
    names = [path.name for path in directory.iterdir()] if directory.name in {"build", "dist"} else []
    if directory.name == "build":
        return any(name == "lib" or name.startswith(("lib.", "bdist.", "temp.")) for name in names)
    return bool(names) and all(name.endswith((".whl", ".tar.gz", ".gitignore")) for name in names)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _is_private_key(path: Path) -> bool:
    with path.open("rb") as stream:
        return b"PRIVATE KEY-----" in stream.read(1 << 16)


def _content_digest(file: TreeFile, index: Index) -> str:
    if file.size_bytes < _REMEMBER_BYTES:
        return Digest.of_file(file.path).hex
    status = file.path.stat()
    facts = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    known = index.get(_KIND, str(file.path), _Remembered)
    if known is not None and facts == (known.size_bytes, known.mtime_ns, known.ctime_ns, known.inode):
        return known.sha256
    found = Digest.of_file(file.path).hex
    # A change within the clock's granularity would not be seen: only a settled file is remembered.
    if abs(time.time() - max(status.st_mtime, status.st_ctime)) > _SETTLED_S:
        index.put(_KIND, str(file.path), _Remembered(*facts, sha256=found))
    return found
