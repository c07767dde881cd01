"""One entry of a poetry.lock, pdm.lock or Pipfile.lock: a pin with hashed files, or a source of its own.

The three formats say the same things under other names. What they say is a ``Pin``, whose files' addresses
are looked up together, or a ``LockedPackage`` that needs none.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from packaging.markers import Marker

from wherry.errors import InputError
from wherry.project.locks import values
from wherry.project.locks.addresses import address
from wherry.project.locks.model import DirectorySource, LockedPackage
from wherry.project.locks.pins import Lookup, Pin, PinnedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from packaging.specifiers import SpecifierSet
    from packaging.utils import NormalizedName
    from packaging.version import Version

Entry: TypeAlias = Pin | LockedPackage


def pinned_file(name: str | None, url: str | None, written_hash: str, where: str) -> PinnedFile:
    """A file as a lock names it; *written_hash* is ``sha256:<hex>``.

    Raises:
        InputError: The hash is of another kind, or the name or address cannot be one.

    """
    algorithm, _, digits = written_hash.partition(":")
    plain = name or (values.url_filename(url) if url else None)
    digest = values.sha256({algorithm: digits}, plain or "a file", where)
    return PinnedFile(
        digest=digest,
        filename=values.filename(plain, where) if plain else None,
        url=values.public_url(url, where) if url else None,
    )


def archive(  # noqa: PLR0913 - an archive's facts
    name: NormalizedName,
    version: Version | None,
    hashes: Sequence[str],
    *,
    url: str | None,
    path: str | None,
    root: Path,
    where: str,
    subdirectory: str = "",
) -> LockedPackage:
    """A package from one file, by address or by path: the file whose hash the lock knows.

    Raises:
        InputError: It has no SHA-256, or several.

    """
    filename = values.url_filename(url) if url else (path or "").replace("\\", "/").rpartition("/")[2]
    if len(set(hashes)) != 1:
        raise InputError(
            f"{name} is one file and has {len(set(hashes))} hashes", where=where, mend="lock again"
        )
    algorithm, _, digits = hashes[0].partition(":")
    digest = values.sha256({algorithm: digits}, filename, where)
    file = values.locked_file(filename, digest, where=where, root=root, url=url, path=path)
    wheels = (file,) if values.is_wheel(filename) else ()
    return LockedPackage(
        name=name,
        version=version,
        wheels=wheels,
        sdist=None if wheels else file,
        where=where,
        subdirectory=values.subdirectory_of(subdirectory, where),
    )


def with_conditions(entry: Entry, marker: Marker | None, requires_python: SpecifierSet | None) -> Entry:
    """*entry*, wanted under *marker* and by Pythons that it accepts."""
    return replace(entry, marker=marker, requires_python=requires_python)


def merged(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Entries with those of one package and version made one, wanted where any of them is.

    A lock may list a package once plain and once for each set of its extras.
    """
    by_title: dict[tuple[NormalizedName, Version | None], Entry] = {}
    for entry in entries:
        title = (entry.name, entry.version)
        other = by_title.get(title)
        if other is None or type(other) is not type(entry):
            by_title[title if other is None else (entry.name, None)] = entry
            continue
        marker = either(other.marker, entry.marker)
        if isinstance(other, Pin) and isinstance(entry, Pin):
            files = tuple(dict.fromkeys((*other.files, *entry.files)))
            by_title[title] = replace(other, marker=marker, files=files)
        else:
            by_title[title] = replace(other, marker=marker)
    yield from by_title.values()


def either(one: Marker | None, other: Marker | None) -> Marker | None:
    """The marker that holds where one of the two does; None holds everywhere."""
    if one is None or other is None:
        return None
    return one if str(one) == str(other) else Marker(f"({one}) or ({other})")


def addressed(entries: Sequence[Entry], lookup: Lookup, root: Path) -> tuple[LockedPackage, ...]:
    """The entries as packages, pins with their files' addresses, the project in *root* left out."""
    for entry in entries:
        if isinstance(entry, Pin) and not entry.files:
            raise InputError(f"{entry.title} has no files with hashes", where=entry.where, mend="lock again")
    found = iter(address([entry for entry in entries if isinstance(entry, Pin)], lookup))
    packages = [next(found) if isinstance(entry, Pin) else entry for entry in entries]
    return tuple(
        package
        for package in packages
        if not (isinstance(package.source, DirectorySource) and package.source.path == root.resolve())
    )
