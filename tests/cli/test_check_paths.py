"""``wherry check PATH``: a wrong path is no clean bill of health; what a project excludes is left alone."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.checking import PLAIN, Desk

if TYPE_CHECKING:
    from pathlib import Path

EXCLUDES = '[tool.wherry.check]\nselect = ["G1"]\nexclude = ["old"]\n'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    "options", [[], ["--fix"], ["--diff"], ["--format", "json"], ["--since", "HEAD"], ["--cache-history"]]
)
def test_a_directory_without_a_dockerfile_is_an_input_error(desk: Desk, options: list[str]) -> None:
    desk.file("src/main.py", "")

    done = desk.check("src", *options)

    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "error: there is no Dockerfile in this directory or below it\n"
        "  at: src\n"
        "  mend: files called Dockerfile, Containerfile, Dockerfile.NAME and NAME.Dockerfile are looked for; "
        "name one that is called otherwise\n"
    )


def test_one_wrong_directory_among_others_is_an_input_error(desk: Desk) -> None:
    desk.file("api/Dockerfile", "FROM scratch\n")
    desk.file("trainer/main.py", "")

    done = desk.check("api", "trainer")

    assert (done.code, "at: trainer" in done.err) == (2, True)


@pytest.mark.parametrize("path", ["link", "a", "."])
def test_a_link_that_leads_nowhere_is_an_input_error(desk: Desk, path: str) -> None:
    (desk.root / "a").mkdir()
    for name in ("link", "a/Dockerfile"):
        (desk.root / name).symlink_to("gone")

    done = desk.check(path)

    assert (done.code, done.out) == (2, "")
    assert "a link that leads to gone" in done.err or "the link leads to gone" in done.err


def test_a_file_given_by_name_is_a_dockerfile_whatever_it_is_called(desk: Desk) -> None:
    desk.file("deploy/image.yaml", PLAIN)

    assert "deploy/image.yaml:2:5" in desk.check("deploy/image.yaml", "--select", "G1").out
    desk.file("deploy/values.yaml", "replicas: 2\n")
    assert desk.check("deploy/values.yaml").code == 2


# ---- what a project excludes ----


@pytest.mark.parametrize("paths", [[], ["."], ["old"], ["old/Dockerfile"]])
def test_where_all_is_excluded_nothing_is_wrong_and_it_is_said_why(desk: Desk, paths: list[str]) -> None:
    desk.file("pyproject.toml", EXCLUDES)
    desk.file("old/Dockerfile", PLAIN)

    done = desk.check(*paths)

    assert (done.code, done.err) == (0, "")
    assert "note: old/Dockerfile is not checked: pyproject.toml excludes it\n" in done.out
    assert "no findings in 0 files" in done.out


@pytest.mark.parametrize(
    "options", [["--fix"], ["--diff"], ["--write-baseline", "known.json"], ["--format", "sarif"], ["--quiet"]]
)
def test_where_all_is_excluded_nothing_else_is_wrong_either(desk: Desk, options: list[str]) -> None:
    desk.file("pyproject.toml", EXCLUDES)
    path = desk.file("old/Dockerfile", PLAIN)

    assert desk.check(*options).code == 0
    assert path.read_text() == PLAIN


def test_a_history_of_what_is_excluded_says_so(desk: Desk) -> None:
    desk.file("pyproject.toml", EXCLUDES)
    desk.file("old/a\nb.Dockerfile", PLAIN)

    done = desk.check("--cache-history")

    assert (done.code, done.out) == (0, "")
    assert done.err == "note: old/a\\nb.Dockerfile is not checked: pyproject.toml excludes it\n"


def test_what_is_excluded_beside_others_is_not_worth_a_word_unless_it_was_named(desk: Desk) -> None:
    desk.file("pyproject.toml", EXCLUDES)
    desk.file("old/Dockerfile", PLAIN)
    desk.file("Dockerfile", "FROM scratch\n")

    assert "excludes" not in desk.check().out
    done = desk.check("Dockerfile", "old/Dockerfile")  # as a hook names what a commit changes
    assert (done.code, "old/Dockerfile is not checked" in done.out) == (0, True)


def test_patterns_start_where_the_settings_stand(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.file("pyproject.toml", EXCLUDES)
    path = desk.file("old/Dockerfile", PLAIN)
    desk.file("api/old/Dockerfile", PLAIN)

    assert desk.check(str(path)).code == 0
    assert desk.check("api/old").code == 1
    monkeypatch.chdir(path.parent)
    assert desk.check("Dockerfile").code == 0


def test_a_file_that_is_broken_and_excluded_is_left_alone(desk: Desk) -> None:
    desk.file("pyproject.toml", EXCLUDES)
    desk.file("old/Dockerfile", "RUNN {{ template }}\n")
    desk.file("Dockerfile", "FROM scratch\n")

    assert desk.check().code == 0
    assert desk.check("old/Dockerfile").code == 0


def test_a_pattern_that_is_none_is_an_input_error(desk: Desk) -> None:
    desk.file("pyproject.toml", '[tool.wherry.check]\nexclude = ["a["]\n')
    desk.file("Dockerfile", PLAIN)

    done = desk.check()

    assert (done.code, done.out) == (2, "")
    assert "error: exclude in [tool.wherry.check]" in done.err
    assert "at: pyproject.toml" in done.err


# ---- names that are none, and where results go ----


@pytest.mark.parametrize(
    "arguments", [[""], ["--output", ""], ["--baseline", ""], ["--write-baseline", ""], ["Dockerfile", ""]]
)
def test_an_empty_word_is_not_taken_for_the_working_directory(desk: Desk, arguments: list[str]) -> None:
    desk.file("Dockerfile", PLAIN)

    done = desk.check(*arguments)

    assert (done.code, done.out) == (2, "")
    assert "an empty word names no path" in done.err


def test_a_path_behind_cache_history_is_told_from_a_number(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)

    done = desk.check("--cache-history", "Dockerfile")

    assert (done.code, done.out) == (2, "")
    assert "'Dockerfile' is no number of commits: write --cache-history=100" in done.err


def test_a_dash_is_standard_output(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)

    assert desk.check("--output", "-", "--select", "G1").out == desk.check("--select", "G1").out
    assert not (desk.root / "-").exists()


def test_a_directory_that_is_not_there_is_not_made_for_the_output(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)

    for option in ("--output", "--write-baseline"):
        done = desk.check(option, "reports/x")
        assert (done.code, done.out) == (3, "")
        assert "cannot write: no such file or directory\n  at: reports/x\n" in done.err
    assert not (desk.root / "reports").exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_lacks_characters_is_no_failure(
    desk: Desk, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.file(
        os.fsdecode(b"caf\xe9 \xf0\x9f\x9a\xa2.Dockerfile"), b"# \xff \xf0\x9f\x9a\xa2\n" + PLAIN.encode()
    )
    shown = io.BytesIO()
    screen = io.TextIOWrapper(shown, encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", screen)

    for options in (["--select", "G1"], ["--diff"], ["--format", "json"], ["--format", "markdown"]):
        assert desk.check(*options).code == 1
    screen.flush()
    assert b"G1" in shown.getvalue()
