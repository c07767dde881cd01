"""``requirements.txt`` with pins and hashes: pip's format, read by pip's rules, where it is a lock.

This module knows lines and options; what a requirement may be is in ``requirement_lines``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from packaging.utils import canonicalize_name

from wherry.errors import InputError
from wherry.project.locks import values
from wherry.project.locks.addresses import address
from wherry.project.locks.document import Document, read_document
from wherry.project.locks.model import Choice, DirectorySource, Lock, LockedPackage
from wherry.project.locks.pins import Lookup, with_places
from wherry.project.locks.requirement_lines import Constraint, Pin, read_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_DEEPEST_INCLUDE: Final = 20
_MOST_FILES: Final = 200
_COMMENT: Final = re.compile(r"(?:^|\s+)#.*$")
_OPTION: Final = re.compile(r"(--?[A-Za-z][\w-]*)(?:\s*=\s*|\s+|$)(.*)", re.DOTALL)

_PLACES: Final = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--pypi-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "--no-index": "--no-index",
}
_INCLUDES: Final = {"-r": "requirements", "--requirement": "requirements", "-c": "constraints"} | {
    "--constraint": "constraints"
}
_FIND_LINKS: Final = frozenset({"-f", "--find-links"})
_EDITABLE: Final = frozenset({"-e", "--editable"})
_FORMATS: Final = frozenset({"--no-binary", "--only-binary"})
_IGNORED: Final = frozenset(  # they steer pip's own work and change nothing about what is locked
    {"--pre", "--require-hashes", "--prefer-binary", "--trusted-host", "--use-feature", "--no-use-wheel"}
)


@dataclass(slots=True)
class _Reading:
    """What has been read so far, over all included files."""

    top: Document
    choice: Choice
    packages: list[LockedPackage | Pin] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    find_links: list[Path] = field(default_factory=list)
    no_binary: set[str] = field(default_factory=set)
    only_binary: set[str] = field(default_factory=set)
    files: list[Document] = field(default_factory=list)


def read_requirements(document: Document, choice: Choice, lookup: Lookup) -> Lock:
    """What a requirements file pins. It knows neither groups nor extras.

    Args:
        document: The file; relative places in it are relative to its directory.
        choice: The project, and the groups and extras it was asked for, which must be none.
        lookup: How addresses are found.

    Raises:
        InputError: A line is not a pin with hashes, or not of the format; a file is included in a circle.
        WorldError: The index cannot be reached.

    """
    if choice.groups or choice.extras:
        wanted = ", ".join((*choice.groups, *choice.extras))
        raise InputError(
            f"{document.name} knows no dependency groups and no extras; asked for {wanted}",
            where=str(document.path),
            mend="lock the project with uv lock, or leave them out",
        )
    reading = _Reading(top=document, choice=choice)
    _read_file(document, reading, "requirements", ())
    bound: dict[str, Constraint] = {constraint.name: constraint for constraint in reading.constraints}
    entries = [
        _bound(entry, bound, document) if isinstance(entry, Pin) else entry for entry in reading.packages
    ]
    pins = [_with_formats(entry, reading) for entry in entries if isinstance(entry, Pin)]
    places = with_places(lookup, reading.places, reading.find_links)
    addressed = iter(address([pin.locked() for pin in pins], places))
    packages = [next(addressed) if isinstance(entry, Pin) else entry for entry in entries]
    return Lock(
        path=document.path,
        kind="requirements.txt",
        digest=document.digest,
        packages=tuple(package for package in packages if not _is_project(package, choice.root)),
        notes=tuple(_notes(packages, choice.root)),
        inputs=tuple(file.path for file in reading.files[1:]),
    )


def included_files(text: str) -> Iterator[str]:
    """The names a requirements file includes, as written."""
    for _, line in logical_lines(text):
        option = _OPTION.fullmatch(line) if line.startswith("-") else None
        if option and option[1] in _INCLUDES:
            yield _unquoted(option[2])


def _notes(packages: list[LockedPackage], root: Path) -> Iterator[str]:
    for package in packages:
        if _is_project(package, root):
            yield f"{package.where} is the project itself, which has its own layer"


def _is_project(package: LockedPackage, root: Path) -> bool:
    return isinstance(package.source, DirectorySource) and package.source.path == root.resolve()


def _bound(pin: Pin, constraints: Mapping[str, Constraint], document: Document) -> Pin:
    """*pin* with what a constraints file adds: version and hashes may stand there."""
    constraint = constraints.get(pin.name)
    bound = pin.bound_by(constraint) if constraint else pin
    bound.require_locked(document.name)
    return bound


def _with_formats(pin: Pin, reading: _Reading) -> Pin:
    return pin.limited(
        sdist_only=bool(reading.no_binary & {":all:", pin.name}),
        wheels_only=bool(reading.only_binary & {":all:", pin.name}),
    )


def _read_file(document: Document, reading: _Reading, role: str, above: tuple[Path, ...]) -> None:
    reading.files.append(document)
    for number, line in logical_lines(document.text()):
        where = f"{_shown(document.path, reading)}:{number}"
        option = _OPTION.fullmatch(line) if line.startswith("-") else None
        if line.startswith("-") and option is None:
            raise InputError(f"{line[:80]!r} is not a line of a requirements file", where=where)
        if option is None or option[1] in _EDITABLE:
            text = option[2] if option else line
            _read_entry(text, document, reading, role, where, editable=option is not None)
        elif option[1] in _INCLUDES:
            included = _INCLUDES[option[1]]
            kind = "constraints" if role == "constraints" else included
            _include(_unquoted(option[2]), document, reading, kind, where=where, above=above)
        else:
            _read_option(option[1], option[2].strip(), document, reading, where)


def _read_entry(  # noqa: PLR0913 - where a line stands is part of what it means
    text: str, document: Document, reading: _Reading, role: str, where: str, *, editable: bool
) -> None:
    entry = read_requirement(text, document.path.parent, where, editable=editable)
    if role == "requirements":
        reading.packages.append(entry)
    elif isinstance(entry, Pin):
        reading.constraints.append(entry.as_constraint())


def _include(  # noqa: PLR0913 - where an include stands is part of what it means
    name: str, document: Document, reading: _Reading, role: str, *, where: str, above: tuple[Path, ...]
) -> None:
    path = values.local_path(name, document.path.parent, where) if name and "://" not in name else None
    if path is None:
        raise InputError(f"cannot include {name[:80]!r}: not a file on this disk", where=where)
    chain = (*above, document.path.resolve())
    if path in chain:
        raise InputError(f"{path.name} includes itself", where=where, mend="break the circle")
    if len(chain) > _DEEPEST_INCLUDE or len(reading.files) >= _MOST_FILES:
        raise InputError("requirements files include one another too often", where=where)
    _read_file(read_document(path), reading, role, chain)


def _read_option(name: str, value: str, document: Document, reading: _Reading, where: str) -> None:
    if name in _PLACES:
        reading.places.append(f"{_PLACES[name]} {_unquoted(value)}".rstrip())
    elif name in _FIND_LINKS:
        place = _unquoted(value)
        if place.startswith(("http://", "https://")):
            reading.places.append(f"--find-links {place}")
        else:
            directory = values.local_path(place.removeprefix("file://"), document.path.parent, where)
            if directory.is_dir():  # as pip: a directory that is not there offers nothing
                reading.find_links.append(directory)
    elif name in _FORMATS:
        named = {part if part.startswith(":") else canonicalize_name(part) for part in value.split(",")}
        (reading.no_binary if name == "--no-binary" else reading.only_binary).update(named)
    elif name not in _IGNORED:
        raise InputError(
            f"{name[:40]} is not an option that a requirements file may have",
            where=where,
            mend="take the line out, or see pip's requirements file format",
        )


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _shown(path: Path, reading: _Reading) -> str:
    try:
        return str(path.relative_to(reading.choice.root))
    except ValueError:
        return str(path)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with continuations joined and comments gone, each with the number of its first physical line.

    A line that ends in a backslash goes on in the next, unless it is a comment (pip, "Requirements File
    Format", Line continuations).
    """
    start, parts = 0, list[str]()
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.rstrip()
        start = start if parts else number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line[:-1])
            continue
        parts.append(" " + line if comment and parts else line)
        joined = _COMMENT.sub("", "".join(parts)).strip()
        if joined:
            yield start, joined
        parts = []
    joined = _COMMENT.sub("", "".join(parts)).strip()
    if joined:
        yield start, joined
