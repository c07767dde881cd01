"""Bytecode of a base's standard library: what the scripts of Python's packages would compile at installation.

Without it, an image whose user cannot write below /usr compiles every module again at every start.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from wherry.layers.bytecode import MAX_SOURCE_BYTES, _Compiler
from wherry.layers.deb_tree import Entry, Spooled

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.layers.deb_tree import DebTree
    from wherry.layers.model import BytecodeCompiler
    from wherry.layers.wheel import OpenWheel, Placed

_MODULE: Final = re.compile(r"(usr/lib/python3\.([0-9]+)/(?:.*/)?)([^/]+)\.py")


class _Source(NamedTuple):
    path: str


class _Sources:
    """The tree's modules, as the compiler asks for a wheel's."""

    def __init__(self, tree: DebTree) -> None:
        self._tree = tree

    def content(self, source: _Source, limit_bytes: int) -> bytes:
        entry = self._tree.entries[source.path]
        size_bytes = entry.content.size_bytes if isinstance(entry.content, Spooled) else len(entry.content)
        return entry.read() if size_bytes <= limit_bytes else b""


def complete_bytecode(tree: DebTree, compiler: BytecodeCompiler, scratch: Path) -> None:
    """Add the bytecode of every module of the standard library, beside it as PEP 3147 has it.

    Args:
        tree: Of a base's packages.
        compiler: An interpreter of the same minor version.
        scratch: Where the bytecode waits until it is written.

    Raises:
        WorldError: The interpreter cannot be started, or broke.

    """
    version = ".".join(compiler.version.split(".")[:2])
    prefix = f"usr/lib/python{version}/"
    sources = [
        _Source(path)
        for path in sorted(tree.entries, key=str.encode)
        if path.startswith(prefix) and _MODULE.fullmatch(path) and _is_source(tree.entries[path])
    ]
    if not sources:
        return
    spool = scratch / "bytecode.spool"
    offset = 0
    with spool.open("wb") as out, _Compiler(compiler, "the standard library") as process:
        found = process.compile(cast("OpenWheel", _Sources(tree)), cast("list[Placed]", sources))
        for source, bytecode in found:
            if bytecode:
                out.write(bytecode)
                content = Spooled(spool, offset, len(bytecode))
                tree.put(Entry(_cached(source.path), "file", 0o644, content=content))
                offset += len(bytecode)


def _is_source(entry: Entry) -> bool:
    return entry.kind == "file" and (
        not isinstance(entry.content, Spooled) or entry.content.size_bytes <= MAX_SOURCE_BYTES
    )


def _cached(path: str) -> str:
    match = _MODULE.fullmatch(path)
    if match is None:
        raise ValueError(path)
    directory, minor, name = match.groups()
    return f"{directory}__pycache__/{name}.cpython-3{minor}.pyc"
