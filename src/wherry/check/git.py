"""git, asked about one working tree; nothing of the repository can make it run a program."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from wherry.check.programs import Running
from wherry.errors import WorldError

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.programs import Ended

TIMEOUT_S: Final = 120.0

_SETTINGS: Final = (
    *("core.fsmonitor=false", "core.hooksPath=/dev/null", "core.quotePath=true"),
    *("log.showSignature=false", "log.follow=false", "log.diffMerges=separate"),
)


class Git:
    """The program, run in one directory.

    Args:
        directory: Of the repository.
        otherwise: What the user may do where git cannot be had: "check without --since".

    Raises:
        WorldError: git is not installed.

    """

    def __init__(self, directory: Path, otherwise: str) -> None:
        program = shutil.which("git")
        if program is None:
            raise WorldError("the program git is not installed", mend=f"install git, or {otherwise}")
        self.directory = directory
        self._program = program
        self._otherwise = otherwise

    def run(self, *arguments: str, may_fail: bool = False) -> Ended:
        """Run one command of git's.

        Raises:
            WorldError: It fails, takes too long, or does not trust the repository.

        """
        options = [part for setting in _SETTINGS for part in ("-c", setting)]
        argv = [
            self._program,
            "-C",
            str(self.directory),
            "--literal-pathspecs",
            "--no-pager",
            *options,
            *arguments,
        ]
        with Running(argv, environment=_environment()) as git:
            ended = git.ended(TIMEOUT_S, self._otherwise)
        if ended.code and "dubious ownership" in ended.errors:
            raise WorldError(
                "git does not trust this repository: it belongs to somebody else",
                where=str(self.directory),
                mend=f"git config --global --add safe.directory {self.directory}",
            )
        if ended.code and not may_fail:
            reason = next(iter(ended.errors.splitlines()), f"exit code {ended.code}")
            raise WorldError(f"git could not {arguments[0]}: {reason}", where=str(self.directory))
        return ended


def _environment() -> dict[str, str]:
    """The user's, without what points git at another repository, as it does in hooks."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or key.startswith("GIT_CONFIG")
    }
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
