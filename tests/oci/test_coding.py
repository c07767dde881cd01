from __future__ import annotations

import errno
import gzip
import io
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.oci.coding import decompressed, sniff

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.oci.media_types import LayerCoding

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}
codings: st.SearchStrategy[LayerCoding] = st.sampled_from(["gzip", "zstd"])


def _read_all(data: bytes, coding: LayerCoding, size: int = 700) -> bytes:
    stream = decompressed(io.BytesIO(data), coding, "layer")
    pieces = []
    while piece := stream.read(size):
        pieces.append(piece)
    return b"".join(pieces)


@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=4), codings)
def test_members_in_a_row_are_one_stream(parts: list[bytes], coding: LayerCoding) -> None:
    data = b"".join(COMPRESS[coding](part) for part in parts)
    assert _read_all(data, coding) == b"".join(parts)


@given(st.binary(max_size=300), codings)
def test_any_bytes_are_data_or_an_explained_error(data: bytes, coding: LayerCoding) -> None:
    with suppress(InputError):
        _read_all(data, coding)


def test_a_damaged_gzip_stream_is_refused() -> None:
    data = bytearray(gzip.compress(b"x" * 10_000))
    data[-8] ^= 1  # the CRC
    with pytest.raises(InputError, match="damaged"):
        _read_all(bytes(data), "gzip")
    with pytest.raises(InputError, match="cut short"):
        _read_all(gzip.compress(b"x" * 10_000)[:-20], "gzip")


def test_a_damaged_zstd_stream_is_refused() -> None:
    with pytest.raises(InputError, match="damaged"):
        _read_all(b"\x28\xb5\x2f\xfd" + b"\xff" * 50, "zstd")


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_a_bomb_is_read_in_constant_memory(coding: LayerCoding) -> None:
    bomb = COMPRESS[coding](bytes(50_000_000))
    tracemalloc.start()
    stream = decompressed(io.BytesIO(bomb), coding, "layer")
    total = 0
    while piece := stream.read(1 << 16):
        total += len(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 50_000_000
    assert peak < 10_000_000


def test_a_failing_disk_is_not_called_damaged_data() -> None:
    class Failing:
        def read(self, _size: int, /) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        decompressed(Failing(), "zstd", "layer").read(10)


def test_compression_is_recognised_by_its_first_bytes() -> None:
    assert sniff(gzip.compress(b"")) == "gzip"
    assert sniff(zstandard.compress(b"")) == "zstd"
    assert sniff(b"etc/") == "tar"
    assert _read_all(b"as it is", "tar") == b"as it is"
