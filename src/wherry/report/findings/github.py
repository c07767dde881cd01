"""Findings as GitHub Actions' workflow commands: annotations on the lines of a change.

Source: GitHub's "Workflow commands for GitHub Actions"; what a message or a property may not hold is escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.catalogue import find_rule
from wherry.check.model import Severity
from wherry.report.findings.text import cost_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.report.findings.model import Review

_KINDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github_lines(review: Review) -> Iterator[str]:
    """One command for each finding and each broken file."""
    for error in review.broken:
        path, _, line = error.where.rpartition(":")
        at = f"file={_property(path)},line={line}" if path and line.isdigit() else ""
        yield f"::error {at}::{_message(error.what)}"
    for finding in review.findings:
        start, end = finding.place.start, finding.place.end
        title = f"{finding.rule} {find_rule(finding.rule).name}"
        cost = cost_words(finding.cost)
        properties = (
            f"file={_property(finding.place.path)},line={start.line},endLine={end.line},"
            f"col={start.column},endColumn={end.column},title={_property(title)}"
        )
        text = f"{finding.what}{f' ({cost})' if cost else ''}\n{finding.why}"
        yield f"::{_KINDS[finding.severity]} {properties}::{_message(text)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
