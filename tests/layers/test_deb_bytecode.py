"""A base's standard library is compiled like a wheel's modules: beside them, trusted unchecked."""

from __future__ import annotations

import importlib.util
import marshal
import sys
from typing import TYPE_CHECKING

from tests.bases.debs import Deb, File, symlink
from wherry.layers import bytecode
from wherry.layers.deb_bytecode import complete_bytecode
from wherry.layers.deb_layer import deb_layer
from wherry.layers.deb_root import RootUser
from wherry.layers.deb_tree import Below, DebTree, Entry, scan_debs
from wherry.layers.model import BytecodeCompiler

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from wherry.store.store import Store

VERSION = ".".join(map(str, sys.version_info[:3]))
MINOR = sys.version_info[1]
STDLIB = f"usr/lib/python3.{MINOR}"
COMPILER = BytecodeCompiler((sys.executable,), VERSION)
PYTHON = Deb(
    "libpython",
    files=(
        File(f"./{STDLIB}/os.py", b"import sys\nprint(__file__)\n"),
        File(f"./{STDLIB}/json/tool.py", b"x = 1\n"),
        File(f"./{STDLIB}/broken.py", b"not python at all\n"),
        File(f"./{STDLIB}/data.txt", b"x"),
        symlink(f"./{STDLIB}/sitecustomize.py", "/etc/python3/sitecustomize.py"),
        File("./usr/lib/python2.7/old.py", b"print 1\n"),
    ),
)


def _tree(tmp_path: Path, *debs: Deb) -> DebTree:
    return DebTree(scan_debs([deb.write(tmp_path) for deb in debs], tmp_path), Below())


def test_modules_have_their_bytecode_beside_them(tmp_path: Path) -> None:
    tree = _tree(tmp_path, PYTHON)
    complete_bytecode(tree, COMPILER, tmp_path)
    compiled = sorted(path for path in tree.entries if path.endswith(".pyc"))
    tag = f"cpython-3{MINOR}"
    assert compiled == [f"{STDLIB}/__pycache__/os.{tag}.pyc", f"{STDLIB}/json/__pycache__/tool.{tag}.pyc"]
    data = tree.entries[compiled[0]].read()
    assert data[:4] == importlib.util.MAGIC_NUMBER
    assert data[4:8] == b"\x01\0\0\0"  # PEP 552: unchecked hash
    assert marshal.loads(data[16:]).co_filename == f"/{STDLIB}/os.py"  # noqa: S302 - made by ourselves just now


def test_a_module_that_we_made_is_compiled_and_a_huge_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytecode, "MAX_SOURCE_BYTES", 6)
    tree = _tree(tmp_path, PYTHON)
    tree.put(Entry(f"{STDLIB}/ours.py", "file", 0o644, content=b"y = 2\n"))
    complete_bytecode(tree, COMPILER, tmp_path)
    tag = f"cpython-3{MINOR}"
    assert sorted(path for path in tree.entries if path.endswith(".pyc")) == [
        f"{STDLIB}/__pycache__/ours.{tag}.pyc",
        f"{STDLIB}/json/__pycache__/tool.{tag}.pyc",
    ]


def test_a_tree_without_python_starts_no_interpreter(tmp_path: Path) -> None:
    complete_bytecode(_tree(tmp_path, Deb("empty")), BytecodeCompiler(("/none",), VERSION), tmp_path)


def test_a_base_with_bytecode_is_the_same_every_time(tmp_path: Path, store: Store) -> None:
    debs = [PYTHON.write(tmp_path)]
    other = type(store).open(tmp_path / "other")
    layers = [
        deb_layer(debs, s, machine="x86_64", user=RootUser(), bytecode=COMPILER) for s in (store, other)
    ]
    assert layers[0].diff_id == layers[1].diff_id
