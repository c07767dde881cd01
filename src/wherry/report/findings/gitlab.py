"""Findings as GitLab's code quality report, which merge requests show.

Source: GitLab's "Code Quality", report format: a list of Code Climate issues.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, Final

from wherry.check.model import Severity
from wherry.report.findings.json import well_formed
from wherry.report.findings.model import in_project, place_of_error
from wherry.report.findings.sarif import fingerprint_of_error, fingerprints
from wherry.report.findings.text import cost_words

if TYPE_CHECKING:
    from wherry.report.findings.model import Review

_SEVERITIES: Final = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def gitlab(review: Review) -> list[dict[str, Any]]:
    """The review as a list of issues, each with a fingerprint of its own."""
    issues: list[dict[str, Any]] = []
    findings = review.findings
    for finding, known_by in zip(findings, fingerprints(findings), strict=True):
        cost = cost_words(finding.cost)
        issues.append(
            {
                "description": f"{finding.what}{f' ({cost})' if cost else ''}",
                "check_name": finding.rule,
                "fingerprint": known_by,
                "severity": _SEVERITIES[finding.severity],
                "location": {
                    "path": _path(finding.place.path),
                    "lines": {"begin": finding.place.start.line, "end": finding.place.end.line},
                },
            }
        )
    for error in review.broken:
        path, line = place_of_error(error)
        issues.append(
            {
                "description": error.what,
                "check_name": "syntax",
                "fingerprint": fingerprint_of_error(error),
                "severity": "blocker",
                "location": {
                    "path": _path(path),
                    "lines": {"begin": line or 1},
                },
            }
        )
    return [well_formed(issue) for issue in issues]


def _path(path: str) -> str:
    """A path as GitLab compares it: from the project, without a dot in front."""
    return posixpath.normpath(in_project(path))
