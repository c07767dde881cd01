"""Whether a command removes a path, patterns of the shell counted."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.check.facts.commands import Removal
    from wherry.check.facts.runs import RunFacts


def covers(removal: Removal, path: str) -> bool:
    """It removes *path*, absolute: by name, with a directory above, or by a pattern like ``*.tgz``."""
    return removal.covers(path) or any(fnmatch.fnmatchcase(path, pattern) for pattern in removal.paths)


def is_removed(runs: Iterable[RunFacts], path: str) -> bool:
    """Some command of these RUNs removes it."""
    return any(covers(removal, path) for run in runs for removal in run.removals)
