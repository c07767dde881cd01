"""A reader of eStargz written from the format's rules alone: it knows nothing of how layers are written."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

FOOTER_BYTES = 51
PIECE_BYTES = 1 << 14
TYPES = {"dir", "reg", "symlink", "hardlink", "char", "block", "fifo", "chunk"}
LANDMARKS = {".prefetch.landmark", ".no.prefetch.landmark"}


@dataclass
class Read:
    """What was found in a blob that keeps the rules."""

    tar: bytes
    toc: list[dict[str, Any]]
    members: list[tuple[int, int]]  # offset in the blob and in the tar, of each gzip member
    prefetched: list[str]  # names of files above the landmark; none where it says "no"

    def file(self, name: str) -> dict[str, Any]:
        """The entry of one file."""
        (found,) = [entry for entry in self.toc if entry["name"] == name and entry["type"] != "chunk"]
        return found

    def chunks(self, name: str) -> list[dict[str, Any]]:
        """All entries of one file."""
        return [entry for entry in self.toc if entry["name"] == name]


def read_estargz(blob: bytes, annotations: dict[str, str]) -> Read:
    """Hold *blob* to the rules 1 to 7 of the format."""
    toc_offset = _footer(blob[-FOOTER_BYTES:])
    members = _members(blob)
    tar = b"".join(content for _, _, content in members)
    starts = {offset: place for offset, place, _ in members}

    # 3: the table is the last entry of the tar, in a member of its own with the end of the archive.
    last = gzip.decompress(blob[toc_offset:-FOOTER_BYTES])
    (footer_content,) = [content for offset, _, content in members if offset == len(blob) - FOOTER_BYTES]
    assert footer_content == b""
    assert toc_offset in starts
    assert starts[toc_offset] + len(last) == len(tar)
    with tarfile.open(fileobj=io.BytesIO(last)) as archive:
        (info,) = archive.getmembers()
        assert (info.name, info.isreg()) == ("stargz.index.json", True)
        stream = archive.extractfile(info)
        assert stream is not None
        text = stream.read()
    assert len(last) == 512 + len(text) + -len(text) % 512 + 1024
    assert last[512 + len(text) :].count(0) == len(last) - 512 - len(text)

    # 7: the annotation vouches for the table.
    assert annotations["containerd.io/snapshot/stargz/toc.digest"] == _sha256(text)
    assert annotations["io.containers.estargz.uncompressed-size"] == str(len(tar))

    table = json.loads(text, object_pairs_hook=_no_repeats)
    assert set(table) == {"version", "entries"}
    assert table["version"] == 1
    entries = table["entries"]
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        infos = archive.getmembers()[:-1]
        offsets = _check_entries(blob, archive, infos, entries)

    # 1: members begin where contents do, and TOCs offsets rise as the contents lie.
    assert offsets == sorted(set(offsets))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for info in archive.getmembers()[:-1]:
            if info.isreg() and info.size:
                (first, *_) = [entry for entry in entries if entry["name"] == info.name]
                assert starts[first["offset"]] == info.offset_data, info.name
    return Read(tar, entries, [(o, p) for o, p, _ in members], _landmark(entries))


def read_chunk(blob: bytes, offset: int, size_bytes: int) -> bytes:
    """So many bytes from the member at *offset*, as a lazy reader takes them: no byte before it is needed."""
    found = bytearray()
    for content in _inflated(blob, offset):
        found += content
        if len(found) >= size_bytes:
            break
    return bytes(found[:size_bytes])


def _check_entries(
    blob: bytes, archive: tarfile.TarFile, infos: list[tarfile.TarInfo], entries: list[dict[str, Any]]
) -> list[int]:
    """2, 4: every entry of the tar in its order, with what the tar says of it; the offsets of contents."""
    offsets = []
    left = list(entries)
    for info in infos:
        entry = left.pop(0)
        name = f"{info.name}/" if info.isdir() else info.name
        assert entry["name"] == name
        kinds = {b"0": "reg", b"5": "dir", b"2": "symlink", b"1": "hardlink"}
        assert entry["type"] == kinds[info.type]
        assert entry["type"] in TYPES
        assert (entry["mode"], entry["uid"], entry["gid"]) == (info.mode, info.uid, info.gid)
        assert datetime.fromisoformat(entry["modtime"]).timestamp() == info.mtime
        assert entry["modtime"].endswith("Z")
        assert entry.get("linkName", "") == info.linkname
        assert entry.get("size", 0) == (info.size if info.isreg() else 0)
        if not info.isreg() or not info.size:
            assert not {"offset", "chunkOffset", "chunkSize", "chunkDigest"} & set(entry)
            continue
        chunks = [entry]
        while left and left[0]["type"] == "chunk":
            chunks.append(left.pop(0))
        stream = archive.extractfile(info)
        assert stream is not None
        content = stream.read()
        assert entry["digest"] == _sha256(content)
        place = 0
        for chunk in chunks:
            assert chunk["name"] == name
            assert chunk.get("chunkOffset", 0) == place
            is_last = chunk is chunks[-1]
            assert bool(chunk.get("chunkSize", 0)) is not is_last
            size_bytes = chunk.get("chunkSize") or len(content) - place
            data = read_chunk(blob, chunk["offset"], size_bytes)
            assert data == content[place : place + size_bytes]
            assert chunk["chunkDigest"] == _sha256(data)
            offsets.append(chunk["offset"])
            place += size_bytes
        assert place == len(content)
    assert not left
    return offsets


def _landmark(entries: list[dict[str, Any]]) -> list[str]:
    """5: exactly one landmark, of one byte; what stands above it."""
    (landmark,) = [entry for entry in entries if entry["name"].rpartition("/")[2] in LANDMARKS]
    assert landmark["name"] in LANDMARKS
    assert landmark["size"] == 1
    assert landmark["digest"] == _sha256(b"\x0f")
    if landmark["name"].startswith(".no."):
        return []
    above = entries[: entries.index(landmark)]
    return [entry["name"] for entry in above if entry["type"] not in {"dir", "chunk"}]


def _footer(footer: bytes) -> int:
    """6: the footer, byte for byte; the offset of the table."""
    found = re.fullmatch(
        rb"\x1f\x8b\x08\x04....[\x00\x02\x04]\xff\x1a\x00SG\x16\x00([0-9a-f]{16})STARGZ\x01\x00\x00\xff\xff\x00{8}",
        footer,
        re.DOTALL,
    )
    assert found, base64.b16encode(footer)
    return int(found[1], 16)


def _members(blob: bytes) -> list[tuple[int, int, bytes]]:
    """Every gzip member: its offset in the blob, that of its content in the tar, and the content."""
    found, offset, place = [], 0, 0
    while offset < len(blob):
        inflater = zlib.decompressobj(wbits=31)
        content, end = bytearray(), offset
        while not inflater.eof:
            piece = blob[end : end + PIECE_BYTES]
            assert piece
            content += inflater.decompress(piece)
            end += len(piece) - len(inflater.unused_data)
        found.append((offset, place, bytes(content)))
        place += len(content)
        offset = end
    return found


def _inflated(blob: bytes, offset: int) -> Iterator[bytes]:
    """What is in the members from *offset* on."""
    while offset < len(blob):
        inflater = zlib.decompressobj(wbits=31)
        while not inflater.eof:
            piece = blob[offset : offset + PIECE_BYTES]
            yield inflater.decompress(piece)
            offset += len(piece) - len(inflater.unused_data)


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({key for key, _ in pairs}) == len(pairs)
    return dict(pairs)


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
