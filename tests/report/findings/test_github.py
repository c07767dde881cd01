"""GitHub's annotations: one command a line, and nothing of a file becomes a command."""

from __future__ import annotations

import re

from tests.check.findings import found
from tests.report.findings.reviews import HOSTILE_NAME, hostile_review, review, whole_review
from wherry.errors import InputError
from wherry.report.findings.github import github_lines
from wherry.report.findings.model import Review

COMMAND = re.compile(r"::(error|warning|notice)(?: ([^:]*))?::(.*)")


def commands(made: Review) -> list[str]:
    """The lines that are commands; none of the others could be one."""
    lines = list(github_lines(made))
    assert not [line for line in lines if not line.startswith("::") and ("::" in line or "##[" in line)]
    return [line for line in lines if line.startswith("::")]


def test_a_review_becomes_annotations() -> None:
    where = "file=app/Dockerfile"
    cost = "(2.40 GB and 41.0 s a build)"
    broken, pip, copy, theirs, shell, *notes = commands(whole_review())

    assert broken == "::error file=broken/Dockerfile,line=3::unknown instruction RUNN%0Adid you mean RUN?"
    assert pip == (
        f"::warning {where},line=3,endLine=3,col=5,endColumn=28,title=G1 pip-cache-kept"
        f"::pip keeps its downloads in the layer {cost}%0Athey are never read again"
    )
    assert copy == (
        f"::error {where},line=2,endLine=2,col=1,endColumn=11,title=D1 weights-copied"
        "::weights are copied (100 B)"
    )
    assert theirs == (
        f"::warning {where},line=5,endLine=5,col=1,endColumn=3,title=hadolint/DL3025::use JSON notation"
    )
    assert shell == (
        f"::notice {where},line=5,endLine=6,title=H3 shell-form"
        "::CMD runs in a shell%0Asignals do not reach python"
    )
    assert notes == [f"::notice::{note}" for note in whole_review().all_notes]


def test_a_place_without_width_has_a_column() -> None:
    (line,) = commands(review(found(at=None, line=7)))

    assert "line=7,endLine=7,col=1,endColumn=4" in line


def test_an_error_without_a_place_has_no_properties() -> None:
    (line,) = commands(review(broken=(InputError("no"),)))

    assert line == "::error::no"


def test_the_log_of_a_run_without_findings_says_so() -> None:
    assert list(github_lines(review())) == ["no findings in 1 file"]


def test_the_log_ends_with_what_all_findings_come_to() -> None:
    lines = [line for line in github_lines(whole_review()) if not line.startswith("::")]

    assert lines[0].startswith("4 findings in 1 file, 1 not judged")
    assert any(line.startswith("  together they cost 2.40 GB") for line in lines)


def test_what_could_not_be_read_is_a_notice() -> None:
    assert commands(Review((), lambda _: None, notes=("a%b is no YAML",))) == ["::notice::a%25b is no YAML"]


def test_nothing_of_a_hostile_file_becomes_a_command_or_a_property() -> None:
    lines = commands(hostile_review())
    notes = hostile_review().all_notes

    assert len(lines) == 3 + len(notes)
    assert all(line.startswith("::notice::") and line.isprintable() for line in lines[3:])
    for line in lines[:3]:
        match = COMMAND.fullmatch(line)
        assert match is not None
        assert line.isprintable()
        names = [part.partition("=")[0] for part in match[2].split(",")]
        assert names[:2] == ["file", "line"]
        assert set(names) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        assert len(names) == len(set(names))
        assert "%0A::error::" not in match[3].replace("%250A", "")
    assert HOSTILE_NAME not in "".join(lines)
