from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError, WorldError
from wherry.fetch.indexes import IndexConfiguration
from wherry.project.locks import read as reading
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, Lock
from wherry.project.locks.read import read_lock
from wherry.project.locks.record import LockRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.project.locks.conftest import LocalIndex
    from wherry.project.project import Project
    from wherry.store.store import Store

SHA = "a" * 64
PYLOCK = f"""lock-version = "1.0"
created-by = "hand"
requires-python = ">=3.11"
extras = ["x"]
environments = ["sys_platform == 'linux'"]
[[packages]]
name = "click"
version = "8.1.7"
marker = "'x' in extras"
requires-python = ">=3.8"
sdist = {{ url = "https://index.example/click-8.1.7.tar.gz", hashes = {{ sha256 = "{SHA}" }} }}
wheels = [
  {{ url = "https://index.example/click-8.1.7-py3-none-any.whl", size = 3, hashes = {{ sha256 = "{SHA}" }} }},
  {{ path = "w/click-8.1.7-1-py3-none-any.whl", hashes = {{ sha256 = "{SHA}" }} }},
]
[[packages]]
name = "g"
vcs = {{ type = "git", url = "https://index.example/g", commit-id = "{"c" * 40}" }}
[[packages]]
name = "lib"
directory = {{ path = "lib", editable = true }}
"""


@pytest.fixture
def pylock(root: Path) -> Path:
    (root / "lib").mkdir()
    (root / "lib/pyproject.toml").write_text('[project]\nname = "lib"\n')
    (root / "pylock.toml").write_text(PYLOCK)
    return root / "pylock.toml"


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of locks that were really read."""
    read: list[str] = []
    real = reading._read

    def counting(kind: str, *arguments: object) -> Lock:
        read.append(kind)
        return real(kind, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "_read", counting)
    return read


def quiet(project: Project, store: Store, **more: object) -> Lock:
    return read_lock(project, store=store, indexes=IndexConfiguration(), offline=True, **more)  # type: ignore[arg-type]


def test_what_is_remembered_is_what_was_read(
    project: Project, store: Store, pylock: Path, readings: list[str]
) -> None:
    first = quiet(project, store, extras=("x",))
    again = quiet(project, store, extras=("x", "x"))
    assert again == first
    assert again.path == pylock
    assert readings == ["pylock.toml"]
    assert len(again.packages) == 3


def test_a_changed_lock_choice_or_manifest_is_read_anew(
    project: Project, store: Store, pylock: Path, readings: list[str]
) -> None:
    quiet(project, store)
    quiet(project, store, extras=("x",))
    assert len(readings) == 2
    pylock.write_text(PYLOCK.replace("8.1.7", "8.1.8"))
    assert str(quiet(project, store).packages[0].version) == "8.1.8"
    (pylock.parent / "lib/pyproject.toml").write_text('[project]\nname = "lib"\nversion = "2"\n')
    quiet(project, store)
    assert len(readings) == 4
    (pylock.parent / "lib/pyproject.toml").unlink()
    quiet(project, store)
    assert len(readings) == 5


def test_a_damaged_memory_is_read_anew(
    project: Project, store: Store, pylock: Path, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = quiet(project, store)
    for name, value in (("requires_python", "???"), ("environments", ["nonsense"])):
        for entry in (store.root / "index" / "locks").iterdir():
            content = json.loads(entry.read_text())
            content["value"][name] = value
            entry.write_text(json.dumps(content))
        assert quiet(project, store) == first
    assert len(readings) == 3
    monkeypatch.setattr(reading, "_READER", 2)
    quiet(project, store)
    assert len(readings) == 4
    assert pylock.is_file()


def test_every_format_has_its_reader(  # noqa: PLR0913, PLR0917 - fixtures
    project: Project,
    root: Path,
    store: Store,
    copy: Callable[..., Path],
    index: LocalIndex,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (root.parent / "polib").mkdir()
    monkeypatch.setattr(reading, "require_acyclic", lambda *_arguments: ())
    for lock, manifest, name, manifest_name in (
        ("uv-workspace-lock.toml", "uv-workspace-pyproject.toml", "uv.lock", "pyproject.toml"),
        ("po-lock.toml", "po-pyproject.toml", "poetry.lock", "pyproject.toml"),
        ("pdm-static-lock.toml", "pdm-pyproject.toml", "pdm.lock", "pyproject.toml"),
    ):
        if name == "uv.lock":
            (root / "libs/lib1").mkdir(parents=True)
            copy("uv-workspace-lib1.toml", "libs/lib1/pyproject.toml")
        copy(lock, name)
        copy(manifest, manifest_name)
        for _ in range(2):
            assert quiet(project, store).kind == name
        (root / name).unlink()
    digest = index.add("click-8.1-py3-none-any.whl")
    pipfile = {"_meta": {"pipfile-spec": 6}, "default": {"click": {"version": "==8.1", "hashes": [digest]}}}
    (root / "Pipfile.lock").write_text(json.dumps(pipfile))
    for offline in (False, True):
        lock_read = read_lock(project, store=store, indexes=index.configuration, offline=offline)
        assert lock_read.packages[0].wheels[0].url is not None
    with pytest.raises(WorldError):
        quiet(project, store)  # another index is another question
    (root / "Pipfile.lock").unlink()
    (root / "requirements.txt").write_text(f"click==8.1 --hash={digest}\n")
    requirements = read_lock(project, store=store, indexes=index.configuration)
    assert requirements.packages[0].wheels[0].filename == "click-8.1-py3-none-any.whl"


def test_offline_answers_without_addresses_are_not_remembered(
    project: Project, root: Path, store: Store, copy: Callable[..., Path], readings: list[str]
) -> None:
    (root.parent / "polib").mkdir()
    copy("po-lock.toml", "poetry.lock")
    copy("po-pyproject.toml", "pyproject.toml")
    for _ in range(2):
        assert quiet(project, store).packages[0].wheels[0].url is None
    assert readings == ["poetry.lock", "poetry.lock"]


def test_files_in_find_links_are_looked_at_every_time(
    project: Project, root: Path, store: Store, readings: list[str]
) -> None:
    (root / "pdm.lock").write_text('[metadata]\nlock_version = "4.5"\nstrategy = ["inherit_metadata"]\n')
    (root / "pyproject.toml").write_text('[project]\nname = "p"\n')
    for _ in range(2):
        quiet(project, store, find_links=(root,))
    assert readings == ["pdm.lock", "pdm.lock"]


def test_several_locks_are_noted(project: Project, store: Store, pylock: Path) -> None:
    (pylock.parent / "uv.lock").write_text("")
    assert quiet(project, store).notes[0] == "pylock.toml is read; uv.lock beside it is not"


def test_the_machines_indexes_are_read_where_none_are_given(
    project: Project, store: Store, pylock: Path
) -> None:
    assert read_lock(project, store=store).path == pylock


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": '[project]\nname = "p"\ndependencies = ["click"]'},
        {"pyproject.toml": '[project]\nname = "p"\ndynamic = ["dependencies"]'},
        {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"'},
        {"requirements.in": "click"},
        {"Pipfile": ""},
    ],
)
def test_a_project_without_a_lock_is_told_to_make_one(
    project: Project, root: Path, store: Store, files: dict[str, str]
) -> None:
    for name, text in files.items():
        (root / name).write_text(text)
    with pytest.raises(InputError) as caught:
        quiet(project, store)
    assert (caught.value.what, caught.value.mend) == ("the project has no lock", "run: wherry lock")


@pytest.mark.parametrize("text", ["", '[project]\nname = "p"\n', "[tool]\npoetry = 3\n", None])
def test_a_project_that_asks_for_nothing_needs_no_lock(
    project: Project, root: Path, store: Store, text: str | None
) -> None:
    if text is not None:
        (root / "pyproject.toml").write_text(text)
    lock = quiet(project, store)
    assert (lock.kind, lock.packages) == ("none", ())
    assert lock.notes == ("no lock, and no dependencies to lock",)
    with pytest.raises(InputError, match="has no lock"):
        quiet(project, store, groups=("dev",))


def test_a_record_keeps_everything_of_a_lock(root: Path, pylock: Path) -> None:
    from wherry.project.locks.pylock import read_pylock  # noqa: PLC0415 - beside its use

    document = read_document(pylock)
    lock = replace(read_pylock(document, Choice(root)), notes=("a note",), inputs=(pylock, Path("/gone")))
    assert LockRecord.of(lock).lock(lock.path, lock.digest) == lock
    assert [item.is_unchanged for item in LockRecord.of(lock).inputs] == [True, True]
