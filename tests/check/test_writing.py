"""Mended files on the disk: of one Dockerfile all or none, and nothing that somebody changed meanwhile."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from wherry.check.model import Safety
from wherry.check.review import Asked, review
from wherry.check.settings import CheckSettings
from wherry.check.writing import obstacle, write_files, write_mended
from wherry.errors import WorldError

PLAIN = b"FROM python:3.12-slim\nRUN pip install torch==2.4.1\n"
MENDED = PLAIN.replace(b"install", b"install --no-cache-dir")


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lay(name: str, data: bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def only_g1(_: CheckSettings) -> CheckSettings:
    return CheckSettings(select=("G1",))


def asked(*paths: str) -> Asked:
    return Asked(tuple(Path(path) for path in paths), adjust=only_g1, allowed=Safety.SAFE, obstacle=obstacle)


# ---- one file ----


def test_a_written_file_keeps_mode_and_owner_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real = lay("real/Dockerfile", b"old")
    real.chmod(0o640)
    if os.getuid() == 0:
        os.chown(real, 1234, 1235)
    link = Path("Dockerfile")
    link.symlink_to("real/Dockerfile")

    write_files(
        {"Dockerfile": b"old", ".dockerignore": b""}, {"Dockerfile": b"new", ".dockerignore": b".git\n"}
    )

    assert real.read_bytes() == b"new"
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    if os.getuid() == 0:
        assert (real.stat().st_uid, real.stat().st_gid) == (1234, 1235)
    assert Path(".dockerignore").read_bytes() == b".git\n"
    assert sorted(one.name for one in tmp_path.iterdir()) == [".dockerignore", "Dockerfile", "real"]


def test_extended_attributes_stay() -> None:
    path = lay("Dockerfile", b"old")
    try:
        os.setxattr(path, "user.origin", b"a template")
    except OSError:
        pytest.skip("this file system has no extended attributes")

    write_files({"Dockerfile": b"old"}, {"Dockerfile": b"new"})

    assert os.getxattr(path, "user.origin") == b"a template"


def test_attributes_that_cannot_be_given_are_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not supported")

    lay("Dockerfile", b"old")
    monkeypatch.setattr(os, "listxattr", lambda _: ["user.origin"])
    monkeypatch.setattr(os, "getxattr", lambda *_: b"x")
    monkeypatch.setattr(os, "setxattr", refuse)

    write_files({"Dockerfile": b"old"}, {"Dockerfile": b"new"})

    assert Path("Dockerfile").read_bytes() == b"new"


def test_an_owner_that_may_not_be_given_back_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    lay("Dockerfile", b"old")
    monkeypatch.setattr(os, "fchown", refuse)

    write_files({"Dockerfile": b"old"}, {"Dockerfile": b"new"})

    assert Path("Dockerfile").read_bytes() == b"new"


@pytest.mark.parametrize("name", ["/proc/Dockerfile", "/dev/null/Dockerfile"])
def test_a_place_where_nothing_can_be_written_is_a_failure_in_words(name: str) -> None:
    with pytest.raises(WorldError, match="not mended: cannot write") as error:
        write_files({name: b""}, {name: b"new"})
    assert error.value.where == name


def test_a_directory_that_may_not_be_written_is_a_failure_and_the_file_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = lay("sub/Dockerfile", b"old")

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("wherry.store.whole.os.open", refuse)
    monkeypatch.setattr("wherry.check.writing.read_bounded", lambda *_: b"old")
    with pytest.raises(WorldError, match="cannot write: permission denied") as error:
        write_files({"sub/Dockerfile": b"old"}, {"sub/Dockerfile": b"new"})

    assert error.value.where == "sub/Dockerfile"
    assert path.read_bytes() == b"old"


# ---- what changed since ----


@pytest.mark.parametrize(
    ("now", "words"), [(b"older", "was changed"), (b"", "was changed"), (None, "went away")]
)
def test_what_is_not_as_it_was_read_is_not_written_over(now: bytes | None, words: str) -> None:
    if now is not None:
        lay("Dockerfile", now)

    with pytest.raises(WorldError, match=f"the file {words} after it had been read") as error:
        write_files({"Dockerfile": b"old"}, {"Dockerfile": b"new"})

    assert error.value.mend == "run the same command again"
    assert (Path("Dockerfile").read_bytes() if now is not None else None) == now


def test_a_directory_that_came_meanwhile_is_told() -> None:
    Path("Dockerfile").mkdir()

    with pytest.raises(WorldError, match="the file was changed after it had been read"):
        write_files({"Dockerfile": b"old"}, {"Dockerfile": b"new"})


def test_a_new_file_does_not_take_the_place_of_one_that_came_meanwhile() -> None:
    lay(".dockerignore", b"data\n")

    with pytest.raises(WorldError, match="was changed"):
        write_files({".dockerignore": b""}, {".dockerignore": b".git\n"})

    assert Path(".dockerignore").read_bytes() == b"data\n"


# ---- files that belong together ----


@pytest.mark.parametrize("names", [("Dockerfile", ".dockerignore"), (".dockerignore", "Dockerfile")])
def test_of_files_that_belong_together_all_are_written_or_none(names: tuple[str, str]) -> None:
    lay("Dockerfile", b"old")
    lay(".dockerignore", b"somebody else's")

    with pytest.raises(WorldError) as error:
        write_files(dict.fromkeys(names, b"old"), dict.fromkeys(names, b"new"))

    assert error.value.where == ".dockerignore"
    assert Path("Dockerfile").read_bytes() == b"old"


def test_a_disk_that_is_full_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay("Dockerfile", b"old")
    synced: list[int] = []

    def full_at_the_second(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_at_the_second)
    with pytest.raises(WorldError, match="no space left on device") as error:
        write_files({"Dockerfile": b"old", "x": b""}, {"Dockerfile": b"new", "x": b"new"})

    assert (error.value.where, error.value.mend) == ("x", "free some space")
    assert [one.name for one in tmp_path.iterdir()] == ["Dockerfile"]
    assert Path("Dockerfile").read_bytes() == b"old"


# ---- modes ----


def test_a_mode_that_lets_nobody_write_holds_for_root_too() -> None:
    path = lay("Dockerfile", PLAIN)
    path.chmod(0o444)
    assert obstacle("Dockerfile") == "Dockerfile is not writable (mode 0444)"

    path.chmod(0o644)
    assert obstacle("Dockerfile") is None
    assert obstacle("new") is None


def test_a_directory_that_lets_nobody_write_is_an_obstacle() -> None:
    lay("sub/Dockerfile", PLAIN)
    Path("sub").chmod(0o555)
    try:
        assert obstacle("sub/x") == "the directory of sub/x is not writable (mode 0555)"
        assert obstacle("sub/Dockerfile") == "the directory of sub/Dockerfile is not writable (mode 0555)"
    finally:
        Path("sub").chmod(0o755)


def test_a_link_is_judged_by_what_it_leads_to() -> None:
    lay("real/Dockerfile", PLAIN).chmod(0o400)
    Path("Dockerfile").symlink_to("real/Dockerfile")

    assert obstacle("Dockerfile") == "Dockerfile is not writable (mode 0400)"


# ---- all of a command ----


def test_what_cannot_be_written_keeps_nobody_from_the_rest() -> None:
    for name in ("a", "b", "c", "d"):
        lay(f"{name}/Dockerfile", PLAIN)
    request = asked(".")
    reviewed = review(request)
    lay("a/Dockerfile", b"FROM x\n" + PLAIN)
    Path("c/Dockerfile").unlink()

    written, failures = write_mended(request, reviewed)

    assert [(error.where, error.exit_code) for error in failures] == [
        ("a/Dockerfile", 3),
        ("c/Dockerfile", 3),
    ]
    assert Path("a/Dockerfile").read_bytes() == b"FROM x\n" + PLAIN
    assert Path("b/Dockerfile").read_bytes() == Path("d/Dockerfile").read_bytes() == MENDED
    assert not Path("c/Dockerfile").exists()
    assert [one.place.path for mended in written.mended for one in mended.applied] == [
        "b/Dockerfile",
        "d/Dockerfile",
    ]
    assert [reason for mended in written.mended for _, reason in mended.refused] == [
        f"{error.where}: {error.what}" for error in failures
    ]


def test_a_file_that_was_not_written_is_judged_as_it_lies_there() -> None:
    lay("a/Dockerfile", PLAIN)
    request = asked("a/Dockerfile")
    reviewed = review(request)
    lay("a/Dockerfile", b"# a line above\n" + PLAIN)

    written, _ = write_mended(request, reviewed)

    assert [str(one.place) for judgement in written.judgements for one in judgement.findings] == [
        "a/Dockerfile:3:5"
    ]


def test_a_named_file_that_went_away_is_a_failure_and_no_more() -> None:
    lay("a/Dockerfile", PLAIN)
    request = asked("a/Dockerfile")
    reviewed = review(request)
    Path("a/Dockerfile").unlink()

    written, failures = write_mended(request, reviewed)

    assert [error.what for error in failures] == ["not mended: the file went away after it had been read"]
    assert len(written.judgements) == 1


def test_what_was_judged_by_a_mend_that_was_not_written_is_judged_and_mended_anew() -> None:
    lay(".git/objects/pack/x.pack", b"x" * 5_000_000)
    for name in ("a.Dockerfile", "b.Dockerfile"):
        lay(name, PLAIN + b"COPY . /app\n")
    request = replace(asked("."), adjust=lambda _: CheckSettings(select=("G1", "B11")))
    reviewed = review(request)
    lay("a.Dockerfile", PLAIN)

    written, failures = write_mended(request, reviewed)

    assert [error.where for error in failures] == ["a.Dockerfile"]
    assert Path("a.Dockerfile").read_bytes() == PLAIN
    assert Path("b.Dockerfile").read_bytes() == MENDED + b"COPY . /app\n"
    assert ".git" in Path(".dockerignore").read_text().splitlines()
    assert [one.rule for mended in written.mended for one in mended.applied] == ["G1", "B11"]


def test_who_went_away_before_it_could_be_mended_anew_is_told() -> None:
    lay(".git/objects/pack/x.pack", b"x" * 5_000_000)
    for name in ("a.Dockerfile", "b.Dockerfile"):
        lay(name, PLAIN + b"COPY . /app\n")
    request = replace(asked("."), adjust=lambda _: CheckSettings(select=("G1", "B11")))
    reviewed = review(request)
    lay("a.Dockerfile", PLAIN)
    Path("b.Dockerfile").unlink()

    _, failures = write_mended(request, reviewed)

    assert [error.where for error in failures] == ["a.Dockerfile", "b.Dockerfile"]


def test_fixes_of_a_read_only_file_are_refused_and_its_findings_stay() -> None:
    lay("a/Dockerfile", PLAIN).chmod(0o444)
    lay("b/Dockerfile", PLAIN)
    request = asked(".")

    written, failures = write_mended(request, review(request))

    assert [(error.what, error.where) for error in failures] == [
        ("not mended: a/Dockerfile is not writable (mode 0444)", "a/Dockerfile")
    ]
    assert Path("a/Dockerfile").read_bytes() == PLAIN
    assert Path("b/Dockerfile").read_bytes() == MENDED
    assert [one.rule for judgement in written.judgements for one in judgement.findings] == ["G1"]


def test_two_hard_links_of_one_file_are_both_mended() -> None:
    lay("a/Dockerfile", PLAIN)
    Path("b").mkdir()
    os.link("a/Dockerfile", "b/Dockerfile")
    request = asked(".")

    _, failures = write_mended(request, review(request))

    assert not failures
    assert Path("a/Dockerfile").read_bytes() == Path("b/Dockerfile").read_bytes() == MENDED
