"""The examples on a rule's page, as files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from wherry.check.catalogue import page_of

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.model import Rule

_HEADING: Final = re.compile(r"^## (?P<title>.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(
    r"^```(?P<kind>\w+)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Example:
    """One example: a Dockerfile and its neighbours."""

    verdict: str  # "Bad", "Good", "Fixed"
    variant: str
    files: dict[str, str] = field(default_factory=dict)  # by name; "Dockerfile" among them

    def write(self, folder: Path, newline: str = "\n") -> None:
        """Lay the files out in *folder*."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                path.mkdir(exist_ok=True)
            else:
                path.write_bytes(text.replace("\n", newline).encode())


def sections_of(rule: Rule) -> dict[str, str]:
    """The page by headings."""
    parts = _HEADING.split(page_of(rule))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples_of(rule: Rule) -> list[Example]:
    """The page's examples in their order; a neighbour of Bad stands beside Fixed too."""
    examples: list[Example] = []
    for title, text in sections_of(rule).items():
        verdict, _, variant = (part.strip() for part in title.partition(":"))
        if verdict not in {"Bad", "Good", "Fixed"}:
            continue
        files = {block["name"] or "Dockerfile": block["text"] for block in _BLOCK.finditer(text)}
        examples.append(Example(verdict, variant, files))
    return examples


def fixed_of(bad: Example, examples: list[Example]) -> Example | None:
    """What the fix makes of *bad*, where the page shows it."""
    return next((one for one in examples if one.verdict == "Fixed" and one.variant == bad.variant), None)
