from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from wherry.layers.scripts import EntryPoint, ScriptError, read_entry_points, rewritten, script

if TYPE_CHECKING:
    from pathlib import Path


def test_console_and_gui_scripts_are_found_and_other_groups_are_not() -> None:
    text = "[console_scripts]\na = pkg.mod:main\nb=pkg:Cls.run [extra1,extra2]\n"
    text += "[gui_scripts]\nc = pkg:gui\n[x]\nd = e:f\n"
    assert read_entry_points(text, (3, 11)) == (
        EntryPoint("a", "pkg.mod", "main"),
        EntryPoint("b", "pkg", "Cls.run"),
        EntryPoint("c", "pkg", "gui"),
    )
    assert read_entry_points("", (3, 11)) == ()


def test_pip_and_easy_install_get_the_targets_version() -> None:
    text = "[console_scripts]\npip = pip:main\npip3 = pip:main\npip2.7 = pip:main\npipx = x:y\n"
    assert [point.name for point in read_entry_points(text, (3, 12))] == ["pip", "pip3", "pip3.12", "pipx"]
    assert [point.name for point in read_entry_points(text, None)] == ["pip", "pipx"]
    text = "[console_scripts]\neasy_install = e:main\neasy_install-2.7 = e:main\n"
    assert [point.name for point in read_entry_points(text, (3, 12))] == ["easy_install", "easy_install-3.12"]
    assert [point.name for point in read_entry_points(text, None)] == ["easy_install"]


@pytest.mark.parametrize(
    "line",
    [
        "a = pkg",
        "a = pkg:",
        "a = :main",
        "a = pkg:main; import os",
        "a = pkg:main(\n)",
        "a b = pkg:main",
        "../a = p:m",
        "a/b = p:m",
        ".wh.a = p:m",
        ".. = p:m",
        "a = p:m:n",
    ],
)
def test_entry_points_that_cannot_be_scripts_are_refused(line: str) -> None:
    with pytest.raises(ScriptError):
        read_entry_points(f"[console_scripts]\n{line}\n", (3, 11))


def test_a_script_runs_however_awkward_the_path_of_its_interpreter(tmp_path: Path) -> None:
    for name in ("plain", "with blank", "long" * 40):
        interpreter = tmp_path / name / "python"
        interpreter.parent.mkdir()
        interpreter.symlink_to(sys.executable)
        run = tmp_path / name / "run"
        run.write_bytes(script(EntryPoint("run", "platform", "python_version"), str(interpreter)))
        run.chmod(0o755)
        done = subprocess.run([run], check=False, capture_output=True, text=True)
        assert done.stderr.strip() == ".".join(map(str, sys.version_info[:3])), (
            name
        )  # sys.exit(text) prints it


def test_only_the_first_line_of_a_wheels_script_is_replaced() -> None:
    assert (
        rewritten(b"#!python -u\nprint()\n", "/opt/venv/bin/python") == b"#!/opt/venv/bin/python\nprint()\n"
    )
    assert rewritten(b"#!pythonw", "/p") == b"#!/p\n"
