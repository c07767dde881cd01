"""The terminal's form, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.check.findings import found, place_of
from tests.report.findings.reviews import (
    COPY,
    DOCKERFILE,
    HOSTILE_NAME,
    PIP,
    SHELL,
    hostile_review,
    review,
    whole_review,
)
from wherry.check.model import Place
from wherry.dockerfile.source import Span
from wherry.report.findings.excerpt import width_of
from wherry.report.findings.text import summary_lines, text_lines

if TYPE_CHECKING:
    from wherry.report.findings.model import Review


def drawn(made: Review, columns: int = 100) -> str:
    return "\n".join("".join(text for text, _ in line) for line in text_lines(made, columns))


def test_a_review_with_everything_reads_like_this() -> None:
    assert (
        drawn(whole_review())
        == """\
error: unknown instruction RUNN
  at: broken/Dockerfile:3
  mend: did you mean RUN?

app/Dockerfile:3:5  warning G1 pip-cache-kept  2.40 GB and 41.0 s a build
  pip keeps its downloads in the layer
  3 | RUN pip install torch==2.4.1
    |     ^^^^^^^^^^^^^^^^^^^^^^^^
  why: they are never read again
  estimated: wheel sizes of torch 2.4.1
  see: app/requirements.txt:1:1  torch==2.4.1
  fix: add --no-cache-dir (--fix)

app/Dockerfile:2:1  error D1 weights-copied  100 B
  weights are copied
  2 | COPY . /app
    | ^^^^^^^^^^^
  measured

app/Dockerfile:5:1  warning hadolint/DL3025
  use JSON notation
  5 | CMD python app.py
    | ^^^

app/Dockerfile:5:1  info H3 shell-form
  CMD runs in a shell
  5 | CMD python app.py
    | ^^^^^^^^^^^^^^^^^
  why: signals do not reach python
  fix: write it as JSON (--unsafe-fixes)

note: a note
note: app/Dockerfile:4: this comment silences nothing: C9; there is no rule C9
note: could not read x
mended: G1 at app/Dockerfile:3:5: add --no-cache-dir
not mended: H3 at app/Dockerfile:5:1: the user would change
4 findings in 1 file, 1 not judged: 1 error, 2 warnings, 1 info
  together they cost 2.40 GB (100 B measured, 2.40 GB by table) and 41.0 s a build
  1 can be mended with --fix, 1 more with --unsafe-fixes
  not shown: 1 silenced by comments, 3 known to the baseline, 2 on lines that did not change"""
    )


def test_without_findings_one_line_says_so() -> None:
    assert drawn(review()) == "no findings in 1 file"


def test_only_unsafe_fixes_are_offered_as_such() -> None:
    assert drawn(review(SHELL)).endswith("1 finding in 1 file: 1 info\n  1 can be mended with --unsafe-fixes")


def test_the_summary_alone_is_for_quiet_people() -> None:
    lines = ["".join(text for text, _ in line) for line in summary_lines(review(COPY))]

    assert lines == ["1 finding in 1 file: 1 error", "  together they cost 100 B (100 B measured)"]


def test_prose_is_wrapped_under_itself_and_words_stay_whole() -> None:
    word = "https://example.org/" + "x" * 50
    finding = replace(PIP, why=f"one two three {word} four", related=(), fix=None)

    lines = drawn(review(finding), 40).splitlines()

    assert lines[4:7] == ["  why: one two three", f"       {word}", "       four"]


@pytest.mark.parametrize("columns", [40, 80, 100, 140])
def test_no_line_of_prose_or_excerpt_is_wider_than_the_terminal(columns: int) -> None:
    finding = replace(PIP, why="word " * 100, what="日本 " * 100, related=(place_of(DOCKERFILE, "COPY"),))

    assert all(width_of(line) <= columns for line in drawn(review(finding), columns).splitlines()[1:-4])


def test_of_many_related_places_the_first_are_shown() -> None:
    finding = replace(PIP, related=(place_of(DOCKERFILE, "COPY"),) * 7)

    text = drawn(review(finding))

    assert text.count("see: app/Dockerfile:2:1  COPY . /app\n") == 5
    assert "\n       and 2 more\n" in text


def test_a_long_place_ends_with_how_much_more_there_is() -> None:
    finding = replace(PIP, place=Place.of(DOCKERFILE, Span(1, len(DOCKERFILE.data))), related=())

    assert "\n    | … 1 more line\n" in drawn(review(finding))


def test_a_finding_about_the_file_itself_has_no_excerpt() -> None:
    finding = replace(PIP, place=Place.of(DOCKERFILE, Span(0, 0)), related=())

    assert " | " not in drawn(review(finding))


def test_a_place_in_a_file_that_is_gone_has_no_excerpt() -> None:
    finding = found("gone", line=3, related=(place_of(DOCKERFILE, "COPY"),))

    assert " | " not in drawn(review(finding))


def test_nothing_of_a_hostile_file_reaches_the_terminal_as_it_is() -> None:
    text = drawn(hostile_review())

    assert all(line.isprintable() for line in text.splitlines())
    assert HOSTILE_NAME not in text
    assert r"a|b`\,:\xff<" in text
