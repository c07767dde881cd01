"""The fixture is a workspace that uv locked: a project, a member in libs/lib1, an extra and two groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError, WorldError
from wherry.project.locks import uv_lock
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, DirectorySource, Lock
from wherry.project.uv import UvInputError, UvWorldError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PRODUCTION = {
    *("anyio", "click", "h11", "httptools", "idna", "lib1", "markupsafe", "python-dotenv", "pyyaml"),
    *("typing-extensions", "uvicorn", "uvloop", "watchfiles", "websockets"),
}


@pytest.fixture
def workspace(root: Path, copy: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    (root / "libs" / "lib1").mkdir(parents=True)
    copy("uv-workspace-lock.toml", "uv.lock")
    copy("uv-workspace-pyproject.toml", "pyproject.toml")
    copy("uv-workspace-lib1.toml", "libs/lib1/pyproject.toml")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return root


def read(root: Path, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = (), member: str = "") -> Lock:
    return uv_lock.read_uv_lock(read_document(root / "uv.lock"), Choice(root / member, groups, extras))


def stale(root: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(root)
    assert caught.value.mend == "run: uv lock"
    return caught.value.what


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_production_is_without_groups_and_members_are_directories(workspace: Path) -> None:
    before = (workspace / "uv.lock").read_bytes()
    lock = read(workspace)
    by_name = {str(package.name): package for package in lock.packages}
    assert set(by_name) == PRODUCTION
    assert by_name["lib1"].source == DirectorySource(workspace / "libs/lib1", editable=True)
    assert str(by_name["h11"].marker) == 'python_full_version < "3.13"'
    click = by_name["click"]
    assert click.sdist is not None
    assert click.wheels[0].url is not None
    assert click.wheels[0].url.startswith("https://index.example/")
    assert lock.kind == "uv.lock"
    assert lock.path == workspace / "uv.lock"
    assert (workspace / "uv.lock").read_bytes() == before
    assert sorted(entry.name for entry in workspace.iterdir()) == ["libs", "pyproject.toml", "uv.lock"]


def test_groups_and_extras_add_their_packages(workspace: Path) -> None:
    names = {package.name for package in read(workspace, groups=("dev",)).packages}
    assert names - PRODUCTION == {"iniconfig", "pluggy"}
    names = {package.name for package in read(workspace, extras=("gpu",)).packages}
    assert names - PRODUCTION == {"sniffio"}


def test_a_member_is_read_by_itself(workspace: Path) -> None:
    lock = read(workspace, member="libs/lib1")
    assert [package.name for package in lock.packages] == ["idna"]
    (workspace / "libs/lib1/pyproject.toml").write_text("[project]\nversion = '1'\n")
    with pytest.raises(InputError):
        read(workspace, member="libs/lib1")


def test_unknown_groups_and_extras_are_refused(workspace: Path) -> None:
    with pytest.raises(InputError, match="Group `nope` is not defined"):
        read(workspace, groups=("nope",))
    with pytest.raises(InputError, match="Extra `nope` is not defined"):
        read(workspace, extras=("nope",))


def test_a_lock_made_with_another_index_is_fresh(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.example/simple")
    assert len(read(workspace).packages) == len(PRODUCTION)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"click>=8"', '"click>=8.1"', "p1 asks for click>=8.1, which it was not made for"),
        ('"markupsafe", ', "", "p1 does not ask for markupsafe any more"),
        ('["sniffio"]', '["sniffio", "attrs"]', "p1 asks for attrs, which it was not made for"),
        ('"iniconfig"', '"attrs"', "the project's requirements, sources or indexes have changed"),
        ("< '3.13'", "< '3.12'", "the project's requirements, sources or indexes have changed"),
    ],
)
def test_a_changed_project_makes_the_lock_stale(workspace: Path, old: str, new: str, says: str) -> None:
    change(workspace / "pyproject.toml", old, new)
    assert stale(workspace).startswith(f"uv.lock is stale: {says}")


def test_a_changed_member_makes_the_lock_stale(workspace: Path) -> None:
    change(workspace / "libs/lib1/pyproject.toml", '"idna"', '"idna>=3"')
    assert stale(workspace) == "uv.lock is stale: lib1 asks for idna>=3, which it was not made for"


def test_without_a_python_that_the_project_accepts_requirements_are_compared_by_us(workspace: Path) -> None:
    for path in (workspace / "pyproject.toml", workspace / "uv.lock"):
        change(path, '>=3.11"', '>=3.99"')
    assert read(workspace).packages, "the image's Python need not be on this machine"
    change(workspace / "pyproject.toml", '>=3.99"', '>=3.98"')
    assert stale(workspace) == "uv.lock is stale: requires-python is >=3.98 now and was >=3.99"


@pytest.mark.parametrize("text", ["x = [", "version = 9\n", "[[package]]\nname = 3\n"])
def test_a_broken_lock_is_refused_by_what_uv_says(workspace: Path, text: str) -> None:
    (workspace / "uv.lock").write_text(text)
    with pytest.raises(InputError) as caught:
        read(workspace)
    assert len(caught.value.lines()) <= 3
    assert "uv.lock" in caught.value.what


def test_a_missing_member_is_refused(workspace: Path) -> None:
    (workspace / "libs/lib1/pyproject.toml").unlink()
    assert "lib1 has no readable pyproject.toml in libs/lib1 any more" in stale(workspace)


def test_an_export_that_is_no_toml_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv_lock, "run_uv", lambda *_a, **_k: "x = [")
    with pytest.raises(InputError, match=r"uv\.lock cannot be read"):
        read(workspace)


@pytest.mark.parametrize("failure", [UvInputError("odd"), UvWorldError("odd")])
def test_a_check_that_cannot_be_made_leaves_it_to_the_comparison(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_arguments: object, **_options: object) -> str:
        raise failure

    monkeypatch.setattr(uv_lock, "run_uv", fail)
    document = read_document(workspace / "uv.lock")
    uv_lock._require_fresh(document)
    change(workspace / "pyproject.toml", '"click>=8"', '"click>=9"')
    with pytest.raises(InputError, match="asks for click>=9"):
        uv_lock._require_fresh(document)


@pytest.mark.parametrize(
    "text",
    [
        "package = 3",
        "package = [3]",
        "[[package]]\nsource = 3",
        "[[package]]\nsource = {editable = 3}",
        "[[package]]\nsource = {editable = 'gone'}",
        "[[package]]\nsource = {editable = '.'}\nmetadata = 3",
        "[[package]]\nsource = {editable = '.'}\n[package.metadata]\nrequires-dist = 3",
        "[[package]]\nsource = {editable = '.'}\nmetadata = {requires-dist = [3, {name='x', specifier='?'}]}",
    ],
)
def test_comparing_takes_any_shape(root: Path, text: str) -> None:
    (root / "pyproject.toml").write_text('[project]\nname = "p"\ndependencies = ["a", "??"]\n')
    (root / "uv.lock").write_text(f"requires-python = '??'\n{text}\n")
    list(uv_lock._differences(read_document(root / "uv.lock")))
    (root / "pyproject.toml").write_text('[project]\nrequires-python = "???"\ndynamic = ["dependencies"]\n')
    differences = list(uv_lock._differences(read_document(root / "uv.lock")))
    assert differences[-1] == "requires-python is ??? now and was ??"


def test_a_broken_uv_is_the_worlds_failure(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uv_lock, "_require_fresh", lambda _document: None)
    monkeypatch.setattr("wherry.project.uv.find_uv", lambda: workspace / "none")
    with pytest.raises(WorldError):
        read(workspace)
