"""Finished layers by the keys of what made them: whoever asks for the same layer again gets the same blob."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.layers.model import LayerBlob

if TYPE_CHECKING:
    from wherry.store.store import Store

_KIND: Final = "layers"


def find_layer(store: Store, key: str) -> LayerBlob | None:
    """The layer of *key*, if the store has it and its blob."""
    known = store.index.get(_KIND, key, LayerBlob)
    return known if known is not None and Digest(known.digest) in store.blobs else None


def keep_layer(store: Store, key: str, layer: LayerBlob) -> None:
    """Remember *layer*, whose blob is in the store, under *key*."""
    store.index.put(_KIND, key, layer)
