"""tally, which has rules of its own and repeats those of hadolint, BuildKit and ShellCheck.

Sources: ``tally lint --help`` and what 0.45.0 prints. Lines count from 1, columns from 0 in characters; -1 is
the whole file, or the end of the line. One file that it cannot read keeps it from reading the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherry.check.model import Severity
from wherry.check.peers.model import Remark, Said, failed
from wherry.frozen import ready

if TYPE_CHECKING:
    from collections.abc import Sequence

_SEVERITIES: Final = {"error": Severity.ERROR, "warning": Severity.WARNING}
_FAILED: Final = "failed to lint "


class _Point(msgspec.Struct, frozen=True):
    line: int = -1
    column: int = -1


class _Stretch(msgspec.Struct, frozen=True):
    start: _Point = _Point()
    end: _Point = _Point()


class _Violation(msgspec.Struct, frozen=True):
    rule: str
    message: str
    location: _Stretch = _Stretch()
    severity: str = "info"
    detail: str = ""


class _File(msgspec.Struct, frozen=True):
    file: str
    violations: list[_Violation]


class _Report(msgspec.Struct, frozen=True):
    files: list[_File]


class Tally:
    """https://github.com/wharflab/tally."""

    name = "tally"
    install = "uv tool install tally-cli"

    def arguments(self, paths: Sequence[str]) -> list[str]:
        """Its command line: no fix, no registry, no agent, whatever its settings are."""
        options = (
            "--format",
            "json",
            "--output",
            "stdout",
            "--slow-checks",
            "off",
            "--fix=false",
            "--ai=false",
        )
        return ["lint", *options, *paths]

    def read(self, code: int, output: bytes, errors: str, paths: Sequence[str]) -> Said:
        """Its findings; or the file for which it gave up."""
        try:
            report = msgspec.json.decode(output, type=ready(_Report))
        except (msgspec.MsgspecError, RecursionError):
            return Said(unread=dict([self._given_up(code, errors, paths)]))
        said = ((file.file, found) for file in report.files for found in file.violations)
        return Said(tuple(dict.fromkeys(_remark(path, found) for path, found in said)))

    def _given_up(self, code: int, errors: str, paths: Sequence[str]) -> tuple[str, str]:
        said = errors.partition(_FAILED)[2]
        culprits = [path for path in paths if said.startswith(f"{path}: ")]
        if not culprits:
            raise failed(self.name, errors, code)
        reason = said.splitlines()[0].removeprefix(f"{culprits[0]}: ").removeprefix(f"{culprits[0]}: ")
        return culprits[0], reason


def _remark(path: str, found: _Violation) -> Remark:
    start, end = found.location.start, found.location.end
    is_stretch = start.line > 0 and end.column >= 0 and (end.line, end.column) > (start.line, start.column)
    return Remark(
        found.rule if "/" in found.rule else f"tally/{found.rule}",
        _SEVERITIES.get(found.severity, Severity.INFO),
        path,
        start.line if start.line > 0 else None,
        found.message,
        " ".join(found.detail.split()),
        column=max(0, start.column) + 1,
        end=(end.line, end.column + 1) if is_stretch else None,
    )
