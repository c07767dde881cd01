"""conda's environment.yml: channels, packages, and the pip requirements inside, with places.

Gives ``read_environment(path, reader)`` -> CondaEnvironment: name, channels, packages (CondaPackage: name,
version ("3.11", "" when not said), build, operator ("=", "==", ">=", ...), channel, text), pip (Requirement),
python.
``is_environment_name`` knows the file by its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.facts.requirement import normalised, read_requirement
from wherry.check.facts.yaml_nodes import parse_documents
from wherry.dockerfile.source import Joined
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts.requirement import Requirement
    from wherry.check.facts.texts import Reader, Text
    from wherry.check.facts.yaml_nodes import Node
    from wherry.dockerfile.source import Source

_NAME: Final = regex(r"(?:conda[-_])?env(?:ironment)?(?:[-_.][\w.-]+)?\.ya?ml|conda[-_.\w]*\.ya?ml")
_PACKAGE: Final = regex(
    r"(?:(?P<channel>[\w./:-]+)::)?(?P<name>[\w.-]+)\s*(?P<operator>[=<>!~]{1,2})?\s*(?P<version>[^=\s]*)(?:=(?P<build>\S+))?"
)
_MOST: Final = 5000


class CondaPackage(Frozen):
    """One package that conda installs."""

    name: str
    version: str
    operator: str
    build: str
    channel: str
    text: Text

    @property
    def is_pinned(self) -> bool:
        """Whether one version is asked for, not a range or a prefix."""
        return self.operator in {"=", "=="} and self.version.count(".") > 1


class CondaEnvironment(Frozen):
    """One environment.yml; the module says what stands where."""

    path: Path
    source: Source
    name: str
    channels: tuple[Text, ...]
    packages: tuple[CondaPackage, ...]
    pip: tuple[Requirement, ...]

    def find(self, name: str) -> CondaPackage | None:
        """The package of that name."""
        return next((package for package in self.packages if package.name == normalised(name)), None)

    @property
    def python(self) -> CondaPackage | None:
        """The Python it asks for."""
        return self.find("python")


def is_environment_name(name: str) -> bool:
    """Whether a file of that name may be an environment."""
    return _NAME.fullmatch(name.lower()) is not None and "lock" not in name


def read_environment(path: Path, reader: Reader) -> CondaEnvironment | None:
    """The environment at *path*; None where there is none that can be read."""
    source = reader.read(path)
    if source is None or b"dependencies:" not in source.data:
        return None
    document = next(iter(parse_documents(source, reader)), None)
    listed = document.get("dependencies") if document else None
    if document is None or listed is None:
        return None
    name, channels = document.get("name"), document.get("channels")
    packages: list[CondaPackage] = []
    pip: list[Requirement] = []
    for node in listed.elements()[:_MOST]:
        inner = node.get("pip")
        for part in inner.elements() if inner else ():
            found = read_requirement(_joined(part), source)
            pip.extend([found] if found else [])
        package = _package(node.text) if node.text else None
        packages.extend([package] if package else [])
    return CondaEnvironment(
        path,
        source,
        name.string if name else "",
        tuple(channels.texts()) if channels else (),
        tuple(packages),
        tuple(pip),
    )


def _package(text: Text) -> CondaPackage | None:
    found = _PACKAGE.fullmatch(text.value.strip()) if len(text.value) < 1000 else None  # noqa: PLR2004 - no name is longer
    if found is None:
        return None
    return CondaPackage(
        normalised(found["name"]),
        found["version"] or "",
        found["operator"] or "",
        found["build"] or "",
        found["channel"] or "",
        text,
    )


def _joined(node: Node) -> Joined:
    """A scalar's bytes, without quotes when it has them."""
    span = node.span
    data = node.source.data[span.start : span.end]
    start = span.start + (1 if data[:1] in {b'"', b"'"} else 0)
    return Joined(node.string.encode("utf-8", "replace"), (0,), (start,))
