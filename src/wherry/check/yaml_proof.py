"""Whether an edited YAML file says what it said, but for the values that the edit declared.

Both texts are read by PyYAML's composer, not by `wherry.check.facts.yaml_nodes`: as nodes with their tags
resolved and aliases still shared. What was declared is put into the old ones, and then they must be equal.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
import yaml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.model import YamlValue

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def yaml_objection(before: bytes, after: bytes, declared: Sequence[YamlValue]) -> str | None:
    """Why *after* is not *before* with what was *declared*; None where it is."""
    try:
        was, now = _documents(before), _documents(after)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        problem = getattr(error, "problem", None) or str(error)
        return f"it would be no YAML that can be read: {str(problem)[:120]}"
    for value in declared:
        if not (_put(was, value) if value.value else _take(was, value)):
            return f"{value.value or value.at[-1]} has no place there that is its own"
    return None if _is_same(was, now) else "it would say something else that was not declared"


def _documents(data: bytes) -> list[yaml.Node]:
    return list(yaml.compose_all(data.decode("utf-8-sig"), _LOADER))


def _put(documents: Sequence[yaml.Node], declared: YamlValue) -> bool:
    """Put a value where it was declared; whether there is such a place, and nothing else shares it."""
    uses = _uses(documents)
    node = _found(documents, declared.at, uses)
    return node is not None and _merge(node, msgspec.json.decode(declared.value), uses)


def _take(documents: Sequence[yaml.Node], declared: YamlValue) -> bool:
    """Take the last key away; whether it is there, and nothing else shares what it stands in."""
    uses = _uses(documents)
    node = _found(documents, declared.at[:-1], uses)
    if not isinstance(node, yaml.MappingNode) or uses[id(node)] > 1:
        return False
    left = [(key, value) for key, value in node.value if key.value != declared.at[-1]]
    is_one = len(left) == len(node.value) - 1
    node.value = left
    return is_one


def _found(documents: Sequence[yaml.Node], at: Sequence[str | int], uses: Counter[int]) -> yaml.Node | None:
    """What stands at a place that nothing shares."""
    number, *keys = at
    node = documents[number] if isinstance(number, int) and number < len(documents) else None
    for key in keys:
        if node is None or uses[id(node)] > 1:
            return None
        node = _child(node, key)
    return node


def _child(node: yaml.Node, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        found: list[yaml.Node] = [value for name, value in node.value if name.value == key]
        return found[0] if len(found) == 1 else None
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        element: yaml.Node = node.value[key]
        return element
    return None


def _merge(node: yaml.Node, value: object, uses: Counter[int]) -> bool:
    """Merge as `YamlValue` says; whether that can be."""
    if uses[id(node)] > 1:
        return False
    if isinstance(node, yaml.MappingNode) and isinstance(value, dict):
        return all(_merge_pair(node, name, one, uses) for name, one in value.items())
    if isinstance(node, yaml.SequenceNode) and isinstance(value, list):
        node.value += [_made(one) for one in value]
        return True
    if isinstance(node, yaml.ScalarNode) and isinstance(value, str | int):
        made = _made(value)
        node.tag, node.value = made.tag, made.value
        return True
    return False


def _merge_pair(node: yaml.MappingNode, name: str, value: object, uses: Counter[int]) -> bool:
    at = [at for at, (key, _) in enumerate(node.value) if key.value == name]
    if not at:
        node.value.append((_made(name), _made(value)))
        return True
    key, child = node.value[at[0]]
    if child.tag == "tag:yaml.org,2002:null" and not child.value and isinstance(value, dict | list):
        node.value[at[0]] = (key, _made(value))
        return len(at) == 1
    return len(at) == 1 and _merge(child, value, uses)


def _made(value: object) -> yaml.Node:
    """The node that *value* is read as."""
    if isinstance(value, dict):
        pairs = [(_made(key), _made(one)) for key, one in value.items()]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs)
    if isinstance(value, list):
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [_made(one) for one in value])
    return yaml.ScalarNode(f"tag:yaml.org,2002:{'int' if isinstance(value, int) else 'str'}", str(value))


def _uses(documents: Sequence[yaml.Node]) -> Counter[int]:
    """How often each node stands somewhere: more than once where aliases name it."""
    counted: Counter[int] = Counter()
    waiting = list(documents)
    while waiting:
        node = waiting.pop()
        counted[id(node)] += 1
        if counted[id(node)] == 1:
            waiting += _parts(node)
    return counted


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """What it holds: keys and values by turns, or elements."""
    if isinstance(node, yaml.MappingNode):
        return [one for pair in node.value for one in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _is_same(was: Sequence[yaml.Node], now: Sequence[yaml.Node]) -> bool:
    """Whether two files have equal nodes, and share the same of them."""
    twins: dict[int, int] = {}
    owners: dict[int, int] = {}
    waiting = [(was, now)]
    while waiting:
        olds, news = waiting.pop()
        if len(olds) != len(news):
            return False
        for old, new in zip(olds, news, strict=True):
            if id(old) not in twins and id(new) not in owners:
                twins[id(old)], owners[id(new)] = id(new), id(old)
                if not _is_alike(old, new):
                    return False
                waiting.append((_parts(old), _parts(new)))
            elif twins.get(id(old)) != id(new):
                return False
    return True


def _is_alike(old: yaml.Node, new: yaml.Node) -> bool:
    """Whether they are equal but for what they hold."""
    is_scalar = isinstance(old, yaml.ScalarNode)
    return type(old) is type(new) and old.tag == new.tag and (not is_scalar or old.value == new.value)
