"""Findings as SARIF 2.1.0, which code hosts show on the lines of a change.

Source: Static Analysis Results Interchange Format, OASIS, 2.1.0 with errata 01. A file that no build would
take is a result of the rule ``syntax``; fixes carry their byte ranges.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from wherry import __version__
from wherry.check.catalogue import all_rules, is_foreign, page_of, theme_of
from wherry.check.model import Severity
from wherry.digest import Digest
from wherry.dockerfile.source import encode
from wherry.report.findings.json import inserted, shown_edits, well_formed
from wherry.report.findings.model import place_of_error

if TYPE_CHECKING:
    from wherry.check.model import Finding, Fix, Place, Rule
    from wherry.errors import InputError
    from wherry.report.findings.model import Review

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SYNTAX: Final = "syntax"


def sarif(review: Review) -> dict[str, Any]:
    """The review as one run of one tool."""
    results = [_result(finding) for finding in review.findings]
    broken = [_broken(error) for error in review.broken]
    rules = [_rule(rule) for rule in all_rules()]
    rules += [{"id": code} for code in dict.fromkeys(one.rule for one in review.findings) if is_foreign(code)]
    syntax = {"id": _SYNTAX, "shortDescription": {"text": "The file is not one that BuildKit would build."}}
    log: dict[str, Any] = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "wherry", "version": __version__, "rules": [*rules, syntax]}},
                "columnKind": "unicodeCodePoints",
                "results": [*broken, *results],
            }
        ],
    }
    clean: dict[str, Any] = well_formed(log)
    return clean


def fingerprint(finding: Finding) -> str:
    """What a finding keeps when lines above it come and go."""
    return Digest.of_bytes(encode(f"{finding.rule}\0{finding.place.path}\0{finding.what}")).hex


def _rule(rule: Rule) -> dict[str, Any]:
    page = page_of(rule)
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": page.partition("\n")[0] or rule.name},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"enabled": rule.default, "level": _LEVELS[rule.severity]},
        "properties": {"tags": [theme_of(rule)]},
    }


def _result(finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.what}. {finding.why}".strip()},
        "locations": [_location(finding.place)],
        "partialFingerprints": {"wherry/v1": fingerprint(finding)},
        "properties": {
            "sizeBytes": finding.cost.size_bytes,
            "seconds": finding.cost.seconds,
            "basis": finding.cost.basis.value,
        },
    }
    if finding.related:
        result["relatedLocations"] = [_location(place) for place in finding.related]
    if finding.fix and shown_edits(finding.fix):
        result["fixes"] = [_fix(finding.fix)]
    return result


def _broken(error: InputError) -> dict[str, Any]:
    path, line = place_of_error(error)
    region = {"region": {"startLine": max(1, line)}} if line is not None else {}
    return {
        "ruleId": _SYNTAX,
        "level": "error",
        "message": {"text": f"{error.what}. {error.mend}".strip()},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(path)}, **region}}],
    }


def uri(path: str) -> str:
    """A path as a relative reference."""
    return quote(str(PurePosixPath(path)), safe="/~-._", errors="surrogateescape")


def _location(place: Place) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(place.path)},
            "region": {
                "startLine": place.start.line,
                "startColumn": place.start.column,
                "endLine": place.end.line,
                "endColumn": place.end.column,
            },
        }
    }


def _fix(fix: Fix) -> dict[str, Any]:
    by_path: dict[str, list[dict[str, Any]]] = {}
    for edit in fix.edits:
        replacement = {
            "deletedRegion": {"byteOffset": edit.span.start, "byteLength": edit.span.end - edit.span.start},
            "insertedContent": inserted(edit.text, "binary"),
        }
        by_path.setdefault(edit.path, []).append(replacement)
    return {
        "description": {"text": f"{fix.title} ({fix.safety.value})"},
        "artifactChanges": [
            {"artifactLocation": {"uri": uri(path)}, "replacements": replacements}
            for path, replacements in by_path.items()
        ],
    }
