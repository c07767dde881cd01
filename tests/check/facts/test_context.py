"""The build context is what ``docker build`` would send, within bounds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.check.facts.trees import plant
from wherry.check.facts.context import Context, normal
from wherry.check.facts.context_walk import Kind, walk_context
from wherry.check.facts.texts import Reader
from wherry.dockerfile.ignore import IgnoreFile
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_ignored_is_not_sent_and_a_directory_left_out_whole_is_not_entered(tmp_path: Path) -> None:
    plant(tmp_path, {".dockerignore": "*.log\nold\n", "a.log": 7, "app.py": 10, "old/x": 5, "src/b.py": 20})
    context = Context(tmp_path)
    assert context.total_bytes == 30 + len("*.log\nold\n")
    assert context.total_files == 3
    assert (context.left_out_files, context.left_out_bytes, context.pruned) == (1, 7, ["old"])
    assert context.is_complete


def test_what_is_taken_back_below_an_ignored_directory_is_sent(tmp_path: Path) -> None:
    plant(tmp_path, {".dockerignore": "data\n!data/keep/x.csv\n", "data/keep/x.csv": 9, "data/big": 100})
    context = Context(tmp_path)
    assert [entry.path for entry in context.entries if entry.kind is Kind.FILE] == [
        ".dockerignore",
        "data/keep/x.csv",
    ]
    assert context.bytes_below("data") == 9
    assert context.sent_by(["data"]).files == 1


def test_an_ignore_file_of_the_dockerfile_wins(tmp_path: Path) -> None:
    plant(tmp_path, {".dockerignore": "a\n", "gpu.Dockerfile.dockerignore": "b\n", "a": 1, "b": 1})
    context = Context(tmp_path, tmp_path / "gpu.Dockerfile")
    assert context.is_left_out("b")
    assert not context.is_left_out("a")
    assert context.ignore_path.endswith("gpu.Dockerfile.dockerignore")


def test_a_containerfile_may_have_an_ignore_file_of_its_kind(tmp_path: Path) -> None:
    plant(tmp_path, {".containerignore": "a\n", "a": 1})
    assert Context(tmp_path, tmp_path / "Containerfile").is_left_out("a")
    assert not Context(tmp_path, tmp_path / "Dockerfile").is_left_out("a")


def test_without_an_ignore_file_its_place_is_known(tmp_path: Path) -> None:
    context = Context(tmp_path)
    assert context.ignore is None
    assert context.ignore_path == str(tmp_path / ".dockerignore")


def test_an_ignore_file_that_docker_refuses_is_noted(tmp_path: Path) -> None:
    plant(tmp_path, {".dockerignore": "[\n", "a": 3})
    reader = Reader()
    context = Context(tmp_path, reader=reader)
    assert context.total_files == 2
    assert len(reader.notes) == 1
    assert reader.notes[0].path.endswith(".dockerignore:1")


def test_the_largest_come_first(tmp_path: Path) -> None:
    plant(tmp_path, {"a/b/big": 500, "a/small": 5, "c": 50, "empty": 0})
    context = Context(tmp_path)
    assert context.top(2) == [("a/b/big", 500), ("c", 50)]
    assert context.top_directories(5) == [("a", 505)]
    assert context.top_directories(5, depth=2) == [("a", 505), ("a/b", 500)]
    assert context.bytes_below(".") == 555


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("app.py", ["app.py"]),
        ("/app.py", ["app.py"]),
        ("./src/", ["src/a.py", "src/deep/b.py"]),
        (".", ["app.py", "notes.txt", "src/a.py", "src/deep/b.py"]),
        ("*.txt", ["notes.txt"]),
        ("s*", ["src/a.py", "src/deep/b.py"]),
        ("src/*.py", ["src/a.py"]),
        ("src/**", ["src/a.py", "src/deep/b.py"]),
        ("../src/a.py", ["src/a.py"]),
        ("src/[ab].py", ["src/a.py"]),
        ("link", ["src/a.py", "src/deep/b.py"]),
    ],
)
def test_copy_takes_what_docker_takes(tmp_path: Path, source: str, paths: list[str]) -> None:
    plant(tmp_path, {"app.py": 1, "notes.txt": 2, "src/a.py": 3, "src/deep/b.py": 4})
    (tmp_path / "link").symlink_to("src")
    sent = Context(tmp_path).sent_by([source])
    assert [entry.path for entry in sent.entries] == paths
    assert sent.missing == ()


def test_a_source_that_is_not_sent_is_missing_and_it_is_said_whether_it_is_left_out(tmp_path: Path) -> None:
    plant(tmp_path, {".dockerignore": "model.bin\n", "model.bin": 5})
    sent = Context(tmp_path).sent_by(["model.bin", "nowhere", "no\0where", "[", "x/*"])
    assert sent.missing == ("model.bin", "nowhere", "no\0where", "[", "x/*")
    assert sent.left_out == ("model.bin",)
    assert sent.files == 0


def test_files_that_two_sources_name_are_counted_once(tmp_path: Path) -> None:
    plant(tmp_path, {"src/a": 10})
    assert Context(tmp_path).sent_by(["src", "src/a", "."]).size_bytes == 10


def test_plain_files_are_known_without_a_walk(tmp_path: Path) -> None:
    plant(tmp_path, {"requirements.txt": 5})
    context = Context(tmp_path, max_entries=0)
    assert context.sent_by(["requirements.txt"]).is_complete
    assert context.has("requirements.txt")
    assert not context.has("../outside")


def test_links_are_never_followed_and_loops_end(tmp_path: Path) -> None:
    plant(tmp_path, {"a/x": 5})
    (tmp_path / "a" / "loop").symlink_to("..")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "out").symlink_to("/")
    os.mkfifo(tmp_path / "pipe")
    context = Context(tmp_path)
    assert context.total_bytes == 5
    assert [entry.path for entry in context.entries if entry.kind is Kind.LINK] == ["a/loop", "out", "self"]
    assert context.sent_by(["self", "out"]).files == 0
    assert context.read_small("pipe") is None


def test_a_walk_beyond_its_bounds_is_incomplete_and_sees_what_lies_beside_a_huge_directory(
    tmp_path: Path,
) -> None:
    plant(tmp_path, {f"huge/{number}": 1 for number in range(5000)})
    plant(tmp_path, {"zlast/.env": "KEY=1"})
    context = Context(tmp_path, max_entries=4000)
    assert not context.is_complete
    assert context.find("**/.env")
    assert context.total_files < 4001
    assert not context.sent_by(["huge"]).is_complete


def test_a_walk_that_takes_too_long_ends(tmp_path: Path) -> None:
    plant(tmp_path, {"a/b": 1})
    assert not walk_context(tmp_path, None, SilentProgress(), max_seconds=-1).is_complete


def test_a_directory_that_cannot_be_listed_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {"a/b": 1, "secret/c": 1})
    scan = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    reader = Reader()
    context = Context(tmp_path, reader=reader)
    assert context.total_files == 1
    assert [note.path for note in reader.notes] == [str(tmp_path / "secret")]


def test_dockerfiles_with_the_same_rules_share_one_walk(tmp_path: Path) -> None:
    plant(tmp_path, {"a": 1})
    reader = Reader()
    one = Context(tmp_path, tmp_path / "Dockerfile", reader=reader)
    two = Context(tmp_path, tmp_path / "gpu.Dockerfile", reader=reader)
    assert one.entries is two.entries
    assert one.kinds is two.kinds
    other = Context(tmp_path, reader=reader.with_texts({str(tmp_path / ".dockerignore"): b"a\n"}))
    assert other.total_files == 0


def test_patterns_find_at_any_depth_and_a_bad_one_finds_nothing(tmp_path: Path) -> None:
    plant(tmp_path, {"a/b/key.pem": 1, "key.pem": 1})
    assert [entry.name for entry in Context(tmp_path).find("**/*.pem", "[")] == ["key.pem", "key.pem"]


def test_a_small_file_is_read_and_a_large_one_is_not(tmp_path: Path) -> None:
    plant(tmp_path, {"setup.py": "x = 1", "big": 2_000_000})
    context = Context(tmp_path)
    found = context.read_small("/setup.py")
    assert found is not None
    assert found.data == b"x = 1"
    assert context.read_small("big") is None
    assert context.read_small(".") is None
    assert context.read_small("no\0name") is None


@pytest.mark.parametrize(
    ("source", "path"),
    [("", "."), ("/", "."), ("a/./b/", "a/b"), ("../../a", "a"), ("a\0", None), ("//x", "x")],
)
def test_sources_are_paths_of_the_context(source: str, path: str | None) -> None:
    assert normal(source) == path


def test_nothing_is_pruned_that_an_exception_reaches_into(tmp_path: Path) -> None:
    plant(tmp_path, {"node_modules/a/x": 1, "node_modules/keep/y": 1})
    ignore = IgnoreFile.parse("node_modules\n!node_modules/keep\n")
    walk = walk_context(tmp_path, ignore, SilentProgress())
    assert [entry.path for entry in walk.entries] == ["node_modules/keep", "node_modules/keep/y"]
