"""What one index told, remembered in the store under its name: nobody who does not name it ever meets that.

What was made here is remembered elsewhere: a told value is never taken for one of ours, nor told on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from wherry.build.layer_index.entries import ToldWheel
from wherry.layers.stored import told_key
from wherry.layers.wheel_layer import TOLD_SEGMENTS, TOLD_WHEELS

if TYPE_CHECKING:
    import msgspec

    from wherry.build.layer_index.records import Kind
    from wherry.store.store import Store

S = TypeVar("S", bound="msgspec.Struct")

_SIZES: Final = "told-sizes"
_KINDS: Final[dict[Kind, tuple[str, ...]]] = {
    "segment": (TOLD_SEGMENTS,),
    "wheel": (TOLD_WHEELS, _SIZES),
    "set": ("told-sets",),
    "pin": ("told-pins",),
}


class Memory:
    """The told values of one teller."""

    def __init__(self, store: Store, teller: str) -> None:
        """Remember in *store* what *teller*, ``host/repository``, tells; nothing where it is empty."""
        self._index = store.index
        self._teller = teller

    def get(self, kind: Kind, key: str, type_: type[S]) -> S | None:
        """The value that was told; None where none was.

        Args:
            kind: Of the entry.
            key: Of the entry.
            type_: `WheelFacts` or `ToldWheel` of a wheel, else what the entry's value is.

        """
        if not self._teller:
            return None
        return self._index.get(_place(kind, type_), told_key(self._teller, key), type_)

    def put(self, kind: Kind, key: str, value: msgspec.Struct) -> None:
        """Remember a *value* that was told, and found to be one that can be.

        Raises:
            WorldError: The store cannot be written.

        """
        if self._teller:
            self._index.put(_place(kind, type(value)), told_key(self._teller, key), value)

    def forget(self, kind: Kind, key: str) -> None:
        """Remember nothing that was told under *key*.

        Raises:
            WorldError: The store cannot be written.

        """
        for place in _KINDS.get(kind, ()):
            self._index.forget(place, told_key(self._teller, key))


def _place(kind: Kind, type_: type[msgspec.Struct]) -> str:
    return _SIZES if type_ is ToldWheel else _KINDS[kind][0]
