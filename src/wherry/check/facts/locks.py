"""Lock files: which packages at which versions, from where, in which groups. Read fast and leniently.

Gives ``LockFile``:
    kind                    "uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml",
                            "conda-lock.yml"
    path, source, requires_python, index_urls
    packages                every LockedPackage, as they stand; several of one name where markers differ
    find("torch")           those of one normalised name
    groups                  names of groups: "main" (what the project needs), "dev", ..., "extra:gpu"
    groups_of("pytest")     the groups that bring a package in; empty where the format does not tell
    only_in_groups({"dev"}) the packages that nothing else brings in
    staleness(pyproject)    why it does not fit what it was made from, in words; None if fresh or unknown

``LockedPackage``: name, version, text (its place), index, local ("." of the project itself), git, marker,
has_sdist, requires (names), and, read when asked for, wheels (``Wheel``: filename, size_bytes where the lock
says it) and has_wheel_for(python, machine, musl=): None when the lock lists no files.

Locks are written by programs, so they are read by their lines: a lock of a megabyte takes some milliseconds,
a broken one gives what it holds. At most 16 MB and 20,000 packages are read.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from wherry.check.facts.lock_groups import groups_by_package
from wherry.check.facts.requirement import GitReference, normalised
from wherry.check.facts.texts import Text
from wherry.check.facts.wheels import Wheel
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from wherry.check.facts.pyproject import Pyproject
    from wherry.check.facts.texts import Reader
    from wherry.dockerfile.source import Source

LOCKS: Final = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "pylock.toml", "conda-lock.yml")
_LIMIT_BYTES: Final = 16 << 20
_MOST: Final = 20_000
_MOST_WHEELS: Final = 500

_HEADER: Final = regex(rb"^\[\[packages?\]\]", re.MULTILINE)
_SUBTABLE: Final = regex(rb"^\[", re.MULTILINE)
_NAME: Final = regex(rb'^name = "([^"\n]*)"', re.MULTILINE)
_VERSION: Final = regex(rb'^version = "([^"\n]*)"', re.MULTILINE)
_INDEX: Final = regex(
    rb'^source = \{ registry = "([^"\n]*)"|^index = "([^"\n]*)"'
    rb'|^\[package\.source\]\ntype = "legacy"\nurl = "([^"\n]*)"',
    re.MULTILINE,
)
_LOCAL: Final = regex(
    rb'^source = \{ (?:editable|virtual|directory|path) = "([^"\n]*)"|^path = "([^"\n]*)"'
    rb'|^directory = \{ path = "([^"\n]*)"'
    rb'|^\[package\.source\]\ntype = "(?:directory|file)"\nurl = "([^"\n]*)"',
    re.MULTILINE,
)
_GIT: Final = regex(
    rb'^source = \{ git = "([^"\n]*)"|^git = "([^"\n]*)"'
    rb'|^\[package\.source\]\ntype = "git"\nurl = "([^"\n]*)"',
    re.MULTILINE,
)
_REVISION: Final = regex(
    rb'^(?:revision|resolved_reference) = "([0-9a-f]*)"|commit-id = "([0-9a-f]*)"', re.MULTILINE
)
_MARKER: Final = regex(
    rb'^(?:markers?|resolution-markers) = (?:"((?:[^"\\\n]|\\.)*)"'
    rb'|\[\n?((?:\s*"(?:[^"\\\n]|\\.)*",?\n?)*)\])',
    re.MULTILINE,
)
_GROUPS: Final = regex(rb'^(?:groups = \[([^\]\n]*)\]|category = "([^"\n]*)")', re.MULTILINE)
_WHEEL: Final = regex(rb'\b(?:url|file|name|path) = "(?:[^"\n]*/)?([^"/\n]+\.whl)[^"\n]*"')
_SIZE: Final = regex(rb"\bsize = (\d{1,15})\b")
_SDIST: Final = regex(rb'\bsdist\b|"[^"\n]*\.(?:tar\.gz|zip)"')
_PYTHON: Final = regex(rb'^(?:requires-python|python-versions|requires_python) = "([^"\n]*)"', re.MULTILINE)
_REQUIRES: Final = regex(
    rb'\{ name = "([^"\n]*)"|^\[package\.dependencies\]\n((?:[^\[\n][^\n]*\n)*)'
    rb'|^dependencies = \[\n((?:    "[^\n]*\n)*)',
    re.MULTILINE,
)
_REQUIRED: Final = regex(rb'^\s*"?([A-Za-z0-9][A-Za-z0-9._-]*)', re.MULTILINE)


class LockedPackage(Frozen, dict=True):
    """One package of a lock; the module says what stands where."""

    name: str
    version: str
    text: Text
    block: bytes = b""
    index: str = ""
    local: str = ""
    git: GitReference | None = None
    written_groups: tuple[str, ...] = ()
    manager: str = "pip"  # "conda" in conda-lock.yml

    @cached_property
    def marker(self) -> str:
        """Under which conditions this one of several is meant; "" for always."""
        found = _MARKER.search(_head(self.block))
        if found is None:
            return ""
        if found[1] is not None:
            return _decoded(found[1].replace(b'\\"', b'"'))
        alternatives = re.findall(rb'"((?:[^"\\\n]|\\.)*)"', found[2])
        return " or ".join(f"({_decoded(one)})" for one in alternatives)

    @cached_property
    def wheels(self) -> tuple[Wheel, ...]:
        """The wheels that the lock lists, each once."""
        matches = list(_WHEEL.finditer(self.block))[: 3 * _MOST_WHEELS]
        sizes: dict[str, int | None] = {}
        for number, found in enumerate(matches):
            name = unquote(_decoded(found[1]))
            end = matches[number + 1].start() if number + 1 < len(matches) else len(self.block)
            size = _SIZE.search(self.block, found.end(), end)
            sizes[name] = int(size[1]) if size else sizes.get(name)
        return tuple(Wheel(name, size) for name, size in sizes.items())[:_MOST_WHEELS]

    @cached_property
    def has_sdist(self) -> bool:
        """Whether a source distribution is listed."""
        return _SDIST.search(self.block) is not None

    @cached_property
    def requires(self) -> tuple[str, ...]:
        """Names of what it needs, markers not asked, as far as the format says."""
        found: dict[str, None] = {}
        block = self.block.partition(b"\n[package.metadata]")[0]
        for one in _REQUIRES.finditer(block):
            names = [one[1]] if one[1] is not None else _REQUIRED.findall(one[2] or one[3] or b"")
            found.update(dict.fromkeys(normalised(_decoded(name)) for name in names))
        return tuple(found)

    def has_wheel_for(
        self, python: tuple[int, int], machine: str = "x86_64", *, musl: bool = False
    ) -> bool | None:
        """Whether it installs without a compiler; None when the lock lists no files of it."""
        if not self.wheels and not self.has_sdist:
            return None
        return any(wheel.fits(python, machine, musl=musl) for wheel in self.wheels)


class LockFile(Frozen, dict=True):
    """One lock; the module says what stands where."""

    kind: str
    path: Path
    source: Source
    packages: tuple[LockedPackage, ...]
    requires_python: str = ""

    @cached_property
    def _by_name(self) -> dict[str, list[LockedPackage]]:
        found: dict[str, list[LockedPackage]] = {}
        for package in self.packages:
            found.setdefault(package.name, []).append(package)
        return found

    @cached_property
    def _groups_by_package(self) -> dict[str, frozenset[str]]:
        return groups_by_package(self)

    def find(self, name: str) -> list[LockedPackage]:
        """The packages of one name, mostly one."""
        return self._by_name.get(normalised(name), [])

    @property
    def index_urls(self) -> list[str]:
        """The indexes that packages come from, each once."""
        return list(dict.fromkeys(package.index for package in self.packages if package.index))

    @property
    def groups(self) -> frozenset[str]:
        """Every group that some package belongs to."""
        return frozenset().union(*self._groups_by_package.values())

    def groups_of(self, name: str) -> frozenset[str]:
        """The groups that bring a package in."""
        return self._groups_by_package.get(normalised(name), frozenset())

    def only_in_groups(self, groups: Collection[str]) -> list[LockedPackage]:
        """Packages that belong to some of *groups* and to no other."""
        wanted = frozenset(groups)
        return [one for one in self.packages if (held := self.groups_of(one.name)) and held <= wanted]

    def staleness(self, pyproject: Pyproject | None) -> str | None:
        """Why the lock does not fit what it was made from; None when it does, or when that cannot be told."""
        from wherry.check.facts.lock_freshness import staleness  # noqa: PLC0415 - only one rule asks

        return staleness(self, pyproject)


def read_lock(path: Path, reader: Reader) -> LockFile | None:
    """The lock at *path*; None where there is none that can be read."""
    source = reader.read(path, _LIMIT_BYTES)
    return parse_lock(path, source, reader) if source else None


def parse_lock(path: Path, source: Source, reader: Reader) -> LockFile:
    """Read the bytes of *source*, whose format the name of *path* tells."""
    if path.name == "Pipfile.lock":
        from wherry.check.facts.lock_pipfile import pipfile_packages  # noqa: PLC0415 - rare, and needs json

        packages, python = pipfile_packages(source, reader)
        return LockFile(path.name, path, source, packages, python)
    if path.name.endswith((".yml", ".yaml")):
        from wherry.check.facts.lock_conda import conda_packages  # noqa: PLC0415 - rare

        return LockFile("conda-lock.yml", path, source, conda_packages(source))
    kind = "pylock.toml" if path.name.startswith("pylock.") else path.name
    wanted = _PYTHON.search(source.data)
    packages = tuple(_packages(source))
    return LockFile(kind, path, source, packages, _decoded(wanted[1]) if wanted else "")


def _packages(source: Source) -> list[LockedPackage]:
    starts = [found.start() for found in _HEADER.finditer(source.data)][: _MOST + 1]
    ends = [*starts[1:], len(source.data)]
    found: list[LockedPackage] = []
    for first, last in zip(starts[:_MOST], ends, strict=False):
        block = source.data[first:last].replace(b"\r\n", b"\n")
        name = _NAME.search(block)
        if name:
            found.append(_package(source, first, block, name))
    return found


def _package(source: Source, start: int, block: bytes, name: re.Match[bytes]) -> LockedPackage:
    head = _head(block)
    version = _VERSION.search(head)
    at = source.data.find(name[0], start)
    last = source.data.find(version[0], at) + len(version[0]) if version else at + len(name[0])
    groups = _GROUPS.search(head)
    listed = re.findall(rb'"([^"]*)"', groups[1]) if groups and groups[1] is not None else []
    if groups and groups[2] is not None:
        listed = [groups[2]]
    title = f"{_decoded(name[1])} {_decoded(version[1]) if version else ''}".rstrip()
    return LockedPackage(
        name=normalised(_decoded(name[1])),
        version=_decoded(version[1]) if version else "",
        text=Text(title, source, Span(at, last)),
        block=block,
        index=_first(_INDEX.search(block)),
        local=_first(_LOCAL.search(block)),
        git=_git(block),
        written_groups=tuple(_decoded(one) for one in listed),
    )


def _git(block: bytes) -> GitReference | None:
    url = _first(_GIT.search(block))
    if not url:
        return None
    plain, _, commit = url.partition("#")
    revision = commit or _first(_REVISION.search(block))
    return GitReference(plain.partition("?")[0], revision, bool(revision))


def _head(block: bytes) -> bytes:
    """The keys of the package itself: what stands before its first subtable."""
    found = _SUBTABLE.search(block, 2)
    return block[: found.start()] if found else block


def _first(found: re.Match[bytes] | None) -> str:
    return _decoded(next(group for group in found.groups() if group is not None)) if found else ""


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "replace")
