"""What a Dockerfile says, and on which bytes it says it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from tests.dockerfile.dockerfiles import CORPUS, damaged_files, files
from wherry.dockerfile.parser import parse, read_syntax
from wherry.dockerfile.source import Source, Span
from wherry.dockerfile.syntax import Dockerfile, DockerfileError, Instruction

if TYPE_CHECKING:
    from pathlib import Path


def read(text: str | bytes) -> Dockerfile:
    return parse(Source("Dockerfile", text if isinstance(text, bytes) else text.encode()))


def last(text: str | bytes) -> Instruction:
    """The last instruction of a file that begins with a stage."""
    data = text if isinstance(text, bytes) else text.encode()
    return read(b"FROM x\n" + data).instructions[-1]


def on(dockerfile: Dockerfile, span: Span) -> str:
    return dockerfile.source.text(span)


# ---- nothing is lost


def assert_nothing_is_lost(dockerfile: Dockerfile) -> None:
    """Between instructions stand blank lines, comments and directives only; all else is in a span."""
    data = dockerfile.source.data
    covered = sorted(
        {i.span for i in dockerfile.instructions}
        | {d.span for d in dockerfile.directives}
        | {c.span for c in dockerfile.comments if not _is_inside(c.span, dockerfile)}
    )
    pieces: list[bytes] = []
    at = 0
    for span in covered:
        assert at <= span.start <= span.end
        between = data[at : span.start].removeprefix(b"\xef\xbb\xbf" if at == 0 else b"")
        assert not between.decode("utf-8").strip()
        pieces += data[at : span.start], data[span.start : span.end]
        at = span.end
    assert not data[at:].decode("utf-8").strip("\ufeff \t\r\n\v\f\x85\xa0\u2003\u2028")
    assert b"".join([*pieces, data[at:]]) == data


def _is_inside(span: Span, dockerfile: Dockerfile) -> bool:
    return any(i.span.start <= span.start and span.end <= i.span.end for i in dockerfile.instructions)


def assert_spans_are_true(dockerfile: Dockerfile) -> None:
    data = dockerfile.source.data
    for instruction in dockerfile.instructions:
        assert_instruction_is_true(instruction, data)
        if instruction.trigger:
            assert_instruction_is_true(instruction.trigger, data)
    for comment in dockerfile.comments:
        assert data[comment.span.start : comment.span.end].startswith(b"#")


def assert_instruction_is_true(instruction: Instruction, data: bytes) -> None:
    body = instruction.body
    assert [data[body.at(at)] for at in range(len(body.data))] == list(body.data)
    for span in (
        instruction.keyword_span,
        *(flag.span for flag in instruction.flags),
        *(argument.span for argument in instruction.arguments),
        *(heredoc.span for heredoc in instruction.heredocs),
        *(comment.span for comment in instruction.comments),
    ):
        assert instruction.span.start <= span.start <= span.end <= instruction.span.end
    assert data[instruction.span.end : instruction.span.end + 1] in {b"", b"\r", b"\n"}
    for heredoc in instruction.heredocs:
        raw = data[heredoc.body.start : heredoc.body.end]
        assert heredoc.text.data == (re.sub(rb"(?m)^\t+", b"", raw) if heredoc.strips_tabs else raw)
        assert [data[heredoc.text.at(at)] for at in range(len(heredoc.text.data))] == list(heredoc.text.data)


@given(files)
def test_nothing_of_a_composed_file_is_lost(text: str) -> None:
    try:
        dockerfile = read_syntax(Source("Dockerfile", text.encode()))
    except DockerfileError:
        return
    assert_nothing_is_lost(dockerfile)
    assert_spans_are_true(dockerfile)


@given(damaged_files)
def test_nothing_of_a_damaged_file_is_lost(text: str) -> None:
    try:
        dockerfile = read_syntax(Source("Dockerfile", text.encode()))
    except DockerfileError:
        return
    assert_spans_are_true(dockerfile)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_real_shapes_are_accepted_and_nothing_of_them_is_lost(path: Path) -> None:
    dockerfile = read(path.read_bytes())
    assert_nothing_is_lost(dockerfile)
    assert_spans_are_true(dockerfile)
    assert any("shape: " in comment.text for comment in dockerfile.comments)


def test_there_are_at_least_60_real_shapes() -> None:
    assert len(CORPUS) >= 60


# ---- lines


def test_continued_lines_are_one_instruction_and_every_byte_knows_its_line() -> None:
    dockerfile = read(
        "FROM x\nRUN apt-get update && \\\n    # why\n    apt-get install \\\n\n  git\nUSER a\n"
    )
    run = dockerfile.instructions[1]
    assert run.values == ("apt-get update &&     apt-get install   git",)
    assert on(dockerfile, run.span).startswith("RUN")
    assert on(dockerfile, run.span).endswith("git")
    assert dockerfile.source.line(run.body.at(run.body.data.index(b"git"))) == 6
    assert [c.text for c in run.comments] == ["why"]
    assert [dockerfile.source.line(span.start) for span in run.blank_lines] == [5]
    assert dockerfile.comments == run.comments


def test_carriage_returns_belong_to_line_endings() -> None:
    dockerfile = read(b"\xef\xbb\xbfFROM x\r\nRUN a \\\r\n  b\r\nCMD c")
    assert [i.values for i in dockerfile.instructions] == [("x",), ("a   b",), ("c",)]
    assert on(dockerfile, dockerfile.instructions[1].span) == "RUN a \\\r\n  b"
    assert dockerfile.instructions[0].span == Span(3, 9)


def test_an_escape_that_is_escaped_continues_nothing() -> None:
    assert last("RUN a \\\\\nUSER b\n").values == ("b",)


def test_a_keyword_may_be_in_pieces() -> None:
    dockerfile = read("FROM x\nWORK\\\nDIR /a\n")
    workdir = dockerfile.instructions[1]
    assert (workdir.keyword, workdir.values) == ("workdir", ("/a",))
    assert on(dockerfile, workdir.keyword_span) == "WORK\\\nDIR"


def test_a_line_that_only_continues_belongs_to_the_instruction_that_follows() -> None:
    dockerfile = read("\\\n  FROM x\n")
    assert dockerfile.instructions[0].span == Span(0, 10)
    assert on(dockerfile, dockerfile.instructions[0].keyword_span) == "FROM"


def test_what_is_continued_at_the_end_of_the_file_ends_there() -> None:
    dockerfile = read("FROM x\nRUN a \\\n# c\n\n")
    assert dockerfile.instructions[-1].values == ("a",)
    assert dockerfile.source.line(dockerfile.instructions[-1].span.end) == 4


def test_bytes_that_are_no_text_survive() -> None:
    run = last(b"RUN echo \xff\xfe\n")
    assert run.values[0].encode("utf-8", "surrogateescape") == b"echo \xff\xfe"
    assert run.body.data == b"echo \xff\xfe"


# ---- directives


@pytest.mark.parametrize(
    ("text", "directives", "escape"),
    [
        ("# syntax=docker/dockerfile:1\nFROM x\n", {"syntax": "docker/dockerfile:1"}, "\\"),
        ("# escape=`\nFROM x\n", {"escape": "`"}, "`"),
        ("#ESCAPE = `  \r\nFROM x\n", {"escape": "`"}, "`"),
        (
            "  # check = skip=all;error=true\n# syntax = a b\nFROM x\n",
            {"check": "skip=all;error=true", "syntax": "a b"},
            "\\",
        ),
        ("\ufeff# escape=\\\nFROM x\n", {"escape": "\\"}, "\\"),
        ("# a comment\n# escape=`\nFROM x\n", {}, "\\"),
        ("\n# escape=`\nFROM x\n", {}, "\\"),
        ("# unknown=1\n# escape=`\nFROM x\n", {}, "\\"),
        ("#!/usr/bin/env x\n# escape=`\nFROM x\n", {}, "\\"),
        ("# escape\nFROM x\n", {}, "\\"),
        ("# escape=\nFROM x\n", {}, "\\"),
        ("FROM x\n# escape=`\n", {}, "\\"),
    ],
)
def test_directives_stand_on_the_first_lines_only(text: str, directives: dict[str, str], escape: str) -> None:
    dockerfile = read(text)
    assert {d.name: d.value for d in dockerfile.directives} == directives
    assert dockerfile.escape == escape
    assert all(on(dockerfile, d.span).startswith("#") for d in dockerfile.directives)
    assert all(dockerfile.directive(name) for name in directives)


def test_the_escape_directive_holds_for_continuations_words_and_flags() -> None:
    dockerfile = read('# escape=`\nFROM x\nCOPY --chown=a`b C:\\src `\n  C:\\dst\\\nENV a="x`"y" b=c` d\n')
    copy, env = dockerfile.instructions[1:]
    assert copy.values == ("C:\\src", "C:\\dst\\")
    assert [flag.value for flag in copy.flags] == ["ab"]
    assert env.values == ("a", '"x`"y"', "b", "c` d")


# ---- flags


@pytest.mark.parametrize(
    ("flags", "name", "value", "written"),
    [
        ("--link", "link", None, None),
        ("--from=build", "from", "build", "build"),
        ("--chown=", "chown", "", ""),
        ('--chown="a b"', "chown", "a b", '"a b"'),
        ("--chown='a'b\\ c", "chown", "ab c", "'a'b\\ c"),
        ("--'chown'=x", "chown", "x", "x"),
        ('--"chown=x"', "chown", "x", 'x"'),
        ("--chown=a=b", "chown", "a=b", "a=b"),
        ("--from=bu\\\nild", "from", "build", "bu\\\nild"),
    ],
)
def test_flags_have_a_name_a_value_and_places(
    flags: str, name: str, value: str | None, written: str | None
) -> None:
    dockerfile = read(f"FROM x\nCOPY {flags}  a  b\n")
    copy = dockerfile.instructions[1]
    (flag,) = copy.flags
    assert (flag.name, flag.value) == (name, value)
    assert on(dockerfile, flag.span) == flags
    assert (on(dockerfile, flag.value_span) if flag.value_span else None) == written
    assert copy.values == ("a", "b")


def test_two_dashes_alone_end_the_flags() -> None:
    copy = last("COPY --link -- --x y\n")
    assert [flag.name for flag in copy.flags] == ["link"]
    assert copy.values == ("--x", "y")


def test_repeated_flags_are_found_by_name() -> None:
    run = last("RUN --mount=type=tmpfs,target=/a --network=none --mount=target=/b x\n")
    assert [flag.value for flag in run.flag_values("mount")] == ["type=tmpfs,target=/a", "target=/b"]
    assert run.flag("mount") == run.flags[2]
    assert run.flag("device") is None


# ---- JSON


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('["a", "b c"]', ("a", "b c")),
        ("[]", ()),
        ('[ "a" , "" ]', ("a", "")),
        ('["\\u00e9\\ud83d\\udc33\\n\\"\\/"]', ('é\U0001f433\n"/',)),
        ('["\\ud800x"]', ("\ufffdx",)),
        ('["a",\\\n  "b"]', ("a", "b")),
    ],
)
def test_an_array_of_strings_is_the_json_form(text: str, values: tuple[str, ...]) -> None:
    cmd = last(f"CMD {text}\n")
    assert (cmd.is_json, cmd.values) == (True, values)


@pytest.mark.parametrize(
    "text",
    [
        "['a']",
        '["a",]',
        '["a"',
        '["a"] b',
        '["a" "b"]',
        "[a]",
        '["\t"]',
        '["\\x"]',
        '"a"',
        "[ -f a ] && b",
        "[NaN]",
        '[{"a" "b"}]',
        '[{"a":}]',
        "[{,}]",
        "[}",
        "[" * 20_000,
        '["a"]["b"]',
        '[,"a"]',
        '["a",,"b"]',
        "[{1:2}]",
    ],
)
def test_what_is_no_json_is_the_shell_form(text: str) -> None:
    cmd = last(f"CMD {text}\n")
    assert (cmd.is_json, cmd.values) == (False, (text,))


def test_json_strings_know_their_quotes() -> None:
    dockerfile = read('FROM x\nCMD ["a", "b c"]\n')
    assert [on(dockerfile, a.span) for a in dockerfile.instructions[1].arguments] == ['"a"', '"b c"']


# ---- arguments


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("COPY a  b\tc", ("a", "b", "c")),
        ('COPY "a b" c', ('"a', 'b"', "c")),
        ('ADD ["a b", "c"]', ("a b", "c")),
        ("EXPOSE 80 443/tcp", ("80", "443/tcp")),
        ("USER a b", ("a b",)),
        ('WORKDIR "/a b"', ('"/a b"',)),
        ("VOLUME /a /b", ("/a", "/b")),
        ("STOPSIGNAL SIGTERM", ("SIGTERM",)),
        ("MAINTAINER me <me@x>", ("me <me@x>",)),
        ("ARG a b=c 'd e'=f", ("a", "b=c", "'d e'=f")),
        ("ENV a=b c='d e' \"f\"=", ("a", "b", "c", "'d e'", '"f"', "")),
        ("ENV a b=c d", ("a", "b=c d")),
        ("ENV a=b\\ c d=\\", ("a", "b\\ c", "d", "")),
        ("LABEL a.b=c d", None),
        ("HEALTHCHECK none", ("none",)),
        ("HEALTHCHECK CMD a b", ("CMD", "a b")),
        ('HEALTHCHECK CMD ["a", "b"]', ("CMD", "a", "b")),
        ("RUN", ()),
        ("CMD", ()),
        ('SHELL ["a", "b"]', ("a", "b")),
        ("ENV a=b\u2003c=d", ("a", "b", "c", "d")),
        ("STOPSIGNAL --x 9", ("9",)),
        ("ARG --x a", ("a",)),
        ("HEALTHCHECK --x NONE", ("NONE",)),
    ],
)
def test_each_instruction_has_its_own_arguments(text: str, values: tuple[str, ...] | None) -> None:
    if values is None:
        with pytest.raises(DockerfileError):
            last(text)
    else:
        assert last(text).values == values


def test_names_and_values_come_in_pairs() -> None:
    def pairs(text: str) -> list[tuple[str, str | None]]:
        return [(p.name.value, p.value.value if p.value else None) for p in last(text).pairs]

    assert pairs("ENV a=b c=d") == [("a", "b"), ("c", "d")]
    assert pairs("LABEL a b c") == [("a", "b c")]
    assert pairs("ARG a b= c=d=e") == [("a", None), ("b", ""), ("c", "d=e")]
    assert pairs("RUN a=b") == []


@pytest.mark.parametrize(
    ("text", "is_legacy"),
    [("ENV a b", True), ("ENV a=b", False), ("LABEL a\tb", True), ("ENV a=b c=d", False), ("RUN a b", False)],
)
def test_the_old_form_of_env_is_recognised(text: str, is_legacy: bool) -> None:  # noqa: FBT001 - a parameter
    assert last(text).is_legacy_pair == is_legacy


def test_arguments_of_arg_know_where_name_and_value_stand() -> None:
    dockerfile = read("ARG a=b \\\n  c\nFROM x\n")
    first, second = dockerfile.instructions[0].pairs
    assert first.value is not None
    assert (on(dockerfile, first.name.span), on(dockerfile, first.value.span)) == ("a", "b")
    assert on(dockerfile, second.name.span) == "c"


# ---- heredocs


def test_a_heredoc_is_part_of_its_instruction() -> None:
    dockerfile = read("FROM x\nRUN <<EOF\nset -e\n# not a comment\nEOF\nUSER a\n")
    run = dockerfile.instructions[1]
    (heredoc,) = run.heredocs
    assert (heredoc.name, heredoc.content, heredoc.expands) == ("EOF", "set -e\n# not a comment\n", True)
    assert on(dockerfile, heredoc.body) == heredoc.content
    assert on(dockerfile, heredoc.span) == heredoc.content + "EOF"
    assert run.span.end == heredoc.span.end
    assert dockerfile.comments == ()
    assert dockerfile.instructions[2].keyword == "user"


@pytest.mark.parametrize(
    ("announced", "name", "expands", "strips_tabs", "descriptor"),
    [
        ("<<EOF", "EOF", True, False, 0),
        ("<<-EOF", "EOF", True, True, 0),
        ("<<'EOF'", "EOF", False, False, 0),
        ('<<-"EOF"', "EOF", False, True, 0),
        ("3<<E'O'F", "EOF", False, False, 3),
        ("<< EOF", "EOF", True, False, 0),
        ("<<\tEOF", "EOF", True, False, 0),
        ("<<E\\OF", "EOF", True, False, 0),
        ('<<"E F"', "E F", False, False, 0),
        ("<<$EOF", "$EOF", True, False, 0),
        ("<<${E:-F}", "${E:-F}", True, False, 0),
        ("<<${E#F}", "${E#F}", True, False, 0),
        ("<<${E/a//}", None, True, False, 0),
        ("<<${E/a/b}", "${E/a/b}", True, False, 0),
        ("99999999999999999999999<<EOF", "EOF", True, False, 2**64 - 1),
        ('<<"${E:-"F"}"', "${E:-F}", False, False, 0),
        ('<<"a\\"b"', 'a"b', False, False, 0),
    ],
)
def test_heredocs_are_announced_in_many_ways(
    announced: str, name: str | None, *, expands: bool, strips_tabs: bool, descriptor: int
) -> None:
    if name is None:
        with pytest.raises(DockerfileError):
            last(f"RUN {announced}\n\ta\nEOF\n")
        return
    (heredoc,) = last(f"RUN cat {announced} > b\n\ta\n{name}\n").heredocs
    assert (heredoc.name, heredoc.expands, heredoc.strips_tabs) == (name, expands, strips_tabs)
    assert heredoc.descriptor == descriptor
    assert heredoc.content == ("a\n" if strips_tabs else "\ta\n")


@pytest.mark.parametrize(
    "text",
    [
        "RUN cat<<EOF",
        "RUN cat <<< EOF",
        "RUN cat <<<EOF",
        "RUN echo '$((1 << 2))' <<",
        "RUN echo $((1<<2))",
        "RUN <<-\tEOF",
        "RUN echo \\ <<EOF",
        "RUN echo '<<EOF'",
        'RUN echo "<<EOF"',
        "RUN echo \\<<EOF",
        "RUN it's <<EOF",
        'RUN a " <<EOF',
        "RUN ${ <<EOF",
        "RUN ${x <<EOF",
        "RUN ${x!y} <<EOF",
        "RUN ${#x} <<EOF",
        "RUN ${x:#y} <<EOF",
        "RUN ${x: <<EOF",
        "RUN ${x/y <<EOF",
        "RUN ${x:-'y} <<EOF",
        "RUN <<''",
        'RUN ["cat", "<<EOF"]',
        "CMD <<EOF",
        "ENV a=<<EOF",
        "ONBUILD CMD <<EOF",
    ],
)
def test_what_only_looks_like_a_heredoc_takes_no_lines(text: str) -> None:
    dockerfile = read(f"FROM x\n{text}\nUSER a\n")
    assert not any(i.heredocs for i in dockerfile.instructions)
    assert dockerfile.instructions[-1].keyword == "user"


@pytest.mark.parametrize(
    "before",
    [
        "$x",
        "$1a",
        "$$",
        "${x}",
        "${x:-y}",
        "${x:-'a b'}",
        '${x+"$y"}',
        '"${x:-a b}"',
        "${x%.*}",
        "'$'",
        "a\\ b",
        '"\\$"',
        '"\\a"',
        "$'a'",
        "${x:-\\}}",
        "${x?<<}",
        "\ufeff",
        "${x:0:1}",
        "${x:=y}",
        '"<<EOF"',
        "\\\\",
    ],
)
def test_a_heredoc_is_found_behind_what_the_shell_quotes_and_expands(before: str) -> None:
    (heredoc,) = last(f"RUN echo {before} <<EOF\nbody\nEOF\n").heredocs
    assert heredoc.content == "body\n"


def test_several_heredocs_follow_each_other() -> None:
    dockerfile = read("FROM x\nCOPY <<a <<-'b' /dst/\n1\na\n\t2\n\tb\nONBUILD RUN <<E\n3\nE\n")
    copy, onbuild = dockerfile.instructions[1:]
    assert [h.content for h in copy.heredocs] == ["1\n", "2\n"]
    assert dockerfile.source.line(copy.heredocs[1].text.at(0)) == 5
    assert onbuild.trigger is not None
    assert onbuild.heredocs == onbuild.trigger.heredocs
    assert onbuild.heredocs[0].content == "3\n"


def test_a_heredoc_keeps_its_carriage_returns_and_may_be_empty() -> None:
    assert last(b"RUN <<E\r\na\r\nE\r\n").heredocs[0].content == "a\r\n"
    (empty,) = last("RUN <<E\nE").heredocs
    assert (empty.content, empty.body.start, empty.text.data) == ("", empty.body.end, b"")


# ---- ONBUILD


def test_a_trigger_is_an_instruction_in_its_own_place() -> None:
    dockerfile = read("FROM x\nONBUILD  COPY --chown=a:b \\\n  . /app\n")
    onbuild = dockerfile.instructions[1]
    trigger = onbuild.trigger
    assert trigger is not None
    assert (trigger.index, trigger.keyword, trigger.values) == (1, "copy", (".", "/app"))
    assert [flag.name for flag in trigger.flags] == ["chown"]
    assert on(dockerfile, trigger.span) == "COPY --chown=a:b \\\n  . /app"
    assert on(dockerfile, trigger.keyword_span) == "COPY"
    assert onbuild.arguments == ()


def test_what_a_trigger_would_be_refused_for_comes_out_when_it_is_built() -> None:
    assert last("ONBUILD COPY a\n").trigger is not None
    assert last("ONBUILD NONSENSE\n").trigger is not None
