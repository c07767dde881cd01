"""What one rule says of a Dockerfile written in a test."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from wherry.check.catalogue import find_rule
from wherry.check.facts import Facts
from wherry.check.fix import edited
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wherry.check.model import Finding

NO_FILES: Mapping[str, str] = {}


def verdicts(
    code: str,
    text: str,
    folder: Path | None = None,
    files: Mapping[str, str] = NO_FILES,
    name: str = "Dockerfile",
) -> list[Finding]:
    """The findings of the rule called *code*.

    Args:
        code: Of the rule.
        text: The Dockerfile; its margin is taken away.
        folder: Where it and *files* are laid out; without, nothing is beside it.
        files: Neighbours by their paths.
        name: Of the Dockerfile.

    """
    data = textwrap.dedent(text).lstrip("\n").encode()
    if folder is None:
        return list(find_rule(code).check(Facts.of(Source(name, data))))
    (folder / ".git").mkdir(exist_ok=True)
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(textwrap.dedent(content).lstrip("\n"))
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    source = Source(str(folder / name), data)
    return list(find_rule(code).check(Facts.of(source, (folder / name).parent)))


def fixed(text: str, finding: Finding) -> str:
    """The Dockerfile after the finding's fix."""
    assert finding.fix is not None
    data = textwrap.dedent(text).lstrip("\n").encode()
    return edited(data, [edit for edit in finding.fix.edits if edit.path == finding.place.path]).decode()
