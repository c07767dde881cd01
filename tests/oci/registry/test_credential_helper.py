"""Docker's credential helpers are asked, and none of their failures is ours."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from wherry.errors import WorldError
from wherry.oci.registry import credential_helper
from wherry.oci.registry.credential_helper import Secret, ask, erase, store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[[str], None]

SECRET = "planted-helper-secret"  # noqa: S105 - planted, to be found nowhere


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Make ``docker-credential-test`` a shell script."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")

    def write(script: str) -> None:
        program = programs / "docker-credential-test"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return write


def answers(user: str, secret: str) -> str:
    return f"cat <<'END'\n{json.dumps({'ServerURL': 'x', 'Username': user, 'Secret': secret})}\nEND"


def test_a_helper_is_asked_for_the_server_on_its_standard_input(install: Install, tmp_path: Path) -> None:
    install(f'printf "%s " "$1" >{tmp_path}/asked; cat >>{tmp_path}/asked\n{answers("captain", SECRET)}')
    assert ask("test", "registry.example:5000") == Secret("captain", SECRET)
    assert (tmp_path / "asked").read_text() == "get registry.example:5000"


def test_a_helper_that_does_not_read_is_understood_all_the_same(install: Install) -> None:
    install(f"exec <&-\n{answers('captain', SECRET)}")
    assert ask("test", "registry.example") == Secret("captain", SECRET)


@pytest.mark.parametrize(
    "script",
    [
        "echo credentials not found in native keychain; exit 1",
        f"{answers('captain', SECRET)}; exit 1",
        "kill -9 $$",
        "echo '{'",
        "echo '[]'",
        """echo '{"Username": 1, "Secret": 2}'""",
        "head -c 100000 /dev/zero | tr '\\0' '['",
        "",
        answers("captain", ""),
        "yes",
        "printf '\\377\\377'",
    ],
)
def test_a_helper_that_fails_knows_nothing(script: str, install: Install) -> None:
    install(script)
    assert ask("test", "registry.example") is None


@pytest.mark.parametrize("name", ["absent", "../test", "", "test;ls", "a/b", "-test", "x" * 100])
def test_a_helper_that_is_not_there_knows_nothing(name: str, install: Install) -> None:
    install(answers("captain", SECRET))
    assert ask(name, "registry.example") is None


def test_a_helper_that_cannot_be_started_knows_nothing(install: Install, tmp_path: Path) -> None:
    install("")
    (tmp_path / "programs/docker-credential-test").write_bytes(b"\x7fELF nonsense")
    assert ask("test", "registry.example") is None


def test_a_helper_that_never_ends_is_ended_with_all_it_started(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_helper, "_PATIENCE_S", 0.3)
    install(f"echo $$ >{tmp_path}/pid; sleep 600 & wait")
    assert ask("test", "registry.example") is None
    group = int((tmp_path / "pid").read_text())
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("the helper's child still runs")


def test_a_helper_that_closes_its_output_but_does_not_end_is_ended(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credential_helper, "_ENDING_S", 0.2)
    install(f"{answers('captain', SECRET)}; exec >&-; sleep 600")
    assert ask("test", "registry.example") is None


def test_what_a_helper_leaves_running_is_not_waited_for(install: Install, tmp_path: Path) -> None:
    # An agent that the helper starts keeps its standard output open.
    install(f"sleep 600 & echo $! >{tmp_path}/pid\n{answers('captain', SECRET)}")
    try:
        assert ask("test", "registry.example") == Secret("captain", SECRET)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), 9)


def test_a_helper_keeps_and_forgets(install: Install, tmp_path: Path) -> None:
    install(f'echo "$1" >>{tmp_path}/verbs; cat >{tmp_path}/given')
    store("test", "registry.example", "captain", SECRET)
    assert json.loads((tmp_path / "given").read_text()) == {
        "ServerURL": "registry.example",
        "Username": "captain",
        "Secret": SECRET,
    }
    assert erase("test", "registry.example")
    assert (tmp_path / "given").read_text() == "registry.example"
    assert (tmp_path / "verbs").read_text().split() == ["store", "erase"]


def test_a_helper_that_does_not_keep_is_an_error_without_the_secret(install: Install) -> None:
    install(f"echo {SECRET}; exit 1")
    with pytest.raises(WorldError, match="docker-credential-test did not store the credentials") as caught:
        store("test", "registry.example", "captain", SECRET)
    assert SECRET not in "".join(caught.value.lines())
    assert not erase("test", "registry.example")


def test_a_secret_does_not_show_itself() -> None:
    assert SECRET not in repr(Secret("captain", SECRET))
