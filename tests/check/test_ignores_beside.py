"""Comments beside a Dockerfile: which line they are of, and what they silence there."""

from __future__ import annotations

import pytest

from wherry.check.ignores_beside import ignores_in, misspelt_in
from wherry.dockerfile.source import Source


def reach(text: str) -> list[str | None]:
    """The lines that the comments of a file are of; None is the whole file."""
    source = Source("compose.yaml", text.encode())
    return [source.text(one.reach) if one.reach else None for one in ignores_in(source)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "torch>=2  # wherry: ignore=F2 follows the driver\nnumpy\n",
            "torch>=2  # wherry: ignore=F2 follows the driver",
        ),
        ("# wherry: ignore=F2 why\ntorch\nnumpy\n", "torch"),
        ("services:\n  # wherry: ignore=C7 why\n\n  # the api\n  api:\n", "  api:"),
        ("# wherry: ignore=F2 why\r\ntorch\r\nnumpy\r\n", "torch"),
        ("#wherry:ignore=F2\ntorch", "torch"),
        ("# WHERRY: ignore=F2\ntorch", "torch"),
        ("a\n# wherry: ignore=F2", "# wherry: ignore=F2"),
        ("a\n# wherry: ignore-file=F2 why\nb", None),
    ],
)
def test_a_comment_is_of_its_own_line_or_of_the_next_that_says_something(text: str, line: str | None) -> None:
    assert reach(text) == [line]


@pytest.mark.parametrize(
    "text", ["a#wherry: ignore=F2", "# hadolint ignore=DL3013\na", "wherry: ignore=F2", "", "#\n#"]
)
def test_what_is_no_comment_of_ours_silences_nothing(text: str) -> None:
    assert reach(text) == []
    assert misspelt_in(Source("a", text.encode())) == []


def test_what_is_not_understood_is_told() -> None:
    source = Source("a", b"torch # wherry: ignore F2\n# wherry: allow-secret the test's own\n")
    assert [source.text(span) for span in misspelt_in(source)] == ["wherry: ignore F2"]
    assert ignores_in(source) == []


def test_many_comments_are_read_in_one_pass() -> None:
    text = "# wherry: ignore=F2 why\n" * 20_000 + "torch"
    assert set(reach(text)) == {"torch"}
