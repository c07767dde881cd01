"""Values put into YAML files: bytes come in, and all that stands there stays, comments too.

Gives:
    put(node, value)     the edit that merges *value* into a mapping, and what it declares; None where the
                         place is not sure
    take(node, *keys)    the same for a key that goes, with what would hold nothing then
    fix_of(title, puts)  all of them as one unsafe fix; None where one is missing

The place is sure where the nodes that lead to it are written out: behind an alias or an anchor an edit would
change what others use, and a tag may mean anything. Indentation, dashes and quotes are the file's own.
`wherry.check.yaml_proof` holds what comes of it to what was declared.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from wherry.check.model import Aspect, Edit, Effect, Fix, Safety, YamlValue
from wherry.dockerfile.source import Span
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wherry.check.facts.yaml_nodes import Node

Value: TypeAlias = "str | int | list[Value] | dict[str, Value]"

_PLAIN: Final = regex(r"[A-Za-z/][\w./-]*[\w/]|[0-9]+[A-Za-z]+")
_NO_STRING: Final = regex(r"(?i)[-+.\d_]+|true|false|yes|no|on|off|y|n|null|~|")
_LEAD: Final = regex(rb"(?:\xef\xbb\xbf)? *(?:- +)*")
_REST: Final = regex(rb"[ \t]*(?:[ \t]#[^\r\n]*)?(?=\r?\n|\Z)")
_ALIAS: Final = regex(rb"[ \t]*:[ \t]+\*[^\s,\[\]{}]+")
_KEEPING: Final = regex(rb"[|>][1-9]?\+")
_MARKS: Final = b"&!*"
_QUOTES: Final = b"\"'"
_STEP: Final = 2
_MOST_LOOKED_AT: Final = 2000


class Put(Frozen):
    """An edit of a YAML file, and what it declares to change."""

    edit: Edit
    value: YamlValue


class _Style(Frozen):
    """How the file is written."""

    step: int  # columns from a key to those below it
    dash: int  # columns from a key to the dashes of its list


def put(node: Node, value: dict[str, Value]) -> Put | None:
    """Merge *value* into the mapping *node*.

    Args:
        node: A mapping of a file as it is.
        value: Where it meets a mapping that is there it has one key; a list is added to one that is there,
            and a scalar replaces one.

    Returns:
        None where the place cannot be found for certain.

    """
    way = _way_to(node)
    if way is None:
        return None
    edit = _merged(node, value, _style_of([one for one, _ in way]))
    at = tuple(key for _, key in way)
    declared = YamlValue(node.source.name, at, msgspec.json.encode(value).decode())
    return Put(edit, declared) if edit else None


def take(node: Node, *keys: str) -> Put | None:
    """Take a key of the mapping *node*, or one below it, away with its whole lines.

    Returns:
        None where it does not stand in lines of its own, or the place cannot be found for certain.

    """
    way = _way_to(node)
    held: list[tuple[Node, Node, Node]] = []  # mappings, each with the key and the value that lead on
    here = node
    for name in keys:
        own = [(key, child) for key, child in here.pairs if key.string == name]
        if here.kind != "mapping" or len(own) != 1 or not _is_sure(here) or own[0][1].start < own[0][0].end:
            return None
        held.append((here, *own[0]))
        here = own[0][1]
    while len(held) > 1 and len(held[-1][0].pairs) == 1:
        held.pop()
    span = _lines_of(*held[-1]) if way and _is_sure(here) else None
    if way is None or span is None:
        return None
    at = (*(key for _, key in way), *keys[: len(held)])
    return Put(Edit(node.source.name, span, ""), YamlValue(node.source.name, at, ""))


def _lines_of(holder: Node, key: Node, value: Node) -> Span | None:
    """The lines of a pair, the last one's ending with them."""
    data = holder.source.data
    start = data.rfind(b"\n", 0, key.span.start) + 1
    end = _end_of(value)
    rest = _REST.match(data, end) if end is not None else None
    is_alone = not data[start : key.span.start].strip(b" ") and _first(key) not in _MARKS
    if rest is None or not is_alone or not _can_lose(holder):
        return None
    if b"&" in data[start : rest.end()]:
        return None  # an anchor that others may name
    newline = data.find(b"\n", rest.end())
    return Span(start, newline + 1 if newline >= 0 else rest.end())


def _can_lose(holder: Node) -> bool:
    """A block that is a mapping still without one of its pairs, with nothing merged that may come forth."""
    if _is_flow(holder) or len(holder.pairs) == 1 or any(key.string == "<<" for key, _ in holder.pairs):
        return False
    return _KEEPING.search(holder.source.data) is None  # a text above would get the empty lines below


def fix_of(title: str, puts: Sequence[Put | None]) -> Fix | None:
    """One unsafe fix of all *puts*; of two at one place the first stands first."""
    sure = [one for one in puts if one is not None]
    if len(sure) < len(puts):
        return None
    values = tuple(one.value for one in sure)
    effect = Effect(aspects=frozenset({Aspect.FILES}), values=values)
    return Fix(title, tuple(one.edit for one in sure), Safety.UNSAFE, effect)


def _way_to(node: Node) -> list[tuple[Node, str | int]] | None:
    """The nodes from a document to *node*, each with the key it is found by."""
    waiting: list[list[tuple[Node, str | int]]] = [[(root, at)] for at, root in enumerate(_roots(node))]
    while waiting:
        way = waiting.pop()
        here, _ = way[-1]
        if here is node:
            return way if _is_sure(here) else None
        if here.start <= node.start <= here.end and _is_sure(here):
            waiting += [[*way, (child, key)] for key, child in _children(here) if child.kind != "scalar"]
    return None


def _roots(node: Node) -> tuple[Node, ...]:
    return node.document.roots


def _children(node: Node) -> Iterator[tuple[str | int, Node]]:
    """What is written in a mapping or sequence; aliases are written elsewhere."""
    for key, value in node.pairs:
        if key.kind == "scalar" and value.start >= key.end:
            yield key.string, value
    yield from enumerate(node.parts)


def _is_sure(node: Node) -> bool:
    """It has no anchor and no tag, and a block begins its line."""
    if _first(node) in _MARKS:
        return False
    return node.kind == "scalar" or _is_flow(node) or _LEAD.fullmatch(_line_before(node)) is not None


def _first(node: Node) -> bytes:
    """Its first byte; a blank where it has none."""
    span = node.span
    return node.source.data[span.start : span.start + 1] if span.end > span.start else b" "


def _is_flow(node: Node) -> bool:
    return _first(node) in b"[{"


def _line_before(node: Node) -> bytes:
    data, start = node.source.data, node.span.start
    return data[data.rfind(b"\n", 0, start) + 1 : start]


def _style_of(way: list[Node]) -> _Style:
    """As the nodes that lead there are written, else as most of the file is."""
    steps, dashes = _columns(pairwise(way))
    more_steps, more_dashes = _columns(_pairs_below(way[0])) if not (steps and dashes) else ([], [])
    step = next(iter([*reversed(steps), *more_steps]), _STEP)
    return _Style(step, next(iter([*reversed(dashes), *more_dashes]), step))


def _pairs_below(root: Node) -> Iterator[tuple[Node, Node]]:
    """The first mappings and sequences of a document, each with what it stands in."""
    waiting = [root]
    looked_at = 0
    while waiting and looked_at < _MOST_LOOKED_AT:
        node = waiting.pop(0)
        for _, child in _children(node):
            looked_at += 1
            if child.kind != "scalar":
                waiting.append(child)
                yield node, child


def _columns(pairs: Iterable[tuple[Node, Node]]) -> tuple[list[int], list[int]]:
    """How far mappings, and how far dashes, are indented in the mappings they stand in."""
    steps: list[int] = []
    dashes: list[int] = []
    for above, below in pairs:
        if above.kind == "mapping" and not _is_flow(above) and _first(below) not in b"[{&!":
            (steps if below.kind == "mapping" else dashes).append(below.indent - above.indent)
    return [step for step in steps if step > 0], [dash for dash in dashes if dash >= 0]


def _merged(node: Node, value: Value, style: _Style) -> Edit | None:
    if not _is_sure(node):
        return None
    if isinstance(value, dict):
        return _into_mapping(node, value, style) if node.kind == "mapping" and len(value) == 1 else None
    if isinstance(value, list):
        return _into_sequence(node, value, style) if node.kind == "sequence" else None
    return _replaced(node, value) if node.kind == "scalar" else None


def _into_mapping(node: Node, value: dict[str, Value], style: _Style) -> Edit | None:
    ((name, below),) = value.items()
    own = [(key, child) for key, child in node.pairs if key.string == name]
    if not own:
        is_merged = node.get(name) is not None  # what comes in would hide it
        return None if is_merged else _with_pair(node, name, below, style)
    key, child = own[0]
    if len(own) > 1 or key.kind != "scalar" or child.start < key.end:
        return None
    is_nothing = child.kind == "scalar" and child.start == child.end
    return _below(node, child, below, style) if is_nothing else _merged(child, below, style)


def _with_pair(node: Node, name: str, value: Value, style: _Style) -> Edit | None:
    if _is_flow(node):
        key = _scalar(name, _quote([key for key, _ in node.pairs]))
        return _into_flow(node, f"{key}: {_flow(value, _quote_of(node))}")
    return _behind(node, _end_of(node), _lines(name, value, node.indent, style, node))


def _below(node: Node, nothing: Node, value: Value, style: _Style) -> Edit | None:
    """A key that has no value gets one."""
    if _is_flow(node) or not isinstance(value, dict):
        return None
    lines = [line for key, one in value.items() for line in _lines(key, one, node.indent + style.step, style)]
    return _behind(node, nothing.span.end, lines)


def _into_sequence(node: Node, values: list[Value], style: _Style) -> Edit | None:
    if _is_flow(node):
        quote = _quote_of(node.parts[-1]) if node.parts else ""
        return _into_flow(node, ", ".join(_flow(value, quote) for value in values))
    lines = [line for value in values for line in _element(value, node.indent, style)]
    return _behind(node, _end_of(node), lines)


def _replaced(node: Node, value: str | int) -> Edit | None:
    """A scalar of one line gives way to another, in its quotes."""
    if b"\n" in node.source.data[node.span.start : node.span.end] or _first(node) in b" |>":
        return None
    return Edit(node.source.name, node.span, _scalar(value, _quote([node])))


def _into_flow(node: Node, text: str) -> Edit | None:
    """Behind the last of ``{...}`` or ``[...]``, before blanks and a comma that may stand there."""
    last = _end_of_last(node) if node.pairs or node.parts else node.span.start + 1
    if last is None or (node.pairs and node.pairs[-1][1].start == node.pairs[-1][1].end):
        return None
    comma = ", " if node.pairs or node.parts else ""
    return Edit(node.source.name, Span(last, last), f"{comma}{text}")


def _behind(node: Node, end: int | None, lines: list[str]) -> Edit | None:
    """Lines below the one that *end* stands in, if only a comment follows there."""
    rest = _REST.match(node.source.data, end) if end is not None else None
    if rest is None:
        return None
    return Edit(node.source.name, Span(rest.end(), rest.end()), "".join(f"\n{line}" for line in lines))


def _end_of(node: Node) -> int | None:
    """Where the text of a value ends; None where that cannot be told."""
    if node.kind == "scalar":
        return None if _holds_its_end(node) else node.span.end
    return node.span.end if _is_flow(node) else _end_of_last(node)


def _holds_its_end(node: Node) -> bool:
    """A text of several lines to which the line breaks behind it may belong."""
    data = node.source.data
    head, *more = data[node.span.start : node.span.end].split(b"\n", 1)
    if not more or head[:1] not in b"|>&!":
        return False
    return head[:1] in _MARKS or b"+" in head or b"\n" not in data[node.span.end :]


def _end_of_last(node: Node) -> int | None:
    """Where the last element, or the last pair, ends."""
    if node.kind == "mapping":
        key, value = node.pairs[-1] if node.pairs else (node, node)
        if value.start >= key.end:
            return _end_of(value)
        alias = _ALIAS.match(node.source.data, key.span.end) if node.pairs else None
        return alias.end() if alias else None
    before = node.parts[-2].end if len(node.parts) > 1 else node.start
    is_here = node.parts and node.parts[-1].start >= before and node.parts[-1] is not node
    return _end_of(node.parts[-1]) if is_here else None


def _lines(name: str, value: Value, indent: int, style: _Style, beside: Node | None = None) -> list[str]:
    """A pair as a block has it."""
    quote = _quote_of(beside) if beside else ""
    key = _scalar(name, _quote([key for key, _ in beside.pairs]) if beside else "")
    head = f"{' ' * indent}{key}:"
    if isinstance(value, dict) and value:
        below = indent + style.step
        return [head, *(line for k, v in value.items() for line in _lines(k, v, below, style))]
    if isinstance(value, list) and isinstance(value[0], dict):
        return [head, *(line for one in value for line in _element(one, indent + style.dash, style))]
    return [f"{head} {_flow(value, quote)}"]


def _element(value: Value, indent: int, style: _Style) -> list[str]:
    """An element as a block has it, its dash at *indent*."""
    if not isinstance(value, dict):
        return [f"{' ' * indent}- {_flow(value, '')}"]
    lines = [line for k, v in value.items() for line in _lines(k, v, indent + 2, style)]
    return [f"{' ' * indent}- {lines[0].lstrip()}", *lines[1:]]


def _flow(value: Value, quote: str) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_scalar(key, quote)}: {_flow(one, quote)}" for key, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(_flow(one, quote) for one in value)}]"
    return _scalar(value, quote)


def _scalar(value: str | int, quote: str) -> str:
    if isinstance(value, int):
        return str(value)
    if not quote and (not _PLAIN.fullmatch(value) or _NO_STRING.fullmatch(value)):
        quote = '"'
    return f"{quote}{value}{quote}"


def _quote_of(node: Node) -> str:
    """The quote that the strings of a mapping are in."""
    return _quote([value for _, value in node.pairs if value.kind == "scalar"])


def _quote(nodes: Sequence[Node]) -> str:
    """The quote that all strings among *nodes* are in; "" where they are in none, or not in one."""
    firsts = {
        _first(node).decode("latin-1")
        for node in nodes
        if _first(node) in _QUOTES or not _NO_STRING.fullmatch(node.string)
    }
    return firsts.pop() if len(firsts) == 1 and firsts <= {'"', "'"} else ""
