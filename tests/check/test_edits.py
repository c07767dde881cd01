"""Lines of a Dockerfile moved, taken out and put in between, with their comments and gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.check.edits import all_taken_out, moved_behind, put_before, put_behind, taken_out, without_word
from wherry.check.fix import edited
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source, Span

if TYPE_CHECKING:
    from wherry.dockerfile.syntax import Dockerfile

TEXT = """\
# syntax=docker/dockerfile:1
FROM a

# first
# and more
ENV A=1

RUN b \\
    # inside
    --c d
CMD e"""


def _read(text: str) -> Dockerfile:
    return parse(Source("Dockerfile", text.encode()))


def test_a_comment_goes_where_its_instruction_goes() -> None:
    file = _read(TEXT)
    _, env, run, _ = file.instructions
    after = edited(file.source.data, moved_behind(file, [env], run)).decode()
    assert after.partition("RUN")[0] == "# syntax=docker/dockerfile:1\nFROM a\n\n"
    assert "--c d\n\n# first\n# and more\nENV A=1\nCMD e" in after


def test_what_is_put_behind_the_last_line_ends_as_the_file_did() -> None:
    file = _read(TEXT)
    end = file.instructions[-1]
    assert edited(file.source.data, [put_behind(file, end, "USER f\n")]).endswith(b"CMD e\nUSER f")


def test_what_is_moved_behind_the_last_line_is_a_line_of_its_own() -> None:
    file = _read("FROM a\nENV A=1\nCMD b")
    _, env, last = file.instructions
    assert edited(file.source.data, moved_behind(file, [env], last)) == b"FROM a\nCMD b\nENV A=1"


def test_the_last_line_may_be_moved_too() -> None:
    file = _read("FROM a\nENV A=1\nENV B=2\nUSER c")
    start, *_, last = file.instructions
    assert (
        edited(file.source.data, moved_behind(file, [last], start)) == b"FROM a\nUSER c\nENV A=1\nENV B=2\n"
    )


def test_of_two_empty_lines_one_is_left() -> None:
    file = _read("FROM a\n\nENV A=1\nENV B=2\n\nCMD c\n")
    _, first, second, _ = file.instructions
    assert edited(file.source.data, all_taken_out(file, [second, first])) == b"FROM a\n\nCMD c\n"
    assert edited(file.source.data, [taken_out(file, second)]) == b"FROM a\n\nENV A=1\n\nCMD c\n"


def test_lines_are_put_above_the_comment() -> None:
    file = _read(TEXT)
    after = edited(file.source.data, [put_before(file, file.instructions[1], "USER f\n")])
    assert b"FROM a\n\nUSER f\n# first\n" in after


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("word", "after"),
    [
        (b"--c", b"RUN b \\\n    # inside\n d\n"),
        (b"d", b"RUN b \\\n    # inside\n    --c\n"),
    ],
)
def test_a_word_goes_with_the_blanks_before_it(word: bytes, after: bytes, newline: str) -> None:
    text = TEXT.replace("\n", newline)
    file = _read(text)
    at = file.source.data.rindex(word, 0, file.source.data.index(b"CMD"))
    span = without_word(file, Span(at, at + len(word)))
    left = file.source.data[: span.start] + file.source.data[span.end :]
    assert after in left.replace(b"\r\n", b"\n")


def test_a_word_on_a_line_of_its_own_goes_with_its_line() -> None:
    file = _read("FROM a\nRUN b \\\n    --c \\\n    d\n")
    at = file.source.data.index(b"--c")
    span = without_word(file, Span(at, at + 3))
    assert file.source.data[: span.start] + file.source.data[span.end :] == b"FROM a\nRUN b \\\n    d\n"
