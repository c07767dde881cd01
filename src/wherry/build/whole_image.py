"""Blobs that an image of the store needs and the store lacks: those of a base that was never needed here."""

from __future__ import annotations

from contextlib import nullcontext
from typing import IO, TYPE_CHECKING

from wherry.errors import WorldError
from wherry.fetch.failures import NotFoundError
from wherry.oci.image import StoreSource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from wherry.digest import Digest
    from wherry.oci.image import Image
    from wherry.oci.model import Descriptor
    from wherry.oci.registry.client import Registries
    from wherry.progress import Progress
    from wherry.store.store import Store


class WholeImage(StoreSource):
    """One image of the store; what is missing of it is fetched when the first of its bytes is asked for."""

    def __init__(
        self, store: Store, image: Image, progress: Progress, plain_http: Collection[str] = ()
    ) -> None:
        """Read *image* of *store*, and announce what is fetched for it; of *plain_http* without TLS."""
        super().__init__(store, image.descriptor)
        self._plain_http = plain_http
        self._image = image
        self._progress = progress

    def open(self, digest: Digest) -> IO[bytes]:
        """The blob of the store, which has all of the image's by then."""
        if digest not in self._store.blobs:
            layers = self._image.manifest.layers
            make_whole(self._store, layers, self._progress, plain_http=self._plain_http)
        return super().open(digest)


def make_whole(  # noqa: PLR0913 - what, and by name how it may be had
    store: Store,
    blobs: Iterable[Descriptor],
    progress: Progress,
    registries: Registries | None = None,
    *,
    offline: bool = False,
    plain_http: Collection[str] = (),
) -> int:
    """Fetch what the store lacks of *blobs* from the registries they were seen in.

    Args:
        store: The store.
        blobs: What is about to be read.
        progress: Where a transfer is announced.
        registries: The command's; its own, as the user is logged in, if None.
        offline: Whether nothing may be asked.
        plain_http: Which of its own registries are asked without TLS.

    Returns:
        The bytes that came over the network.

    Raises:
        WorldError: A registry failed, none is known that has them, or there is to be no network.

    """
    missing = [blob for blob in blobs if blob.digest not in store.blobs]
    if not missing:
        return 0
    if offline:
        raise WorldError(
            f"{len(missing)} layers of the image are not on this machine, and there is to be no network",
            where=str(store.root),
            mend="do it once with network, or push the image: that needs none of them here",
        )
    from wherry.oci.registry.client import Registries  # noqa: PLC0415 - most images are whole
    from wherry.oci.registry.fetching import require_blobs  # noqa: PLC0415 - the same

    with nullcontext(registries) if registries is not None else Registries(plain_http=plain_http) as them:
        try:
            return require_blobs(store, missing, them, progress)
        except NotFoundError as error:
            raise NotFoundError(
                f"a layer of the image is in no registry any more: {error.what}",
                where=error.where,
                mend="where it is the base's: wherry lock --upgrade base; then build again",
            ) from error
