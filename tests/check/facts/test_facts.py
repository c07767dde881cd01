from __future__ import annotations

import pytest

from tests.check.facts.dockerfiles import facts_of
from wherry.dockerfile.syntax import DockerfileError
from wherry.errors import InputError

TWO_STAGES = """
    ARG PYTHON=3.12
    FROM python:$PYTHON AS build
    RUN pip wheel torch
    FROM python:$PYTHON-slim AS runtime
    COPY --from=build /wheels /wheels
    RUN pip install x && apt-get update
    FROM runtime AS final
    ENV A=1
    RUN pip install y
    FROM scratch AS unused
    COPY . /
"""


def test_what_is_shipped_is_the_chain_of_the_target() -> None:
    facts = facts_of(TWO_STAGES, target="final")
    build, runtime, final, unused = facts.stages
    assert facts.target is final
    assert facts.shipped == (final, runtime)
    assert [stage.is_shipped for stage in facts.stages] == [False, True, True, False]
    assert [stage.is_reachable for stage in facts.stages] == [True, True, True, False]
    assert [stage.is_target for stage in facts.stages] == [False, False, True, False]
    assert final.parent is runtime
    assert (runtime.parent, final.name, unused.index) == (None, "final", 3)
    assert final.chain == (final, runtime)
    assert facts.text(build.base_span) == "python:$PYTHON"


def test_a_stage_built_from_a_stage_has_the_base_of_the_first() -> None:
    facts = facts_of(TWO_STAGES, build_args={"PYTHON": "3.11"})
    assert [stage.base.reference for stage in facts.stages] == [
        "python:3.11",
        "python:3.11-slim",
        "python:3.11-slim",
        "scratch",
    ]


def test_what_an_image_is_made_of_stands_in_the_order_of_the_build() -> None:
    final = facts_of(TWO_STAGES, target="final").target
    assert [run.index for run in final.all_runs] == [5, 8]
    assert [install.names for install in final.all_installs] == [("x",), (), ("y",)]
    assert [copy.from_ for copy in final.all_copies] == ["build"]
    assert [variable.name for variable in final.all_variables] == ["A"]
    assert [found.keyword for found in final.all_instructions] == ["copy", "run", "env", "run"]
    assert [install.names for install in final.installs] == [("y",)]
    assert [call.program for call in final.calls] == ["pip"]
    assert final.downloads == ()


def test_an_instruction_leads_to_its_facts() -> None:
    facts = facts_of(TWO_STAGES)
    arg, first, wheel, *_ = facts.dockerfile.instructions
    assert facts.stage_of(arg) is None
    assert facts.stage_of(first) is facts.stages[0]
    run = facts.run_of(wheel)
    assert run is not None
    assert run.stage is facts.stages[0]
    assert run is facts.runs[0]
    assert facts.run_of(first) is None
    assert facts.copy_of(wheel) is None
    copy = facts.copies[0]
    assert facts.copy_of(copy.instruction) is copy
    assert facts.known_before(arg).get("TARGETPLATFORM") == "linux/amd64"
    assert len(facts.installs) == 4


def test_a_place_is_where_people_look_for_it() -> None:
    facts = facts_of(TWO_STAGES, "app/Dockerfile")
    place = facts.place(facts.installs[0].span)
    assert str(place) == "app/Dockerfile:3:5"
    assert facts.text(facts.installs[0].span) == "pip wheel torch"


def test_what_is_in_force_before_a_run_is_its_own() -> None:
    facts = facts_of(
        """
        FROM mambaorg/micromamba
        RUN a
        USER root
        ENV X=1
        WORKDIR /app
        RUN b
        USER me:group
        RUN c
        """
    )
    a, b, c = facts.runs
    assert [(run.user, run.is_root) for run in facts.runs] == [
        ("mambauser", False),
        ("root", True),
        ("me:group", False),
    ]
    assert (a.workdir, b.workdir) == ("/tmp", "/app")
    assert (dict(a.env).get("X"), dict(b.env).get("X")) == (None, "1")
    assert [run.home for run in (a, b, c)] == ["/home/mambauser", "/root", "/home/me"]


def test_what_a_base_may_set_is_not_known() -> None:
    facts = facts_of("FROM python\nENV PATH=/opt/bin:$PATH A=1\nRUN true\n")
    env = facts.runs[0].env
    assert "PATH" not in env
    assert env["A"] == "1"
    assert sorted(name for name in env if name == "A") == ["A"]
    assert len(env) == len(list(env))
    assert "A" in repr(env)


def test_on_stdin_there_is_no_context_and_without_image_none() -> None:
    facts = facts_of("FROM scratch\n", "-")
    assert (facts.context, facts.image, facts.notes) == (None, None, ())


def test_what_buildkit_refuses_is_refused() -> None:
    with pytest.raises(DockerfileError):
        facts_of("FORM scratch\n")
    with pytest.raises(InputError):
        facts_of("FROM scratch\n", target="nope")


def test_facts_are_made_once() -> None:
    facts = facts_of(TWO_STAGES)
    assert facts.stages is facts.stages
    assert facts.runs[0].calls is facts.runs[0].calls
    assert repr(facts) == "Facts('Dockerfile')"
    assert repr(facts.stages[0]) == "StageFacts(0, 'build')"
    assert (repr(facts.runs[0]), repr(facts.copies[0])) == ("RunFacts(2)", "CopyFacts(4)")


def test_of_a_file_with_more_runs_than_any_only_the_first_are_read() -> None:
    facts = facts_of("FROM x\n" + "RUN pip install a\n" * 3010)
    assert len(facts.runs) == 3010
    assert len(facts.installs) == 3000
    assert "only its first 3000 RUNs" in facts.notes[0]
    long = facts_of("FROM x\n" + f"RUN echo {'x' * 60_000}\n" * 80 + "RUN pip install a\n")
    assert long.installs == ()
