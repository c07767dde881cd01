"""What fixes would change, as a diff that git applies."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.programs import require_program
from wherry.check.fix import unified

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"FROM x\nRUN a\n", b"FROM x\nRUN b\n"),
        (b"FROM x\r\nRUN a\r\n", b"FROM x\r\nRUN b\r\nRUN c\r\n"),
        (b"FROM x\nRUN a", b"FROM x\nRUN b"),
        (b"FROM x\nRUN a\x0c\x0b\xe2\x80\xa8 b\rc\n", b"FROM x\nRUN a\x0c\x0b\xe2\x80\xa8 b\rd\n"),
        (b"RUN \xff\n", b"RUN \xfe\n"),
        (b"", b".git\n"),
    ],
)
def test_git_applies_the_diff(before: bytes, after: bytes, tmp_path: Path) -> None:
    assert applied("a b/Dockerfile", before, after, tmp_path) == after


@pytest.mark.parametrize(
    "name", ["a\nb", "tab\tbed", 'quo"ted', "back\\slash", "-x", "caf\udce9", "\N{SHIP}"]
)
@pytest.mark.parametrize("before", [b"", b"FROM x\n"])
def test_git_applies_the_diff_of_a_file_of_any_name(name: str, before: bytes, tmp_path: Path) -> None:
    assert applied(f"{name}.Dockerfile", before, b"FROM y\n", tmp_path) == b"FROM y\n"


def test_a_file_is_called_as_git_would_find_it_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    for name in ("a/Dockerfile", "./a/Dockerfile", f"{tmp_path}/a/Dockerfile", "b/../a/Dockerfile"):
        assert unified(name, b"x\n", b"y\n").startswith("--- a/a/Dockerfile\n+++ b/a/Dockerfile\n")


def applied(name: str, before: bytes, after: bytes, root: Path) -> bytes:
    """What git makes of the file by the diff."""
    path = root / name
    path.parent.mkdir(exist_ok=True)
    if before:
        path.write_bytes(before)
    patch = unified(f"./{name}", before, after).encode("utf-8", "surrogateescape")
    subprocess.run([require_program("git"), "apply", "-"], cwd=root, input=patch, check=True)
    return path.read_bytes()


def test_a_diff_masks_secrets() -> None:
    token = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"

    text = unified("/x/Dockerfile", f"ENV T={token}\nRUN a\n".encode(), b"RUN a\n")

    assert token not in text
    assert text.startswith("--- a/x/Dockerfile\n+++ b/x/Dockerfile\n")
