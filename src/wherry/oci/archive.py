"""Write images as one tar file: ``oci-archive`` and ``docker-archive``, to a file or down a pipe.

Both are deterministic: one image has one archive, byte for byte. Nothing is held in memory and nothing is
written twice. An ``oci-archive`` also carries Docker's ``manifest.json``, so that ``docker load`` takes it.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from wherry.errors import InputError, WorldError
from wherry.oci import media_types
from wherry.oci.coding import decompressed
from wherry.oci.image import PIECE, VerifiedStream, blobs_under, fits, read_document, read_images
from wherry.oci.layout import MARKER, layout_index
from wherry.oci.model import Descriptor, encode
from wherry.oci.platform import Platform
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.digest import Digest
    from wherry.oci.image import Image, ImageSource
    from wherry.oci.tarstream import Readable
    from wherry.progress import Progress, Task

_MTIME: Final = 1_672_531_200  # as in our layers: one fixed time, and not 0, which some programs refuse


class Sink(Protocol):
    """Where an archive goes: a file or a pipe."""

    def write(self, data: bytes, /) -> object:
        """Take all of *data*."""
        ...


class DockerManifest(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """One entry of Docker's ``manifest.json`` (moby ``image/tarexport``). Paths are inside the archive."""

    config: str
    repo_tags: tuple[str, ...] | None = None
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One member of an archive to be: a small document, or a blob streamed from the source."""

    name: str
    data: bytes = b""
    blob: Descriptor | None = None
    decompress: bool = False


def write_oci_archive(  # noqa: PLR0913 - an image, where to, and what to call it there
    sink: Sink,
    source: ImageSource,
    root: Descriptor,
    *,
    ref_name: str = "",
    repo_tags: Sequence[str] = (),
    progress: Progress | None = None,
) -> int:
    """Write *root*, a manifest or an index, as an OCI layout in a tar.

    Args:
        sink: Takes the archive's bytes in order.
        source: Where the blobs come from.
        root: What the archive's index.json lists.
        ref_name: Its name in index.json.
        repo_tags: Its names for ``docker load``, ``app:latest``.
        progress: Where to announce the writing.

    Returns:
        The archive's size in bytes.

    Raises:
        InputError: A blob is not what its descriptor says.

    """
    parts = [_Part("oci-layout", MARKER)]
    if (image := _loadable(source, root)) is not None:
        entry = DockerManifest(
            config=_blob_name(image.image_id),
            repo_tags=tuple(repo_tags) or None,
            layers=tuple(_blob_name(layer.digest) for layer in image.manifest.layers),
        )
        parts.append(_Part("manifest.json", _docker_json(entry)))
    parts += [_Part(_blob_name(blob.digest), blob=blob) for blob in blobs_under(source, root)]
    # "Write index.json last": whoever reads the stream as it comes then knows that all blobs are there.
    parts.append(_Part("index.json", encode(layout_index(root, ref_name, []))))
    return _write(sink, source, parts, progress)


def write_docker_archive(
    sink: Sink,
    source: ImageSource,
    image: Image,
    *,
    repo_tags: Sequence[str] = (),
    progress: Progress | None = None,
) -> int:
    """Write *image* in the format of ``docker save``; arguments and errors as for `write_oci_archive`.

    Layers stay gzipped: ``docker load`` and skopeo take them so. Zstd, which Docker before 23 cannot
    read, is undone.
    """
    layers: dict[str, _Part] = {}
    names: list[str] = []
    for layer, _ in image.layers():
        coding = media_types.layer_coding(layer.media_type)
        name = f"{layer.digest.hex}.tar.gz" if coding == "gzip" else f"{layer.digest.hex}.tar"
        layers[name] = _Part(name, blob=layer, decompress=coding == "zstd")
        names.append(name)
    config = f"{image.image_id.hex}.json"
    entry = DockerManifest(config=config, repo_tags=tuple(repo_tags) or None, layers=tuple(names))
    parts = [
        _Part("manifest.json", _docker_json(entry)),
        _Part(config, read_document(source, image.manifest.config)),
        *layers.values(),
    ]
    return _write(sink, source, parts, progress)


def image_for_docker(source: ImageSource, root: Descriptor) -> Image:
    """The one image of *root* that a Docker archive can hold: the only one, or the one for this machine.

    Raises:
        InputError: There are several, and none is for this machine.

    """
    found = _loadable(source, root)
    if found is None:
        raise InputError(
            f"none of the image's platforms is this machine's ({Platform.of_host()})",
            where=source.name,
            mend="use oci-archive:FILE, which holds them all",
        )
    return found


def _loadable(source: ImageSource, root: Descriptor) -> Image | None:
    images = read_images(source, root)
    if len(images) == 1:
        return images[0]
    host = Platform.of_host()
    configs = ((image, image.config) for image in images)
    return next((i for i, c in configs if fits(host, c.os, c.architecture, c.variant)), None)


def _blob_name(digest: Digest) -> str:
    return f"blobs/sha256/{digest.hex}"


def _docker_json(entry: DockerManifest) -> bytes:
    return msgspec.json.encode([entry], order="sorted")


def _write(sink: Sink, source: ImageSource, parts: list[_Part], progress: Progress | None) -> int:
    total = sum(part.blob.size_bytes for part in parts if part.blob)
    written = 0
    with (progress or SilentProgress()).task("writing the archive", total) as task:
        for part in parts:
            if part.blob is None:
                written += _member(sink, part.name, len(part.data), [part.data])
            else:
                written += _stream(sink, source, part, part.blob, task)
    # POSIX: an archive ends with two zero blocks.
    sink.write(bytes(2 * tarfile.BLOCKSIZE))
    return written + 2 * tarfile.BLOCKSIZE


def _stream(sink: Sink, source: ImageSource, part: _Part, blob: Descriptor, task: Task) -> int:
    size_bytes = blob.size_bytes
    if part.decompress:
        # The header before the content tells its size, and a pipe cannot go back: so read twice.
        with source.open(blob.digest) as stream:
            size_bytes = sum(map(len, _pieces(decompressed(stream, "zstd", source.name))))
    with source.open(blob.digest) as stream:
        verified = VerifiedStream(stream, blob, source.name)
        content: Readable = decompressed(verified, "zstd", source.name) if part.decompress else verified
        written = _member(sink, part.name, size_bytes, _pieces(content))
        verified.drain()
    task.advance(blob.size_bytes)
    return written


def _pieces(stream: Readable) -> Iterable[bytes]:
    while piece := stream.read(PIECE):
        yield piece


def _member(sink: Sink, name: str, size_bytes: int, content: Iterable[bytes]) -> int:
    info = tarfile.TarInfo(name)
    info.size = size_bytes
    info.mtime = _MTIME
    header = info.tobuf(tarfile.PAX_FORMAT)  # plain USTAR below 8 GiB
    sink.write(header)
    left = size_bytes
    for piece in content:
        sink.write(piece)
        left -= len(piece)
    if left:
        # Too late for anything else: the header is out.
        raise WorldError(f"{name} changed while it was read", mend="run the command again")
    padding = -size_bytes % tarfile.BLOCKSIZE
    sink.write(bytes(padding))
    return len(header) + size_bytes + padding
