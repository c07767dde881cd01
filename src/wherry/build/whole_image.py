"""Blobs that an image of the store needs and the store lacks: those of a base that was never needed here."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.oci.model import Descriptor
    from wherry.oci.registry.client import Registries
    from wherry.progress import Progress
    from wherry.store.store import Store


def make_whole(
    store: Store, blobs: Iterable[Descriptor], progress: Progress, registries: Registries | None = None
) -> int:
    """Fetch what the store lacks of *blobs* from the registries they were seen in.

    Args:
        store: The store.
        blobs: What is about to be read.
        progress: Where a transfer is announced.
        registries: The command's; its own, as the user is logged in, if None.

    Returns:
        The bytes that came over the network.

    Raises:
        WorldError: A registry failed, or none is known that has them.

    """
    missing = [blob for blob in blobs if blob.digest not in store.blobs]
    if not missing:
        return 0
    from wherry.oci.registry.client import Registries  # noqa: PLC0415 - most images are whole
    from wherry.oci.registry.fetching import require_blobs  # noqa: PLC0415 - the same

    with nullcontext(registries) if registries is not None else Registries() as them:
        return require_blobs(store, missing, them, progress)
