"""What every step of a build needs at hand, made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wherry.bases.mirror import mirror_settings
from wherry.fetch.fetcher import Fetcher
from wherry.project.project import read_project

if TYPE_CHECKING:
    from wherry.bases.mirror import MirrorSettings
    from wherry.build.layer_index.index import LayerIndex
    from wherry.build.options import BuildOptions
    from wherry.progress import Progress
    from wherry.project.project import Project
    from wherry.store.store import Store


@dataclass(frozen=True)
class Workshop:
    """The project, the tools and the user's wishes."""

    project: Project
    options: BuildOptions
    store: Store
    fetcher: Fetcher
    mirror: MirrorSettings
    progress: Progress
    layer_index: LayerIndex | None = None  # the team's, where one is to be asked


def open_workshop(options: BuildOptions, store: Store, progress: Progress) -> Workshop:
    """Read the project and lay out the tools.

    Raises:
        InputError: There is no project, or what it says is not valid.

    """
    project = read_project(options.path)
    fetcher = Fetcher(store, progress=progress, find_links=options.find_links, offline=options.offline)
    return Workshop(
        project=project,
        options=options,
        store=store,
        fetcher=fetcher,
        mirror=mirror_settings(project.config.debian_mirror),
        progress=progress,
    )
