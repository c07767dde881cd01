"""Excerpts: the span underlined whatever stands there, in bounded width."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.check.findings import place_of
from wherry.check.model import Place
from wherry.dockerfile.source import Source, Span
from wherry.report.findings.excerpt import MOST_LINES, excerpt, first_words, printable, width_of

HF = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"


def shown(data: bytes, start: int, end: int, columns: int = 80) -> list[str]:
    """What a terminal shows: each line, and under it the marks."""
    source = Source("Dockerfile", data)
    lines, more = excerpt(Place.of(source, Span(start, end)), source, columns)
    drawn = []
    for line in lines:
        assert width_of(line.text) <= columns
        drawn += [line.text, " " * line.start + "^" * line.width]
    return [*drawn, f"+{more}"] if more else drawn


def shown_of(text: str, meant: str, columns: int = 80) -> list[str]:
    source = Source("Dockerfile", text.encode())
    place = place_of(source, meant)
    return shown(source.data, *place.span, columns=columns)


def test_the_span_is_underlined() -> None:
    assert shown_of("FROM x\nRUN make all\n", "make") == ["RUN make all", "    ^^^^"]


def test_tabs_are_four_blanks_wide() -> None:
    assert shown_of("RUN a &&\\\n\tb \tc\n", "c") == ["    b     c", "          ^"]


def test_wide_letters_take_two_cells_and_combining_ones_none() -> None:
    assert shown_of("RUN 日本 e\u0301 x", "x") == ["RUN 日本 e\u0301 x", " " * 11 + "^"]
    assert shown_of("RUN 日本 x", "日本") == ["RUN 日本 x", "    ^^^^"]


def test_control_characters_and_bytes_that_are_no_text_are_escaped() -> None:
    assert shown(b"RUN \x1b[2J \xff\x00 \xe2\x80\xae x", 16, 17) == [
        r"RUN \x1b[2J \xff\x00 \u202e x",
        " " * 28 + "^",
    ]


def test_a_carriage_return_at_the_end_of_a_line_is_not_shown() -> None:
    assert shown_of("FROM x\r\nRUN a\r\nRUN b\r\n", "RUN a\r\nRUN b") == [
        "RUN a",
        "^^^^^",
        "RUN b",
        "^^^^^",
    ]


def test_a_long_line_is_cut_around_what_is_meant() -> None:
    head, tail = "a" * 200, "b" * 200

    assert shown_of(f"RUN {head} here {tail}", "here", columns=40) == [
        "…aaaaaaaaaaaa here bbbbbbbbbbbbbbbbbbbb…",
        " " * 14 + "^^^^",
    ]
    assert shown_of(f"RUN here {tail}", "here", columns=20) == ["RUN here bbbbbbbbbb…", "    ^^^^"]
    assert shown_of(f"RUN {head} here", "here", columns=40) == ["…aaaaaaaaaaaa here", " " * 14 + "^^^^"]


def test_a_span_longer_than_the_room_is_underlined_as_far_as_it_is_shown() -> None:
    assert shown_of("RUN " + "a" * 100, "a" * 100, columns=20) == ["RUN " + "a" * 15 + "…", "    " + "^" * 15]


def test_a_line_of_fifty_million_bytes_is_read_near_the_place_only() -> None:
    data = b"RUN " + b"\xc3\xa4" * 5_000_000 + b"here" + b"\xc3\xa4" * 5_000_000

    (text, marks) = shown(data, 10_000_004, 10_000_008, columns=40)

    assert text == "…" + "ä" * 13 + "here" + "ä" * 21 + "…"
    assert marks.index("^") == 14


def test_continued_lines_are_marked_without_indent_and_continuation() -> None:
    assert shown_of("RUN a && \\\n    b \\\n\n  c\nCMD x", "RUN a && \\\n    b \\\n\n  c") == [
        "RUN a && \\",
        "^^^^^^^^",
        "    b \\",
        "    ^",
        "",
        "^",
        "  c",
        "  ^",
    ]


def test_of_a_long_place_the_first_lines_are_shown_and_the_rest_counted() -> None:
    text = "".join(f"line {n}\n" for n in range(10))

    drawn = shown_of(text, text.strip())

    assert drawn[0::2] == ["line 0", "line 1", "line 2", "line 3", "+6"]
    assert len(drawn) == 2 * MOST_LINES + 1


def test_a_place_without_width_is_one_mark_at_the_end_of_the_file_too() -> None:
    assert shown(b"FROM x\nCMD y", 12, 12) == ["CMD y", "     ^"]
    assert shown(b"FROM x\nCMD y\n", 13, 13) == ["", "^"]
    assert shown(b"FROM x\nCMD y\n", 7, 7) == ["CMD y", "^"]


def test_a_place_that_ends_with_a_newline_does_not_show_the_next_line() -> None:
    assert shown(b"FROM x\nCMD y\nEND", 7, 13) == ["CMD y", "^^^^^"]


def test_the_file_itself_has_no_excerpt() -> None:
    assert shown(b"FROM x\n", 0, 0) == []
    assert shown(b"", 0, 0) == []


@pytest.mark.parametrize("columns", [20, 60, 200])
def test_secrets_are_never_shown_whole_and_columns_stay(columns: int) -> None:
    source = Source("Dockerfile", f"FROM x\nENV HF_TOKEN={HF} LATER=1\n".encode())

    lines, _ = excerpt(place_of(source, "LATER"), source, columns)
    also, _ = excerpt(place_of(source, HF[10:20]), source, columns)

    for text in (lines[0].text, also[0].text, first_words(place_of(source, HF), source, columns)):
        assert HF[5:] not in text
        assert "BcDeFgH" not in text
    whole, _ = excerpt(place_of(source, "LATER"), source, 200)
    assert whole[0].text == f"ENV HF_TOKEN=hf_a{'*' * 33} LATER=1"


def test_lines_of_a_private_key_are_known_by_the_line_above() -> None:
    body = "MIIEowIBAAKCAQEA7bq3Vz2K1vY5u0Xr9Qw8Lk4JmN\n" * 6
    text = f"COPY <<EOF /k\n-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\nEOF\nRUN make\n"
    source = Source("Dockerfile", text.encode())

    lines, _ = excerpt(place_of(source, body.strip()[130:]), source, 80)
    after, _ = excerpt(place_of(source, "RUN make"), source, 80)

    assert lines
    assert not any("MIIE" in line.text for line in lines)
    assert after[0].text == "RUN make"


def test_the_words_at_a_place_are_those_up_to_the_end_of_its_line() -> None:
    source = Source("r.txt", b"\ttorch==2.4.1  \r\nnumpy" + b"x" * 9000)

    assert first_words(place_of(source, "torch"), source, 40) == "torch==2.4.1"
    assert first_words(place_of(source, "numpy"), source, 10) == "numpyxxxx…"
    assert first_words(Place.of(source, Span(0, 0)), source, 10) == ""


def test_printable_text_cannot_move_the_cursor() -> None:
    assert printable("a\tb\r\n\x1b\udcffé日") == r"a\tb\r\n\x1b\xffé日"


@given(
    st.binary(max_size=300) | st.text("a \t\\\r\nä日\u0301\u202e'\"", max_size=300).map(str.encode),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(5, 60),
)
@example(b"\0\0\0\xe1\x80\x80", 5, 5, 5)  # inside a letter
def test_any_place_in_any_file_has_an_excerpt_that_fits(
    data: bytes, one: int, other: int, columns: int
) -> None:
    start, end = sorted((min(one, len(data)), min(other, len(data))))
    source = Source("f", data)

    lines, more = excerpt(Place.of(source, Span(start, end)), source, columns)

    assert more >= 0
    assert len(lines) <= MOST_LINES
    for line in lines:
        assert line.text.isprintable()
        assert width_of(line.text) <= columns
        assert line.width >= 1
        assert line.start <= columns
