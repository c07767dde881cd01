"""Stages and scopes as BuildKit has them; ``test_stages_docker`` asks BuildKit itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.dockerfile.endings import ending_of
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source
from wherry.dockerfile.stages import Scope, StageGraph, build_graph, scope_before
from wherry.errors import InputError

SCRATCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def graph_of(text: str, *, target: str | None = None, **build_args: str) -> StageGraph:
    return build_graph(parse(Source("Dockerfile", text.encode())), build_args, target)


def end_of(text: str, **build_args: str) -> Scope:
    return scope_before(graph_of(text, **build_args).target, None)


def test_a_base_is_resolved_with_the_arguments_above_the_first_from() -> None:
    text = "ARG PY=3.12\nARG BASE=python:${PY}-slim\nFROM $BASE\n"
    assert graph_of(text).target.base == "python:3.12-slim"
    assert graph_of(text, PY="3.11").target.base == "python:3.11-slim"
    assert graph_of(text, BASE="debian").target.base == "debian"


def test_a_base_whose_argument_has_no_value_is_empty() -> None:
    assert graph_of("ARG BASE\nFROM $BASE\n").target.base == ""
    graph = graph_of("FROM ${BASE:?say}\n")
    assert graph.target.base == ""
    assert [problem.what for problem in graph.problems] == ["BASE: say"]


def test_an_argument_of_a_stage_means_nothing_to_from() -> None:
    assert graph_of("FROM a\nARG B=b\nFROM x$B\n").target.base == "x"


def test_platforms_are_known_to_from_and_to_stages_that_ask() -> None:
    text = "FROM --platform=$BUILDPLATFORM a\nARG TARGETARCH\nENV X=$TARGETARCH Y=$TARGETOS\n"
    graph = build_graph(parse(Source("Dockerfile", text.encode())), platform="linux/arm64/v8")
    assert graph.target.platform == "linux/arm64/v8"
    assert dict(scope_before(graph.target, None).env) == {"X": "arm64", "Y": "${TARGETOS}"}
    assert graph_of(text, TARGETARCH="riscv64").args["TARGETARCH"] == "riscv64"


def test_a_stage_is_built_from_the_last_stage_of_that_name_before_it() -> None:
    graph = graph_of("FROM a AS One\nFROM b AS one\nFROM ONE AS two\nFROM two\n")
    assert [stage.parent.index if stage.parent else None for stage in graph.stages] == [None, None, 1, 2]
    assert [stage.index for stage in graph.target.chain()] == [3, 2, 1]
    assert graph.target.root_base == "b"
    assert graph.stages[0].name == "one"


def test_a_name_that_comes_later_is_an_image() -> None:
    graph = graph_of("FROM late\nFROM x AS late\n")
    assert graph.stages[0].parent is None
    assert graph.stages[0].root_base == "late"


def test_what_stages_take_from_each_other_is_listed() -> None:
    graph = graph_of(
        "FROM a AS build\nFROM b AS tools\nFROM c\n"
        "COPY --from=Build /x /\nCOPY --from=1 /y /\nCOPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/\n"
        "COPY . .\nCOPY --from= z /\n"
        "RUN --mount=from=tools,target=/t --mount=type=cache,target=/c "
        "--mount=type=tmpfs,from=build,target=/d "
        "x\n"
        "RUN --mount=type=bind,FROM=1,target=/t x\n"
    )
    found = [
        (use.kind, use.reference, use.source.index if use.source else None)
        for use in graph.used_by(graph.target)
    ]
    assert found == [
        ("from", "c", None),
        ("copy", "Build", 0),
        ("copy", "1", 1),
        ("copy", "ghcr.io/astral-sh/uv:0.5", None),
        ("mount", "tools", 1),
        ("mount", "1", None),  # a mount knows stages by name only
    ]
    assert [use.stage.index for use in graph.users_of(graph.stages[1])] == [2, 2]
    assert all(use.is_possible for use in graph.uses)


def test_a_stage_that_takes_from_itself_or_from_a_later_one_cannot() -> None:
    graph = graph_of("FROM a AS x\nCOPY --from=x / /\nCOPY --from=y / /\nFROM b AS y\n")
    assert [use.is_possible for use in graph.uses] == [True, False, False, True]


def test_of_two_stages_with_a_name_from_means_the_last() -> None:
    graph = graph_of("FROM a AS x\nFROM b AS x\nFROM c\nCOPY --from=x / /\n")
    assert graph.find("x") is graph.stages[1]


def test_numbers_out_of_range_and_variables_are_told() -> None:
    graph = graph_of(
        "FROM a\nCOPY --from=1 / /\nCOPY --from=-1 / /\nCOPY --from=$X / /\nCOPY --from=+0 / /\n"
    )
    assert [problem.what for problem in graph.problems] == [
        "there is no stage 1",
        "there is no stage -1",
        "--from takes no variable",
    ]
    assert graph.uses[-1].source is graph.stages[0]


def test_stages_that_the_target_does_not_need_are_not_reachable() -> None:
    text = (
        "FROM a AS base\nFROM base AS build\nFROM x AS unused\nFROM base AS prod\nCOPY --from=build / /\n"
        "FROM prod AS dev\nRUN --mount=from=unused,target=/x y\n"
    )
    assert graph_of(text, target="PROD").reachable == {0, 1, 3}
    assert graph_of(text, target="0").reachable == {0}
    assert graph_of(text).reachable == {0, 1, 2, 3, 4}


def test_an_unknown_target_is_an_error_that_names_the_stages() -> None:
    with pytest.raises(InputError) as raised:
        graph_of("FROM a AS one\nFROM b\n", target="three")
    assert raised.value.mend == "its stages: one, 1"


def test_what_is_in_force_is_what_came_before_the_instruction() -> None:
    graph = graph_of(
        'FROM a\nRUN 1\nENV A=1\nUSER app\nWORKDIR /w\nSHELL ["/bin/bash", "-c"]\nRUN 2\nENV A=2\n'
    )
    first, *_, second, _ = graph.target.instructions
    before = scope_before(graph.target, first)
    assert (dict(before.env), before.user, before.workdir) == ({}, "", "")
    assert before.shell == ("/bin/sh", "-c")
    after = scope_before(graph.target, second)
    assert (dict(after.env), after.user, after.workdir) == ({"A": "1"}, "app", "/w")
    assert after.shell == ("/bin/bash", "-c")


def test_variables_of_one_line_see_what_was_before_it() -> None:
    assert dict(end_of("FROM scratch\nENV A=1\nENV A=2 B=$A\n").env) == {
        "PATH": SCRATCH_PATH,
        "A": "2",
        "B": "1",
    }


def test_arguments_of_one_line_see_each_other() -> None:
    assert dict(end_of("FROM a\nARG A=1 B=$A\n").args) == {"A": "1", "B": "1"}


def test_an_argument_takes_build_arguments_its_default_or_what_stands_above() -> None:
    text = "ARG A=global\nARG B=global\nARG D=global\nFROM a\nARG A\nARG B=own\nARG C\nARG E=own\n"
    assert dict(end_of(text).args) == {"A": "global", "B": "own", "E": "own"}
    assert dict(end_of(text, A="1", C="2", E="3").args) == {"A": "1", "B": "own", "C": "2", "E": "3"}


def test_env_wins_over_arguments_but_not_over_a_later_one_of_its_stage() -> None:
    graph = graph_of("FROM a AS x\nARG A=arg\nENV A=env\nARG B\nARG A=later\nFROM x\n")
    assert scope_before(graph.stages[0], None).variables["A"] == "later"
    assert scope_before(graph.target, None).variables["A"] == "env"
    assert scope_before(graph.target, None).args["A"] == "later"


def test_what_the_base_may_set_is_not_known() -> None:
    end = end_of(
        "FROM python\nENV PATH=/opt/bin:$PATH A=1\nENV B=$PATH C=$A D=$Z\nWORKDIR $HOME\nWORKDIR x\n"
    )
    assert end.env["PATH"] == "/opt/bin:${PATH}"
    assert not end.is_known("PATH")
    assert not end.is_known("B")
    assert end.is_known("C")
    assert end.env["D"] == "${Z}"
    assert not end.is_known("NONE")
    assert "NONE" not in end.variables
    with pytest.raises(KeyError):
        end.variables["NONE"]
    assert (end.workdir, end.is_workdir_known) == ("${HOME}/x", False)


def test_below_scratch_there_is_nothing_more() -> None:
    end = end_of("FROM scratch AS a\nFROM a\nENV PATH=/bin:$PATH A=$NONE\nWORKDIR $A\n")
    assert dict(end.env) == {"PATH": f"/bin:{SCRATCH_PATH}", "A": ""}
    assert end.is_known("PATH")
    assert end.is_known("A")


@pytest.mark.parametrize(
    ("lines", "path", "is_known"),
    [
        ("WORKDIR /a\nWORKDIR b/../c/", "/a/c", True),
        ("WORKDIR a", "/a", False),
        ("WORKDIR //a//b", "/a/b", True),
        ("ENV D=/x\nWORKDIR $D/y", "/x/y", True),
        ("WORKDIR '/a b'", "/a b", True),
        ("WORKDIR /a\nWORKDIR $NONE/b", "${NONE}/b", False),
        ("WORKDIR C:\\\\app", "C:\\app", True),
        ('WORKDIR "/open', '"/open', False),
    ],
)
def test_a_directory_counts_from_the_one_before(lines: str, path: str, is_known: bool) -> None:  # noqa: FBT001 - a case
    end = end_of(f"FROM a\n{lines}\n")
    if '"' in path:
        assert end.workdir == f"/{path}"
    else:
        assert (end.workdir, end.is_workdir_known) == (path, is_known)


def test_children_of_one_stage_begin_where_it_ended_and_do_not_see_each_other() -> None:
    graph = graph_of(
        "FROM a AS base\nENV A=0 S=base\nFROM base AS one\nENV A=1 O=1\nFROM base AS two\nENV A=2\n"
        "FROM one AS three\nENV B=3\nFROM one AS four\n"
    )
    assert [dict(scope_before(stage, None).env) for stage in graph.stages] == [
        {"A": "0", "S": "base"},
        {"A": "1", "S": "base", "O": "1"},
        {"A": "2", "S": "base"},
        {"A": "1", "S": "base", "O": "1", "B": "3"},
        {"A": "1", "S": "base", "O": "1"},
    ]


def test_triggers_of_the_stage_below_come_first() -> None:
    graph = graph_of(
        "FROM a AS base\nONBUILD ENV A=1\nONBUILD WORKDIR /on\nONBUILD COPY --from=x / /\nONBUILD CMD run\n"
        "ONBUILD LABEL l=$A\nENV A=0\nFROM y AS x\nFROM base AS child\nENV B=$A\nFROM child\n"
    )
    child = graph.stages[2]
    assert dict(scope_before(child, child.instructions[0]).env) == {"A": "1"}
    assert scope_before(child, None).workdir == "/on"
    assert dict(scope_before(graph.stages[0], None).env) == {"A": "0"}
    assert [use.reference for use in graph.used_by(child)] == ["base", "x"]
    assert graph.target.triggered == ()
    assert ending_of(graph.target).labels == {"l": "1"}
    assert ending_of(graph.target).cmd is graph.stages[0].instructions[3].trigger


def test_refused_words_are_told_with_their_instruction() -> None:
    graph = graph_of("FROM a\nENV A=${B\nUSER ${C:?who}\nLABEL x=y\n")
    problems = graph.check()
    assert [problem.instruction.keyword for problem in problems] == ["env"]  # C may be set by the base
    assert not scope_before(graph.target, None).is_known("A")


def test_an_end_has_what_stays_in_force() -> None:
    graph = graph_of(
        "FROM a AS base\nENV P=80\nEXPOSE $P 81/UDP 90-92\nLABEL a=1 b=$P\nVOLUME /v ['/w']\nCMD base\n"
        "HEALTHCHECK CMD curl x\nSTOPSIGNAL SIGINT\n"
        'FROM base\nEXPOSE 80/tcp "82"\nLABEL a=2\nENTRYPOINT ["x"]\nHEALTHCHECK NONE\nVOLUME ["/q"]\n'
    )
    below, ending = ending_of(graph.stages[0]), ending_of(graph.target)
    assert list(ending.exposed) == ["80/tcp", "81/udp", "90-92/tcp", "82/tcp"]
    assert ending.labels == {"a": "2", "b": "80"}
    assert below.cmd is not None
    assert ending.cmd is None
    assert ending.entrypoint is graph.target.instructions[2]
    assert below.is_watched
    assert not ending.is_watched
    assert ending.stopsignal is below.stopsignal is not None
    assert set(ending.volumes) == {"/v", "[/w]", "/q"}


def test_a_command_before_the_entry_point_of_its_own_stage_stays() -> None:
    ending = ending_of(graph_of('FROM a\nCMD ["x"]\nENTRYPOINT ["y"]\n').target)
    assert ending.cmd is not None
    assert not ending.is_watched


def test_views_are_mappings() -> None:
    end = end_of("FROM a\nENV A=1\nARG A=2 B=3\n")
    assert len(end.variables) == 2
    assert end.variables == {"A": "2", "B": "3"}
    assert "A" in end.env
    assert "B" in repr(end.variables)


def test_values_that_grow_without_end_are_refused_not_made() -> None:
    text = "FROM scratch\nENV A=0123456789\n" + "ENV A=$A$A$A$A$A$A$A$A\n" * 40
    graph = graph_of(text)
    assert any("expand to more" in problem.what for problem in graph.check())


def test_a_directory_that_grows_without_end_stops_growing() -> None:
    graph = graph_of("FROM a\nWORKDIR /a\n" + "WORKDIR bcd\n" * 2000)
    assert "longer than any" in graph.check()[0].what
    end = scope_before(graph.target, None)
    assert 4000 < len(end.workdir) <= 4096
    assert not end.is_workdir_known


def test_deep_and_broad_families_of_stages_cost_what_they_say() -> None:
    deep = "FROM scratch AS s0\nENV A=0\n" + "".join(
        f"FROM s{number} AS s{number + 1}\nENV B=$A$NONE C{number}=x\nFROM s{number}\nENV D=$A\n"
        for number in range(5_000)
    )
    graph = graph_of(deep)
    assert graph.check() == ()
    assert scope_before(graph.target, None).env["D"] == "0"
    broad = "FROM scratch AS s\n" + "ONBUILD ENV A=1\n" * 1000 + "FROM s\n" * 1000
    assert any("ONBUILD" in problem.what for problem in graph_of(broad).check())


LINES = st.sampled_from(
    [
        *("FROM scratch", "FROM a AS a", "FROM A", "FROM $A", "FROM b AS B", "FROM b"),
        *("ENV A=$A$B", "ENV B='x", "ENV A ${B:-$A} c", "ARG A", "ARG B=$A C", "USER $A", "WORKDIR ${B}x"),
        *("COPY --from=0 a b", "COPY --from=b a b", "RUN --mount=from=a,target=/x y", "ONBUILD ENV A=o$A"),
        *("CMD x", "ENTRYPOINT y", "EXPOSE $A", "LABEL $A=$B", "VOLUME $B", 'SHELL ["x"]', "ARG ${A}=1"),
    ]
)


@given(st.lists(LINES, max_size=14))
def test_any_file_that_parses_has_a_graph(lines: list[str]) -> None:
    graph = graph_of("\n".join(["ARG A=a", "FROM scratch", *lines]))
    graph.check()
    for stage in graph.stages:
        ending_of(stage)
        plain: dict[str, str] = {}
        for instruction in (*stage.instructions, None):
            scope = scope_before(stage, instruction)
            assert dict(scope.variables).keys() == dict(scope.env).keys() | dict(scope.args).keys()
            plain = dict(scope.env)
        assert len(plain) == len(scope_before(stage, None).env)
