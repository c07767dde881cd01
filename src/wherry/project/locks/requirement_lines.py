"""One requirement of a requirements file: a pin, an address, a commit, a file or a directory; its hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.project.locks import pins, values
from wherry.project.locks.document import read_document
from wherry.project.locks.model import LockedPackage

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.utils import NormalizedName
    from packaging.version import Version

HASHES: Final = "uv pip compile --universal --generate-hashes requirements.in -o requirements.txt"
_PER_LINE_OPTION: Final = re.compile(r"\s--([a-z-]+)(?:\s*=\s*|\s+)(\S+)")
_HASH: Final = re.compile(r"([a-z0-9_]+):([0-9a-fA-F]+)")
_PATH: Final = re.compile(r"\.{0,2}/|file:")
_EXTRAS: Final = re.compile(r"\[[\w\s.,-]*\]$")
_KNOWN_OPTIONS: Final = frozenset(
    {"hash", "config-setting", "config-settings", "global-option", "install-option"}
)


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a constraints file says of one package."""

    name: NormalizedName
    version: Version | None
    hashes: tuple[Digest, ...]
    where: str


@dataclass(frozen=True, slots=True)
class Pin:
    """A requirement by name. It is a lock's only with a version and hashes."""

    name: NormalizedName
    version: Version | None  # None: the line does not pin one
    hashes: tuple[Digest, ...]
    marker: Marker | None
    where: str
    wheels_only: bool = False
    sdist_only: bool = False

    def as_constraint(self) -> Constraint:
        """What the same line says in a constraints file."""
        return Constraint(self.name, self.version, self.hashes, self.where)

    def bound_by(self, constraint: Constraint) -> Pin:
        """This pin with the version and hashes of *constraint*, where it has none of its own.

        Raises:
            InputError: Both name a version, and not the same.

        """
        if self.version and constraint.version and self.version != constraint.version:
            raise InputError(
                f"{self.name} is pinned to {self.version} and constrained to {constraint.version}",
                where=f"{self.where} and {constraint.where}",
                mend="lock again",
            )
        return replace(
            self, version=self.version or constraint.version, hashes=self.hashes or constraint.hashes
        )

    def limited(self, *, wheels_only: bool, sdist_only: bool) -> Pin:
        """This pin under ``--only-binary`` or ``--no-binary``."""
        return replace(self, wheels_only=wheels_only, sdist_only=sdist_only)

    def require_locked(self, file: str) -> None:
        """Raise InputError unless this is a version with hashes."""
        if self.version is None:
            raise InputError(
                f"{self.name} is not pinned with ==: {file} is no lock",
                where=self.where,
                mend=f"run: wherry lock, or: {HASHES}",
            )
        if not self.hashes:
            raise InputError(
                f"{self.name} {self.version} has no sha256 hash",
                where=self.where,
                mend=f"run: wherry lock, or: {HASHES}",
            )

    def locked(self) -> pins.Pin:
        """This pin as one whose files can be looked up. It must have a version."""
        if self.version is None:
            self.require_locked(self.where)
            raise AssertionError
        files = tuple(pins.PinnedFile(digest) for digest in self.hashes)
        return pins.Pin(
            name=self.name,
            version=self.version,
            files=files,
            marker=self.marker,
            where=self.where,
            wheels_only=self.wheels_only,
            sdist_only=self.sdist_only,
        )


def read_requirement(text: str, directory: Path, where: str, *, editable: bool) -> LockedPackage | Pin:
    """One requirement, relative places in it relative to *directory*.

    Raises:
        InputError: It is none, or names a place whose bytes nothing pins.

    """
    if _PER_LINE_OPTION.search(text):
        plain, _, options = text.partition(" --")
        hashes = tuple(_hashes(f" --{options}", where))
    else:
        plain, hashes = text, ()
    plain = plain.strip()
    if editable or _is_place(plain):
        return _from_place(plain, hashes, directory, where, editable=editable)
    try:
        requirement = Requirement(plain)
    except (InvalidRequirement, RecursionError, ValueError) as error:
        raise InputError(f"{plain[:80]!r} is not a requirement", where=where) from error
    if requirement.url:
        found = _from_place(requirement.url, hashes, directory, where, name=requirement.name)
        return replace(found, marker=requirement.marker)
    return Pin(
        name=values.package_name(requirement.name, where),
        version=_pinned_version(requirement, where),
        hashes=hashes,
        marker=requirement.marker,
        where=where,
    )


def _hashes(options: str, where: str) -> list[Digest]:
    found = []
    for name, value in _PER_LINE_OPTION.findall(options):
        if name not in _KNOWN_OPTIONS:
            raise InputError(f"--{name} is not an option that a requirement may have", where=where)
        if name != "hash":
            continue
        parsed = _HASH.fullmatch(value)
        if parsed is None:
            raise InputError(f"{value[:80]!r} is not a hash, as in sha256:<64 hex digits>", where=where)
        if parsed[1] == "sha256":
            found.append(values.sha256({"sha256": parsed[2]}, "the line", where))
    return list(dict.fromkeys(found))


def _pinned_version(requirement: Requirement, where: str) -> Version | None:
    clauses = list(requirement.specifier)
    if len(clauses) != 1 or clauses[0].operator not in {"==", "==="} or clauses[0].version.endswith(".*"):
        return None
    return values.version(clauses[0].version, where)


def _is_place(text: str) -> bool:
    """Whether a line names a place and not a package, by pip's rule: it looks like an address or a path."""
    if " @ " in text:
        return False
    first = text.split(";", maxsplit=1)[0].strip()
    return "://" in first or bool(_PATH.match(first)) or values.is_wheel(first) or values.is_sdist(first)


def _from_place(  # noqa: PLR0913 - the line's parts
    text: str,
    hashes: tuple[Digest, ...],
    directory: Path,
    where: str,
    *,
    name: str = "",
    editable: bool = False,
) -> LockedPackage:
    place, _, condition = text.partition(" ;") if " ;" in text else text.partition("; ")
    place, marker = place.strip(), values.marker(condition.strip(), where) if condition.strip() else None
    plain, _, fragment = place.partition("#")
    facts = {key: found[-1] for key, found in parse_qs(fragment).items()}
    name = name or _EXTRAS.sub("", facts.get("egg", ""))
    if plain.startswith("git+"):
        package = _from_git(plain, name, facts.get("subdirectory", ""), where)
    elif plain.startswith(("http://", "https://")):
        package = _from_file(plain, None, hashes or _fragment_hash(facts), directory, where)
        package = replace(package, subdirectory=values.subdirectory_of(facts.get("subdirectory", ""), where))
    else:
        path = _EXTRAS.sub("", unquote(urlsplit(plain).path) if plain.startswith("file:") else plain)
        if values.is_wheel(path) or values.is_sdist(path):
            package = _from_file(None, path, hashes or _fragment_hash(facts), directory, where)
        else:
            package = _from_directory(path, name, directory, where, editable=editable)
    if name and canonicalize_name(name) != package.name:
        raise InputError(f"{name} is said to be {package.name}", where=where)
    return replace(package, marker=marker)


def _fragment_hash(facts: dict[str, str]) -> tuple[Digest, ...]:
    digits = facts.get("sha256", "")
    return (Digest.from_hex(digits),) if re.fullmatch(r"[0-9a-fA-F]{64}", digits) else ()


def _from_git(plain: str, name: str, subdirectory: str, where: str) -> LockedPackage:
    address, at, commit = plain.rpartition("@")
    if not at or "/" in commit:
        address, commit = plain, ""
    if not name:
        raise InputError(
            "a git requirement needs its package's name",
            where=where,
            mend="write it as NAME @ git+https://...",
        )
    source = values.git_source(address, commit, subdirectory, where)
    return LockedPackage(values.package_name(name, where), None, source=source, where=where)


def _from_file(
    url: str | None, path: str | None, hashes: tuple[Digest, ...], directory: Path, where: str
) -> LockedPackage:
    """One wheel or sdist, by address or path: it must have a hash."""
    filename = values.url_filename(url) if url else Path(path or "").name
    if not hashes:
        raise InputError(
            f"{filename[:80]} has no sha256 hash", where=where, mend="add --hash=sha256:... to the line"
        )
    if len(hashes) > 1:
        raise InputError(f"{filename[:80]} is one file and has {len(hashes)} hashes", where=where)
    file = values.locked_file(filename, hashes[0], where=where, root=directory, url=url, path=path)
    try:
        if values.is_wheel(filename):
            name, version, _, _ = parse_wheel_filename(filename)
            return LockedPackage(name, version, wheels=(file,), where=where)
        name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise InputError(f"{filename[:80]!r} is not the name of a wheel or an sdist", where=where) from error
    return LockedPackage(name, version, sdist=file, where=where)


def _from_directory(path: str, name: str, directory: Path, where: str, *, editable: bool) -> LockedPackage:
    source = values.directory_source(path, directory, where, editable=editable)
    if not name and (source.path / "pyproject.toml").is_file():
        project = read_document(source.path / "pyproject.toml").toml().get("project")
        written = project.get("name") if isinstance(project, dict) else None
        name = written if isinstance(written, str) else ""
    if not name:
        raise InputError(
            f"the name of the project in {path[:80]} is not known",
            where=where,
            mend="write it as NAME @ file:///..., or give it a pyproject.toml with [project] name",
        )
    return LockedPackage(values.package_name(name, where), None, source=source, where=where)
