"""Findings as GitHub Actions' workflow commands: annotations on the lines of a change.

Source: GitHub's "Workflow commands for GitHub Actions"; what a message or a property may not hold is escaped.
Columns are named for one line only: the runner drops them where a place has several. The figures of all
findings follow as plain text: GitHub shows ten annotations of a kind, and nothing where nothing was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.catalogue import title_of
from wherry.check.model import Severity
from wherry.report.findings.excerpt import printable
from wherry.report.findings.model import place_of_error
from wherry.report.findings.text import cost_words, totals_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.model import Place
    from wherry.report.findings.model import Review

_KINDS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def github_lines(review: Review) -> Iterator[str]:
    """One command for each finding, each broken file and each note; then what they come to."""
    for error in review.broken:
        path, line = place_of_error(error)
        at = [f"file={_property(path)}"] if path else []
        at += [f"line={line}"] if line is not None else []
        yield _command("error", at, [error.what, error.mend])
    for finding in review.findings:
        cost = cost_words(finding.cost)
        properties = [*_place(finding.place), f"title={_property(title_of(finding.rule))}"]
        what = f"{finding.what}{f' ({cost})' if cost else ''}"
        yield _command(_KINDS[finding.severity], properties, [what, finding.why])
    for note in review.all_notes:
        yield _command("notice", [], [note])
    yield from ("".join(text for text, _ in pieces) for pieces in totals_lines(review))


def _place(place: Place) -> Iterator[str]:
    start, end = place.start, place.end
    yield f"file={_property(place.path)}"
    yield f"line={start.line}"
    yield f"endLine={end.line}"
    if start.line == end.line:
        yield f"col={start.column}"
        yield f"endColumn={max(start.column, end.column - 1)}"  # the last one that is meant


def _command(kind: str, properties: list[str], lines: list[str]) -> str:
    text = "%0A".join(_escaped(line) for line in lines if line)
    return f"::{kind}{' ' if properties else ''}{','.join(properties)}::{text}"


def _escaped(text: str) -> str:
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
