"""A git repository of the test's own, alone in the world: nobody's settings hold in it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tests.programs import require_program

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

_OPTIONS = ("-c", "user.name=a", "-c", "user.email=a@mail.example", "-c", "commit.gpgsign=false")


class Repository:
    """A git repository in a directory, which is the current one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")

    @classmethod
    def alone(cls, home: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
        """A new one below *home*, where it finds no settings."""
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        root = home / "repository"
        root.mkdir()
        monkeypatch.chdir(root)
        return cls(root)

    def git(self, *arguments: str) -> str:
        """Run git in it; what it says."""
        done = subprocess.run(
            [require_program("git"), *_OPTIONS, *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def commit(self, files: Mapping[str, str | bytes] | None = None) -> str:
        """Commit all there is, after *files* have been written; its hash."""
        for name, text in (files or {}).items():
            self.write(name, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=x")
        return self.git("rev-parse", "HEAD")
