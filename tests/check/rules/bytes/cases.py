"""What a rule of this theme says of a Dockerfile that a test writes, and what its fix makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.check.catalogue import find_rule
from wherry.check.facts import Facts
from wherry.check.fix import edited
from wherry.check.settings import CheckSettings
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wherry.check.model import Finding

NO_FILES: Mapping[str, str] = {}


def verdicts(  # noqa: PLR0913 - a rule, and all that it may look at
    code: str,
    text: str,
    folder: Path | None = None,
    files: Mapping[str, str] = NO_FILES,
    *,
    name: str = "Dockerfile",
    options: Mapping[str, str | int | bool] | None = None,
) -> list[Finding]:
    """The findings of the rule called *code*; with a folder, *files* lie beside the Dockerfile."""
    settings = CheckSettings(options={code: dict(options)} if options else {})
    if folder is None:
        return list(find_rule(code).check(Facts.of(Source(name, text.encode()), settings=settings)))
    for path, content in {name: text, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    source = Source(str(folder / name), text.encode())
    return list(find_rule(code).check(Facts.of(source, folder, settings=settings)))


def fixed(text: str, finding: Finding) -> str:
    """The Dockerfile after the finding's fix."""
    assert finding.fix is not None
    path = finding.place.path
    return edited(text.encode(), [edit for edit in finding.fix.edits if edit.path == path]).decode()
