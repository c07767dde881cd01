"""Findings as SARIF 2.1.0, which code hosts show on the lines of a change.

Source: Static Analysis Results Interchange Format, OASIS, 2.1.0 with errata 01. A file that no build would
take is a result of the rule ``syntax``; fixes carry their byte ranges. What GitHub demands over the schema is
there: every rule described in short, in full and with help, and every result on a line.
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from wherry import __version__
from wherry.check.catalogue import all_rules, is_foreign, page_of, theme_of
from wherry.check.model import Severity
from wherry.digest import Digest
from wherry.dockerfile.source import encode
from wherry.regex import regex
from wherry.report.findings.json import inserted, shown_edits, well_formed
from wherry.report.findings.model import in_project, place_of_error
from wherry.report.findings.text import cost_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.model import Finding, Fix, Place, Rule
    from wherry.errors import InputError
    from wherry.report.findings.model import Review

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_SYNTAX: Final = "syntax"
_FINGERPRINT: Final = "wherry/v1"
_FIGURE: Final = regex(r"\d+(?:[.,]\d+)*(?: [kMGT]?B)?")
_LONGEST: Final = 1000  # GitHub takes 1024 characters


def sarif(review: Review) -> dict[str, Any]:
    """The review as one run of one tool."""
    findings = review.findings
    known_by = fingerprints(findings)
    results = [_result(one, known) for one, known in zip(findings, known_by, strict=True)]
    broken = [_broken(error) for error in review.broken]
    rules = [_rule(rule) for rule in all_rules()]
    foreign = dict.fromkeys(one.rule for one in findings if is_foreign(one.rule))
    rules += [
        _described(code, f"Rule {code.partition('/')[2]} of {code.partition('/')[0]}.") for code in foreign
    ]
    syntax = _described(_SYNTAX, "The file is not one that BuildKit would build.")
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


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """What each keeps when lines move and the figures in its words change; no two have the same."""
    seen: Counter[str] = Counter()
    known_by: dict[int, str] = {}
    for at in sorted(range(len(findings)), key=lambda at: findings[at].place.start):
        finding = findings[at]
        what = _FIGURE.sub("#", finding.what)
        same = Digest.of_bytes(encode(f"{finding.rule}\0{in_project(finding.place.path)}\0{what}")).hex
        seen[same] += 1
        known_by[at] = f"{same}:{seen[same]}"
    return [known_by[at] for at in range(len(findings))]


def fingerprint_of_error(error: InputError) -> str:
    """The same for a file that no build would take."""
    return Digest.of_bytes(encode(f"{in_project(place_of_error(error)[0])}\0{error.what}")).hex


def _described(code: str, text: str) -> dict[str, Any]:
    return {key: {"text": text} for key in ("shortDescription", "fullDescription", "help")} | {"id": code}


def _rule(rule: Rule) -> dict[str, Any]:
    page = page_of(rule)
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": page.partition("\n")[0] or rule.name},
        "fullDescription": {"text": page.partition("\n## ")[0].strip()[:_LONGEST]},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"enabled": rule.default, "level": _LEVELS[rule.severity]},
        "properties": {"tags": [theme_of(rule)]},
    }


def _result(finding: Finding, known_by: str) -> dict[str, Any]:
    cost = cost_words(finding.cost)
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.what}{f' ({cost})' if cost else ''}. {finding.why}".strip()},
        "locations": [_location(finding.place)],
        "partialFingerprints": {_FINGERPRINT: known_by},
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
    location = {"artifactLocation": {"uri": uri(path)}, "region": {"startLine": max(1, line or 1)}}
    return {
        "ruleId": _SYNTAX,
        "level": "error",
        "message": {"text": f"{error.what}. {error.mend}".strip()},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {_FINGERPRINT: fingerprint_of_error(error)},
    }


def uri(path: str) -> str:
    """A path as a reference relative to the project; one outside of it as it is."""
    name = quote(str(PurePosixPath(in_project(path))), safe="/~-._", errors="surrogateescape")
    return f"file://{name}" if name.startswith("/") else name


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
