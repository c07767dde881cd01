"""Neighbours are read once, within bounds; what cannot be read is noted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tests.check.facts.trees import plant, source_of
from wherry.check.facts.texts import Reader, Text
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from pathlib import Path


def test_a_text_knows_its_place() -> None:
    text = Text("b", source_of("a\nb\n", "x.txt"), Span(2, 3))
    assert str(text) == "b"
    assert str(text.place) == "x.txt:2:1"


def test_a_file_is_read_once(tmp_path: Path) -> None:
    plant(tmp_path, {"a": "1"})
    reader = Reader()
    assert reader.read(tmp_path / "a") is reader.read(tmp_path / "a")
    assert reader.first([tmp_path / "none", tmp_path / "a"]) is reader.read(tmp_path / "a")
    assert reader.notes == []


def test_what_is_no_readable_file_is_noted_once(tmp_path: Path) -> None:
    plant(tmp_path, {"big": 100, "dir/x": "1"})
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    reader = Reader()
    for _ in range(2):
        assert reader.read(tmp_path / "big", 10) is None
        assert reader.read(tmp_path / "pipe") is None
        assert reader.read(tmp_path / "loop") is None
        assert reader.read(tmp_path / "dir") is None
        assert reader.read(tmp_path / "big" / "x") is None
        assert reader.read(tmp_path / "no\0name") is None
    assert len(reader.notes) == 4


def test_texts_take_the_place_of_files(tmp_path: Path) -> None:
    plant(tmp_path, {"a": "1", "b": "2"})
    reader = Reader()
    before = reader.read(tmp_path / "b")
    reader.read(tmp_path / "a")
    other = reader.with_texts({str(tmp_path / "a"): b"new"})
    found = other.read(tmp_path / "a")
    assert found is not None
    assert found.data == b"new"
    assert other.read(tmp_path / "b") is before


def test_what_was_made_once_is_remembered() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    reader = Reader()
    assert [reader.remember(make, number) for number in (1, 1, 2)] == [1, 1, 2]
    assert made == [1, 2]


def test_notes_are_bounded() -> None:
    reader = Reader()
    for number in range(500):
        reader.note(str(number), "x")
    assert len(reader.notes) == 200
