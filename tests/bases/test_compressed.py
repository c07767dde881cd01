"""Whatever the compression, the bytes come out, bounded, or there is one clear error."""

from __future__ import annotations

import gzip
import io
import lzma

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.bases.debs import compressed
from wherry.bases.compressed import CHUNK_BYTES, decompressed
from wherry.errors import InputError


def _read(data: bytes, ending: str) -> bytes:
    chunks = list(decompressed(io.BytesIO(data), ending, "here"))
    assert all(len(chunk) <= CHUNK_BYTES for chunk in chunks)
    return b"".join(chunks)


@pytest.mark.parametrize("ending", ["", "xz", "gz", "zst"])
@given(data=st.binary(max_size=4000), times=st.integers(1, 400))
def test_bytes_come_out_as_they_went_in(ending: str, data: bytes, times: int) -> None:
    assert _read(compressed(data * times, ending), ending) == data * times


def test_xz_streams_in_a_row_with_padding_are_one() -> None:
    data = lzma.compress(b"one") + bytes(4) + lzma.compress(b"two") + bytes(8 + CHUNK_BYTES)
    assert _read(data, "xz") == b"onetwo"
    assert _read(gzip.compress(b"one") + gzip.compress(b"two"), "gz") == b"onetwo"
    assert _read(zstandard.compress(b"one") + zstandard.compress(b"two"), "zst") == b"onetwo"


@pytest.mark.parametrize(
    ("data", "ending"),
    [
        (lzma.compress(b"x" * 9000)[:-5], "xz"),
        (b"", "xz"),
        (b"no compression" * 9, "xz"),
        (b"no compression" * 9, "gz"),
        (b"no compression" * 9, "zst"),
        (gzip.compress(b"x" * 9000, mtime=0)[:-5], "gz"),
        (b"anything", "lzma"),
    ],
    # by number: processes that share the tests must call them the same, whatever the bytes are
    ids=range(7),
)
def test_damage_is_one_clear_error(data: bytes, ending: str) -> None:
    with pytest.raises(InputError) as caught:
        _read(data, ending)
    assert caught.value.where == "here"


def test_a_dictionary_that_takes_too_much_memory_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 512 << 20}]
    data = lzma.compress(b"x", format=lzma.FORMAT_XZ, filters=filters)
    with pytest.raises(InputError, match="damaged"):
        _read(data, "xz")
