"""Which groups of a project bring which packages of its lock in."""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Final

from wherry.check.facts.requirement import normalised
from wherry.regex import regex

if TYPE_CHECKING:
    from wherry.check.facts.locks import LockedPackage, LockFile

_MAIN: Final = {"default": "main", "main": "main", "develop": "dev"}  # what tools call them, and what we do
_SECTION: Final = regex(
    rb"^\[(?:package\.(?P<kind>optional|dev)-dependencies)\]\n(?P<body>(?:[^\[\n][^\n]*\n?|\n(?!\[))*)",
    re.MULTILINE,
)
_LIST: Final = regex(rb'^"?(?P<name>[\w.-]+)"? = \[(?P<items>[^\n]*\]$|\n(?:    [^\n]*\n)*\])', re.MULTILINE)
_ITEM: Final = regex(rb'\{ name = "(?P<name>[^"\n]*)"(?P<rest>[^}\n]*)')
_EXTRA: Final = regex(rb"\bextra = \[([^\]\n]*)\]")
_QUOTED: Final = regex(rb'"([^"\n]*)"')

Node = tuple[str, str]  # a package, and one of its extras or ""


def groups_by_package(lock: LockFile) -> dict[str, frozenset[str]]:
    """The groups of every package: as the lock writes them, or, in uv.lock, by what needs what."""
    if lock.kind == "uv.lock":
        return _reached_groups(lock)
    found: dict[str, frozenset[str]] = {}
    for package in lock.packages:
        groups = frozenset(_MAIN.get(group, normalised(group)) for group in package.written_groups)
        found[package.name] = found.get(package.name, frozenset()) | groups
    return found


def _reached_groups(lock: LockFile) -> dict[str, frozenset[str]]:
    edges: dict[Node, set[Node]] = {}
    starts: dict[str, set[Node]] = {}
    for package in lock.packages:
        lists = _lists(package.block)
        for kind, name, nodes in lists:
            if package.local:
                group = {"": "main", "optional": f"extra:{name}"}.get(kind, name)
                starts.setdefault(group, set()).update(nodes)
            if kind != "dev":
                edges.setdefault((package.name, name), set()).update(nodes)
    found: dict[str, set[str]] = {}
    for group, nodes in starts.items():
        for name in _reach(nodes, edges):
            found.setdefault(name, set()).add(group)
    for package in lock.packages:
        if package.local and package.name not in found:
            found[package.name] = {"main"}
    return {name: frozenset(groups) for name, groups in found.items()}


def _reach(nodes: set[Node], edges: dict[Node, set[Node]]) -> set[str]:
    seen: set[Node] = set()
    waiting = deque(nodes)
    while waiting:
        node = waiting.popleft()
        if node in seen:
            continue
        seen.add(node)
        waiting.extend(edges.get(node, ()))
        if node[1]:
            waiting.append((node[0], ""))
    return {name for name, _ in seen}


def _lists(block: bytes) -> list[tuple[str, str, set[Node]]]:
    """The dependency lists of a package of uv.lock: kind ("", "optional", "dev"), extra or group, members."""
    head = block.partition(b"\n[package.")[0]
    found: list[tuple[str, str, set[Node]]] = [
        ("", "", _nodes(one["items"])) for one in _LIST.finditer(head) if one["name"] == b"dependencies"
    ]
    for section in _SECTION.finditer(block):
        kind = section["kind"].decode()
        found += [
            (kind, normalised(one["name"].decode()), _nodes(one["items"]))
            for one in _LIST.finditer(section["body"])
        ]
    return found


def _nodes(items: bytes) -> set[Node]:
    found: set[Node] = set()
    for item in _ITEM.finditer(items):
        name = normalised(item["name"].decode("utf-8", "replace"))
        extras = _EXTRA.search(item["rest"])
        found.add((name, ""))
        if extras:
            found.update((name, normalised(one.decode())) for one in _QUOTED.findall(extras[1]))
    return found


def own_requirements(package: LockedPackage) -> set[Node]:
    """What ``[package.metadata]`` of uv.lock says the project asked for: names and specifiers."""
    _, _, metadata = package.block.partition(b"\n[package.metadata]")
    found: set[Node] = set()
    body = metadata.partition(b"\n[")[0]
    for item in _ITEM.finditer(body):
        specifier = re.search(rb'\bspecifier = "([^"\n]*)"', item["rest"])
        name = normalised(item["name"].decode("utf-8", "replace"))
        found.add((name, specifier[1].decode("utf-8", "replace") if specifier else ""))
    return found
