"""Findings as one JSON object: ``version``, ``findings``, ``summary``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wherry.check.catalogue import find_rule
from wherry.check.model import Basis

if TYPE_CHECKING:
    from wherry.check.model import Edit, Finding, Place
    from wherry.report.findings.model import Review

VERSION: Final = 1
"""Raised when a key goes or means something else, not when one is new."""


def findings_json(review: Review) -> dict[str, Any]:
    """The review as plain values. Spans are bytes of the file; lines and columns are from 1."""
    summary = review.summary()
    return {
        "version": VERSION,
        "findings": [finding_json(finding) for finding in review.findings],
        "errors": [{"what": error.what, "where": error.where, "mend": error.mend} for error in review.broken],
        "fixed": [
            {"rule": finding.rule, "place": _place(finding.place), "what": finding.what}
            for one in review.mended
            for finding in one.applied
        ],
        "not_fixed": [
            {"rule": finding.rule, "place": _place(finding.place), "reason": reason}
            for one in review.mended
            for finding, reason in one.refused
        ],
        "notes": [*review.notes, *(note for one in review.judgements for note in one.notes)],
        "summary": {
            "files": summary.files,
            "findings": summary.findings,
            "by_severity": {severity.value: number for severity, number in summary.by_severity.items()},
            "size_bytes": summary.size_bytes,
            "measured_bytes": summary.by_basis[Basis.MEASURED],
            "seconds": summary.seconds,
            "safe_fixes": summary.safe_fixes,
            "unsafe_fixes": summary.unsafe_fixes,
            "silenced": review.silenced,
            "in_baseline": review.baseline,
            "unchanged": review.elsewhere,
            "peers": dict(review.peers),
        },
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding as plain values."""
    fix = finding.fix
    return {
        "rule": finding.rule,
        "name": find_rule(finding.rule).name,
        "severity": finding.severity.value,
        "place": _place(finding.place),
        "what": finding.what,
        "why": finding.why,
        "cost": {
            "size_bytes": finding.cost.size_bytes,
            "seconds": finding.cost.seconds,
            "basis": finding.cost.basis.value,
            "source": finding.cost.source,
        },
        "related": [_place(place) for place in finding.related],
        "fix": {
            "title": fix.title,
            "safety": fix.safety.value,
            "edits": [_edit(edit) for edit in fix.edits],
        }
        if fix
        else None,
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "path": place.path,
        "line": place.start.line,
        "column": place.start.column,
        "end_line": place.end.line,
        "end_column": place.end.column,
        "span": [place.span.start, place.span.end],
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {"path": edit.path, "span": [edit.span.start, edit.span.end], "text": edit.text}
