"""``wherry check``: paths, fixes, forms, gates and exit codes, as a user meets them."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from tests.check.findings import RULES, only_rules
from tests.cli.checking import MENDED, PLAIN, Desk
from wherry.check.model import Rule, Severity
from wherry.cli.check_output import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.check.facts import Facts
    from wherry.check.model import Finding

BROKEN = "FROM x\nRUNN y\n"
CLEAN = "FROM scratch\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


# ---- what is checked ----


def test_without_a_path_all_below_the_working_directory_is_checked(desk: Desk) -> None:
    for name in ("Dockerfile", "a/Containerfile", "b/train.Dockerfile", "b/Dockerfile.gpu", "README.md"):
        desk.file(name, PLAIN)

    done = desk.check("--select", "G1", "--format", "json")

    assert {one["place"]["path"] for one in done.json()["findings"]} == {
        "Dockerfile",
        "a/Containerfile",
        "b/train.Dockerfile",
        "b/Dockerfile.gpu",
    }
    assert done.code == 1


def test_a_file_is_checked_whatever_its_name_and_once(desk: Desk) -> None:
    desk.file("deploy/image.txt", PLAIN)

    done = desk.check("deploy/image.txt", "./deploy/image.txt", "--select", "G1", "--format", "json")

    assert [one["place"]["path"] for one in done.json()["findings"]] == ["deploy/image.txt"]


@pytest.mark.parametrize("path", ["nowhere", "x" * 300, "Dockerfile/x"])
def test_a_path_that_is_not_there_is_an_input_error(desk: Desk, path: str) -> None:
    done = desk.check(path)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) <= 3


def test_a_pipe_that_nobody_may_write_to_is_not_waited_for(desk: Desk) -> None:
    desk.file("api.Dockerfile", CLEAN)
    os.mkfifo(desk.root / "Dockerfile")

    assert desk.check(".").code == 0
    done = desk.check("Dockerfile")
    assert (done.code, "it is not a regular file" in done.err) == (2, True)
    assert "mend: what comes through a pipe is checked as '-'" in done.err


# ---- standard input ----


def test_standard_input_is_checked_under_the_name_it_is_given(desk: Desk) -> None:
    done = desk.check("-", "--select", "G1", "--stdin-name", "api.Dockerfile", stdin=PLAIN)

    assert done.code == 1
    assert done.out.startswith("api.Dockerfile:2:5  warning G1 pip-cache-kept")


@pytest.mark.parametrize("data", [PLAIN, PLAIN.replace("\n", "\r\n"), "\ufeff" + PLAIN, PLAIN[:-1]])
def test_standard_input_with_fix_comes_back_mended_and_nothing_else(desk: Desk, data: str) -> None:
    done = desk.check("-", "--fix", "--select", "G1", stdin=data)

    assert (done.code, done.err) == (0, "")
    assert done.out == data.replace("install torch", "install --no-cache-dir torch")


def test_standard_input_that_needs_no_mend_comes_back_as_it_is(desk: Desk) -> None:
    assert desk.check("-", "--fix", stdin="FROM scratch").out == "FROM scratch"


def test_standard_input_that_is_broken_prints_no_file(desk: Desk) -> None:
    done = desk.check("-", "--fix", stdin=BROKEN)

    assert (done.code, done.out) == (2, "")
    assert "at: Dockerfile:2" in done.err


def test_standard_input_has_no_history_and_no_company(desk: Desk) -> None:
    assert "no history" in desk.check("-", "--cache-history", stdin=PLAIN).err
    done = desk.check("-", ".", stdin=PLAIN)
    assert (done.code, "goes without other paths" in done.err) == (2, True)


# ---- fixes ----


def test_fix_writes_safe_fixes_and_says_what_is_left(desk: Desk) -> None:
    path = desk.file("Dockerfile", f'{PLAIN}CMD ["x"]\n')

    done = desk.check("--fix", "--select", "G1,H1")

    assert path.read_text() == f'{MENDED}CMD ["x"]\n'
    assert done.code == 1
    assert "mended: G1 at Dockerfile:2:5: keep no downloads\n" in done.out
    assert "H1 runs-as-root" in done.out
    assert "1 finding in 1 file" in done.out


def test_unsafe_fixes_are_written_only_when_asked_for(desk: Desk) -> None:
    path = desk.file(
        "Dockerfile", 'FROM python:3.12\nRUN pip install --no-cache-dir torch==2.4.1\nCMD ["x"]\n'
    )

    assert desk.check("--fix", "--select", "G7").code == 1
    assert path.read_text().startswith("FROM python:3.12\n")
    assert desk.check("--unsafe-fixes", "--select", "G7").code == 0
    assert path.read_text().startswith("FROM python:3.12-slim\n")


@pytest.mark.parametrize("extra", [[], ["--fix"], ["--unsafe-fixes"]])
def test_a_diff_is_printed_and_nothing_written(desk: Desk, extra: list[str]) -> None:
    path = desk.file("api/Dockerfile", PLAIN)

    done = desk.check("--diff", "--select", "G1", *extra)

    assert (done.code, path.read_text()) == (1, PLAIN)
    assert done.out.startswith("--- a/api/Dockerfile\n+++ b/api/Dockerfile\n@@ ")
    assert "+RUN pip install --no-cache-dir torch==2.4.1\n" in done.out
    assert desk.check("--diff", "--select", "H4").code == 0


def test_a_diff_of_what_cannot_be_built_is_an_error_beside_the_others(desk: Desk) -> None:
    desk.file("a/Dockerfile", BROKEN)
    desk.file("b/Dockerfile", PLAIN)

    done = desk.check("--diff", "--select", "G1")

    assert done.code == 2
    assert "+++ b/b/Dockerfile" in done.out
    assert "at: a/Dockerfile:2" in done.err


def test_fixes_write_files_beside_the_dockerfile_too(desk: Desk) -> None:
    desk.file("Dockerfile", "FROM python:3.12-slim\nCOPY . /app\n")
    desk.file(".git/objects/pack/x.pack", b"x" * 5_000_000)

    assert desk.check("--fix", "--select", "B11").code == 0
    assert ".git\n" in (desk.root / ".dockerignore").read_text()
    assert desk.check("--fix", "--select", "B11", "--format", "json").json()["fixed"] == []


def test_a_file_too_long_to_be_mended_is_judged_and_says_so(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN + "RUN x\n" * 2000)

    done = desk.check("--fix", "--select", "G1")

    assert done.code == 1
    assert "Dockerfile: it has more than 2,000 instructions, and is not mended" in done.out


# ---- forms ----


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_goes_to_standard_output_or_to_a_file(desk: Desk, form: str) -> None:
    desk.file("Dockerfile", PLAIN)

    printed = desk.check("--format", form)
    written = desk.check("--format", form, "--output", "out")
    quiet = desk.check("--format", form, "--output", "out", "--quiet")

    assert printed.code == written.code == quiet.code == 1
    assert (printed.err, written.out, quiet.out, quiet.err) == ("", "", "", "")
    assert "findings in 1 file: " in written.err
    assert written.err.endswith("written to out\n")
    assert (desk.root / "out").read_text() == printed.out


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_says_what_is_broken_with_its_line(desk: Desk, form: str) -> None:
    desk.file("Dockerfile", BROKEN)

    done = desk.check("--format", form)

    assert done.code == 2
    assert "RUNN" in done.out
    if form in {"json", "sarif", "gitlab"}:
        json.loads(done.out)
    if form == "junit":
        ET.fromstring(done.out)  # noqa: S314 - our own
    if form not in {"sarif", "gitlab", "github"}:
        assert "Dockerfile:2" in done.out


def test_quiet_prints_the_summary_alone(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)

    done = desk.check("--quiet", "--select", "G1")

    assert done.out.splitlines()[0] == "1 finding in 1 file: 1 warning"


def test_an_output_that_cannot_be_written_is_of_the_world(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)

    assert desk.check("--output", "/proc/nowhere/x").code == 3
    assert desk.check("--output", ".").code == 2


# ---- which rules, and what fails ----


def test_rules_are_selected_by_code_name_and_theme(desk: Desk) -> None:
    desk.file("Dockerfile", "FROM python:3.12-slim\nRUN pip install torch==2.4.1\nCMD python main.py\n")

    def rules(*arguments: str) -> set[str]:
        return set(desk.check("--format", "json", *arguments).rules())

    assert rules("--select", "G1") == rules("--select", "pip-cache-kept") == {"G1"}
    assert rules("--select", "g1,H3") == rules("--select", "G1", "--select", "h3") == {"G1", "H3"}
    assert "H3" in rules("--select", "H")
    assert "H3" in rules("--select", "runtime")
    assert rules("--select", "H", "--ignore", "H") == set()
    assert rules("--select", "G1", "--extend-select", "H3") == {"G1", "H3"}
    assert rules() >= {"G1"}
    assert rules("--select", "all") >= rules()


@pytest.mark.parametrize("option", ["--select", "--ignore", "--extend-select"])
def test_a_selector_that_means_no_rule_is_said_once_and_nothing_is_printed(desk: Desk, option: str) -> None:
    desk.file("a/Dockerfile", PLAIN)
    desk.file("b/Dockerfile", PLAIN)

    done = desk.check(option, "pip-cash-kept")

    assert (done.code, done.out) == (2, "")
    assert "there is no rule 'pip-cash-kept'" in done.err
    assert "did you mean 'pip-cache-kept'?" in done.err


@pytest.mark.parametrize(
    ("gate", "code"), [(None, 1), ("info", 1), ("warning", 1), ("error", 0), ("never", 0)]
)
def test_the_gate_decides_what_fails(desk: Desk, gate: str | None, code: int) -> None:
    desk.file("Dockerfile", PLAIN)

    assert desk.check("--select", "G1", *(["--fail-on", gate] if gate else [])).code == code


def test_what_is_milder_than_the_gate_does_not_fail(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)

    done = desk.check("--select", "C4")

    assert "info C4" in done.out
    assert done.code == 0
    assert desk.check("--select", "C4", "--fail-on", "info").code == 1


def test_broken_is_two_whatever_the_gate(desk: Desk) -> None:
    desk.file("a/Dockerfile", BROKEN)
    desk.file("b/Dockerfile", PLAIN)

    done = desk.check("--fail-on", "never", "--select", "G1")

    assert done.code == 2
    assert "at: a/Dockerfile:2" in done.out
    assert "b/Dockerfile:2:5" in done.out


def test_a_rule_that_raises_is_noted_and_the_others_still_speak(desk: Desk) -> None:
    def fail(_: Facts) -> Iterator[Finding]:
        raise ValueError("hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh")

    desk.file("Dockerfile", PLAIN)
    with only_rules(*RULES[1:], Rule("G9", "fails", Severity.ERROR, fail)):
        done = desk.check("--select", "all")

    assert done.code == 0
    assert "rule G9 failed: ValueError; this is a defect, please report it" in done.out
    assert "hf_A" not in done.out + done.err


# ---- pages ----


def test_every_page_can_be_read_by_code_and_name(desk: Desk) -> None:
    by_code = desk.check("--explain", "g1")

    assert by_code.code == 0
    assert by_code.out.startswith("# G1 pip-cache-kept\n\nbytes, warning, asked by default\n\n")
    assert by_code.out == desk.check("--explain", "pip-cache-kept").out
    assert desk.check("--explain", "G999").code == 2


def test_rules_are_listed_a_line_each(desk: Desk) -> None:
    done = desk.check("--rules")

    lines = done.out.splitlines()
    assert done.code == 0
    assert len(lines) > 70
    assert all(len(line.split()) > 4 for line in lines)
