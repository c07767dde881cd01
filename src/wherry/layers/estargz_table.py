"""What an eStargz layer's table says of it, read from the finished blob."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from contextlib import suppress
from typing import IO, Final

import msgspec

from wherry.frozen import ready
from wherry.layers.estargz import PREFETCH_LANDMARK, footer
from wherry.layers.tar import BLOCK_BYTES

_FOOTER_BYTES: Final = len(footer(0))
_OFFSET: Final = re.compile(rb"SG\x16\x00([0-9a-f]{16})STARGZ")
_SIZE: Final = slice(124, 135)  # of a tar header: the length of what follows, in octal
_LIMIT_BYTES: Final = 128 << 20


class _Entry(msgspec.Struct):
    name: str


class _Table(msgspec.Struct):
    entries: list[_Entry]


def first_paths(blob: IO[bytes]) -> frozenset[str]:
    """The paths that stand before a layer's landmark, which are fetched before anything runs.

    Args:
        blob: The whole layer. Nothing stands first in one of another format, or whose table is damaged.

    """
    with suppress(OSError, EOFError, ValueError, zlib.error, msgspec.MsgspecError, RecursionError):
        names = [entry.name.rstrip("/") for entry in _table(blob).entries]
        if PREFETCH_LANDMARK in names:
            return frozenset(names[: names.index(PREFETCH_LANDMARK)])
    return frozenset()


def _table(blob: IO[bytes]) -> _Table:
    blob.seek(-_FOOTER_BYTES, os.SEEK_END)
    found = _OFFSET.search(blob.read(_FOOTER_BYTES))
    if found is None:
        msg = "no footer"
        raise ValueError(msg)
    blob.seek(int(found[1], 16))
    with gzip.GzipFile(fileobj=blob, mode="rb") as members:
        header = members.read(BLOCK_BYTES)
        size_bytes = min(int(header[_SIZE], 8), _LIMIT_BYTES)
        return msgspec.json.decode(members.read(size_bytes), type=ready(_Table))
