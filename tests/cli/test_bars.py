"""On a narrow terminal a long title gives way to the bar and the numbers."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from wherry.cli.bars import bars_on_stderr

LONG = "numpy-2.5.5-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"


def drawn(width: int, title: str, total: int | None, done: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    bars = bars_on_stderr(console)
    bars.update(bars.add_task(title, total=total), completed=done)
    with console.capture() as capture:
        console.print(bars)
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_long_title_is_cut_and_all_else_is_shown_on_one_line(width: int) -> None:
    text = drawn(width, LONG, 15_700_000, 8_800_000)
    assert text.startswith("  numpy-2.5.5")
    assert "…" in text
    assert "8.8/15.7 MB 0:00:00" in text
    assert text.count("\n") == 1


def test_work_that_is_not_measured_in_bytes_shows_none() -> None:
    text = drawn(80, "build [app] 1.0", None, 0)
    assert "build [app] 1.0" in text
    assert "bytes" not in text
    assert "?" not in text
