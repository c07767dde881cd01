"""From which directory a Dockerfile is most likely built: ``context_root(dockerfile, sources, services)``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.facts.repository import surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.check.facts.compose import ComposeService

_MOST_SOURCES: Final = 200


def context_root(dockerfile: Path, sources: Sequence[str], services: Iterable[ComposeService] = ()) -> Path:
    """The directory that ``docker build`` would be given.

    A compose service that builds the Dockerfile decides. Else it is its own directory, unless one above
    it, up to the repository's root, has more of what COPY takes.

    Args:
        dockerfile: Its path.
        sources: What its COPY and ADD take from the context.
        services: The compose services around it.

    """
    for service in services:
        if service.context_path and service.builds(dockerfile):
            return service.context_path
    own = dockerfile.parent
    wanted = [name for source in sources if (name := source.strip("/")) not in {"", "."} and "\0" not in name]
    best, most = own, _count(own, wanted)
    for directory in surroundings(own)[1:]:
        if most == min(len(wanted), _MOST_SOURCES):
            break
        there = _count(directory, wanted)
        if there > most:
            best, most = directory, there
    return best


def _count(directory: Path, sources: list[str]) -> int:
    """How many sources are in a directory; of a wildcard, the part before it counts."""
    count = 0
    for source in sources[:_MOST_SOURCES]:
        fixed = str(Path(source).parent) if set("*?[") & set(source) else source
        count += fixed != "." and os.path.lexists(directory / fixed)
    return count
