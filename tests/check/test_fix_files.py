"""Mended files: written whole or not at all, and shown as a diff that git applies."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.programs import require_program
from wherry.check.fix import unified, write_files
from wherry.errors import WorldError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_written_file_keeps_mode_and_owner_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real" / "Dockerfile"
    real.parent.mkdir()
    real.write_bytes(b"old")
    real.chmod(0o640)
    if os.getuid() == 0:
        os.chown(real, 1234, 1235)
    link = tmp_path / "Dockerfile"
    link.symlink_to("real/Dockerfile")

    write_files({str(link): b"new", str(tmp_path / ".dockerignore"): b".git\n"})

    assert real.read_bytes() == b"new"
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    if os.getuid() == 0:
        assert (real.stat().st_uid, real.stat().st_gid) == (1234, 1235)
    assert (tmp_path / ".dockerignore").read_bytes() == b".git\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == [".dockerignore", "Dockerfile", "real"]


def test_an_owner_that_may_not_be_given_back_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    (tmp_path / "Dockerfile").write_bytes(b"old")
    monkeypatch.setattr(os, "fchown", refuse)

    write_files({str(tmp_path / "Dockerfile"): b"new"})

    assert (tmp_path / "Dockerfile").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["/proc/Dockerfile", "/dev/null/Dockerfile"])
def test_a_place_where_nothing_can_be_written_is_a_failure_in_words(name: str) -> None:
    with pytest.raises(WorldError, match="cannot write") as error:
        write_files({name: b"new"})
    assert error.value.where == name


def test_a_directory_that_may_not_be_written_is_a_failure_and_the_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sub" / "Dockerfile"
    path.parent.mkdir()
    path.write_bytes(b"old")

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("wherry.store.whole.os.open", refuse)
    with pytest.raises(WorldError, match="cannot write: permission denied"):
        write_files({str(path): b"new"})

    assert path.read_bytes() == b"old"


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
    name = "a b/Dockerfile"
    path = tmp_path / name
    path.parent.mkdir()
    if before:
        path.write_bytes(before)
    patch = unified(f"./{name}", before, after).encode("utf-8", "surrogateescape")

    subprocess.run([require_program("git"), "apply", "-"], cwd=tmp_path, input=patch, check=True)

    assert path.read_bytes() == after


def test_a_diff_masks_secrets() -> None:
    token = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"

    text = unified("/x/Dockerfile", f"ENV T={token}\nRUN a\n".encode(), b"RUN a\n")

    assert token not in text
    assert text.startswith("--- a/x/Dockerfile\n+++ b/x/Dockerfile\n")
