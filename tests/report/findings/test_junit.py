"""JUnit's XML: well formed whatever the files are called and say."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.findings import RULES, found, judged, only_rules
from tests.report.findings.reviews import hostile_review, review, whole_review
from wherry.report.findings.junit import junit_lines
from wherry.report.findings.model import Review


def tree(made: Review) -> ET.Element:
    return ET.fromstring("\n".join(junit_lines(made)).encode())  # noqa: S314 - what these tests wrote


def test_a_file_is_a_suite_and_a_finding_a_failed_case() -> None:
    root = tree(whole_review())

    assert root.attrib == {"name": "wherry check", "tests": "5", "failures": "5"}
    suite, broken = root
    assert suite.attrib == {"name": "app/Dockerfile", "tests": "4", "failures": "4"}
    case = suite[0]
    assert case.attrib == {"classname": "app/Dockerfile", "name": "G1 pip-cache-kept app/Dockerfile:3:5"}
    assert case[0].attrib == {"type": "warning", "message": "pip keeps its downloads in the layer"}
    assert case[0].text == ("app/Dockerfile:3:5: they are never read again (2.40 GB and 41.0 s a build)")
    assert broken[0].attrib["name"] == "syntax"
    assert broken[0][0].attrib["message"] == "unknown instruction RUNN"


def test_a_file_without_findings_is_a_case_that_passed() -> None:
    (suite,) = tree(review())

    assert suite.attrib["failures"] == "0"
    assert [case.attrib["name"] for case in suite] == ["no findings"]
    assert len(suite[0]) == 0


@pytest.mark.parametrize("made", [whole_review(), hostile_review()], ids=["whole", "hostile"])
def test_the_figures_are_those_of_the_cases(made: Review) -> None:
    root = tree(made)

    for suite in root:
        assert int(suite.attrib["tests"]) == len(suite)
        assert int(suite.attrib["failures"]) == len(suite.findall("./testcase/failure"))
    assert int(root.attrib["tests"]) == sum(len(suite) for suite in root)
    assert int(root.attrib["failures"]) == len(root.findall("./testsuite/testcase/failure"))


@given(st.text(st.characters(), max_size=40), st.text(st.characters(), max_size=40))
def test_any_text_is_well_formed(name: str, text: str) -> None:
    with only_rules(*RULES):
        made = Review((judged(found(name, what=text, why=text), path=name),), lambda _: None)

        case = tree(made)[0][0]

    assert case[0].attrib["message"] == "".join(letter if is_allowed(letter) else "\ufffd" for letter in text)


def is_allowed(letter: str) -> bool:
    if "\ud800" <= letter <= "\udfff" or letter in "\ufffe\uffff":
        return False
    return letter >= " " or letter in "\t\n\r"
