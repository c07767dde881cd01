"""What is wanted from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.digest import Digest


@dataclass(frozen=True)
class Download:
    """One file that is wanted, known by its hash, and where it may come from."""

    filename: str
    digest: Digest
    url: str | None = None
    path: Path | None = None
    size_bytes: int | None = None
