"""The JSON form: an object that programs can rely on."""

from __future__ import annotations

import base64
import json

from msgspec.structs import replace

from tests.report.findings.reviews import DOCKERFILE, PIP, hostile_review, review, whole_review
from wherry.check.model import Edit, Fix, Safety
from wherry.dockerfile.source import Span
from wherry.report.findings.json import VERSION, findings_json
from wherry.report.findings.sarif import sarif


def test_the_object_has_these_keys_and_no_others() -> None:
    values = findings_json(whole_review())

    assert (VERSION, list(values)) == (
        1,
        ["version", "findings", "errors", "fixed", "not_fixed", "notes", "summary"],
    )
    assert values["version"] == VERSION
    assert values["errors"] == [
        {"what": "unknown instruction RUNN", "where": "broken/Dockerfile:3", "mend": "did you mean RUN?"}
    ]
    assert values["notes"] == [
        "a note",
        "app/Dockerfile:4: this comment silences nothing: C9; there is no rule C9",
        "could not read x",
    ]
    assert values["summary"] == {
        "files": 2,
        "findings": 4,
        "by_severity": {"error": 1, "warning": 2, "info": 1},
        "size_bytes": 2_400_000_100,
        "measured_bytes": 100,
        "seconds": 41,
        "safe_fixes": 1,
        "unsafe_fixes": 1,
        "silenced": 1,
        "in_baseline": 3,
        "unchanged": 2,
        "peers": {"hadolint": 1},
    }


def test_a_finding_says_everything_and_its_spans_are_bytes_of_the_file() -> None:
    finding = findings_json(whole_review())["findings"][0]

    assert finding == {
        "rule": "G1",
        "name": "pip-cache-kept",
        "severity": "warning",
        "place": {
            "path": "app/Dockerfile",
            "line": 3,
            "column": 5,
            "end_line": 3,
            "end_column": 29,
            "span": [38, 62],
        },
        "what": "pip keeps its downloads in the layer",
        "why": "they are never read again",
        "cost": {
            "size_bytes": 2_400_000_000,
            "seconds": 41,
            "basis": "table",
            "source": "wheel sizes of torch 2.4.1",
        },
        "related": [
            {
                "path": "app/requirements.txt",
                "line": 1,
                "column": 1,
                "end_line": 1,
                "end_column": 13,
                "span": [0, 12],
            }
        ],
        "fix": {
            "title": "add --no-cache-dir",
            "safety": "safe",
            "edits": [
                {"path": "app/Dockerfile", "span": [49, 49], "text": " --no-cache-dir"},
                {"path": "app/.dockerignore", "span": [0, 0], "text": ".git\n"},
            ],
        },
    }
    assert DOCKERFILE.data[38:62] == b"pip install torch==2.4.1"


def test_what_was_mended_and_what_was_not_is_told_with_the_reason() -> None:
    values = findings_json(whole_review())

    assert [(one["rule"], one["what"]) for one in values["fixed"]] == [
        ("G1", "pip keeps its downloads in the layer")
    ]
    assert [(one["rule"], one["reason"]) for one in values["not_fixed"]] == [("H3", "the user would change")]


def test_findings_of_others_have_their_own_name_and_no_fix() -> None:
    finding = findings_json(whole_review())["findings"][2]

    assert (finding["rule"], finding["name"], finding["fix"]) == ("hadolint/DL3025", "DL3025", None)


def test_a_fix_that_holds_a_secret_is_told_without_its_edits() -> None:
    edit = Edit("Dockerfile", Span(0, 0), "ENV HF_TOKEN=hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH")
    made = review(replace(PIP, fix=Fix("move ENV down", (edit,), Safety.SAFE)))

    assert findings_json(made)["findings"][0]["fix"] == {
        "title": "move ENV down",
        "safety": "safe",
        "edits": [],
    }
    assert "fixes" not in sarif(made)["runs"][0]["results"][0]


def test_a_clean_review_has_the_same_keys() -> None:
    assert findings_json(review()).keys() == findings_json(whole_review()).keys()


def test_bytes_that_are_no_text_leave_json_that_strict_readers_take() -> None:
    values = findings_json(hostile_review())

    json.dumps(values, ensure_ascii=False).encode("utf-8")
    assert json.loads(json.dumps(values)) == values
    edit = values["findings"][0]["fix"]["edits"][0]
    assert base64.b64decode(edit["base64"]) == b"\xff\r\n"
    assert "text" not in edit
