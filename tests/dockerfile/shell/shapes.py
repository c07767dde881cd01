"""RUN instructions of the shapes that ML images have, each with the programs it runs, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple


class Shape(NamedTuple):
    """One instruction, and its commands' programs; empty for a command that only assigns."""

    run: str
    programs: list[str]


def _read() -> list[Shape]:
    """Blocks that begin with ``==`` and the programs, ``-`` for none."""
    blocks = Path(__file__).with_name("shapes.txt").read_text().removeprefix("== ").split("\n== ")
    shapes = []
    for block in blocks:
        programs, _, run = block.partition("\n")
        shapes.append(Shape(run.rstrip("\n"), ["" if name == "-" else name for name in programs.split()]))
    return shapes


SHAPES: Final = _read()
