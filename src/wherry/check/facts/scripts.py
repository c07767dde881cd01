"""The commands of an instruction, whatever its form: shell, heredoc, JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.facts.calls import Call
    from wherry.dockerfile.shell import Script
    from wherry.dockerfile.syntax import Heredoc, Instruction


def run_script(instruction: Instruction, shell: Sequence[str]) -> Script:
    """The commands of a RUN, or of a CMD or ENTRYPOINT in its shell form."""
    raise NotImplementedError


def argv_script(instruction: Instruction, *, splits_shells: bool = True) -> Script:
    """The command of a JSON form."""
    raise NotImplementedError


def python_heredoc(instruction: Instruction, call: Call) -> Heredoc | None:
    """The heredoc that a Python interpreter reads."""
    raise NotImplementedError
