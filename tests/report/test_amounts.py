"""Bytes and seconds as people read them."""

from __future__ import annotations

import pytest

from wherry.report.amounts import columns, seconds, size


def test_a_size_that_is_not_known_says_so() -> None:
    assert size(None) == "?"
    assert size(1_500_000_000) == "1.50 GB"


@pytest.mark.parametrize(
    ("seconds_s", "text"),
    [(0.0449, "0.04 s"), (9.994, "9.99 s"), (12.34, "12.3 s"), (185, "3 min 05 s"), (59.99, "60.0 s")],
)
def test_seconds_have_three_digits_at_most(seconds_s: float, text: str) -> None:
    assert seconds(seconds_s) == text


def test_numbers_are_aligned_to_the_right() -> None:
    assert columns([["a", "1", "x"], ["bbb", "22", ""]], right=frozenset({1})) == [
        "  a     1  x",
        "  bbb  22",
    ]


def test_no_rows_are_no_lines() -> None:
    assert columns([]) == []
