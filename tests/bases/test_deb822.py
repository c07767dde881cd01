"""Control data is cut into paragraphs and fields, however it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.bases.deb822 import PARAGRAPH_LIMIT_BYTES, fields, paragraphs
from wherry.errors import InputError

TEXT = b"Package: a\nDepends: b,\n c\n\n\nPackage: d\r\nX: y: z\n# not: this\n\n"


@given(st.lists(st.integers(1, 20), max_size=20))
def test_paragraphs_do_not_depend_on_how_the_stream_was_cut(cuts: list[int]) -> None:
    chunks, rest = [], TEXT
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    found = list(paragraphs([*chunks, rest], "here"))
    assert [fields(p)["package"] for p in found] == ["a", "d"]


def test_fields_fold_and_keep_colons() -> None:
    first, second = paragraphs([TEXT], "here")
    assert fields(first) == {"package": "a", "depends": "b,\nc"}
    assert fields(second) == {"package": "d", "x": "y: z"}


def test_a_continuation_of_nothing_is_passed_over() -> None:
    assert fields(b" lost\nno field here\n more\nA: 1") == {"a": "1"}


def test_a_paragraph_without_end_is_an_error() -> None:
    chunk = b"A: " + b"x" * (1 << 20)
    with pytest.raises(InputError, match="too long"):
        list(paragraphs([chunk] * (PARAGRAPH_LIMIT_BYTES // (1 << 20) + 1), "here"))


@given(st.binary(max_size=200))
def test_any_bytes_have_some_fields(data: bytes) -> None:
    for paragraph in paragraphs([data], "here"):
        assert all(name == name.strip().lower() for name in fields(paragraph))
