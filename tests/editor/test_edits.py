"""Edits of whole lines: applied as an editor does, they make what the fix makes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol.types import PositionEncodingKind

from wherry.dockerfile.source import Source, encode
from wherry.editor.edits import line_edits
from wherry.editor.positions import offset_of

TEXTS = st.lists(st.sampled_from(["FROM x", "RUN é🐳", "", "\r", "COPY a b \\"]), max_size=8).map("\n".join)


@given(TEXTS, TEXTS, st.sampled_from(PositionEncodingKind))
def test_the_edits_make_what_they_should(before: str, after: str, encoding: PositionEncodingKind) -> None:
    source = Source("Dockerfile", encode(before))
    data = source.data
    for edit in reversed(list(line_edits(source, encode(after), encoding))):
        start = offset_of(source, edit.range.start, encoding)
        end = offset_of(source, edit.range.end, encoding)
        data = data[:start] + encode(edit.new_text) + data[end:]

    assert data == encode(after)


def test_lines_that_stay_are_not_touched() -> None:
    source = Source("Dockerfile", b"FROM x\nRUN a\nRUN b\n")

    (edit,) = line_edits(source, b"FROM x\nRUN c\nRUN b\n", PositionEncodingKind.Utf16)

    assert (edit.range.start.line, edit.range.end.line, edit.new_text) == (1, 2, "RUN c\n")
