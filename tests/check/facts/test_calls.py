from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.check.facts.calls import Grammar, Value, expand_text, expand_word, parse_options
from wherry.dockerfile.shell import Word
from wherry.dockerfile.source import Span

GRAMMAR = Grammar.of("-r/--requirement -i/--index-url --extra", "-q/--quiet -y/--yes --old/--new")


def values(*texts: str) -> list[Value]:
    return [Value(text, is_known=True, word=word(text)) for text in texts]


def word(raw: str, value: str | None = None, *, literal: bool = True) -> Word:
    return Word(raw if value is None else value, is_literal=literal, span=Span(0, len(raw)), raw=raw)


@pytest.mark.parametrize(
    ("texts", "options", "operands"),
    [
        (["-r", "a", "x"], {"--requirement": ["a"]}, ["x"]),
        (["-ra", "x"], {"--requirement": ["a"]}, ["x"]),
        (["-r=a"], {"--requirement": ["a"]}, []),
        (["-qyr", "a"], {"--quiet": [""], "--yes": [""], "--requirement": ["a"]}, []),
        (["-qq"], {"--quiet": ["", ""]}, []),
        (["-z"], {"-z": [""]}, []),
        (["--requirement=a", "--requirement", "b"], {"--requirement": ["a", "b"]}, []),
        (["--old"], {"--new": [""]}, []),
        (["--flag", "x"], {"--flag": [""]}, ["x"]),
        (["--flag=x"], {"--flag": ["x"]}, []),
        (["x", "--", "-r", "--y"], {}, ["x", "-r", "--y"]),
        (["-"], {}, ["-"]),
        (["--extra"], {"--extra": [""]}, []),
        (["-r"], {"--requirement": [""]}, []),
        ([], {}, []),
    ],
)
def test_options_are_told_from_operands(
    texts: list[str], options: dict[str, list[str]], operands: list[str]
) -> None:
    found = parse_options(values(*texts), GRAMMAR)
    assert {name: [option.text for option in some] for name, some in found.options.items()} == options
    assert [value.text for value in found.operands] == operands


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("$A", ["1"]),
        ("${A}x", ["1x"]),
        ("$A$B", ["12", "3"]),
        ("$NONE", None),
        ("${NONE:-d}", ["d"]),
        ("${NONE-d e}", ["d", "e"]),
        ("${A:-d}", ["1"]),
        ("${A%.*}", None),
        ("$1", None),
        ("$$", None),
        ("$", None),
        ("a$(b)", None),
        ("`b`", None),
        ("~/x", ["/root/x"]),
        ("~", ["/root"]),
        ("~me/x", ["~me/x"]),
        ("x[a]*", ["x[a]*"]),
        ("$EMPTY", []),
    ],
)
def test_a_word_becomes_what_the_shell_would_make_of_it(raw: str, expected: list[str] | None) -> None:
    env = {"A": "1", "B": "2 3", "HOME": "/root", "EMPTY": ""}
    found = expand_word(word(raw, literal=False), env)
    if expected is None:
        assert [value.is_known for value in found] == [False]
        assert found[0].text == raw
    else:
        assert [value.text for value in found] == expected
        assert all(value.is_known for value in found)


def test_a_quoted_variable_is_one_word() -> None:
    found = expand_word(word('"$B"', "$B", literal=False), {"B": "2 3"})
    assert [value.text for value in found] == ["2 3"]
    assert str(found[0]) == "2 3"


@given(
    st.text(alphabet="${}AB:-x ", max_size=40), st.dictionaries(st.sampled_from("AB"), st.text(max_size=5))
)
def test_no_text_is_a_failure(text: str, env: dict[str, str]) -> None:
    expanded, is_known = expand_text(text, env)
    assert is_known or expanded is not None


def test_what_is_longer_than_any_argument_is_given_up() -> None:
    assert expand_text("$A" * 200_000, {"A": "x"})[1] is False
    assert expand_text("$A" * 100, {"A": "x" * 5000})[1] is False
