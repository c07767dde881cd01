"""Findings as GitLab's code quality report, which merge requests show.

Source: GitLab's "Code Quality", report format: a list of Code Climate issues.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from wherry.check.model import Severity
from wherry.digest import Digest
from wherry.report.findings.sarif import fingerprint

if TYPE_CHECKING:
    from wherry.report.findings.model import Review

_SEVERITIES: Final = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def gitlab(review: Review) -> list[dict[str, Any]]:
    """The review as a list of issues; equal findings have fingerprints of their own."""
    issues = []
    seen: Counter[str] = Counter()
    for finding in review.findings:
        same = fingerprint(finding)
        seen[same] += 1
        issues.append(
            {
                "description": finding.what,
                "check_name": finding.rule,
                "fingerprint": Digest.of_bytes(f"{same}{seen[same]}".encode()).hex,
                "severity": _SEVERITIES[finding.severity],
                "location": {
                    "path": finding.place.path,
                    "lines": {"begin": finding.place.start.line, "end": finding.place.end.line},
                },
            }
        )
    for error in review.broken:
        path, _, line = error.where.rpartition(":")
        issues.append(
            {
                "description": error.what,
                "check_name": "syntax",
                "fingerprint": Digest.of_bytes(f"{error.where}\0{error.what}".encode()).hex,
                "severity": "blocker",
                "location": {
                    "path": path or error.where,
                    "lines": {"begin": int(line) if line.isdigit() else 1},
                },
            }
        )
    return issues
