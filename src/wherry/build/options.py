"""What the user asked of one build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.oci.platform import Platform


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The command line of ``build`` and ``plan``, where it overrides what the project says."""

    path: Path
    name: str | None = None
    platforms: tuple[Platform, ...] = ()
    base: str | None = None
    dev: bool = False
    find_links: tuple[Path, ...] = field(default=())
    offline: bool = False
    source_date_epoch: int | None = None
