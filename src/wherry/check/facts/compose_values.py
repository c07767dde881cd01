"""Values that compose files write in several forms: variables, volumes and ports, lists of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.facts.texts import Text
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts.yaml_nodes import Node
    from wherry.check.model import Place


class EnvironmentEntry(Frozen):
    """One variable; without a value it is taken from whoever starts the service."""

    name: str
    text: Text | None
    place: Place
    line: Text  # the whole entry, its value included: for edits, never for printing


def entries_of(nodes: Sequence[Node]) -> tuple[EnvironmentEntry, ...]:
    """The variables of mappings and of lists of ``NAME=value``; the first of a name stays."""
    found: dict[str, EnvironmentEntry] = {}
    for node in nodes:
        listed = [_of_pair(key, value) for key, value in node.items()] if node.kind == "mapping" else []
        listed += [_of_line(text) for text in node.texts()] if node.kind == "sequence" else []
        for entry in listed:
            found.setdefault(entry.name, entry)
    return tuple(found.values())


def _of_pair(key: Text, value: Node) -> EnvironmentEntry:
    text = value.text
    is_set = text is not None and text.value not in {"", "~", "null"}
    span = Span(key.span.start, max(key.span.end, value.span.end))
    line = Text(key.value, key.source, span if key.span.start < span.end else key.span)
    return EnvironmentEntry(key.value, text if is_set else None, line.place, line)


def _of_line(text: Text) -> EnvironmentEntry:
    name, equals, value = text.value.partition("=")
    return EnvironmentEntry(
        name.strip(), Text(value, text.source, text.span) if equals else None, text.place, text
    )


def pairs_of(nodes: Sequence[Node], first: str, second: str) -> tuple[Text, ...]:
    """Short forms as they stand, long forms as ``first:second``."""
    found: list[Text] = []
    for node in nodes:
        for part in node.elements():
            text = part.text
            if text is None and part.kind == "mapping":
                values = [part.get(first), part.get(second)]
                joined = ":".join(value.string for value in values if value)
                text = Text(joined, part.source, part.span)
            found.extend([text] if text else [])
    return tuple(found)


def scalars_of(node: Node) -> list[Text]:
    """Scalars of a list, or of a list of lists."""
    parts = node.elements() if node.kind == "sequence" else [node]
    return [text for part in parts for text in part.texts()]
