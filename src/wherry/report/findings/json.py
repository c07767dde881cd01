"""Findings as one JSON object: ``version``, ``findings``, ``summary``."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from wherry.check.catalogue import name_of
from wherry.check.masking import masked
from wherry.check.model import Basis
from wherry.dockerfile.source import encode

if TYPE_CHECKING:
    from wherry.check.model import Edit, Finding, Fix, Place
    from wherry.errors import InputError
    from wherry.report.findings.model import Review

VERSION: Final = 1
"""Raised when a key goes or means something else, not when one is new."""


def findings_json(review: Review) -> dict[str, Any]:
    """The review as plain values. Spans are bytes of the file; lines and columns are from 1."""
    summary = review.summary()
    values: dict[str, Any] = {
        "version": VERSION,
        "findings": [finding_json(finding) for finding in review.findings],
        "errors": [error_json(error) for error in review.broken],
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
        "notes": review.all_notes,
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
    clean: dict[str, Any] = well_formed(values)
    return clean


def error_json(error: InputError) -> dict[str, str]:
    """What is wrong with a file that no build would take."""
    return {"what": error.what, "where": error.where, "mend": error.mend}


def well_formed(values: Any) -> Any:  # noqa: ANN401 - of any shape, and of the same afterwards
    """Plain values without halves of characters, which strict readers of JSON refuse.

    They stand for bytes that are not UTF-8, in names of files and in their text.
    """
    if isinstance(values, str):
        return values if values.isascii() else values.encode("utf-8", "replace").decode()
    if isinstance(values, dict):
        return {key: well_formed(value) for key, value in values.items()}
    if isinstance(values, list):
        return [well_formed(value) for value in values]
    return values


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding as plain values."""
    fix = finding.fix
    return {
        "rule": finding.rule,
        "name": name_of(finding.rule),
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
            "edits": [_edit(edit) for edit in shown_edits(fix)],
        }
        if fix
        else None,
    }


def shown_edits(fix: Fix) -> tuple[Edit, ...]:
    """The edits of a fix; none of one that would put a secret into the report."""
    return () if any(masked(edit.text) != edit.text for edit in fix.edits) else fix.edits


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
    return {"path": edit.path, "span": [edit.span.start, edit.span.end], **inserted(edit.text, "base64")}


def inserted(text: str, binary: str) -> dict[str, str]:
    """What an edit inserts: ``text``, or under the key *binary* its bytes where they are not UTF-8."""
    data = encode(text)
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {binary: b64encode(data).decode()}
