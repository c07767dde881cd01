"""Findings as JUnit's XML: a suite a file, a failed case a finding, for what reads nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from wherry.check.catalogue import title_of
from wherry.regex import regex
from wherry.report.findings.text import cost_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.model import Finding
    from wherry.report.findings.model import Review

_FORBIDDEN: Final = regex("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""


def junit_lines(review: Review) -> Iterator[str]:
    """The document; a file without findings is a suite with one case that passed."""
    suites = list(review.by_file())
    failed = sum(len(findings) for _, findings in suites) + len(review.broken)
    tests = sum(max(1, len(findings)) for _, findings in suites) + len(review.broken)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="wherry check" tests="{tests}" failures="{failed}">'
    for path, findings in suites:
        name = _attribute(path)
        yield f'  <testsuite name={name} tests="{max(1, len(findings))}" failures="{len(findings)}">'
        if not findings:
            yield f'    <testcase classname={name} name="no findings"/>'
        for finding in findings:
            yield from _case(finding)
        yield "  </testsuite>"
    for error in review.broken:
        name = _attribute(error.where)
        yield f'  <testsuite name={name} tests="1" failures="1">'
        failure = f"<failure message={_attribute(error.what)}/>"
        yield f'    <testcase classname={name} name="syntax">{failure}</testcase>'
        yield "  </testsuite>"
    yield "</testsuites>"


def _case(finding: Finding) -> Iterator[str]:
    title = f"{title_of(finding.rule)} {finding.place}"
    cost = cost_words(finding.cost)
    yield f"    <testcase classname={_attribute(finding.place.path)} name={_attribute(title)}>"
    details = f"{finding.place}: {finding.why}{f' ({cost})' if cost else ''}"
    attributes = f'type="{finding.severity.value}" message={_attribute(finding.what)}'
    yield f"      <failure {attributes}>{_text(details)}</failure>"
    yield "    </testcase>"


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("\ufffd", text))


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\ufffd", text))
