"""Blobs that an image of the store names and the store lacks: fetched once something needs their bytes.

A base's layers stay in their registry, and so do those that a team's index knows. A push mounts or copies
them; whoever unpacks an image or writes it to this machine has them fetched here first.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from wherry.errors import WorldError
from wherry.fetch.failures import NotFoundError
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.oci.model import Descriptor
    from wherry.oci.registry.client import Registries
    from wherry.progress import Progress
    from wherry.store.store import Store


def fetch_absent(
    store: Store,
    blobs: Iterable[Descriptor],
    progress: Progress | None = None,
    *,
    registries: Registries | None = None,
    offline: bool = False,
) -> None:
    """Have all *blobs* in the store, those it lacks from where they were seen.

    Args:
        store: Where they are to be.
        blobs: What is needed.
        progress: Where the transfer is announced.
        registries: Where to ask; None for new ones, should any be needed.
        offline: Whether nothing may be asked.

    Raises:
        WorldError: A blob can be had nowhere any more, or there is to be no network.

    """
    absent = [blob for blob in blobs if blob.digest not in store.blobs]
    if not absent:
        return
    if offline:
        raise WorldError(
            f"{len(absent)} layers of the image are not on this machine, and there is to be no network",
            where=str(store.root),
            mend="do it once with network, or push the image: that needs none of them here",
        )
    from wherry.oci.registry.client import Registries  # noqa: PLC0415 - most images are whole
    from wherry.oci.registry.fetching import require_blobs  # noqa: PLC0415 - the same

    with nullcontext(registries) if registries else Registries() as asked:
        try:
            require_blobs(store, absent, asked, progress or SilentProgress())
        except NotFoundError as error:
            raise NotFoundError(
                f"a layer of the image is in no registry any more: {error.what}",
                where=error.where,
                mend="wherry lock --upgrade base, where it is the base's; then build again",
            ) from error
