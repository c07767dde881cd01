"""What the last commits changed, told by a real git in real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.check.repositories import Repository
from tests.programs import require_program
from wherry.check.commits import recent_changes
from wherry.errors import InputError, WorldError

HERE = Path()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository.alone(tmp_path, monkeypatch)


def changes(directory: Path = HERE, number: int = 100) -> list[set[str]]:
    return [set(paths) for paths in recent_changes(directory, number)]


def test_the_oldest_commit_comes_first_and_the_newest_are_kept(repository: Repository) -> None:
    for name in ("a", "b", "c"):
        repository.write(name, "x")
        repository.commit()

    assert changes() == [{"a"}, {"b"}, {"c"}]
    assert changes(number=2) == [{"b"}, {"c"}]
    assert changes(number=10**9) == [{"a"}, {"b"}, {"c"}]


def test_edits_and_removals_are_changes_and_empty_commits_are_none(repository: Repository) -> None:
    repository.commit({"a": "1", "b": "1"})
    repository.commit({"a": "2"})
    repository.commit()
    (repository.root / "b").unlink()
    repository.commit()

    assert changes() == [{"a", "b"}, {"a"}, {"b"}]


def test_paths_are_relative_to_the_context_and_others_do_not_count(repository: Repository) -> None:
    repository.commit({"api/main.py": "1", "web/main.js": "1"})
    repository.commit({"web/main.js": "2"})
    repository.commit({"api/src/x.py": "1", "web/main.js": "3"})

    assert changes(Path("api")) == [{"main.py"}, {"src/x.py"}]
    assert changes(repository.root / "api") == [{"main.py"}, {"src/x.py"}]


def test_a_merge_is_one_commit_with_all_it_brought(repository: Repository) -> None:
    repository.commit({"a": "1"})
    repository.git("checkout", "--quiet", "-b", "work")
    repository.commit({"b": "1"})
    repository.commit({"c": "1"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"d": "1"})
    repository.git("merge", "--quiet", "--no-ff", "--message=x", "work")

    assert changes() == [{"a"}, {"d"}, {"b", "c"}]


@pytest.mark.parametrize("form", ["combined", "off", "first-parent", "dense-combined"])
def test_how_somebody_likes_to_see_merges_makes_no_difference(repository: Repository, form: str) -> None:
    repository.git("config", "log.diffMerges", form)
    repository.git("config", "log.follow", "true")
    repository.git("config", "log.showSignature", "true")
    test_a_merge_is_one_commit_with_all_it_brought(repository)


def test_a_rename_changes_both_names(repository: Repository) -> None:
    repository.git("config", "diff.renames", "copies")
    repository.commit({"a": "one line\nanother\n"})
    repository.git("mv", "a", "b")
    repository.commit()

    assert changes()[-1] == {"a", "b"}


@pytest.mark.parametrize(
    "name",
    [
        *("two words", " lead", "trail ", "line\nbreak", "\nfirst", "last\n", "tab\t", "-x", ":x", '"x"'),
        *("\x01", "a\x01b", "commit 12", "commit ", ":100644 100644 a b M", "caf\udce9", "\N{SHIP}"),
    ],
)
def test_a_name_is_what_it_is(repository: Repository, name: str) -> None:
    repository.commit({"a": "1"})
    repository.write(f"d/{name}", "1")
    repository.commit()
    repository.git("mv", "d", "e")
    repository.commit()

    assert changes() == [{"a"}, {f"d/{name}"}, {f"d/{name}", f"e/{name}"}]
    assert changes(Path("e")) == [{name}]


def test_binary_files_modes_and_links_are_changes(repository: Repository) -> None:
    repository.commit({"weights.bin": os.urandom(1000), "run.sh": "x"})
    repository.commit({"weights.bin": os.urandom(1000)})
    (repository.root / "run.sh").chmod(0o755)
    repository.commit()
    (repository.root / "link").symlink_to("run.sh")
    repository.commit()

    assert changes()[1:] == [{"weights.bin"}, {"run.sh"}, {"link"}]


def test_what_is_not_committed_does_not_count(repository: Repository) -> None:
    repository.commit({"a": "1"})
    repository.write("a", "2")
    repository.write("b", "1")

    assert changes() == [{"a"}]


# ---- histories that were cut ----


def shallow(repository: Repository, depth: int) -> Path:
    clone = repository.root.parent / "clone"
    subprocess.run(
        [
            *(require_program("git"), "clone", "--quiet", f"--depth={depth}"),
            *(f"file://{repository.root}", str(clone)),
        ],
        check=True,
    )
    return clone


def test_the_commit_where_a_clone_was_cut_brings_nothing(repository: Repository) -> None:
    for name in ("a", "b", "c"):
        repository.write(name, "x")
        repository.commit()

    assert changes(shallow(repository, 2)) == [{"c"}]


def test_a_clone_of_one_commit_has_no_history(repository: Repository) -> None:
    repository.commit({"a": "1"})
    repository.commit({"b": "1"})

    with pytest.raises(InputError, match="this clone is shallow") as error:
        changes(shallow(repository, 1))
    assert "git fetch --unshallow" in error.value.mend


def test_a_repository_without_commits_is_told(repository: Repository) -> None:
    with pytest.raises(InputError, match="there is no commit to replay") as error:
        changes(repository.root)
    assert error.value.where == str(repository.root)


def test_a_directory_outside_of_any_repository_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("x", "y/.git"):
        (tmp_path / name).mkdir(parents=True)

    for name in ("x", "y"):
        with pytest.raises(InputError, match="not in a git repository, and --cache-history") as error:
            changes(tmp_path / name)
        assert error.value.mend == "check without --cache-history"


def test_without_git_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(WorldError, match="git is not installed") as error:
        changes(tmp_path)
    assert "check without --cache-history" in error.value.mend
