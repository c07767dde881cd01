"""What one rule says of a Dockerfile and its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.catalogue import find_rule
from wherry.check.facts import Facts
from wherry.check.settings import CheckSettings
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.model import Finding


def found(  # noqa: PLR0913 - a rule, and all that it may look at
    code: str,
    folder: Path,
    text: str,
    files: dict[str, str] | None = None,
    *,
    name: str = "Dockerfile",
    options: dict[str, bool] | None = None,
) -> list[Finding]:
    """The findings of the rule called *code*."""
    for path, content in {name: text, **(files or {})}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    settings = CheckSettings(options={code: dict(options)} if options else {})
    facts = Facts.of(Source(str(folder / name), text.encode()), folder, settings=settings)
    return list(find_rule(code).check(facts))
