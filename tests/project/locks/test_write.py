"""uv is real here, and the index is this machine's own."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError, WorldError
from wherry.project.locks import write
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice
from wherry.project.locks.pylock import read_pylock
from wherry.project.locks.read import read_lock
from wherry.project.locks.write import write_lock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.project.locks.conftest import LocalIndex
    from wherry.project.project import Project
    from wherry.store.store import Store

PROJECT = '[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["click"]\n'


def test_a_bare_project_gets_a_uv_lock_that_reads_back(
    project: Project, root: Path, index: LocalIndex, store: Store
) -> None:
    index.add("click-8.1-py3-none-any.whl")
    (root / "pyproject.toml").write_text(PROJECT)
    assert write_lock(project, indexes=index.configuration) == root / "uv.lock"
    lock = read_lock(project, store=store, indexes=index.configuration)
    assert [(str(package.name), str(package.version)) for package in lock.packages] == [("click", "8.1")]
    (root / "pyproject.toml").write_text(PROJECT.replace('"click"', '"click>=8.1"'))
    with pytest.raises(InputError, match="stale"):
        read_lock(project, store=store, indexes=index.configuration)
    write_lock(project, indexes=index.configuration)
    assert read_lock(project, store=store, indexes=index.configuration).packages


@pytest.mark.parametrize("wish", ["requirements.in", "requirements.txt"])
def test_plain_requirements_get_a_pylock_that_knows_what_it_was_made_from(
    project: Project, root: Path, index: LocalIndex, wish: str
) -> None:
    for name in ("click-8.1-py3-none-any.whl", "rich-13-py3-none-any.whl", "idna-3-py3-none-any.whl"):
        index.add(name)
    (root / wish).write_text("-r more.txt\nclick ; sys_platform == 'linux'\nidna ; sys_platform == 'win32'\n")
    (root / "more.txt").write_text("rich\n-r more.txt\n")
    path = write_lock(project, indexes=index.configuration)
    assert path == root / "pylock.toml"
    lock = read_pylock(read_document(path), Choice(root))
    assert [str(package.name) for package in lock.packages] == ["click", "idna", "rich"]
    assert str(lock.packages[0].marker) == 'sys_platform == "linux"'
    assert set(lock.inputs) == {root / wish, root / "more.txt"}
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    assert "wherry lock" in path.read_text().splitlines()[1]
    (root / "more.txt").write_text("rich>=13\n")
    with pytest.raises(InputError, match=r"stale: more\.txt has changed"):
        read_pylock(read_document(path), Choice(root))
    write_lock(project, indexes=index.configuration)
    assert read_pylock(read_document(path), Choice(root)).packages
    assert not [entry for entry in root.iterdir() if entry.name.startswith(".pylock")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pylock.toml", 'lock-version = "1.0"\n'),
        ("poetry.lock", ""),
        ("requirements.txt", "click==8.1 --hash=sha256:00\n"),
    ],
)
def test_a_lock_of_someone_else_is_left_alone(
    project: Project, root: Path, index: LocalIndex, name: str, text: str
) -> None:
    (root / name).write_text(text)
    assert write_lock(project, indexes=index.configuration) == root / name
    assert (root / name).read_text() == text
    assert not index.asked


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("pyproject.toml", "[tool.poetry.dependencies]\nclick = '*'\n", "poetry lock"),
        ("pyproject.toml", PROJECT + "[tool.pdm]\n", "pdm lock"),
        ("Pipfile", "", "pipenv lock"),
    ],
)
def test_a_project_of_another_tool_is_locked_by_it(  # noqa: PLR0913, PLR0917 - fixtures and cases
    project: Project, root: Path, index: LocalIndex, name: str, text: str, command: str
) -> None:
    (root / name).write_text(text)
    with pytest.raises(InputError) as caught:
        write_lock(project, indexes=index.configuration)
    assert caught.value.mend == f"run: {command}"


def test_nothing_to_lock_is_said(project: Project, root: Path, index: LocalIndex) -> None:
    (root / "pyproject.toml").write_text("[tool.x]\n")
    with pytest.raises(InputError, match="nothing to lock"):
        write_lock(project, indexes=index.configuration)


def test_what_cannot_be_satisfied_is_said_and_leaves_no_lock(
    project: Project, root: Path, index: LocalIndex
) -> None:
    (root / "requirements.in").write_text("click>99\n")
    index.add("click-8.1-py3-none-any.whl")
    with pytest.raises(InputError) as caught:
        write_lock(project, indexes=index.configuration)
    assert len(caught.value.lines()) <= 3
    assert "click" in caught.value.what
    index.status = 500
    with pytest.raises(WorldError):
        write_lock(project, indexes=index.configuration)
    assert [entry.name for entry in root.iterdir()] == ["requirements.in"]


def test_offline_a_lock_is_not_made_up(project: Project, root: Path, index: LocalIndex) -> None:
    (root / "requirements.in").write_text("click\n")
    with pytest.raises((InputError, WorldError)):
        write_lock(project, indexes=index.configuration, offline=True)
    assert not index.asked


def test_a_lock_is_written_whole_or_not_at_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "pylock.toml"
    path.write_text("old")
    with pytest.raises(WorldError, match="no pylock"):
        write._write_pylock(path, "x = [")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(WorldError, match="cannot write: no space left"):
        write._write_pylock(path, "x = 1")
    assert path.read_text() == "old"
    assert [entry.name for entry in root.iterdir()] == ["pylock.toml"]
