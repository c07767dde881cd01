"""Read the lock a project has, whatever tool wrote it; an unchanged one from the store's memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.fetch.indexes import IndexConfiguration
from wherry.project.locks.cycles import require_acyclic
from wherry.project.locks.detect import Found, find_lock
from wherry.project.locks.document import Document, read_document
from wherry.project.locks.model import Choice, Lock
from wherry.project.locks.pins import Lookup, configuration_key
from wherry.project.locks.record import LockRecord
from wherry.project.uv import uv_identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wherry.project.locks.pins import Names
    from wherry.project.project import Project
    from wherry.store.store import Store

_READER: Final = 1
"""Raised whenever a reader's answer changes, so that none of an older wherry is believed."""

_SELF_CONTAINED: Final = frozenset({"pylock.toml", "uv.lock"})
"""Locks that say where their files lie."""


def read_lock(  # noqa: PLR0913 - one keyword for each thing a user decides
    project: Project,
    *,
    store: Store,
    groups: Sequence[str] = (),
    extras: Sequence[str] = (),
    python: tuple[int, int] = (3, 11),
    offline: bool = False,
    find_links: Sequence[Path] = (),
    indexes: IndexConfiguration | None = None,
    names: Names | None = None,
    addressed: frozenset[Digest] = frozenset(),
) -> Lock:
    """What the project's lock pins, the project itself left out.

    Args:
        project: The project whose lock it is; only its directory is looked at.
        store: Where answers are remembered.
        groups: Dependency groups wanted besides the project's dependencies.
        extras: Extras of the project that are wanted.
        python: The image's Python, for locks whose files the index must name: only its files are asked for.
        offline: Whether the index may not be asked.
        find_links: Directories with distributions, looked in by hash.
        indexes: Where distributions come from when the lock does not say; None: what this machine's pip and
            uv are configured with.
        names: Who may know what files are called, so that no index need be asked.
        addressed: Files that are to be fetched: an index is asked where they lie.

    Raises:
        InputError: There is no lock, it is stale, broken, of an unknown version, without hashes, or has no
            such group or extra.
        WorldError: The index or uv failed.

    """
    found = find_lock(project.root)
    choice = Choice(project.root, tuple(dict.fromkeys(groups)), tuple(dict.fromkeys(extras)))
    if found is None:
        return _no_lock(choice)
    document = read_document(found.path)
    lookup = Lookup(
        store=store,
        directory=found.path.parent,
        python=python,
        find_links=tuple(find_links),
        offline=offline,
        indexes=IndexConfiguration.read(project.root) if indexes is None else indexes,
        names=names,
        addressed=addressed,
    )
    lock = _remembered(found, document, choice, lookup)
    return replace(lock, notes=(*found.notes, *lock.notes))


def require_lock(project: Project, *, groups: Sequence[str] = (), extras: Sequence[str] = ()) -> None:
    """Refuse a project that needs a lock and has none, before anything is asked of a mirror or an index.

    Raises:
        InputError: It has none; or several, of which none is the one.

    """
    if find_lock(project.root) is None:
        _no_lock(Choice(project.root, tuple(groups), tuple(extras)))


def _read(kind: str, document: Document, choice: Choice, lookup: Lookup) -> Lock:
    """Have the format's own reader read it. Each is imported when it is the one."""
    if kind == "pylock.toml":
        from wherry.project.locks.pylock import read_pylock  # noqa: PLC0415 - one of six

        return read_pylock(document, choice)
    if kind == "uv.lock":
        from wherry.project.locks.uv_lock import read_uv_lock  # noqa: PLC0415 - one of six

        return read_uv_lock(document, choice)
    if kind == "poetry.lock":
        from wherry.project.locks.poetry import read_poetry  # noqa: PLC0415 - one of six

        return read_poetry(document, choice, lookup)
    if kind == "pdm.lock":
        from wherry.project.locks.pdm import read_pdm  # noqa: PLC0415 - one of six

        return read_pdm(document, choice, lookup)
    if kind == "Pipfile.lock":
        from wherry.project.locks.pipfile import read_pipfile  # noqa: PLC0415 - one of six

        return read_pipfile(document, choice, lookup)
    from wherry.project.locks.requirements import read_requirements  # noqa: PLC0415 - one of six

    return read_requirements(document, choice, lookup)


def _remembered(found: Found, document: Document, choice: Choice, lookup: Lookup) -> Lock:
    """The lock as it was read before, if nothing it was made from has changed since."""
    # A requirements file includes others, directories of --find-links change, and whoever knows the names of
    # files knows no addresses: those are read every time; what they ask the index is remembered pin by pin.
    is_open = lookup.find_links or lookup.names
    if found.kind == "requirements.txt" or (is_open and found.kind not in _SELF_CONTAINED):
        return _fresh(found, document, choice, lookup)
    key = "\n".join(_key(found, document, choice, lookup))
    record = lookup.store.index.get("locks", key, LockRecord)
    if record and all(item.is_unchanged for item in record.inputs):
        try:
            return record.lock(document.path, document.digest)
        except (ValueError, TypeError):
            pass  # not what we wrote: read again
    lock = _fresh(found, document, choice, lookup)
    if found.kind in _SELF_CONTAINED or not lookup.offline:  # offline, files may have come without addresses
        lookup.store.index.put("locks", key, LockRecord.of(lock))
    return lock


def _fresh(found: Found, document: Document, choice: Choice, lookup: Lookup) -> Lock:
    """The lock read anew."""
    lock = _read(found.kind, document, choice, lookup)
    manifests = require_acyclic(lock, choice.root)
    return replace(lock, inputs=tuple(dict.fromkeys((*lock.inputs, *manifests))))


def _key(found: Found, document: Document, choice: Choice, lookup: Lookup) -> Iterator[str]:
    """Everything the answer depends on besides the record's inputs."""
    yield f"{_READER} {found.kind} {document.digest} {document.path}"
    yield f"{choice.root} groups {choice.groups} extras {choice.extras}"
    if found.kind == "uv.lock":
        yield f"uv {uv_identity()}"
    elif found.kind != "pylock.toml":
        yield f"python {lookup.python[0]}.{lookup.python[1]}"
        yield from configuration_key(lookup.indexes)


def _no_lock(choice: Choice) -> Lock:
    """A project that asks for nothing needs no lock; any other has to be locked first."""
    pyproject = choice.root / "pyproject.toml"
    asks = choice.groups or choice.extras or (choice.root / "requirements.in").is_file()
    where, content = choice.root, b""
    if pyproject.is_file():
        document = read_document(pyproject)
        table = document.toml()
        where, content = pyproject, document.content
        project, tool = table.get("project"), table.get("tool")
        poetry = tool.get("poetry") if isinstance(tool, dict) else None
        asks = asks or any(isinstance(part, dict) and part.get("dependencies") for part in (project, poetry))
        asks = asks or (isinstance(project, dict) and "dependencies" in (project.get("dynamic") or ()))
    if asks or (choice.root / "Pipfile").is_file():
        raise InputError("the project has no lock", where=str(where), mend="run: wherry lock")
    return Lock(
        path=where,
        kind="none",
        digest=Digest.of_bytes(content),
        notes=("no lock, and no dependencies to lock",),
    )
