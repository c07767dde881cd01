"""``Pipfile.lock`` (pipfile-spec 6): categories of pins with hashes, ``default`` and ``develop`` first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from packaging.utils import canonicalize_name

from wherry.errors import InputError
from wherry.project.locks import values
from wherry.project.locks.content_hash import pipfile_hash
from wherry.project.locks.document import Document, read_document
from wherry.project.locks.entries import Entry, addressed, archive, merged, pinned_file, with_conditions
from wherry.project.locks.model import Choice, Lock, LockedPackage
from wherry.project.locks.pins import Lookup, Pin, with_places

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packaging.utils import NormalizedName

_LOCK_AGAIN: Final = "run: pipenv lock"
_SPEC: Final = 6
_DEVELOPMENT: Final = {"dev": "develop", "dev-packages": "develop"}  # what people call it


class _Entry(msgspec.Struct, frozen=True):
    version: str = ""
    hashes: tuple[str, ...] = ()
    markers: str = ""
    git: str = ""
    ref: str = ""
    subdirectory: str = ""
    path: str = ""
    file: str = ""
    editable: bool = False


class _Meta(msgspec.Struct, frozen=True, rename={"spec": "pipfile-spec"}):
    spec: int
    hash: dict[str, str] = {}
    sources: tuple[dict[str, Any], ...] = ()


def read_pipfile(document: Document, choice: Choice, lookup: Lookup) -> Lock:
    """What a ``Pipfile.lock`` pins for the choice's groups: its categories, ``dev`` for ``develop``.

    Raises:
        InputError: It is broken, of an unknown version, stale, has no hashes, or no such category.
        WorldError: The index that says where its files lie cannot be reached.

    """
    table = document.json(dict[str, Any], _LOCK_AGAIN)
    meta = document.shaped(table.pop("_meta", {}), _Meta, _LOCK_AGAIN)
    if meta.spec != _SPEC:
        raise InputError(
            f"Pipfile.lock has pipfile-spec {meta.spec}; wherry reads {_SPEC}",
            where=str(document.path),
            mend="lock again with a current pipenv: pipenv lock",
        )
    _require_fresh(document, meta, table, choice)
    if choice.extras:
        raise InputError(
            f"Pipfile.lock knows no extras; asked for {', '.join(choice.extras)}", where=str(document.path)
        )
    categories = dict.fromkeys(["default", *(_DEVELOPMENT.get(name, name) for name in choice.groups)])
    entries = merged(entry for name in categories for entry in _category(table, name, document))
    urls = [str(source.get("url", "")) for source in meta.sources[1:]]
    places = [f"--extra-index-url {url}" for url in urls if _is_line(url)]
    return Lock(
        path=document.path,
        kind="Pipfile.lock",
        digest=document.digest,
        packages=addressed(list(entries), with_places(lookup, places, ()), choice.root),
        inputs=(choice.root / "Pipfile",),
    )


def _is_line(text: str) -> bool:
    """Whether an address can stand in a requirements file: one word."""
    return text != "" and text.isprintable() and " " not in text


def _category(table: dict[str, Any], name: str, document: Document) -> Iterator[Entry]:
    if name not in table and name != "default":
        known = ", ".join(sorted(table)[:20]) or "none"
        raise InputError(
            f"Pipfile.lock has no category {name!r}; it has {known}",
            where=str(document.path),
            mend=f"add [{name}] to the Pipfile and run: pipenv lock",
        )
    entries = document.shaped(table.get(name, {}), dict[str, _Entry], _LOCK_AGAIN)
    for written, entry in entries.items():
        where = f"{document.name}: {name}.{written}"
        marker = values.marker(entry.markers, where) if entry.markers else None
        yield with_conditions(
            _entry(values.package_name(written, where), entry, document, where), marker, None
        )


def _entry(name: NormalizedName, entry: _Entry, document: Document, where: str) -> Entry:
    root = document.path.parent
    if entry.git:
        git = values.git_source(entry.git, entry.ref, entry.subdirectory, where)
        return LockedPackage(name, None, source=git, where=where)
    if entry.file or values.is_wheel(entry.path) or values.is_sdist(entry.path):
        is_address = entry.file.startswith(("http://", "https://"))
        return archive(
            name,
            None,
            entry.hashes,
            url=entry.file if is_address else None,
            path=None if is_address else entry.file or entry.path,
            root=root,
            where=where,
            subdirectory=entry.subdirectory,
        )
    if entry.path:
        directory = values.directory_source(entry.path, root, where, editable=entry.editable)
        return LockedPackage(name, None, source=directory, where=where)
    if not entry.version.startswith("=="):
        raise InputError(f"{name} is not pinned with ==", where=where, mend=_LOCK_AGAIN)
    version = values.version(entry.version.lstrip("="), where)
    strong = [written for written in entry.hashes if written.startswith("sha256:")]
    return Pin(name, version, tuple(pinned_file(None, None, one, where) for one in strong), where=where)


def _require_fresh(document: Document, meta: _Meta, table: dict[str, Any], choice: Choice) -> None:
    """Hold ``_meta.hash`` against what it is a hash of: the Pipfile as sorted JSON.

    Into the hash of a Pipfile that names no source went the pip configuration of whoever locked. Of such a
    one it is only asked that all it names is in the lock.
    """
    path = choice.root / "Pipfile"
    written = meta.hash.get("sha256")
    if not written or not path.is_file():
        return
    pipfile = read_document(path).toml()
    if "source" in pipfile:
        fresh = pipfile_hash(pipfile) == written
    else:
        fresh = _names(pipfile, "packages") <= _names(table, "default")
        fresh = fresh and _names(pipfile, "dev-packages") <= _names(table, "develop")
    if not fresh:
        raise InputError(
            "Pipfile.lock is stale: the Pipfile has changed since", where=str(document.path), mend=_LOCK_AGAIN
        )


def _names(table: dict[str, Any], category: str) -> set[str]:
    """The normalized names in a category; whether they are names is judged elsewhere."""
    found = table.get(category)
    return {str(canonicalize_name(name)) for name in found} if isinstance(found, dict) else set()
