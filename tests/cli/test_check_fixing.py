"""``wherry check --fix``: what cannot be written, what two Dockerfiles share, and what is asked beside it."""

from __future__ import annotations

import errno
import json
import os
import stat
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.cli.checking import MENDED, PLAIN, Desk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


# ---- what cannot be written ----


def test_a_read_only_file_is_left_alone_and_the_others_are_mended(desk: Desk) -> None:
    closed, open_ = desk.file("a/Dockerfile", PLAIN), desk.file("b/Dockerfile", PLAIN)
    closed.chmod(0o444)

    done = desk.check("--fix", "--select", "G1")

    assert done.code == 3
    assert (closed.read_text(), open_.read_text()) == (PLAIN, MENDED)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o444
    assert "mended: G1 at b/Dockerfile:2:5" in done.out
    assert "not mended: G1 at a/Dockerfile:2:5: a/Dockerfile is not writable (mode 0444)" in done.out
    assert "1 finding in 2 files" in done.out
    assert done.err == (
        "error: not mended: a/Dockerfile is not writable (mode 0444)\n"
        "  at: a/Dockerfile\n"
        "  mend: make it writable, or print the change with --diff\n"
    )


def test_a_read_only_file_can_be_looked_at_and_printed(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN).chmod(0o444)

    assert desk.check("--select", "G1").code == 1
    assert "+RUN pip install --no-cache-dir" in desk.check("--select", "G1", "--diff").out


def test_what_needs_no_mend_may_be_read_only(desk: Desk) -> None:
    desk.file("Dockerfile", MENDED).chmod(0o444)

    assert desk.check("--fix", "--select", "G1").code == 0


def test_a_disk_that_fills_up_is_said_for_each_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        desk.file(f"{name}/Dockerfile", PLAIN)

    def refuse(_: int) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    done = desk.check("--fix", "--select", "G1", "--format", "json")

    assert done.code == 3
    assert done.err.count("no space left on device") == done.err.count("free some space") == 2
    assert [one["place"]["path"] for one in done.json()["not_fixed"]] == ["a/Dockerfile", "b/Dockerfile"]
    assert done.json()["fixed"] == []
    assert done.rules() == ["G1", "G1"]
    assert sorted(one.name for one in (desk.root / "a").iterdir()) == ["Dockerfile"]


def test_who_interrupts_finds_each_file_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [desk.file(f"{name}/Dockerfile", PLAIN) for name in ("a", "b", "c")]
    synced: list[int] = []

    def interrupt(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > 2:  # one file is synced twice
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    done = desk.check("--fix", "--select", "G1")

    assert (done.code, done.out) == (130, "")
    assert "interrupted: nothing was left half-written" in done.err
    assert [path.read_text() for path in paths] == [MENDED, PLAIN, PLAIN]
    assert [one.name for path in paths for one in path.parent.iterdir()] == ["Dockerfile"] * 3


# ---- what two have in common ----


def test_two_dockerfiles_extend_one_ignore_file_together(desk: Desk) -> None:
    desk.file(".git/objects/pack/x.pack", b"x" * 5_000_000)
    desk.file("data/x.parquet", b"x" * 50_000_000)
    for name in ("Dockerfile", "Dockerfile.gpu"):
        desk.file(name, "FROM python:3.12-slim\nCOPY . /app\n")

    done = desk.check("--fix", "--select", "B11,C", "Dockerfile", str(desk.root / "Dockerfile.gpu"))

    lines = (desk.root / ".dockerignore").read_text().splitlines()
    assert (done.code, done.err) == (0, "")
    assert len(lines) == len(set(lines))
    assert ".git" in lines


def test_one_file_under_two_names_is_mended_once(desk: Desk) -> None:
    real = desk.file("Dockerfile", PLAIN)
    (desk.root / "link.Dockerfile").symlink_to("Dockerfile")

    done = desk.check("--fix", "--select", "G1", "link.Dockerfile", "Dockerfile")

    assert (done.code, done.out.count("mended: ")) == (0, 1)
    assert real.read_text() == MENDED
    assert (desk.root / "link.Dockerfile").is_symlink()


def test_hard_links_are_mended_each(desk: Desk) -> None:
    real = desk.file("Dockerfile", PLAIN)
    os.link(real, desk.root / "again.Dockerfile")

    assert desk.check("--fix", "--select", "G1").code == 0
    assert real.read_text() == (desk.root / "again.Dockerfile").read_text() == MENDED


# ---- what is asked beside it ----


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--since", "nowhere"], 2),
        (["--baseline", "nothing.json"], 2),
        (["--with", "dockle"], 2),
        (["--with", "hadolint"], 3),
    ],
)
def test_nothing_is_written_where_the_rest_cannot_be_done(
    desk: Desk, options: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = desk.file("Dockerfile", PLAIN)
    if "--since" not in options:
        monkeypatch.setenv("PATH", str(desk.root))

    assert desk.check("--fix", *options).code == code
    assert path.read_text() == PLAIN


def test_a_baseline_written_with_fixes_knows_what_is_left_of_mended_files(desk: Desk) -> None:
    path = desk.file("Dockerfile", f"{PLAIN}CMD python main.py\n")

    done = desk.check("--fix", "--select", "G1,H3", "--write-baseline", "known.json")

    known = json.loads((desk.root / "known.json").read_text())["findings"]
    assert done.code == 0
    assert path.read_text().startswith(MENDED)
    assert "G1" not in [one["rule"] for one in known]
    assert desk.check("--select", "G1,H3", "--baseline", "known.json").code == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--diff", "--write-baseline", "x"],
        ["--diff", "--with", "hadolint"],
        ["--write-baseline", "x", "--since", "HEAD"],
        ["--write-baseline", "x", "-o", "y"],
        ["--cache-history", "--fix"],
        ["--cache-history", "--diff"],
        ["--cache-history", "--since", "HEAD"],
        ["--cache-history", "--write-baseline", "x"],
        ["--cache-history", "--format", "sarif"],
    ],
)
def test_what_would_not_be_heard_is_refused(desk: Desk, options: list[str]) -> None:
    path = desk.file("Dockerfile", PLAIN)

    done = desk.check(*options)

    assert (done.code, done.out) == (2, "")
    assert "see 'wherry check --help'" in done.err
    assert path.read_text() == PLAIN
    assert not (desk.root / "x").exists()


def test_a_diff_goes_to_a_file_when_that_is_asked(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)
    printed = desk.check("--diff", "--select", "G1")

    written = desk.check("--diff", "--select", "G1", "--output", "fixes.patch")

    assert (printed.code, written.code, written.out) == (1, 1, "")
    assert (desk.root / "fixes.patch").read_text() == printed.out


# ---- shapes of files ----


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text[:-1],
        lambda text: text.replace(b"RUN", b"# caf\xe9 \xf0\x9f\x9a\xa2\nRUN"),
        lambda text: (b"# " + b"x" * 998 + b"\n") * 10_000 + text,
    ],
    ids=["crlf", "bom", "no last newline", "not utf-8", "10 MB"],
)
def test_a_mended_file_differs_by_its_mend_alone(desk: Desk, shape: Callable[[bytes], bytes]) -> None:
    path = desk.file("Dockerfile", shape(PLAIN.encode()))

    assert desk.check("--fix", "--select", "G1").code == 0
    assert path.read_bytes() == shape(PLAIN.encode()).replace(b"install", b"install --no-cache-dir")


@pytest.mark.parametrize(
    "name",
    [
        *("two words.Dockerfile", "line\nbreak.Dockerfile", "-f.Dockerfile", "ship \N{SHIP}.Dockerfile"),
        *("%s.Dockerfile", "$HOME.Dockerfile", "'\"`.Dockerfile", os.fsdecode(b"caf\xe9.Dockerfile")),
    ],
)
@pytest.mark.parametrize("way", ["by name", "below"])
def test_a_file_of_any_name_is_found_mended_and_shown(desk: Desk, name: str, way: str) -> None:
    path = desk.root / name
    path.write_text(PLAIN)
    paths = ["--", name] if way == "by name" else []

    shown = desk.check("--select", "G1", "--format", "json", *paths)
    diff = desk.check("--select", "G1", "--diff", "--output", "../fixes.patch", *paths)
    mended = desk.check("--select", "G1", "--fix", *paths)

    assert (shown.code, diff.code, mended.code) == (1, 1, 0)
    assert len((desk.root.parent / "fixes.patch").read_bytes().splitlines()) == 6
    assert path.read_text() == MENDED
    assert [one.name for one in desk.root.iterdir() if one.name != ".git"] == [name]
