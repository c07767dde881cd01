"""Finished layers by the keys of what made them: whoever asks for the same layer again gets the same blob.

What was made here from its inputs, and what a layer index told, are kept apart: told things lie under the
name of the teller, are believed only by those who name it, and are nothing that this machine vouches for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.layers.model import LayerBlob

if TYPE_CHECKING:
    from wherry.store.store import Store

_KIND: Final = "layers"
_TOLD: Final = "told-layers"


def find_layer(store: Store, key: str) -> LayerBlob | None:
    """The layer of *key*, if the store has it and its blob, and it was made here."""
    return _with_blob(store, store.index.get(_KIND, key, LayerBlob))


def keep_layer(store: Store, key: str, layer: LayerBlob, teller: str = "") -> None:
    """Remember *layer*, whose blob is in the store, under *key*.

    Args:
        store: Has the blob.
        key: Of what the layer is made from.
        layer: To remember.
        teller: The layer index that told it, or some of what it was made from; empty where nobody did.

    """
    if teller:
        store.index.put(_TOLD, told_key(teller, key), layer)
    else:
        store.index.put(_KIND, key, layer)


def find_told_layer(store: Store, key: str, teller: str) -> LayerBlob | None:
    """The layer of *key* that *teller* told, if the store has its blob; none of anybody where it is empty."""
    return _with_blob(store, store.index.get(_TOLD, told_key(teller, key), LayerBlob)) if teller else None


def told_key(teller: str, key: str) -> str:
    """Under what the store keeps that which *teller*, ``host/repository``, told of *key*."""
    return f"{teller}|{key}"


def _with_blob(store: Store, known: LayerBlob | None) -> LayerBlob | None:
    return known if known is not None and Digest(known.digest) in store.blobs else None
