"""A suite's packages as its ``Packages`` files list them, and their relations (Debian Policy 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.bases.deb822 import fields, paragraphs
from wherry.bases.debian_version import is_version, satisfies, version_key
from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEPT: Final = tuple(
    f"{name}:".encode()
    for name in (
        "Package",
        "Version",
        "Architecture",
        "Depends",
        "Pre-Depends",
        "Provides",
        "Conflicts",
        "Breaks",
        "Filename",
        "Size",
        "SHA256",
    )
)
_RELATION: Final = re.compile(
    r"\s*([a-z0-9][a-z0-9+.-]*)(?::([a-z0-9-]+))?\s*(?:\(\s*(<<|<=|=|>=|>>|<|>)\s*([^\s)]+)\s*\))?\s*"
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_POOL_PATH: Final = re.compile(r"pool/(?:[A-Za-z0-9+_~-][A-Za-z0-9+._~%:-]*/)+[A-Za-z0-9+._~%:-]+\.deb")


def is_package_name(text: str) -> bool:
    """Whether *text* has the form of a Debian package name (Policy 5.6.1)."""
    return len(text) <= 128 and _NAME.fullmatch(text) is not None  # noqa: PLR2004 - far above any real one


def is_pool_path(text: str) -> bool:
    """Whether *text* is a plain relative path into an archive's pool: no host, no ``..``."""
    return len(text) <= 512 and _POOL_PATH.fullmatch(text) is not None  # noqa: PLR2004 - far above any real one


@dataclass(frozen=True, slots=True)
class Relation:
    """``name``, ``name (>= 1.0)``: one alternative of a dependency, or one name a package provides."""

    name: str
    relation: str = ""
    version: str = ""
    architecture: str = ""

    def met_by(self, version: str | None) -> bool:
        """Whether *version* will do. None is the version of an unversioned ``Provides``."""
        if not self.relation:
            return True
        return version is not None and satisfies(version, self.relation, self.version)

    def __str__(self) -> str:
        """As a dependency field writes it."""
        return f"{self.name} ({self.relation} {self.version})" if self.relation else self.name


@dataclass(frozen=True)
class Package:
    """One version of one package."""

    name: str
    version: str
    architecture: str
    filename: str
    digest_hex: str
    size_bytes: int
    archive: str  # "main" or "security"
    depends_text: str = ""
    provides_text: str = ""
    conflicts_text: str = ""

    @cached_property
    def depends(self) -> tuple[tuple[Relation, ...], ...]:
        """Pre-Depends and Depends: for each, the alternatives of which one is needed."""
        return relations(self.depends_text)

    @cached_property
    def provides(self) -> tuple[Relation, ...]:
        """The virtual packages it stands for."""
        return tuple(alternative for group in relations(self.provides_text) for alternative in group)

    @cached_property
    def conflicts(self) -> tuple[Relation, ...]:
        """What it cannot be installed beside."""
        return tuple(alternative for group in relations(self.conflicts_text) for alternative in group)


def relations(text: str) -> tuple[tuple[Relation, ...], ...]:
    """Read a dependency field: ``a (>= 1) | b, c:any``. Words that are no relation are passed over."""
    groups = []
    for group in text.split(","):
        alternatives = tuple(
            Relation(match[1], match[3] or "", match[4] or "", match[2] or "")
            for match in map(_RELATION.fullmatch, group.split("|"))
            if match and is_version(match[4] or "0")
        )
        if alternatives:
            groups.append(alternatives)
    return tuple(groups)


@dataclass
class PackageIndex:
    """The newest version of every package of a suite and its pockets, for one architecture.

    Paragraphs are kept as their few needed lines and only parsed when asked for: a suite has 65 000 packages
    and a closure about a hundred.
    """

    architecture: str
    _paragraphs: dict[str, list[tuple[str, bytes]]] = field(default_factory=dict)
    _providers: dict[str, set[str]] = field(default_factory=dict)
    _found: dict[str, Package | None] = field(default_factory=dict)

    def add(self, chunks: Iterable[bytes], archive: str, where: str) -> None:
        """Take in one uncompressed ``Packages`` file of *archive* (``main`` or ``security``)."""
        for paragraph in paragraphs(chunks, where):
            lines = [line for line in _unfolded(paragraph) if line.startswith(_KEPT)]
            name = next(
                (
                    line[8:].strip().decode("ascii", "replace")
                    for line in lines
                    if line.startswith(b"Package:")
                ),
                "",
            )
            self._paragraphs.setdefault(name, []).append((archive, b"\n".join(lines)))
            for line in lines:
                if line.startswith(b"Provides:"):
                    for group in relations(line[9:].decode("utf-8", "replace")):
                        self._providers.setdefault(group[0].name, set()).add(name)

    def newest(self, name: str) -> Package | None:
        """The highest version of *name* that installs on the architecture, or None."""
        if name not in self._found:
            candidates = [
                package
                for archive, paragraph in self._paragraphs.get(name, ())
                if (package := _package(paragraph, archive)).architecture in {self.architecture, "all"}
            ]
            # Of equal versions the first wins: the main archive is added before security.
            self._found[name] = max(candidates, key=lambda p: version_key(p.version), default=None)
        return self._found[name]

    def providers(self, name: str) -> list[Package]:
        """Packages whose newest version provides *name*, in order of their names."""
        found = [self.newest(provider) for provider in sorted(self._providers.get(name, ()))]
        return [p for p in found if p is not None and any(r.name == name for r in p.provides)]

    def names(self) -> Iterable[str]:
        """Every package's name, for suggesting one that was meant."""
        return self._paragraphs.keys()


def _unfolded(paragraph: bytes) -> list[bytes]:
    return paragraph.replace(b"\n ", b" ").replace(b"\n\t", b" ").split(b"\n")


def _package(paragraph: bytes, archive: str) -> Package:
    values = fields(paragraph)
    try:
        package = Package(
            name=values["package"],
            version=values["version"],
            architecture=values["architecture"],
            filename=values["filename"],
            digest_hex=values["sha256"].lower(),
            size_bytes=int(values["size"]),
            archive=archive,
            depends_text=", ".join(filter(None, (values.get("pre-depends"), values.get("depends")))),
            provides_text=values.get("provides", ""),
            conflicts_text=", ".join(filter(None, (values.get("conflicts"), values.get("breaks")))),
        )
    except (KeyError, ValueError) as error:
        name = values.get("package", "?")
        raise WorldError(f"the mirror's list of packages has no complete entry for {name}") from error
    if not (
        is_package_name(package.name)
        and is_version(package.version)
        and is_pool_path(package.filename)
        and re.fullmatch(r"[0-9a-f]{64}", package.digest_hex)
        and package.size_bytes >= 0
    ):
        raise WorldError(f"the mirror's list of packages has a malformed entry for {package.name}")
    return package
