"""The grammar is loaded without what only editors need, and wherever it is kept."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from wherry.dockerfile.shell import tree

if TYPE_CHECKING:
    import pytest


def test_the_first_script_loads_the_grammar_and_nothing_that_reads_its_queries() -> None:
    program = (
        "import sys; from wherry.dockerfile.shell.tree import _parser\n"
        "root = _parser().parse(b'echo a').root_node\n"
        "print(root.type, *sorted({'importlib.resources', 'tempfile'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.split() == ["program"]


def test_a_grammar_that_no_directory_holds_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module("tree_sitter_bash._binding")  # as an importer of archives would have done
    found = PathFinder.find_spec
    hidden = staticmethod(lambda name, *rest: None if name == "tree_sitter_bash" else found(name, *rest))
    monkeypatch.setattr(PathFinder, "find_spec", hidden)
    assert tree._binding().language() is not None
