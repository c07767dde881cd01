"""What the user sees while work runs."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import wherry
from wherry.cli import console

if TYPE_CHECKING:
    from wherry.progress import Progress


def work(progress: Progress) -> None:
    with progress.task("small") as task:
        task.advance(10)
    with progress.task("large", 5_000_000) as task:
        task.advance(2_000_000)
        task.advance(3_000_000)
        time.sleep(0.02)
    progress.note("a note [bold]")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with console.show_progress(quiet=True) as progress:
        work(progress)
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_only_work_that_took_a_while_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_WORTH_A_LINE_S", 0.01)
    with console.show_progress(quiet=False) as progress:
        work(progress)
    out, err = capsys.readouterr()
    first, second = err.splitlines()
    assert out == ""
    assert first.startswith("large  5.00 MB  0.0")
    assert second == "a note [bold]"


def test_every_line_says_what_is_being_done() -> None:
    sources = Path(wherry.__file__).parent.rglob("*.py")
    watched = r"(?<!SilentProgress\(\))\.task\(\s*f?\"(\w+)"
    titles = [title for file in sources for title in re.findall(watched, file.read_text())]
    assert len(titles) > 10
    assert [title for title in titles if not title.endswith("ing")] == []


def test_work_of_unknown_size_has_only_a_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_WORTH_A_LINE_S", 0.0)
    with console.show_progress(quiet=False) as progress, progress.task("waiting"):
        pass
    assert capsys.readouterr().err == "waiting  0.00 s\n"


def test_on_a_terminal_bars_are_drawn_and_go_away(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with console.show_progress(quiet=False) as progress:
        progress.note("before the first bar")
        work(progress)
    out, err = capsys.readouterr()
    assert out == ""
    assert "before the first bar" in err
    assert "a note [bold]" in err


def test_work_that_fails_leaves_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with (
        console.show_progress(quiet=False) as progress,
        pytest.raises(ValueError, match="no"),
        progress.task("x"),
    ):
        raise ValueError("no")
    with console.show_progress(quiet=False):
        pass  # nothing was ever drawn
