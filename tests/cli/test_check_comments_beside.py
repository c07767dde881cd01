"""``wherry check``: comments in requirements and compose files silence what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.checking import Desk

if TYPE_CHECKING:
    from pathlib import Path

WHEELS = ("--select", "C4", "--format", "json")
DOCKERFILE = "FROM python:3.12-slim\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    desk = Desk(tmp_path, monkeypatch, capsys)
    desk.file("Dockerfile", DOCKERFILE)
    return desk


@pytest.mark.parametrize(
    "requirements",
    [
        "torch==2.6.0  # wherry: ignore=C4 it may run on a GPU\n",
        "# wherry: ignore=C4 it may run on a GPU\ntorch==2.6.0\n",
        "torch==2.6.0\n# wherry: ignore-file=C4 a demo\n",
    ],
)
def test_a_comment_in_requirements_silences_what_is_said_of_its_line(desk: Desk, requirements: str) -> None:
    desk.file("requirements.txt", "torch==2.6.0\n")
    assert desk.check(*WHEELS).rules() == ["C4"]

    desk.file("requirements.txt", requirements)
    done = desk.check(*WHEELS)

    assert (done.code, done.rules()) == (0, [])
    assert done.json()["summary"]["silenced"] == 1


def test_a_comment_of_another_rule_silences_nothing_and_a_misspelt_one_is_told(desk: Desk) -> None:
    desk.file("requirements.txt", "torch==2.6.0  # wherry: ignore=C3 why\n")
    assert desk.check(*WHEELS).rules() == ["C4"]

    desk.file("requirements.txt", "torch==2.6.0  # wherry: ignore C4\n")
    done = desk.check("--select", "C4")
    assert "requirements.txt:1: this comment is not understood" in done.out


def test_a_comment_must_say_why_where_that_is_asked(desk: Desk) -> None:
    desk.file("pyproject.toml", "[tool.wherry.check]\nrequire-reason = true\n")
    desk.file("requirements.txt", "torch==2.6.0  # wherry: ignore=C4\n")

    done = desk.check("--select", "C4")

    assert "C4 cuda-wheels-for-cpu" in done.out
    assert "requirements.txt:1: this comment gives no reason" in done.out
