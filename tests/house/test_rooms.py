from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src/wherry"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
# A line of the tree in docs/design.md, section 3: "  store/        content-addressed blobs on disk..."
ROOM = re.compile(r"^  ([a-z]+)/ +(.+)$", re.MULTILINE)


def built_rooms_of_the_design() -> list[str]:
    text = (ROOT / "docs/design.md").read_text()
    tree = text[text.index("src/wherry/\n") : text.index("\nagent/")]
    return [name for name, what in ROOM.findall(tree) if not what.startswith("*(to come)*")]


def test_imports_go_down_the_rooms_only() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_the_contract_has_the_rooms_of_the_design_in_its_order() -> None:
    rooms = [room.strip() for layer in CONTRACTS[0]["layers"] for room in layer.split("|")]
    order = [room for room in rooms if room.isalpha() and (SOURCES / room).is_dir()]
    assert order == built_rooms_of_the_design()


def test_the_rooms_on_disk_are_those_of_the_design() -> None:
    on_disk = {path.parent.name for path in SOURCES.glob("*/__init__.py")}
    assert on_disk == set(built_rooms_of_the_design())


def test_no_room_is_a_drawer_for_leftovers() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert not [path for path in SOURCES.rglob("*") if path.stem in drawers]


def test_every_file_can_be_read_in_one_sitting() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES.rglob("*.py")}
    assert not {name: lines for name, lines in long.items() if lines >= 400}


def test_no_folder_of_tests_is_passed_over(pytestconfig: pytest.Config) -> None:
    # pytest leaves out folders named "build" by itself, and once left out 387 tests of the room of that name.
    passed_over = pytestconfig.getini("norecursedirs")
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    assert not [str(f) for f in folders for part in f.parts for name in passed_over if fnmatch(part, name)]
