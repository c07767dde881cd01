"""What another linter says of a file, in its own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from wherry.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.model import Severity


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that another linter says."""

    code: str  # with its owner: "hadolint/DL3008", "tally/sort-packages", "shellcheck/SC2046"
    severity: Severity
    path: str  # as the linter was given it
    line: int | None  # from 1; None: the whole file
    what: str
    why: str = ""
    column: int = 1  # from 1, in characters
    end: tuple[int, int] | None = None  # line and column where it ends; None: with its line


@dataclass(frozen=True, slots=True)
class Said:
    """All that a linter says of some files."""

    remarks: tuple[Remark, ...] = ()
    unread: dict[str, str] = field(default_factory=dict)  # files that it could not read, with its reason


class Peer(Protocol):
    """One linter."""

    name: str
    install: str  # how to get it

    def arguments(self, paths: Sequence[str]) -> list[str]:
        """Its command line, without the program, for files by their absolute paths."""
        ...

    def read(self, code: int, output: bytes, errors: str, paths: Sequence[str]) -> Said:
        """What its exit code, output and standard error say.

        A file in `Said.unread` that kept it from saying anything of the others is left out, and it is asked
        again.

        Raises:
            WorldError: It failed.

        """
        ...


def failed(name: str, errors: str, code: int) -> WorldError:
    """The error of a linter that ended without saying anything of use."""
    reason = next((line.strip() for line in errors.splitlines() if line.strip()), f"exit code {code}")
    return WorldError(f"{name} failed: {reason[:200]}", mend=f"run {name} alone to see, or check without it")
