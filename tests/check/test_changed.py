"""--since: findings on changed lines, told by a real git in real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.findings import found, judged, place
from tests.check.repositories import Repository
from tests.programs import require_program
from wherry.check import git, programs
from wherry.check.changed import Changes, changed_since
from wherry.errors import InputError, WorldError

TEN = "".join(f"RUN step {number}\n" for number in range(1, 11))


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository.alone(tmp_path, monkeypatch)


def touched(changes: Changes, name: str = "Dockerfile", lines: int = 12) -> list[int]:
    return [line for line in range(1, lines + 1) if changes.touch(place(name, line))]


def test_edited_and_added_lines_are_touched_and_no_others(repository: Repository) -> None:
    repository.write("Dockerfile", TEN)
    repository.commit()
    repository.write("Dockerfile", TEN.replace("step 3", "step three") + "RUN step 11\n")

    assert touched(changed_since("HEAD", ["Dockerfile"])) == [3, 11]


def test_a_line_that_went_touches_what_stands_on_both_sides_of_it(repository: Repository) -> None:
    repository.write("Dockerfile", TEN)
    repository.commit()
    repository.write("Dockerfile", TEN.replace("RUN step 5\n", ""))

    changes = changed_since("HEAD", ["Dockerfile"])

    assert touched(changes) == []
    assert changes.touch(place("Dockerfile", 4, 5))
    assert not changes.touch(place("Dockerfile", 1, 4))
    assert not changes.touch(place("Dockerfile", 5, 9))


def test_a_place_that_ends_with_a_newline_does_not_reach_into_the_next_line(repository: Repository) -> None:
    repository.write("Dockerfile", TEN)
    repository.commit()
    repository.write("Dockerfile", TEN.replace("step 3", "step three"))

    changes = changed_since("HEAD", ["Dockerfile"])

    assert not changes.touch(place("Dockerfile", 2, 3, end_column=1))
    assert changes.touch(place("Dockerfile", 2, 3, end_column=2))


def test_a_branch_is_compared_from_where_it_was_left(repository: Repository) -> None:
    repository.write("Dockerfile", TEN)
    repository.commit()
    repository.git("checkout", "--quiet", "-b", "work")
    repository.write("Dockerfile", TEN.replace("step 9", "step nine"))
    repository.commit()
    repository.git("checkout", "--quiet", "main")
    repository.write("Dockerfile", TEN.replace("step 1\n", "step one\n"))
    repository.commit()
    repository.git("checkout", "--quiet", "work")

    assert touched(changed_since("main", ["Dockerfile"])) == [9]


def test_histories_that_do_not_meet_are_compared_end_to_end(repository: Repository) -> None:
    repository.write("Dockerfile", TEN)
    first = repository.commit()
    repository.git("checkout", "--quiet", "--orphan", "other")
    repository.write("Dockerfile", TEN.replace("step 2", "step two"))
    repository.commit()

    assert touched(changed_since(first, ["Dockerfile"])) == [2]


def test_untracked_and_ignored_files_are_wholly_changed(repository: Repository) -> None:
    repository.write(".gitignore", "ignored.Dockerfile\n")
    repository.commit()
    repository.write("new.Dockerfile", TEN)
    repository.write("ignored.Dockerfile", TEN)

    changes = changed_since("HEAD", ["new.Dockerfile", "ignored.Dockerfile"])

    assert len(touched(changes, "new.Dockerfile", 10)) == 10
    assert len(touched(changes, "ignored.Dockerfile", 10)) == 10


def test_a_renamed_file_is_compared_with_what_it_was(repository: Repository) -> None:
    repository.write("a/Dockerfile", TEN)
    repository.commit()
    repository.git("mv", "a/Dockerfile", "b.Dockerfile")
    repository.write("b.Dockerfile", TEN.replace("step 7", "step seven"))

    assert touched(changed_since("HEAD", ["b.Dockerfile"]), "b.Dockerfile") == [7]


def test_a_change_of_mode_touches_no_line(repository: Repository) -> None:
    path = repository.write("Dockerfile", TEN)
    repository.commit()
    path.chmod(0o755)

    assert touched(changed_since("HEAD", ["Dockerfile"])) == []


@pytest.mark.parametrize(
    "name",
    [
        "a b/Dockerfile",
        "tab\there.Dockerfile",
        'quote".Dockerfile',
        "back\\slash.Dockerfile",
        "new\nline.Dockerfile",
        "ünï.Dockerfile",
        ":(glob)*.Dockerfile",
        "--output=x.Dockerfile",
        "*.Dockerfile",
        "bell\a.Dockerfile",
        os.fsdecode(b"latin-\xe9.Dockerfile"),
    ],
)
def test_names_that_mean_something_to_git_are_names(repository: Repository, name: str) -> None:
    repository.write(name, TEN)
    repository.write("other.Dockerfile", TEN)
    repository.commit()
    repository.write(name, TEN.replace("step 4", "step four"))
    repository.write("other.Dockerfile", TEN.replace("step 6", "step six"))

    changes = changed_since("HEAD", [name, "other.Dockerfile"])

    assert touched(changes, name) == [4]
    assert touched(changes, "other.Dockerfile") == [6]
    assert not (repository.root / "x.Dockerfile").exists()


def test_lines_of_a_file_are_not_read_as_lines_of_the_patch(repository: Repository) -> None:
    lying = "++ b/other.Dockerfile\n@@ -1 +1 @@\ndiff --git a/x b/x\n"
    repository.write("Dockerfile", "one\ntwo\nthree\n")
    repository.write("other.Dockerfile", TEN)
    repository.commit()
    repository.write("Dockerfile", f"one\n{lying}two\n-- a/x")

    changes = changed_since("HEAD", ["Dockerfile", "other.Dockerfile"])

    assert touched(changes) == [2, 3, 4, 6]
    assert touched(changes, "other.Dockerfile") == []


def test_files_without_a_last_newline_are_read_to_their_end(repository: Repository) -> None:
    repository.write("a.Dockerfile", "one\ntwo")
    repository.write("b.Dockerfile", "one\ntwo\nthree\n")
    repository.commit()
    repository.write("a.Dockerfile", "one\n2")
    repository.write("b.Dockerfile", "one\ntwo\n3\n")

    changes = changed_since("HEAD", ["a.Dockerfile", "b.Dockerfile"])

    assert touched(changes, "a.Dockerfile") == [2]
    assert touched(changes, "b.Dockerfile") == [3]


def test_binary_bytes_and_the_users_own_taste_in_diffs_change_nothing(repository: Repository) -> None:
    repository.write("Dockerfile", b"\x00\xff one\ntwo\nthree\nfour\nfive\n")
    repository.write(".gitattributes", "Dockerfile binary diff=mine\n")
    repository.commit()
    for setting, value in (
        ("diff.noprefix", "true"),
        ("diff.external", "touch ran"),
        ("diff.mine.textconv", "touch ran"),
        ("diff.interHunkContext", "9"),
        ("diff.context", "9"),
        ("color.ui", "always"),
        ("core.pager", "touch ran"),
        ("core.fsmonitor", "touch ran"),
        ("core.quotePath", "false"),
    ):
        repository.git("config", setting, value)
    repository.write("Dockerfile", b"\x00\xff 1\ntwo\nthree\nfour\n5\n")

    assert touched(changed_since("HEAD", ["Dockerfile"])) == [1, 5]
    assert not (repository.root / "ran").exists()


def test_a_hooks_environment_does_not_lead_to_another_repository(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("Dockerfile", TEN)
    repository.commit()
    repository.write("Dockerfile", TEN.replace("step 1\n", "step one\n"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere"))

    assert touched(changed_since("HEAD", ["Dockerfile"])) == [1]


def test_a_directory_outside_a_repository_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_program("git")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match="not in a git repository") as error:
        changed_since("HEAD", ["Dockerfile"])

    assert error.value.where == str(tmp_path)


@pytest.mark.parametrize("revision", ["nosuch", "", "main..HEAD", "HEAD:Dockerfile", "HEAD^9", "a\nb"])
def test_a_revision_that_is_none_is_told(repository: Repository, revision: str) -> None:
    repository.write("Dockerfile", TEN)
    repository.commit()

    with pytest.raises(InputError, match="knows no revision"):
        changed_since(revision, ["Dockerfile"])


def test_a_revision_is_never_an_option(repository: Repository) -> None:
    repository.write("Dockerfile", TEN)
    repository.commit()

    with pytest.raises(InputError, match="knows no revision '--output=stolen'"):
        changed_since("--output=stolen", ["Dockerfile"])

    assert not (repository.root / "stolen").exists()


def test_a_repository_inside_that_does_not_know_the_revision_is_all_new(repository: Repository) -> None:
    repository.write("Dockerfile", TEN)
    first = repository.commit()
    (repository.root / "inner").mkdir()
    inner = Repository(repository.root / "inner")
    inner.write("Dockerfile", f"FROM inner\n{TEN}")
    inner.commit()

    changes = changed_since(first, ["Dockerfile", "inner/Dockerfile"])

    assert touched(changes) == []
    assert len(touched(changes, "inner/Dockerfile", 10)) == 10


def test_without_git_it_is_said_what_to_install(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write("Dockerfile", TEN)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(WorldError, match="git is not installed") as error:
        changed_since("HEAD", ["Dockerfile"])
    assert error.value.mend == "install git, or check without --since"


def a_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "git"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_repository_of_somebody_else_is_told_with_the_mend(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_git(tmp_path, monkeypatch, "echo 'fatal: detected dubious ownership in repository' >&2; exit 128")

    with pytest.raises(WorldError, match="does not trust") as error:
        changed_since("HEAD", [str(repository.root / "Dockerfile")])

    assert "safe.directory" in error.value.mend


def test_what_git_says_of_a_failure_is_passed_on(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        'case "$*" in *rev-parse*|*merge-base*) echo abc;; *) echo "fatal: index broken" >&2; exit 128;; esac'
    )
    a_git(tmp_path, monkeypatch, script)

    with pytest.raises(WorldError, match="git could not ls-files: fatal: index broken"):
        changed_since("HEAD", [str(repository.root / "Dockerfile")])


def test_a_git_that_hangs_or_babbles_is_ended(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_git(tmp_path, monkeypatch, 'case "$*" in *rev-parse*) yes | head -c 9999;; *) sleep 60;; esac')
    path = str(repository.root / "Dockerfile")
    with monkeypatch.context() as patch:
        patch.setattr(programs, "MOST_BYTES", 1000)
        with pytest.raises(WorldError, match="git said more than"):
            changed_since("HEAD", [path])
    monkeypatch.setattr(git, "TIMEOUT_S", 0.2)
    with pytest.raises(WorldError, match="git did not end within"):
        changed_since("HEAD", [path])


def test_findings_elsewhere_are_counted_and_those_that_reach_into_the_change_stay() -> None:
    changes = Changes({f"{Path.cwd()}/Dockerfile": ((6, 6),)})
    here = found("Dockerfile", line=3)
    away = found("Dockerfile", line=8)
    related = found("compose.yaml", line=1, related=(place("Dockerfile", 2, 4),))

    kept, elsewhere = changes.keep([judged(here, away), judged(related)])

    assert [one.findings for one in kept] == [(here,), (related,)]
    assert elsewhere == 1


@given(
    st.lists(st.tuples(st.integers(2, 90), st.integers(0, 6)), max_size=12),
    st.integers(1, 45),
    st.integers(0, 8),
)
def test_a_place_is_touched_exactly_where_it_shares_a_half_line(
    pieces: list[tuple[int, int]], line: int, more: int
) -> None:
    ranges: list[tuple[int, int]] = []
    for start, length in sorted(pieces):
        if not ranges or start > ranges[-1][1]:
            ranges.append((start, start + length))
    changed_halves = {half for start, end in ranges for half in range(start, end + 1)}
    wanted = set(range(2 * line, 2 * (line + more) + 1))

    changes = Changes({f"{Path.cwd()}/f": tuple(ranges)})

    assert changes.touch(place("f", line, line + more)) == bool(changed_halves & wanted)
