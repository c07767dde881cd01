"""Directories as tests write them: names and contents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.facts.texts import Reader
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from pathlib import Path


def plant(root: Path, files: dict[str, str | bytes | int]) -> Path:
    """Write *files* below *root*; a number is a file of that many zero bytes."""
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            with place.open("wb") as stream:
                stream.truncate(content)
        elif isinstance(content, bytes):
            place.write_bytes(content)
        else:
            place.write_text(content, encoding="utf-8")
    return root


def source_of(text: str | bytes, name: str = "file") -> Source:
    """A file's bytes, named."""
    return Source(name, text if isinstance(text, bytes) else text.encode())


def reader() -> Reader:
    """A reader that knows nothing yet."""
    return Reader()
