"""YAML as nodes that know their bytes. Nothing is constructed, tags mean nothing, aliases stay shared.

Gives ``parse_documents(source, reader)`` and ``Node``:
    node.kind                   "mapping", "sequence", "scalar"
    node.get("deploy", "resources")     the node at a path of keys, merge keys (``<<``) carried out; None
    node.items()                (key: Text, value: Node) of a mapping, merged ones last
    node.elements()             nodes of a sequence
    node.text, node.string      a scalar as Text or None; as str, "" for what is none
    node.texts()                the scalars of a sequence; of a scalar, itself
    node.is_true, node.number   YAML 1.1's truth; an int or None
    node.span, node.place       its bytes; of a mapping or sequence from the first to the last
    node.indent, node.is_flow   columns before its first key or element; ``{...}`` or ``[...]``

Bounds: 1 MB, 200,000 events, 64 levels; and a budget of what may be looked at, so that a file of aliases
costs no more than one of that length. What cannot be read is absent, and noted.
"""

from __future__ import annotations

import re
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from wherry.check.facts.texts import Text
from wherry.dockerfile.source import Span
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.events import Event

    from wherry.check.facts.texts import Reader
    from wherry.check.model import Place
    from wherry.dockerfile.source import Source

LIMIT_BYTES: Final = 1 << 20
_MOST_EVENTS: Final = 200_000
_MOST_LEVELS: Final = 64
_MOST_LOOKS: Final = 400_000
_MOST_MERGED: Final = 50
_TRUE: Final = frozenset({"true", "yes", "on", "y"})
_BOM: Final = b"\xef\xbb\xbf"
_TEMPLATE: Final = regex(
    rb"\{\{-?\s*(?:\.|\$|include\b|if\b|range\b|with\b|toYaml\b|end\b|tpl\b|template\b|define\b|/\*)|\{%-?\s"
)


class _Document:
    """What the nodes of one file share."""

    def __init__(self, source: Source, text: str) -> None:
        self.source = source
        self.looks = _MOST_LOOKS
        self.roots: tuple[Node, ...] = ()
        self._first = len(_BOM) if source.data.startswith(_BOM) else 0
        self._bytes = (
            None if text.isascii() else [0, *accumulate(len(letter.encode("utf-8")) for letter in text)]
        )

    def span(self, start: int, end: int) -> Span:
        """The bytes of some characters, blanks at their end left away."""
        if self._bytes is not None:
            start, end = self._bytes[start], self._bytes[end]
        data = self.source.data[self._first + start : self._first + end]
        return Span(self._first + start, self._first + start + len(data.rstrip()))

    def look(self, count: int) -> bool:
        """Whether *count* more nodes may be looked at."""
        self.looks -= count
        return self.looks >= 0


class Node:
    """One value of a YAML file; the module says what can be asked."""

    __slots__ = ("document", "end", "indent", "is_flow", "kind", "pairs", "parts", "start", "string")

    def __init__(self, document: _Document, kind: str, start: int, end: int) -> None:
        self.document = document
        self.kind = kind
        self.string = ""
        self.pairs: list[tuple[Node, Node]] = []
        self.parts: list[Node] = []
        self.indent = 0
        self.is_flow = False
        self.start = start
        self.end = end

    def __repr__(self) -> str:
        return f"Node({self.kind} {self.string[:20]!r})"

    @property
    def source(self) -> Source:
        """The file."""
        return self.document.source

    @property
    def span(self) -> Span:
        """Its bytes, quotes included."""
        return self.document.span(self.start, self.end)

    @property
    def place(self) -> Place:
        """Where it stands, for a finding."""
        return Text("", self.source, self.span).place

    @property
    def text(self) -> Text | None:
        """A scalar with its place; None for anything else."""
        return Text(self.string, self.source, self.span) if self.kind == "scalar" else None

    @property
    def is_true(self) -> bool:
        """Whether it is a scalar that YAML 1.1 calls true."""
        return self.string.lower() in _TRUE

    @property
    def number(self) -> int | None:
        """It as an integer."""
        return int(self.string) if re.fullmatch(r"[+-]?[0-9]{1,15}", self.string) else None

    def elements(self) -> list[Node]:
        """The parts of a sequence."""
        return self.parts if self.parts and self.document.look(len(self.parts)) else []

    def texts(self) -> list[Text]:
        """The scalars of a sequence; of a scalar, itself."""
        nodes = [self] if self.kind == "scalar" else self.elements()
        return [text for node in nodes if (text := node.text)]

    def items(self) -> list[tuple[Text, Node]]:
        """Keys and values of a mapping: its own, then merged ones that it does not have itself."""
        found: dict[str, tuple[Text, Node]] = {}
        for mapping in self._merged():
            if not self.document.look(len(mapping.pairs)):
                break
            for key, value in mapping.pairs:
                if key.kind == "scalar" and key.string != "<<" and key.string not in found:
                    found[key.string] = (Text(key.string, key.source, key.span), value)
        return list(found.values())

    def get(self, *keys: str) -> Node | None:
        """The node at a path of keys; None where there is none."""
        node: Node | None = self
        for key in keys:
            node = node._value(key) if node else None  # noqa: SLF001 - another node of ours
        return node

    def _value(self, name: str) -> Node | None:
        for mapping in self._merged():
            if not self.document.look(len(mapping.pairs)):
                return None
            for key, value in mapping.pairs:
                if key.string == name and key.kind == "scalar":
                    return value
        return None

    def _merged(self) -> Iterator[Node]:
        """This mapping and those it merges, nearest first, each once."""
        seen: set[int] = set()
        waiting = [self]
        while waiting and len(seen) < _MOST_MERGED:
            node = waiting.pop(0)
            if id(node) in seen:
                continue
            seen.add(id(node))
            if node.kind == "sequence":
                waiting[:0] = node.parts[:_MOST_MERGED]
                continue
            yield node
            waiting[:0] = [value for key, value in node.pairs if key.string == "<<" and key.kind == "scalar"]


def parse_documents(source: Source, reader: Reader) -> tuple[Node, ...]:
    """The documents of a file; of templates and of what is no YAML there are none, which is noted."""
    if len(source.data) > LIMIT_BYTES:
        reader.note(source.name, f"is larger than {LIMIT_BYTES >> 20} MiB and was not read")
        return ()
    if _TEMPLATE.search(source.data):
        reader.note(source.name, "is a template and was not read")
        return ()
    import yaml  # noqa: PLC0415 - slow to import, and most Dockerfiles stand alone

    try:
        text = source.data.decode("utf-8-sig")
        return _Builder(_Document(source, text)).build(
            yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        )
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {min(mark.line + 1, source.lines)}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        reader.note(source.name, f"is no YAML that can be read{line}: {str(problem)[:120]}")
        return ()


class _Builder:
    """Events to nodes, without recursion."""

    def __init__(self, document: _Document) -> None:
        self.document = document
        self.roots: list[Node] = []
        self.open: list[tuple[Node, list[Node]]] = []  # a collection, and what it holds so far
        self.anchors: dict[str, Node] = {}

    def build(self, events: Iterator[Event]) -> tuple[Node, ...]:
        """Every document's root."""
        import yaml  # noqa: PLC0415 - already imported by who calls

        for number, event in enumerate(events):
            if number > _MOST_EVENTS or len(self.open) > _MOST_LEVELS:
                raise yaml.YAMLError("it is longer or deeper than is read")
            if isinstance(event, yaml.ScalarEvent):
                node = self.node("scalar", event)
                node.string = event.value
                self.add(node)
            elif isinstance(event, yaml.AliasEvent):
                self.add(self.anchors.get(event.anchor or "") or Node(self.document, "scalar", 0, 0))
            elif isinstance(event, yaml.CollectionStartEvent):
                kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
                node = self.node(kind, event)
                node.is_flow = node.end > node.start
                self.open.append((node, []))
            elif isinstance(event, yaml.CollectionEndEvent):
                self.close(event)
            elif isinstance(event, yaml.DocumentEndEvent):
                self.anchors.clear()
        self.document.roots = tuple(self.roots)
        return self.document.roots

    def node(self, kind: str, event: Event) -> Node:
        """A node for an event; its anchor is remembered."""
        start, end = event.start_mark, event.end_mark
        node = Node(self.document, kind, start.index if start else 0, end.index if end else 0)
        node.indent = start.column if start else 0
        anchor = getattr(event, "anchor", None)
        if anchor:
            self.anchors[anchor] = node
        return node

    def add(self, node: Node) -> None:
        """Put a node where it belongs."""
        if self.open:
            self.open[-1][1].append(node)
        else:
            self.roots.append(node)

    def close(self, event: Event) -> None:
        """The end of a mapping or sequence."""
        node, held = self.open.pop()
        node.end = max(event.end_mark.index if event.end_mark else 0, node.start)
        if node.kind == "mapping":
            node.pairs = list(zip(held[::2], held[1::2], strict=False))
        else:
            node.parts = held
        self.add(node)
