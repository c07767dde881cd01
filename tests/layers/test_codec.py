from __future__ import annotations

import gzip
import io
import zlib
from typing import get_args

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.layers import tar
from wherry.layers.codec import PACK_BYTES, codec_id, make_codec, unpacked
from wherry.layers.model import Compression
from wherry.layers.writer import BESIDE_FROM_BYTES, LayerWriter

COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)


class Sink:
    """A blob in memory."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> int:
        self.data += data
        return len(data)

    @property
    def size_bytes(self) -> int:
        return len(self.data)


def decompress(data: bytes, compression: Compression) -> bytes:
    if compression != "zstd":
        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True).read()


@pytest.mark.parametrize("compression", COMPRESSIONS)
@given(
    pieces=st.lists(
        st.one_of(st.binary(max_size=3000), st.integers(1, 3 * PACK_BYTES).map(bytes)), max_size=8
    )
)
def test_what_was_written_comes_back_and_the_cuts_of_the_writes_do_not_show(
    compression: Compression, pieces: list[bytes]
) -> None:
    whole, cut = Sink(), Sink()
    writer = LayerWriter(whole, compression)
    writer.write(b"".join(pieces))
    writer.cut()
    other = LayerWriter(cut, compression)
    for piece in pieces:
        other.write(piece)
    other.cut()
    assert whole.data == cut.data
    assert writer.diff_id() == other.diff_id()
    assert decompress(bytes(whole.data), compression) == b"".join(pieces)
    assert b"".join(unpacked(io.BytesIO(whole.data), compression)) == b"".join(pieces)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@given(runs=st.lists(st.binary(max_size=2000), min_size=1, max_size=4))
def test_runs_that_were_cut_can_be_joined(compression: Compression, runs: list[bytes]) -> None:
    apart = []
    together = Sink()
    writer = LayerWriter(together, compression)
    for run in runs:
        alone = Sink()
        part = LayerWriter(alone, compression)
        for target in (part, writer):
            target.write(run)
            target.cut()
        apart.append(alone)
    assert b"".join(bytes(sink.data) for sink in apart) == together.data
    joined = LayerWriter(Sink(), compression)
    for sink, run in zip(apart, runs, strict=True):
        joined.joined([bytes(sink.data)], [run], len(run))
    assert joined.diff_id() == writer.diff_id()
    assert joined.unpacked_bytes == writer.unpacked_bytes


def deflated(content: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(content) + compressor.flush()


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("size_bytes", [0, 1, 70_000, BESIDE_FROM_BYTES + 3])
def test_a_spliced_file_keeps_its_deflated_bytes(size_bytes: int, beside: bool) -> None:  # noqa: FBT001 - pytest's
    content = bytes(range(251)) * (size_bytes // 251 + 1)
    content = content[:size_bytes]
    raw = deflated(content)
    sink = Sink()
    writer = LayerWriter(sink, "gzip", mtime=1, beside=beside)
    writer.file("a", b"before")
    blocks = [content[i : i + 1 << 20] for i in range(0, size_bytes, 1 << 20)]
    middle = len(blocks) // 2
    blocks[middle:] = [b"".join(blocks[middle:])]
    pairs = [(raw, blocks[0]), *((b"", block) for block in blocks[1:])]
    writer.splice("big", size_bytes, zlib.crc32(content), pairs, mode=0o755)
    writer.end()
    assert raw in sink.data
    expected = b"".join(
        (
            tar.file_header("a", 6, mode=0o644, mtime=1),
            b"before" + tar.padding(6),
            tar.file_header("big", size_bytes, mode=0o755, mtime=1),
            content + tar.padding(size_bytes),
            tar.END,
        )
    )
    assert gzip.decompress(sink.data) == expected
    assert writer.unpacked_bytes == len(expected)


def test_gzip_members_say_nothing_of_when_and_where() -> None:
    sink = Sink()
    writer = LayerWriter(sink, "gzip")
    writer.write(b"x")
    writer.cut()
    assert sink.data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_a_codec_is_named_with_its_library_and_version() -> None:
    for compression in COMPRESSIONS:
        assert codec_id(compression).startswith(f"{compression};")
        assert any(character.isdigit() for character in codec_id(compression))


def test_zstd_cannot_splice_and_unknown_compressions_are_refused() -> None:
    writer = LayerWriter(Sink(), "zstd")
    assert writer.splice_from_bytes is None
    with pytest.raises(TypeError):
        writer.splice("a", 0, 0, [])
    with pytest.raises(InputError, match="not a compression"):
        make_codec("lzma", print)  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_damaged_blob_is_noticed_when_it_is_unpacked(compression: Compression) -> None:
    sink = Sink()
    writer = LayerWriter(sink, compression)
    writer.write(bytes(range(256)) * 100)
    writer.cut()
    sink.data[len(sink.data) // 2] ^= 0x55
    with pytest.raises(ValueError, match=r"."):
        list(unpacked(io.BytesIO(sink.data), compression))
    with pytest.raises(ValueError, match=r"."):
        list(unpacked(io.BytesIO(b"\x1f\x8b\x08" if compression != "zstd" else b"no"), compression))


def test_a_file_that_is_not_as_long_as_it_said_is_an_error() -> None:
    for blocks in ([b"short"], [b"much", b"too long"]):
        writer = LayerWriter(Sink(), "gzip")
        with pytest.raises(InputError, match="changed its size"):
            writer.stream("a", 6, blocks)
