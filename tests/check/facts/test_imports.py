"""What the code of a context imports and downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.check.facts.trees import plant
from wherry.check.facts.context import Context
from wherry.check.facts.imports import Imports, read_imports

if TYPE_CHECKING:
    from pathlib import Path

DOWNLOAD = """
import os, torch.nn as nn
from transformers import AutoModel
from . import local

AutoModel.from_pretrained("org/model", revision="0123456789012345678901234567890123456789")
AutoModel.from_pretrained("org/other")
"""


def imports(root: Path, files: dict[str, str | bytes | int]) -> Imports:
    return read_imports(Context(plant(root, files)))


def test_names_are_those_of_the_top(tmp_path: Path) -> None:
    found = imports(tmp_path, {"app.py": DOWNLOAD, "pkg/b.py": "import os\nimport cv2.x\n"})
    assert found.names == {"os": "app.py", "torch": "app.py", "transformers": "app.py", "cv2": "pkg/b.py"}
    assert found.imports("cv2")
    assert not found.imports("numpy")
    assert found.is_complete


def test_downloads_say_what_and_where(tmp_path: Path) -> None:
    found = imports(tmp_path, {"app.py": DOWNLOAD})
    assert [(one.kind, one.source, one.is_pinned) for one in found.downloads] == [
        ("huggingface", "org/model", True),
        ("huggingface", "org/other", False),
    ]
    assert found.downloads[1].text.place.start.line == 7
    assert found.downloads[1].text.value == 'AutoModel.from_pretrained("org/other")'


def test_tests_environments_and_broken_files_are_not_read(tmp_path: Path) -> None:
    found = imports(
        tmp_path,
        {
            "tests/a.py": "import a",
            "test_b.py": "import b",
            "venv/c.py": "import c",
            "d.py": "import (",
            "e.py": b"\0",
        },
    )
    assert found.scripts == []
    assert found.script("tests/a.py") is not None
    assert found.script("none.py") is None


def test_what_is_too_long_is_left_and_said_so(tmp_path: Path) -> None:
    found = imports(tmp_path, {"big.py": "x = 1\n" * 60_000, "a.py": "import a"})
    assert not found.is_complete
    assert list(found.names) == ["a"]
    assert found.script("a.py") is found.scripts[0]
    assert found.script("big.py") is None
