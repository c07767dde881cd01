from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted(
    path
    for folder in ("requirements", "examples", "bench")
    for path in (ROOT / folder).rglob("*.txt")
    if ".venv" not in path.parts and "out" not in path.parts
)
PIN = re.compile(
    r"^([A-Za-z0-9._-]+)==[^ ]+( ;.*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)


def pinned(lock: Path) -> set[str]:
    return {canonicalize_name(match[1]) for match in PIN.finditer(lock.read_text())}


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def test_there_are_locks_to_check() -> None:
    assert {"run.txt", "dev.txt", "uv.txt", "requirements.txt"} <= {path.name for path in LOCKS}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_is_pins_with_hashes_and_nothing_else(lock: Path) -> None:
    text = re.sub(r"^ *#.*\n", "", lock.read_text(), flags=re.MULTILINE)
    assert PIN.sub("", text) == ""


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_names_no_address(lock: Path) -> None:
    assert "://" not in lock.read_text()
    assert "index" not in lock.read_text().replace("make lock", "")


@pytest.mark.parametrize(
    ("project", "lock"),
    [
        (".", "requirements/run.txt"),
        (".", "requirements/dev.txt"),
        ("examples/digits", "examples/digits/requirements.txt"),
        ("bench/torch", "bench/torch/requirements.txt"),
    ],
)
def test_a_lock_has_what_its_project_asks_for(project: str, lock: str) -> None:
    document = tomllib.loads((ROOT / project / "pyproject.toml").read_text())
    assert names(document["project"]["dependencies"]) <= pinned(ROOT / lock)


def test_the_dev_lock_only_adds_to_the_run_lock() -> None:
    def lines(name: str) -> set[str]:
        return {match[0] for match in PIN.finditer((ROOT / "requirements" / name).read_text())}

    assert lines("run.txt") <= lines("dev.txt")
    assert lines("uv.txt") <= lines("run.txt")
