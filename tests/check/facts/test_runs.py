from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.facts.dockerfiles import facts_of, run_of
from wherry.check.facts import Facts
from wherry.dockerfile.source import Source
from wherry.errors import InputError


def test_a_heredoc_is_a_script() -> None:
    facts = facts_of("FROM x\nRUN <<EOF\nset -e\npip install a\npip install b\nEOF\n")
    assert [install.names for install in facts.installs] == [("a",), ("b",)]
    assert facts.text(facts.installs[1].span) == "pip install b"


def test_a_heredoc_with_a_shells_shebang_is_a_script_and_with_another_none() -> None:
    assert len(facts_of("FROM x\nRUN <<EOF\n#!/bin/bash -e\npip install a\nEOF\n").installs) == 1
    assert facts_of("FROM x\nRUN <<EOF\n#!/usr/bin/perl\npip install a\nEOF\n").installs == ()


def test_what_a_shell_reads_from_a_heredoc_is_run_too() -> None:
    facts = facts_of("FROM x\nRUN bash -e <<EOF\npip install a\nEOF\n")
    assert [install.names for install in facts.installs] == [("a",)]


def test_a_json_form_is_one_command_with_its_places() -> None:
    facts = facts_of('FROM x\nRUN ["pip", "install", "a b", "$X", "it\'s"]\n')
    (call,) = facts.runs[0].calls
    assert (call.program, call.texts) == ("pip", ("install", "a b", "$X", "it's"))
    assert [facts.text(value.span) for value in call.arguments[:3]] == ['"install"', '"a b"', '"$X"']
    assert all(value.is_known for value in call.arguments)


def test_a_shell_in_json_is_read_as_its_script() -> None:
    facts = facts_of('FROM x\nRUN ["/bin/bash", "-c", "pip install a && pip install b"]\n')
    assert [install.names for install in facts.installs] == [("a",), ("b",)]


def test_a_shell_that_is_none_of_unix_has_no_commands() -> None:
    facts = facts_of('FROM x\nSHELL ["powershell", "-Command"]\nRUN pip install a\n')
    assert facts.runs[0].calls == ()


@pytest.mark.parametrize(
    ("commands", "conditional"),
    [
        ("a; pip install x", False),
        ("a && pip install x", False),
        ("a || pip install x", True),
        ("if a; then pip install x; fi", True),
        ("for p in a b; do pip install $p; done", True),
        ("(cd /a && pip install x)", False),
        ("f() { pip install x; }; f", True),
    ],
)
def test_what_may_not_run_is_known_as_conditional(
    commands: str,
    conditional: bool,  # noqa: FBT001 - a column of the table
) -> None:
    (install,) = run_of(commands).installs
    assert install.call.is_conditional == conditional


def test_what_a_branch_sets_is_not_known_behind_it() -> None:
    run = run_of("if a; then V=1; fi; pip install x==$V", "ARG W=2")
    assert not run.installs[0].packages[0].is_known
    same = run_of("if a; then W=2; fi; pip install x==$W", "ARG W=2")
    assert same.installs[0].packages[0].version == "2"


def test_a_subshell_keeps_its_directory_to_itself() -> None:
    run = run_of("(cd /a && rm b) && rm c && cd /d && rm e", "WORKDIR /w")
    assert [removal.paths for removal in run.removals] == [("/a/b",), ("/w/c",), ("/d/e",)]


def test_what_is_substituted_is_not_known() -> None:
    run = run_of("V=$(cat v) && pip install a==$V b==`cat v` c==$1 d==${E:?} && cd $(pwd) && rm x")
    assert [package.is_known for package in run.installs[0].packages] == [False] * 4
    assert run.removals[-1].paths == ("x",)


def test_variables_that_grow_without_end_are_given_up() -> None:
    doubling = " && ".join(["A=$A$A"] * 60)
    run = run_of(f"A=aaaaaaaaaa && {doubling} && pip install x==$A")
    assert not run.installs[0].packages[0].is_known


def test_of_more_variables_than_any_script_sets_nothing_old_is_believed() -> None:
    many = "\n".join(f"V{n}={n}" for n in range(3000))
    facts = facts_of(f"FROM x\nRUN <<EOF\nexport A=1\n{many}\npip install a==$A b==$V2999\nEOF\n")
    first, second = facts.installs[0].packages
    assert (first.is_known, second.version) == (False, "2999")
    env = facts.installs[0].env
    assert len(env) == len(list(env)) < 3000
    assert "V2999" in repr(env)


COMMANDS = st.text(alphabet="pip nstall-r$X{}()'\"\\;&|<>\n=~*cdrm/", max_size=60)


@given(COMMANDS, st.sampled_from(["", "ENV X=1", "USER a", "WORKDIR $Y"]))
def test_no_run_is_a_failure(commands: str, before: str) -> None:
    data = f"FROM x\n{before}\nRUN {commands}\nCMD {commands}\n".encode()
    try:
        facts = Facts.of(Source("Dockerfile", data))
    except InputError:
        return
    for run in facts.runs:
        assert run.removals is run.removals
        for name in ("downloads", "ownerships", "extractions", "pipes", "logins", "compiles", "purged"):
            getattr(run, name)
        for install in run.installs:
            assert install.cache.stays in {True, False}
            assert install.inputs.frameworks is not None
    assert facts.secrets is not None
    assert facts.target.ending.calls is not None
