"""GitLab's code quality report: the keys that its documentation requires."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.check.findings import found
from tests.report.findings.reviews import PIP, hostile_review, review, whole_review
from wherry.report.findings.gitlab import gitlab

if TYPE_CHECKING:
    from wherry.report.findings.model import Review

SEVERITIES = {"info", "minor", "major", "critical", "blocker"}


@pytest.mark.parametrize(
    "made", [review(), whole_review(), hostile_review()], ids=["clean", "whole", "hostile"]
)
def test_every_issue_has_what_gitlab_requires(made: Review) -> None:
    issues = gitlab(made)

    assert len(issues) == len(made.findings) + len(made.broken)
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in SEVERITIES
        assert not issue["location"]["path"].startswith("./")
        assert issue["location"]["lines"]["begin"] >= 1
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)
    json.dumps(issues, ensure_ascii=False).encode("utf-8")


def test_an_issue_says_what_it_costs() -> None:
    assert gitlab(review(PIP))[0] == {
        "description": "pip keeps its downloads in the layer (2.40 GB and 41.0 s a build)",
        "check_name": "G1",
        "fingerprint": gitlab(whole_review())[0]["fingerprint"],
        "severity": "major",
        "location": {"path": "app/Dockerfile", "lines": {"begin": 3, "end": 3}},
    }


def test_paths_are_written_as_gitlab_compares_them() -> None:
    assert gitlab(review(found("./a/../Dockerfile")))[0]["location"]["path"] == "Dockerfile"


def test_a_broken_file_blocks() -> None:
    issue = gitlab(whole_review())[-1]

    assert (issue["severity"], issue["location"]) == (
        "blocker",
        {"path": "broken/Dockerfile", "lines": {"begin": 3}},
    )
