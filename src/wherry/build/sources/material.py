"""The three kinds of source: what tells one state of each from another, and how each is laid out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from wherry.build.sources.archive import unpack_sdist
from wherry.build.sources.git import check_git_source, check_out, subdirectory
from wherry.build.sources.repository import find_repository, lend
from wherry.build.sources.requirements import BuildSystem, read_build_system
from wherry.build.sources.tree import BuildTree, build_tree
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from wherry.build.sources.result import Expected
    from wherry.fetch.fetcher import Fetcher
    from wherry.project.locks.model import GitSource, LockedFile
    from wherry.store.store import Store


@dataclass(frozen=True, slots=True)
class Prepared:
    """A private copy of a source, which its build may change."""

    tree: Path
    variables: Mapping[str, str] = field(default_factory=dict)


class Material(Protocol):
    """One source that a wheel is made of."""

    @property
    def expected(self) -> Expected:
        """What the lock says it will be."""

    @property
    def identity(self) -> str:
        """What tells this state of the source from every other."""

    @property
    def build_system(self) -> BuildSystem | None:
        """How it is built, where that is known before it is fetched."""

    def prepare(self, work: Path) -> Prepared:
        """Lay the source out below the private directory *work*."""


@dataclass(frozen=True)
class SdistMaterial:
    """A source distribution, known by its hash."""

    expected: Expected
    file: LockedFile
    below: str  # where the project lies in it, when it is an archive of something larger
    store: Store
    fetcher: Fetcher
    build_system: BuildSystem | None = None

    @property
    def identity(self) -> str:
        """The hash of the archive."""
        return f"sdist {self.file.digest} {self.below}"

    def prepare(self, work: Path) -> Prepared:
        """Fetch and unpack it."""
        from wherry.fetch.fetcher import Download  # noqa: PLC0415 - only when something is fetched

        file = self.file
        if file.digest not in self.store.blobs:
            self.fetcher.fetch([Download(file.filename, file.digest, file.url, file.path, file.size_bytes)])
        source = work / "source"
        source.mkdir()
        top = unpack_sdist(self.store.blobs.path(file.digest), file.filename, source)
        tree = top / self.below
        if not tree.resolve().is_relative_to(top.resolve()) or not tree.is_dir():
            raise InputError(
                f"{file.filename} has no directory {self.below!r}",
                where=self.expected.where,
                mend="lock again",
            )
        system = read_build_system(tree, local=False)
        known = (tree / "PKG-INFO").is_file()
        return Prepared(tree, {} if known or not system.asks_git else _stated_version(self.expected))


@dataclass(frozen=True)
class GitMaterial:
    """A commit, known by its hash."""

    expected: Expected
    source: GitSource
    offline: bool
    redact: Callable[[str], str]
    build_system: BuildSystem | None = None

    @property
    def identity(self) -> str:
        """The hash of the commit, wherever it is fetched from."""
        return f"git {self.source.commit} {self.source.subdirectory}"

    def prepare(self, work: Path) -> Prepared:
        """Check the commit out; with its history only where the version is made of that."""
        check_git_source(self.source)
        if self.offline and not self.source.url.startswith("file://"):
            raise WorldError(
                f"{self.expected.title} is in a git repository, and the network must not be used",
                where=self.source.url,
                mend="run once without --offline; the wheel is then kept",
            )
        shallow = work / "source"
        shallow.mkdir()
        check_out(self.source, shallow, redact=self.redact)
        if read_build_system(subdirectory(shallow, self.source), local=False).asks_git:
            full = work / "history"
            full.mkdir()
            check_out(self.source, full, redact=self.redact, history=True)
            return Prepared(subdirectory(full, self.source))
        return Prepared(subdirectory(shallow, self.source))


@dataclass(frozen=True)
class DirectoryMaterial:
    """A directory of this disk, known by its contents. It is copied, never built in place."""

    expected: Expected
    directory: Path
    store: Store

    @cached_property
    def build_system(self) -> BuildSystem:
        """How it is built."""
        return read_build_system(self.directory)

    @cached_property
    def tree(self) -> BuildTree:
        """What of it a build may see."""
        return build_tree(self.directory, keep=self.build_system.keep)

    @cached_property
    def identity(self) -> str:
        """The hash of its files; with the state of git around it, where the build asks git."""
        state = ""
        if self.build_system.asks_git:
            repository = find_repository(self.directory)
            state = repository.state if repository else f"no repository, {self.expected.version}"
        return f"directory {self.tree.digest(self.store.index)} {state}"

    def prepare(self, work: Path) -> Prepared:
        """Copy it, and lend it the repository around it where the build asks git."""
        repository = find_repository(self.directory) if self.build_system.asks_git else None
        source = work / "source"
        copy = source / repository.prefix if repository else source
        copy.mkdir(parents=True)
        self.store.require_space(self.tree.size_bytes, f"a copy of {self.directory.name}")
        self.tree.copy(copy)
        if self.build_system.asks_git and not (repository and lend(repository, source)):
            return Prepared(copy, _stated_version(self.expected))
        return Prepared(copy)


def _stated_version(expected: Expected) -> dict[str, str]:
    """The locked version, for a backend that would ask git where there is no repository to ask."""
    if expected.version is None or expected.name is None:
        return {}
    name = expected.name.upper().replace("-", "_")
    version = str(expected.version)
    return {"SETUPTOOLS_SCM_PRETEND_VERSION": version, f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{name}": version}
