"""hadolint's output, as recorded and as it has gone wrong for others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.peers.recorded import HADOLINT, printed
from wherry.check.model import Severity
from wherry.check.peers.hadolint import Hadolint
from wherry.check.peers.model import Remark, Said
from wherry.errors import WorldError


def read(output: bytes, errors: str = "", paths: tuple[str, ...] = ("/a/Dockerfile",)) -> Said:
    return Hadolint().read(1, output, errors, paths)


def test_codes_say_whose_they_are_and_levels_become_severities() -> None:
    said = read(printed(HADOLINT, "/a/Dockerfile"))

    assert [(one.code, one.severity, one.line) for one in said.remarks] == [
        ("hadolint/DL3007", Severity.WARNING, 1),
        ("shellcheck/SC2046", Severity.WARNING, 2),
        ("hadolint/DL3042", Severity.WARNING, 2),
        ("hadolint/DL3057", Severity.INFO, None),
        ("hadolint/DL3025", Severity.ERROR, 4),
    ]
    assert said.remarks[0] == Remark(
        "hadolint/DL3007", Severity.WARNING, "/a/Dockerfile", 1, "Using latest is prone"
    )


def test_a_list_for_each_file_is_read_as_one() -> None:  # hadolint #588
    one = b'[{"code":"DL3007","column":1,"file":"/%s","level":"warning","line":1,"message":"m"}]'

    said = read(one % b"a" + b"\n" + one % b"b" + b"[]\n", paths=("/a", "/b"))

    assert [remark.path for remark in said.remarks] == ["/a", "/b"]


def test_what_it_says_twice_is_said_once() -> None:
    one = b'{"code":"SC2086","column":1,"file":"/a","level":"info","line":2,"message":"Double quote"}'

    assert len(read(b"[" + one + b"," + one + b"]", paths=("/a",)).remarks) == 1


def test_a_file_that_its_parser_does_not_understand_is_unread_and_no_finding() -> None:
    said = read(
        b'[{"code":"DL1000","column":4,"file":"/a","level":"error","line":10,"message":"unexpected\\n  E"}]',
        paths=("/a",),
    )

    assert said == Said(unread={"/a": "line 10: unexpected E"})


def test_a_name_that_it_garbles_is_that_of_the_only_file() -> None:
    said = read(
        b'[{"code":"DL3007","column":1,"file":"??","level":"info","line":1,"message":"m"}]',
        paths=("/ü",),
    )

    assert said.remarks[0].path == "/ü"


def test_its_complaint_about_its_settings_is_passed_on() -> None:  # hadolint #816: said as a string, code 0
    with pytest.raises(
        WorldError, match=r"hadolint failed: Error parsing your config file in '\.hadolint\.yaml'"
    ):
        read(b"\"Error parsing your config file in '.hadolint.yaml':\\nIt should contain one of\"")


@pytest.mark.parametrize("output", [b"", b"{}", b"[1]", b"[" * 100_000, b"\xff", b'[{"code":1}]', b"[]x"])
def test_what_is_no_report_is_a_failure_in_words(output: bytes) -> None:
    with pytest.raises(WorldError, match="hadolint failed: no such option"):
        read(output, errors="\nno such option\nusage")


@given(st.binary(max_size=60))
def test_no_output_makes_it_raise_anything_else(output: bytes) -> None:
    try:
        said = read(output)
    except WorldError:
        return
    assert not said.remarks
