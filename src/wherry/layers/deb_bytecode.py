"""Bytecode of a base's standard library: what the scripts of Python's packages would compile at installation.

Without it, an image whose user cannot write below /usr compiles every module again at every start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.layers.bytecode import cached_path, compile_sources
from wherry.layers.deb_tree import Entry, Spooled

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.layers.deb_tree import DebTree
    from wherry.layers.model import BytecodeCompiler


def complete_bytecode(tree: DebTree, compiler: BytecodeCompiler, scratch: Path) -> None:
    """Add the bytecode of every module of the standard library, beside it as PEP 3147 has it.

    Args:
        tree: Of a base's packages.
        compiler: An interpreter of the same minor version.
        scratch: Where the bytecode waits until it is written.

    Raises:
        WorldError: The interpreter cannot be started, or broke.

    """
    major, minor = (int(number) for number in compiler.version.split(".")[:2])
    prefix = f"usr/lib/python{major}.{minor}/"
    paths = [
        path
        for path in sorted(tree.entries, key=str.encode)
        if path.startswith(prefix) and path.endswith(".py") and tree.entries[path].kind == "file"
    ]
    compiled = compile_sources(_StandardLibrary(tree), paths, compiler, scratch / "bytecode.spool")
    for path, bytecode in compiled.items():
        tree.put(Entry(cached_path(path, (major, minor)), "file", 0o644, content=Spooled(*bytecode)))


class _StandardLibrary(NamedTuple):
    """The modules of a tree of packages."""

    tree: DebTree
    title: str = "the standard library"

    def size_bytes(self, path: str) -> int:
        content = self.tree.entries[path].content
        return len(content) if isinstance(content, bytes) else content.size_bytes

    def read(self, path: str) -> bytes:
        return self.tree.entries[path].read()
