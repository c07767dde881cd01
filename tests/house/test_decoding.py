"""Every type that is decoded went through `wherry.frozen.ready`: else two threads can end the process."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = {"msgspec.json.decode", "msgspec.msgpack.decode", "msgspec.convert"}
SOURCES = Path(__file__).parents[2] / "src/wherry"


def types_decoded(code: str) -> Iterator[ast.expr]:
    """What stands where msgspec is told a type."""
    for node in ast.walk(ast.parse(code)):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and name in CALLS:
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "type")
            yield from node.args[1:]


def unready(code: str) -> list[str]:
    """The types that were not made ready."""
    return [text for one in types_decoded(code) if not (text := ast.unparse(one)).startswith("ready(")]


def test_every_type_is_made_ready_before_it_is_decoded() -> None:
    found = {path: unready(path.read_text()) for path in SOURCES.rglob("*.py")}

    assert {path.name: types for path, types in found.items() if types} == {}
    assert sum(len(list(types_decoded(path.read_text()))) for path in SOURCES.rglob("*.py")) > 20


def test_one_that_was_not_is_seen() -> None:
    assert unready("msgspec.json.decode(data, type=Entry)\nmsgspec.convert(data, list[Entry])") == [
        "Entry",
        "list[Entry]",
    ]
