"""``wherry lock``: what it prints of what a lock changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from wherry.build import lock
from wherry.build.lock import Locked
from wherry.cli import main

if TYPE_CHECKING:
    from pathlib import Path

MANY = tuple(f"package{number:03} 1 -> 2" for number in range(100))
UPGRADED = Locked(
    "debian:trixie", is_pinned=True, is_new=True, released="2026-01-01", is_upgrade=True, changes=MANY
)
PINNED = ["pinned debian:trixie in wherry.lock, as released 2026-01-01"]


@pytest.fixture
def upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade that changed a hundred packages, as a new release of a suite does."""
    monkeypatch.setattr(lock, "lock_project", lambda *_, **__: UPGRADED)


@pytest.mark.usefixtures("upgraded")
def test_a_long_list_of_changes_ends_with_where_the_rest_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["lock", "--upgrade", "base"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == [*PINNED, *(f"  {change}" for change in MANY[:40])]
    assert lines[-1] == "  ... and 60 more: see 'git diff wherry.lock', or give -v the next time"


@pytest.mark.usefixtures("upgraded")
def test_who_wants_all_changes_gets_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["lock", "--upgrade", "base", "--verbose"]) == 0
    assert capsys.readouterr().out.splitlines() == [*PINNED, *(f"  {change}" for change in MANY)]
    assert main.run(["lock", "--upgrade", "base", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "version": 1,
        "lock": None,
        "base": "debian:trixie",
        "pinned": True,
        "renewed": True,
        "released": "2026-01-01",
        "changes": list(MANY),
    }


@pytest.mark.parametrize(
    ("arguments", "what"),
    [(["--upgrade"], "of what?"), (["--upgrade", "torch"], "cannot be of 'torch':")],
)
def test_an_upgrade_of_nothing_or_of_something_else_says_what_can_be_upgraded(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["lock", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: --upgrade {what} 'wherry lock --upgrade base' renews the base;")
    assert "distributions are upgraded by the tool that locked them" in said


def test_what_there_is_to_lock_is_locked_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\n[tool.wherry]\nbase = "oci:base"\n'
    )
    (tmp_path / "requirements.txt").write_text("")
    assert main.run(["lock", "--upgrade", "base"]) == 0
    assert capsys.readouterr().out == "oci:base is an image on this disk: there is nothing to pin\n"
    assert main.run(["lock"]) == 0
    assert capsys.readouterr().out.startswith("locked in ")
    assert main.run(["lock", "-q"]) == 0
    assert capsys.readouterr().out == ""
