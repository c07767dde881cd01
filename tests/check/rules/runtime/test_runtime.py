"""What is said of how a container runs, in odd forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.verdicts import found

if TYPE_CHECKING:
    from pathlib import Path

FROM = "FROM python:3.12-slim\n"


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("curl -LsSf https://get.example/tool.sh | sh", {"F4"}),
        ("curl -fsSL https://get.example/key.gpg | gpg --dearmor -o /k.gpg", {"H11"}),
        ("wget -qO- https://get.example/tool-1.2.tar.gz | tar -xz", {"H11"}),
    ],
)
def test_a_pipe_is_spoken_of_once(line: str, codes: set[str], tmp_path: Path) -> None:
    text = f"{FROM}RUN {line}\n"
    assert {code for code in ("F4", "H11") if found(code, tmp_path, text)} == codes
