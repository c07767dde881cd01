"""The signed metadata of a Debian suite: its pockets, and their lists of packages, fetched and verified."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.bases.compressed import decompressed
from wherry.bases.packages import PackageIndex
from wherry.bases.release import INRELEASE_LIMIT_BYTES, Release, ReleaseFile, read_inrelease
from wherry.errors import WorldError
from wherry.fetch.addresses import shown
from wherry.fetch.transfer import Download

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from pysequoia import Cert

    from wherry.bases.mirror import MirrorSettings
    from wherry.digest import Digest
    from wherry.fetch.fetcher import Fetcher
    from wherry.store.store import Store

PACKAGES_LIMIT_BYTES: Final = 512 << 20
"""Uncompressed size of one Packages file that is still believed: Debian's are about 60 MB."""


@dataclass(frozen=True, slots=True)
class Pocket:
    """One of the three parts of a suite: itself, ``-updates``, ``-security``."""

    name: str
    archive: str
    url: str  # of its directory below dists/
    release: Release


def read_pockets(
    suite: str, fetcher: Fetcher, mirror: MirrorSettings, now: datetime, certificates: Sequence[Cert]
) -> list[Pocket]:
    """Fetch and verify the ``InRelease`` of each part of *suite*, as `read_inrelease` does."""
    names = [(suite, "main"), (f"{suite}-updates", "main"), (f"{suite}-security", "security")]

    def pocket(name: str, archive: str) -> Pocket:
        url = f"{mirror.root(archive)}/dists/{name}"
        release = read_inrelease(
            fetcher.get(f"{url}/InRelease", INRELEASE_LIMIT_BYTES),
            certificates,
            codename=name,
            now=now,
            where=shown(f"{url}/InRelease"),
            check_valid_until=mirror.check_valid_until,
        )
        return Pocket(name, archive, url, release)

    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(pocket, *zip(*names, strict=True)))


def packages_file(pocket: Pocket, architecture: str) -> ReleaseFile:
    """The smallest form of the list of packages that the Release vouches for."""
    plain = f"main/binary-{architecture}/Packages"
    for ending in (".xz", ".gz", ""):
        if (file := pocket.release.files.get(plain + ending)) is not None:
            return file
    raise WorldError(f"{pocket.name} has no packages for {architecture}", where=shown(pocket.url))


def _url(pocket: Pocket, file: ReleaseFile) -> str:
    """By hash where offered: a mirror that is being updated then still answers with the right bytes."""
    if not pocket.release.by_hash:
        return f"{pocket.url}/{file.path}"
    return f"{pocket.url}/{file.path.rpartition('/')[0]}/by-hash/SHA256/{file.digest.hex}"


def _contents(store: Store, file: ReleaseFile, pocket: Pocket) -> Iterator[bytes]:
    where = f"{pocket.name}: {file.path}"
    kind = file.path.rpartition("/")[2].partition(".")[2]
    total = 0
    with store.blobs.open(file.digest) as stream:
        for chunk in decompressed(stream, kind, where):
            total += len(chunk)
            if total > PACKAGES_LIMIT_BYTES:
                raise WorldError("the mirror's list of packages is far larger than any real one", where=where)
            yield chunk


def load_index(
    pockets: Sequence[Pocket], lists: Sequence[ReleaseFile], architecture: str, fetcher: Fetcher, store: Store
) -> PackageIndex:
    """Every package of the *pockets*, from their *lists*, which are fetched if need be."""
    wanted: dict[Digest, Download] = {}  # two pockets may have the same, empty list
    for pocket, file in zip(pockets, lists, strict=True):
        name, url = f"{pocket.name}-Packages", _url(pocket, file)
        wanted[file.digest] = Download(name, file.digest, url=url, size_bytes=file.size_bytes)
    fetcher.fetch(wanted.values())
    index = PackageIndex(architecture)
    for pocket, file in zip(pockets, lists, strict=True):
        index.add(_contents(store, file, pocket), pocket.archive, f"{pocket.name}: {file.path}")
    return index
