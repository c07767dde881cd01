"""Little images to push and pull: real tars of files whose bytes a number decides."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from tests.handmade import Entry, name_image, put_image, put_index, shell_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.oci.media_types import LayerCoding
    from wherry.oci.model import Descriptor
    from wherry.store.store import Store


def make_image(  # noqa: PLR0913 - what an image is made of
    store: Store,
    name: str = "app:v1",
    layers: Sequence[int | bytes] = (300_000, 200_000, 10_000),
    *,
    seed: int = 0,
    coding: LayerCoding = "gzip",
    architecture: str = "",
) -> Descriptor:
    """Put an image into the store and give it a *name*.

    Args:
        store: Where to.
        name: Its tag; empty for none.
        layers: For each layer what its one file holds: these bytes, or so many that do not compress.
        seed: Images of the same seed and sizes share their layers.
        coding: How the layers are compressed.
        architecture: For which machines; this one's, when not said.

    """
    contents = [
        part if isinstance(part, bytes) else random.Random(f"{seed} {number} {part}").randbytes(part)  # noqa: S311 - not secret
        for number, part in enumerate(layers)
    ]
    found = put_image(
        store,
        [[Entry(f"file-{number}", content)] for number, content in enumerate(contents)],
        config=shell_config(),
        coding=coding,
        architecture=architecture,
    )
    if name:
        name_image(store, name, found)
    return found


def make_index(
    store: Store, name: str = "both:v1", *, shared: int = 300_000, own: int = 20_000, seed: int = 0
) -> Descriptor:
    """Put an index of two platforms into the store: each image has the *shared* layer and its *own*."""
    images = [
        make_image(
            store,
            "",
            (shared, random.Random(f"{seed} {architecture}").randbytes(own)),  # noqa: S311 - not secret
            seed=seed,
            architecture=architecture,
        )
        for architecture in ("amd64", "arm64")
    ]
    found = put_index(store, images)
    if name:
        name_image(store, name, found)
    return found
