"""Which Python runs a build: one that uv finds here, else the base's own, else one that uv fetches.

The base's own comes without headers, so native code needs one of the first or last kind; everything else
builds without another interpreter being installed.
"""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING, Final

from wherry.project.uv import find_uv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wherry.layers.model import BytecodeCompiler

_TIMEOUT_S: Final = 120


def is_here(python: tuple[int, int], variables: Mapping[str, str], cwd: Path) -> bool:
    """Whether uv finds an interpreter of that minor version on this machine."""
    command = [str(find_uv()), "python", "find", "--no-project", "--offline", "--no-python-downloads"]
    try:
        done = subprocess.run(  # noqa: S603 - uv, with arguments we wrote
            [*command, f"{python[0]}.{python[1]}"],
            cwd=cwd,
            env=dict(variables),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def as_program(interpreter: BytecodeCompiler, directory: Path) -> Path:
    """A file that starts *interpreter*: uv takes no command with arguments.

    An interpreter that runs through its own loader is started by a script, with a link to its library beside
    it: there Python looks for it, from the program it was started as.

    Args:
        interpreter: Its program is the last path in ``argv``; what stands before that starts it.
        directory: A private directory, made here.

    """
    paths = [i for i, part in enumerate(interpreter.argv) if part.startswith("/")]
    program, loader = interpreter.argv[paths[-1]], interpreter.argv[: paths[-1]]
    tree = directory / "bin"
    tree.mkdir(parents=True)
    name = program.rpartition("/")[2]
    script = tree / name
    if not loader:
        script.symlink_to(program)
        return script
    (directory / "lib").symlink_to(f"{program.rpartition('/bin/')[0]}/lib")
    start = [loader[0], "--argv0"]
    rest = [*loader[1:], program]
    script.write_text(f'#!/bin/sh\nexec {shlex.join(start)} "$0" {shlex.join(rest)} "$@"\n')
    script.chmod(0o755)
    return script
