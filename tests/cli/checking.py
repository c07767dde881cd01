"""`wherry check` as a user runs it, in a repository of the test's own."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wherry.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PLAIN = "FROM python:3.12-slim\nRUN pip install torch==2.4.1\n"
"""One warning with a safe fix (G1), and others."""

MENDED = "FROM python:3.12-slim\nRUN pip install --no-cache-dir torch==2.4.1\n"


@dataclass(frozen=True)
class Done:
    """What one command line came to."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document

    def rules(self) -> list[str]:
        """The rules of the findings of ``--format json``, in their order."""
        return [finding["rule"] for finding in self.json()["findings"]]


class Desk:
    """A repository that is the working directory, and the command line in it."""

    def __init__(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.root = root
        self._patch = monkeypatch
        self._capsys = capsys
        (root / ".git").mkdir()
        monkeypatch.chdir(root)
        monkeypatch.delenv("WHERRY_DEBUG", raising=False)

    def write(self, **files: str) -> None:
        """Write files; ``__`` in a name is a dot."""
        for name, text in files.items():
            self.file(name.replace("__", "."), text)

    def file(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def check(self, *arguments: str, stdin: str | bytes | None = None) -> Done:
        """Run it; that nobody sees a traceback is held each time."""
        if stdin is not None:
            data = stdin if isinstance(stdin, bytes) else stdin.encode()
            self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        self._capsys.readouterr()
        code = main.run(["check", *arguments])
        out, err = self._capsys.readouterr()
        assert "Traceback" not in out + err
        assert "did not expect" not in err, err
        return Done(code, out, err)
