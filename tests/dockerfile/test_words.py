"""Words, as documented and as BuildKit's lexer treats them; ``test_words_docker`` asks BuildKit itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.dockerfile.words import Budget, WordError, expand, split

ENV = {
    "A": "hello.tar.gz",
    "EMPTY": "",
    "DIR": "/usr/local/lib",
    "PAIR": "a b",
    "LINES": "one\ntwo\nthree",
    "STARS": "a*b?c\\d",
}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("$A", "hello.tar.gz"),
        ("${A}x", "hello.tar.gzx"),
        ("$NONE", ""),
        ("'$A'", "$A"),
        ('"$A"', "hello.tar.gz"),
        ("\\$A", "$A"),
        ("a\\", "a"),
        ('"a\\b\\"\\\\"', 'a\\b"\\'),
        ("$", "$"),
        ("$/x", "$/x"),
        ("$1a$@$?", "a"),
        ("${A:-x}", "hello.tar.gz"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${NONE-x}", "x"),
        ("${NONE:-${EMPTY:-'${A}'}}", "${A}"),
        ("${A:+x}", "x"),
        ("${EMPTY+x}", "x"),
        ("${EMPTY:+x}", ""),
        ("${A:?no}", "hello.tar.gz"),
        ("${EMPTY?no}", ""),
        # the shortest and the longest, from the front and from behind
        ("${A#*.}", "tar.gz"),
        ("${A##*.}", "gz"),
        ("${A%.*}", "hello.tar"),
        ("${A%%.*}", "hello"),
        ("${A#?e}", "llo.tar.gz"),
        ("${A%???}", "hello.tar"),
        ("${A#nothing}", "hello.tar.gz"),
        ("${A%}", "hello.tar.gz"),
        ("${A:#*.}", "tar.gz"),
        ("${NONE#*.}", ""),
        ("${STARS#a\\*}", "b?c\\d"),
        ("${STARS%\\\\d}", "a*b?c"),
        ("${LINES#*}", "one\ntwo\nthree"),
        ("${LINES##*}", "\ntwo\nthree"),
        ("${LINES%%*e}", "one\ntwo\n"),
        # the first, and all
        ("${DIR/l/L}", "/usr/Local/lib"),
        ("${DIR//l/L}", "/usr/LocaL/Lib"),
        ("${DIR//\\//_}", "_usr_local_lib"),
        ("${DIR/local*/x}", "/usr/x"),
        ("${DIR//l?/<$EMPTY>}", "/usr/<>ca<><>b"),
        ("${DIR//l*l/x}", "/usr/xib"),
        ("${DIR//x/y}", "/usr/local/lib"),
        ("${PAIR///-}", "-a- -b-"),
        ("${PAIR///}", "a b"),
        ("${PAIR//a/\\$0\\$1\\$\\$}", "\\a\\\\$\\$ b"),
        ("${LINES/o*o/x}", "one\ntwo\nthree"),
        ("${LINES//e*t/x}", "one\ntwo\nthree"),
        ("${LINES//e*'\n't/x}", "onxwo\nthree"),
        ("${NONE/a/b}", ""),
    ],
)
def test_a_word_expands_as_in_buildkit(word: str, value: str) -> None:
    assert expand(word, ENV).value == value


@pytest.mark.parametrize(
    "word",
    [
        "'open",
        '"open',
        '"open\\',
        "${A",
        "${",
        "${}",
        "${:-x}",
        "${{A}}",
        "${A^^}",
        "${A:1:2}",
        "${A,}",
        "${#A}",
        "${A:-x",
        "${A:",
        "${A:}",
        "${A/b}",
        "${A/b/c",
        "${A#\\q}",
        "${A/\\q/b}",
        "${NONE:?gone}",
        "${EMPTY:?}",
        "${NONE?}",
        "${A:-" * 60 + "}" * 60,
    ],
)
def test_what_buildkit_refuses_is_refused(word: str) -> None:
    with pytest.raises(WordError):
        expand(word, ENV)


def test_what_a_required_variable_lacks_is_said_in_the_files_own_words() -> None:
    with pytest.raises(WordError, match="TOKEN: give one"):
        expand("${TOKEN:?give one}", {})


def test_a_backquote_escapes_when_the_file_says_so() -> None:
    assert expand("`$A\\b", ENV, escape="`").value == "$A\\b"
    assert expand('"`""', ENV, escape="`").value == '"'


def test_names_are_reported_set_or_not() -> None:
    found = expand("$A${EMPTY:+$B}${C:-d}'$D'\\$E", ENV)
    assert found.used == {"A", "EMPTY"}
    assert found.unknown == {"B", "C"}


def test_words_are_split_after_expansion_but_not_in_quotes() -> None:
    assert split("a $PAIR '$PAIR x' \"$PAIR\"\\ c \t d", ENV) == ["a", "a", "b", "$PAIR x", "a b c", "d"]
    assert split("  '' $EMPTY ", ENV) == []


def test_what_a_base_may_set_is_left_to_be_seen() -> None:
    found = expand("/opt/bin:$PATH:${NONE:-x}:${Q:?}:${R%.*}:${S/a/b}:$A", {"A": "1"}, keeps_unset=True)
    assert found.value == "/opt/bin:${PATH}:x:${Q}:${R%.*}:${S/a/b}:1"
    assert found.unknown == {"PATH", "NONE", "Q", "R", "S"}


def test_bytes_that_are_no_text_become_what_go_makes_of_them() -> None:
    assert expand("\ufeffa\udcff", {}).value == "a\ufffd"


def test_a_word_that_would_fill_the_memory_is_refused() -> None:
    with pytest.raises(WordError):
        expand("$A" * 1000, {"A": "x" * 100_000})
    with pytest.raises(WordError):
        expand("${A//x/" + "y" * 100_000 + "}", {"A": "x" * 100_000})
    with pytest.raises(WordError):
        expand("$A", {"A": "x" * 11}, budget=Budget(10))


def test_a_hostile_pattern_takes_no_longer_than_a_kind_one() -> None:
    env = {"A": "a" * 50_000}
    assert expand("${A##" + "*a" * 200 + "*b}", env).value == env["A"]
    assert expand("${A//a*b/x}", env).value == env["A"]


SYNTAX = "$ { } ${A ${NONE :- :+ :? # ## % / // ' \" \\ ` * ? A x é \udc80 $A ${EMPTY}"
FRAGMENTS = st.sampled_from([*SYNTAX.split(), " ", "\n"])


@given(st.lists(FRAGMENTS, max_size=12).map("".join) | st.text(max_size=20), st.sampled_from("\\`"))
def test_any_text_is_a_word_or_refused(word: str, escape: str) -> None:
    try:
        found = expand(word, ENV, escape=escape)
    except WordError:
        return
    assert not set(found.used) & set(found.unknown)
    assert found.used <= set(ENV)
    assert "".join(found.value.split()) == "".join("".join(found.words).split())


@given(st.text("ab\n", max_size=8), st.text("ab*?", max_size=5), st.sampled_from(["#", "##", "%", "%%"]))
def test_trimming_takes_what_a_plain_search_over_all_ends_takes(
    value: str, pattern: str, operator: str
) -> None:
    import re  # noqa: PLC0415 - the slow way, for this test

    grammar = re.compile(pattern.replace("*", ".*").replace("?", "."))
    is_front = operator[0] == "#"
    cuts = range(len(value) + 1)
    taken = [
        (cut if is_front else len(value) - cut, value[cut:] if is_front else value[:cut])
        for cut in cuts
        if grammar.fullmatch(value[:cut] if is_front else value[cut:])
    ]
    chosen = min if len(operator) == 1 else max
    left = chosen(taken)[1] if taken else value
    assert expand(f"${{A{operator}{pattern}}}", {"A": value}).value == left


@given(st.text("ab\n", max_size=8), st.text("ab*?", min_size=1, max_size=5))
def test_the_first_match_is_what_a_regular_expression_finds(value: str, pattern: str) -> None:
    import re  # noqa: PLC0415 - the slow way, for this test

    expression = pattern.replace("*", ".*").replace("?", ".")
    assert expand(f"${{A/{pattern}/X}}", {"A": value}).value == re.sub(expression, "X", value, count=1)
