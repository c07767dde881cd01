"""What the user asked of one build."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.layers.model import Compression
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
    sbom: bool = False  # attach a bill of materials
    provenance: bool = False  # attach what the image was made from, and by what
    compression: Compression | None = None
    prefetch: Path | None = None  # the files that stand first in an eStargz layer
    plain_http: bool = False  # registries elsewhere without TLS
    cache_from: str | None = None  # the layer index to ask, "host/repository"; "none": not even the project's
    cache_to: str | None = None  # the one to tell; "none": not even with a push
