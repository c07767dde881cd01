"""Every way a user's request can fail, by what the user can do about it.

An error is three lines at most: what is wrong, where, how to mend it. The command line prints
it and exits with its code; a traceback is a bug.
"""

from __future__ import annotations

from typing import ClassVar


class WherryError(Exception):
    """A failure that is explained to the user and never shown as a traceback.

    Args:
        what: What is wrong, one sentence without a full stop.
        where: The place: ``file:line``, a layer, a package, a URL without credentials.
        mend: How to put it right: a command to run or a line to change.

    """

    exit_code: ClassVar[int] = 3

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.mend = mend

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the trip from a worker process: keyword-only arguments do not by default."""
        return _rebuild, (type(self), self.what, self.where, self.mend)

    def lines(self) -> list[str]:
        """The one to three lines a user reads."""
        first = f"error: {_one_line(self.what)}"
        where = [f"  at: {_one_line(self.where)}"] if self.where else []
        mend = [f"  mend: {_one_line(self.mend)}"] if self.mend else []
        return [first, *where, *mend]


class InputError(WherryError):
    """What the user gave is wrong: a file, an option, a wheel. Exit code 2."""

    exit_code = 2


class WorldError(WherryError):
    """The world failed: network, registry, disk, a missing program. Exit code 3."""

    exit_code = 3


def _one_line(text: str) -> str:
    """Hostile names must not forge lines or move the cursor: control characters are escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def _rebuild(kind: type[WherryError], what: str, where: str, mend: str) -> WherryError:
    return kind(what, where=where, mend=mend)
