from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.layers.inflate import BLOCK_BYTES, DamageError, inflate_small, inflate_stream


def deflated(content: bytes, level: int = 6) -> bytes:
    compressor = zlib.compressobj(level, wbits=-15)
    return compressor.compress(content) + compressor.flush()


def stream(raw: bytes, size_bytes: int, crc: int, declared: int | None = None) -> tuple[bytes, bytes]:
    pairs = list(
        inflate_stream(io.BytesIO(raw).read, len(raw) if declared is None else declared, size_bytes, crc)
    )
    assert all(len(block) <= BLOCK_BYTES for _, block in pairs)
    return b"".join(piece for piece, _ in pairs), b"".join(block for _, block in pairs)


CONTENTS = st.one_of(st.binary(max_size=5000), st.integers(0, 4 * BLOCK_BYTES).map(bytes))


@given(CONTENTS, st.integers(0, 9))
def test_what_was_deflated_comes_back_with_the_bytes_it_came_from(content: bytes, level: int) -> None:
    raw = deflated(content, level)
    assert stream(raw, len(content), zlib.crc32(content)) == (raw, content)
    assert inflate_small(raw, len(content), zlib.crc32(content)) == content


@given(CONTENTS.filter(len), st.data())
def test_whatever_is_changed_is_noticed(content: bytes, data: st.DataObject) -> None:
    raw = bytearray(deflated(content))
    crc = zlib.crc32(content)
    kind = data.draw(st.sampled_from(["size+", "size-", "crc", "cut", "more"]))
    size = len(content) + {"size+": 1, "size-": -1}.get(kind, 0)
    if kind == "crc":
        crc ^= 1
    elif kind == "cut":
        del raw[-1:]
    elif kind == "more":
        raw += b"x"
    with pytest.raises(DamageError):
        stream(bytes(raw), size, crc)
    if kind != "more":  # a packed file's left-over bytes go nowhere
        with pytest.raises(DamageError):
            inflate_small(bytes(raw), size, crc)


@given(st.binary(max_size=300), st.integers(0, 1000))
def test_noise_never_crashes(noise: bytes, size_bytes: int) -> None:
    with pytest.raises(DamageError):
        stream(noise, size_bytes, 0x12345678)


def test_a_bomb_stops_at_its_declared_size() -> None:
    raw = deflated(bytes(200 << 20), 9)
    pairs = inflate_stream(io.BytesIO(raw).read, len(raw), 1000, 0)
    with pytest.raises(DamageError, match="longer"):
        next(pairs)


def test_a_stream_that_ends_early_is_cut_short() -> None:
    with pytest.raises(DamageError, match="cut short"):
        stream(b"", 10, 0, declared=5)
