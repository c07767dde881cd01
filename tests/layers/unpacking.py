"""Reading layers back with other people's code."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from typing import TYPE_CHECKING, NamedTuple

import zstandard

from wherry.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.layers.model import LayerBlob
    from wherry.store.store import Store


class Found(NamedTuple):
    """One file of a layer."""

    mode: int
    content: bytes


def tar_bytes(layer: LayerBlob, store: Store) -> bytes:
    """The layer's tar, its digests and sizes checked on the way."""
    blob = store.blobs.path(Digest(layer.digest)).read_bytes()
    assert len(blob) == layer.size_bytes
    assert Digest.of_bytes(blob) == layer.digest
    if layer.media_type.endswith("+gzip"):
        # Not gzip.decompress: it copies the rest of the blob for each of its thousands of members.
        tar = gzip.GzipFile(fileobj=io.BytesIO(blob)).read()
    else:
        tar = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(blob), read_across_frames=True).read()
    assert f"sha256:{hashlib.sha256(tar).hexdigest()}" == layer.diff_id
    assert len(tar) == layer.unpacked_bytes
    return tar


def members(layer: LayerBlob, store: Store) -> list[tarfile.TarInfo]:
    """The members in their order."""
    with tarfile.open(fileobj=io.BytesIO(tar_bytes(layer, store))) as archive:
        return archive.getmembers()


def files(layer: LayerBlob, store: Store) -> dict[str, Found]:
    """Every regular file."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tar_bytes(layer, store))) as archive:
        for member in archive:
            if member.isfile():
                stream = archive.extractfile(member)
                assert stream is not None
                assert member.name not in found
                found[member.name] = Found(member.mode, stream.read())
    return found


def tree(root: Path) -> dict[str, Found]:
    """Every regular file below *root*; links are not followed."""
    return {
        path.relative_to(root).as_posix(): Found(path.stat().st_mode & 0o7777, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
