"""The commit and the remote are read from git's files; what is odd there is no revision, never an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.project.project import read_project
from wherry.project.revision import find_git_directory, public_url, read_remote, read_revision

if TYPE_CHECKING:
    from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "f" * 40


def repository(root: Path, head: str = "ref: refs/heads/main\n", **files: str) -> Path:
    git = root / ".git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text(head)
    for name, text in files.items():
        path = git / name.replace("__", "/").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return git


def test_a_branch_that_is_checked_out_has_its_commit(tmp_path: Path) -> None:
    assert read_revision(repository(tmp_path, refs__heads__main=COMMIT + "\n")) == COMMIT


def test_a_detached_head_is_its_commit(tmp_path: Path) -> None:
    assert read_revision(repository(tmp_path, COMMIT + "\n")) == COMMIT


def test_a_packed_branch_is_found(tmp_path: Path) -> None:
    packed = f"# pack-refs with: peeled\n{OTHER} refs/heads/mainly\n{COMMIT} refs/heads/main\n^{OTHER}\n"
    assert read_revision(repository(tmp_path, packed_refs=packed)) == COMMIT


def test_a_loose_branch_is_newer_than_a_packed_one(tmp_path: Path) -> None:
    git = repository(tmp_path, packed_refs=f"{OTHER} refs/heads/main\n", refs__heads__main=COMMIT)
    assert read_revision(git) == COMMIT


def test_a_worktree_is_followed_to_its_repository(tmp_path: Path) -> None:
    main = repository(
        tmp_path / "main",
        refs__heads__main=OTHER,
        config='[remote "origin"]\n\turl = https://git.example/app\n',
    )
    tree = main / "worktrees" / "wt"
    tree.mkdir(parents=True)
    (tree / "HEAD").write_text("ref: refs/heads/topic\n")
    (tree / "commondir").write_text("../..\n")
    (main / "refs/heads/topic").write_text(COMMIT)
    (tmp_path / "wt" / "deep").mkdir(parents=True)
    (tmp_path / "wt" / ".git").write_text(f"gitdir: {tree}\n")
    git = find_git_directory(tmp_path / "wt" / "deep")
    assert git is not None
    assert read_revision(git) == COMMIT
    assert read_remote(git) == "https://git.example/app"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "ref: refs/heads/none\n",
        "ref: ../../etc/passwd\n",
        "ref: refs/../../x\n",
        "garbage",
        "\xff",
        "ref: refs/a\0b",
    ],
)
def test_a_head_that_cannot_be_followed_is_no_revision(tmp_path: Path, head: str) -> None:
    assert read_revision(repository(tmp_path, head)) is None


@pytest.mark.parametrize("pointer", ["gitdir: nowhere\n", "gitdir: \0\n", "something else", ""])
def test_a_git_file_that_points_nowhere_is_no_repository(tmp_path: Path, pointer: str) -> None:
    (tmp_path / ".git").write_text(pointer)
    git = find_git_directory(tmp_path)
    assert git is None or git.parent != tmp_path


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://git.example/team/app.git", "https://git.example/team/app"),
        ("https://user:token@git.example:8443/app", "https://git.example:8443/app"),
        ("https://git.example/app?token=x#frag", "https://git.example/app"),
        ("git@git.example:team/app.git", "https://git.example/team/app"),
        ("ssh://git@git.example:2222/team/app.git", "https://git.example/team/app"),
        ("git://git.example/app", "https://git.example/app"),
        ("http://git.example/app/", "http://git.example/app"),
        ("/srv/git/app.git", None),
        ("file:///srv/git/app.git", None),
        ("https://[broken", None),
        ("https://git.example:port/app", None),
        ("https://git.example/a\nb", None),
        ("", None),
    ],
)
def test_an_address_is_made_public_or_left_out(url: str, public: str | None) -> None:
    assert public_url(url) == public


def test_the_origin_is_preferred_and_credentials_are_stripped(tmp_path: Path) -> None:
    config = (
        '[core]\n\turl = https://wrong.example\n[remote "fork"]\n\turl = https://fork.example/app\n'
        '[remote "origin"]\n\tfetch = +refs/*\n\tURL = "https://me:pw@git.example/app.git"\n'
    )
    repository(tmp_path, COMMIT, config=config)
    (tmp_path / "requirements.txt").write_text("")
    found = read_project(tmp_path)
    assert found.source_url == "https://git.example/app"
    assert found.revision == COMMIT


def test_without_an_origin_the_first_remote_counts(tmp_path: Path) -> None:
    config = '[remote "fork"]\nurl = https://fork.example/app\n'
    assert read_remote(repository(tmp_path, COMMIT, config=config)) == "https://fork.example/app"
    assert read_remote(repository(tmp_path / "x", COMMIT)) is None
