"""Which Pythons a range takes in."""

from __future__ import annotations

import pytest

from wherry.check.facts.pythons import admits, minor_of


@pytest.mark.parametrize(
    ("requirement", "python", "expected"),
    [
        (">=3.10", (3, 9), False),
        (">=3.10, <3.13", (3, 12), True),
        (">=3.10,<3.13", (3, 13), False),
        (">=3.12.4", (3, 12), True),
        ("<3.12.4", (3, 12), True),
        ("<3.12", (3, 12), False),
        ("<=3.11", (3, 12), False),
        (">3.11", (3, 11), True),
        ("==3.11.*", (3, 11), True),
        ("==3.11.4", (3, 12), False),
        ("==3.*", (3, 12), True),
        ("~=3.11", (3, 13), True),
        ("~=3.11.2", (3, 12), False),
        ("!=3.11.*", (3, 11), False),
        ("!=3.11.3", (3, 11), True),
        ("^3.11", (3, 13), True),
        ("^3.11", (3, 10), False),
        ("~3.11", (3, 12), False),
        ("3.11", (3, 11), True),
        (">=3.8 || <3", (3, 11), None),
        ("*", (3, 11), None),
    ],
)
def test_a_range_takes_a_python_in_when_some_release_of_it_fits(
    requirement: str, python: tuple[int, int], *, expected: bool | None
) -> None:
    assert admits(requirement, python) is expected


def test_a_minor_version_is_read_from_what_tools_write() -> None:
    assert minor_of("3.12") == minor_of("3.12.4") == minor_of("cpython-3.12") == (3, 12)
    assert minor_of("pypy3.10") is None
    assert minor_of("3.x") is None
