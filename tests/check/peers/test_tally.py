"""tally's output, as recorded and as it has gone wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.peers.recorded import TALLY, printed
from wherry.check.model import Severity
from wherry.check.peers.model import Said
from wherry.check.peers.tally import Tally
from wherry.errors import WorldError


def read(output: bytes, errors: str = "", paths: tuple[str, ...] = ("/a/Dockerfile",)) -> Said:
    return Tally().read(1, output, errors, paths)


def test_places_count_from_one_and_minus_one_is_the_whole_file() -> None:
    said = read(printed(TALLY, "/a/Dockerfile"))

    assert [(one.code, one.severity, one.line, one.column, one.end) for one in said.remarks] == [
        ("hadolint/DL3057", Severity.INFO, None, 1, None),
        ("hadolint/DL3007", Severity.WARNING, 1, 1, None),
        ("tally/newline-between-instructions", Severity.INFO, 2, 1, None),
        ("shellcheck/SC2046", Severity.WARNING, 3, 14, (3, 25)),
        ("buildkit/JSONArgsRecommended", Severity.ERROR, 4, 1, None),
    ]
    assert said.remarks[0].why == "Add one. Or none."
    assert {one.path for one in said.remarks} == {"/a/Dockerfile"}


def test_a_rule_without_an_owner_is_its_own() -> None:
    said = read(b'{"files": [{"file": "/a", "violations": [{"rule": "max-lines", "message": "m"}]}]}')

    assert [(one.code, one.line) for one in said.remarks] == [("tally/max-lines", None)]


def test_the_file_for_which_it_gave_up_is_named_with_its_reason() -> None:
    errors = "Error: failed to lint /a b: /a b: file does not appear to be valid UTF-8 text\n"

    assert read(b"", errors, paths=("/a", "/a b")) == Said(
        unread={"/a b": "file does not appear to be valid UTF-8 text"}
    )


def test_what_concerns_no_file_is_a_failure_in_words() -> None:
    with pytest.raises(WorldError, match="tally failed: Error: failed to load config for x: toml: expected"):
        read(b"", "Error: failed to load config for x: toml: expected '=' after key\n")


@given(st.binary(max_size=60) | st.just(b'{"files":' + b"[" * 100_000))
def test_no_output_makes_it_raise_anything_else(output: bytes) -> None:
    try:
        said = read(output, "failed to lint /other: x")
    except WorldError:
        return
    assert not said.remarks


def test_it_is_never_asked_to_mend_or_to_ask_others() -> None:
    arguments = Tally().arguments(["/x"])

    assert {"--fix=false", "--ai=false", "off"} <= set(arguments)
