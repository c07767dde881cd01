"""Packages pinned to a version and to hashes, by a lock that does not say where their files lie."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from wherry.fetch.addresses import without_userinfo
from wherry.fetch.indexes import IndexConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from wherry.digest import Digest
    from wherry.project.locks.offers import KnownFile
    from wherry.store.store import Store


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """One file a pin allows: its hash, and what else the lock says of it."""

    digest: Digest
    filename: str | None = None
    url: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Pin:
    """One package at one version, with the hashes of the files it may be installed from."""

    name: NormalizedName
    version: Version
    files: tuple[PinnedFile, ...]
    marker: Marker | None = None
    requires_python: SpecifierSet | None = None
    where: str = ""
    wheels_only: bool = False
    sdist_only: bool = False

    @property
    def title(self) -> str:
        """``name version`` as messages show it."""
        return f"{self.name} {self.version}"


class Names(Protocol):
    """What others found out about pins: what files are called and how large they are, not where they lie."""

    def find(self, pins: Sequence[Pin], python: tuple[int, int]) -> Mapping[Pin, tuple[KnownFile, ...]]:
        """What is known of those *pins* that are, for a Python of this minor version."""
        ...

    def saw(self, pin: Pin, python: tuple[int, int], files: Sequence[KnownFile]) -> None:
        """Hear what an index answered, or answered before."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where addresses may be asked for."""

    store: Store
    directory: Path  # what relative places in *options* are relative to
    python: tuple[int, int] = (3, 11)  # the image's Python: pins for others need no address
    find_links: tuple[Path, ...] = ()
    offline: bool = False
    indexes: IndexConfiguration = IndexConfiguration()  # noqa: RUF009 - frozen
    options: tuple[str, ...] = ()  # index options of the lock itself, as lines of a requirements file
    names: Names | None = None  # asked before any index
    addressed: frozenset[Digest] = frozenset()  # files whose names are not enough: their pins are looked up


def with_places(lookup: Lookup, options: Iterable[str], find_links: Iterable[Path]) -> Lookup:
    """*lookup*, looking also where the lock itself says."""
    return replace(lookup, options=(*lookup.options, *options), find_links=(*lookup.find_links, *find_links))


def configuration_key(indexes: IndexConfiguration) -> tuple[str, ...]:
    """Which indexes answer, as part of a cache's key: without credentials."""
    default = (indexes.default,) if indexes.default else ("uv's own",)
    return tuple(without_userinfo(place) for place in (*default, *indexes.extra, *indexes.find_links))
