"""What all forms are made of."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.check.findings import found, judged
from tests.report.findings.reviews import COPY, HOSTILE_NAME, PIP, SHELL, review
from wherry.check.model import Basis, Cost, Finding, Severity
from wherry.dockerfile.syntax import DockerfileError
from wherry.errors import InputError
from wherry.report.findings.model import Review, place_of_error


def test_findings_are_in_the_order_of_what_they_cost() -> None:
    assert review(SHELL, COPY, PIP).findings == [PIP, COPY, SHELL]


def test_what_several_dockerfiles_see_in_a_file_beside_them_is_said_once() -> None:
    pod = found("k8s/pod.yaml", line=4, cost=Cost(100, basis=Basis.MEASURED))
    memory = found("k8s/pod.yaml", line=4, what="it says nothing of memory")
    own = [found(f"{name}/Dockerfile") for name in "ab"]
    judgements = (judged(own[0], pod, path="a/Dockerfile"), judged(own[1], pod, memory, path="b/Dockerfile"))
    made = Review(judgements, lambda _: None)

    assert made.findings == [pod, *own, memory]
    assert dict(made.by_file()) == {"a/Dockerfile": [own[0], pod], "b/Dockerfile": [own[1], memory]}
    assert (made.summary().findings, made.summary().size_bytes) == (4, 100)


def test_equal_words_about_one_place_of_a_dockerfile_are_its_rules_own_affair() -> None:
    assert len(Review((judged(PIP, PIP, path=PIP.place.path),), lambda _: None).findings) == 2


def test_the_summary_adds_up() -> None:
    summary = review(PIP, COPY, SHELL).summary()

    assert summary.size_bytes == 2_400_000_100
    assert summary.by_basis == {Basis.MEASURED: 100, Basis.TABLE: 2_400_000_000}
    assert summary.by_severity[Severity.ERROR] == 1
    assert (summary.files, summary.findings, summary.safe_fixes, summary.unsafe_fixes) == (1, 3, 1, 1)


def measured(finding: Finding, *files: tuple[str, int]) -> Finding:
    """The same finding, of files that lie here."""
    size_bytes = sum(size for _, size in files)
    return replace(finding, cost=Cost(size_bytes, basis=Basis.MEASURED, source="files", files=files))


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ([("a/model.bin", 300)], [("a/model.bin", 300)], 300),
        ([("a/model.bin", 300)], [("b/model.bin", 300)], 600),
        ([("a", 500)], [("a/model.bin", 300)], 500),
        ([("a/b/model.bin", 300), ("a/c.bin", 300)], [("a", 500)], 600),  # the directory without its weights
        ([("a", 500), ("ab/c.bin", 7)], [("a/b", 400), ("a/b/c/d.bin", 300)], 507),
        ([("/x/a", 1)], [("/x", 3)], 3),
    ],
)
def test_files_that_two_findings_speak_of_count_once(
    first: list[tuple[str, int]], second: list[tuple[str, int]], together: int
) -> None:
    summary = review(measured(PIP, *first), measured(COPY, *second)).summary()

    assert summary.by_basis[Basis.MEASURED] == together


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (DockerfileError("x", where="a:12:3", line=3), ("a:12", 3)),
        (DockerfileError("x", where=f"{HOSTILE_NAME}:2", line=2), (HOSTILE_NAME, 2)),
        (InputError("x", where="pyproject.toml:4"), ("pyproject.toml", 4)),
        (InputError("x", where="a/Dockerfile"), ("a/Dockerfile", None)),
        (InputError("x", where="a:²"), ("a:²", None)),
        (InputError("x"), ("", None)),
    ],
)
def test_the_place_of_an_error_is_known_by_its_line(error: InputError, place: tuple[str, int | None]) -> None:
    assert place_of_error(error) == place
