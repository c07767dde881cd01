"""Which writer makes a layer of which compression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.layers.model import MTIME
from wherry.layers.writer import LayerWriter

if TYPE_CHECKING:
    from wherry.layers.model import Compression
    from wherry.layers.writer import Sink


def layer_writer(
    sink: Sink, compression: Compression, *, mtime: int = MTIME, beside: bool = False
) -> LayerWriter:
    """The writer for *compression*. Arguments as for `LayerWriter`.

    Raises:
        InputError: There is no such compression.

    """
    if compression == "estargz":
        from wherry.layers.estargz import EstargzWriter  # noqa: PLC0415 - few ask for it

        return EstargzWriter(sink, mtime=mtime, beside=beside)
    return LayerWriter(sink, compression, mtime=mtime, beside=beside)
