"""Read images from tar files, ``oci-archive`` and ``docker-archive``, without unpacking them.

The archive is read once for its table of contents; blobs are then read where they lie. Member names are
only ever looked up in that table, so none can lead anywhere.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
from typing import IO, TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci import media_types
from wherry.oci.archive import DockerManifest
from wherry.oci.coding import sniff
from wherry.oci.image import PIECE
from wherry.oci.layout import check_marker
from wherry.oci.model import (
    MAX_DOCUMENT_BYTES,
    REF_NAME,
    Descriptor,
    decode,
    decode_config,
    decode_index,
    describe,
    encode,
    manifest_of,
)
from wherry.oci.tarstream import TarReader

if TYPE_CHECKING:
    from pathlib import Path

    from _typeshed import WriteableBuffer

MAX_MEMBERS: Final = 20_000  # a Docker archive has three per layer and 127 layers per image


class _Span(io.RawIOBase):
    """A stretch of a file, as a file of its own."""

    def __init__(self, path: Path, offset: int, size_bytes: int) -> None:
        self._file = path.open("rb")
        self._file.seek(offset)
        self._left = size_bytes

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill as much of *buffer* as the stretch still has."""
        view = memoryview(buffer).cast("B")
        count = self._file.readinto(view[: self._left])
        self._left -= count
        return count

    def close(self) -> None:
        """Close the file behind it."""
        self._file.close()
        super().close()


class _Members:
    """The table of contents of a tar file on disk: name → where its content lies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path)
        self._spans: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        try:
            with path.open("rb") as stream:
                if sniff(stream.read(4)) != "tar":
                    raise InputError("the archive is compressed", where=self.name, mend="decompress it first")
                stream.seek(0)
                self._read(TarReader(stream, self.name, stream.seek), path.stat().st_size)
        except OSError as error:
            raise InputError(
                f"cannot read the archive: {(error.strerror or str(error)).lower()}", where=self.name
            ) from None

    def _read(self, reader: TarReader, archive_bytes: int) -> None:
        for count, member in enumerate(reader):
            if count >= MAX_MEMBERS:
                raise InputError(f"the archive has more than {MAX_MEMBERS} members", where=self.name)
            if member.offset + member.size_bytes > archive_bytes:
                raise InputError("the archive is cut short", where=self.name)
            name = posixpath.normpath(member.path.decode(errors="replace"))
            if name in self._spans:
                raise InputError(f"the archive has {name[:200]!r} twice", where=self.name)
            if member.kind == "file":
                self._spans[name] = (member.offset, member.size_bytes)
            elif member.kind == "symlink":
                # `docker save` writes a layer that two images share once, and links to it.
                target = posixpath.join(posixpath.dirname(name), member.link.decode(errors="replace"))
                self._links[name] = posixpath.normpath(target)

    def __contains__(self, name: str) -> bool:
        return name in self._spans

    def open(self, name: str) -> io.BufferedReader:
        offset, size_bytes = self._span(name)
        return io.BufferedReader(_Span(self.path, offset, size_bytes), PIECE)

    def size_bytes(self, name: str) -> int:
        return self._span(name)[1]

    def document(self, name: str) -> bytes:
        if self.size_bytes(name) > MAX_DOCUMENT_BYTES:
            raise InputError(f"{name} is too large", where=self.name)
        with self.open(name) as stream:
            return stream.read()

    def _span(self, name: str) -> tuple[int, int]:
        plain = posixpath.normpath(name)
        found = self._spans.get(plain) or self._spans.get(self._links.get(plain, ""))
        if found is None:
            raise InputError(f"the archive has no {name[:200]!r}", where=self.name)
        return found


class OciArchiveSource:
    """The images of an ``oci-archive``.

    Raises:
        InputError: The file is no such archive.

    """

    def __init__(self, path: Path) -> None:
        self._members = _Members(path)
        check_marker(self._members.document("oci-layout"), f"{path}: oci-layout")
        self._index = decode_index(self._members.document("index.json"), f"{path}: index.json")

    @property
    def name(self) -> str:
        """As the user would name it."""
        return f"oci-archive:{self._members.name}"

    def roots(self) -> tuple[Descriptor, ...]:
        """What index.json lists."""
        return self._index.manifests

    def open(self, digest: Digest) -> IO[bytes]:
        """The blob's bytes inside the archive."""
        return self._members.open(f"blobs/sha256/{digest.hex}")

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's name
        """No file holds just one blob."""
        return None


class DockerArchiveSource:
    """The images of a ``docker-archive``; each gets the manifest that Docker does not write.

    Opening reads the whole archive once, because nothing in it says what its layers hash to.

    Raises:
        InputError: The file is no such archive, or a layer is not the one the config names.

    """

    def __init__(self, path: Path) -> None:
        self._members = _Members(path)
        self._blobs: dict[Digest, str | bytes] = {}
        self._layers: dict[str, Descriptor] = {}
        where = f"{path}: manifest.json"
        entries = decode(self._members.document("manifest.json"), tuple[DockerManifest, ...], where)
        self._roots = tuple(root for entry in entries for root in self._adopt(entry))

    @property
    def name(self) -> str:
        """As the user would name it."""
        return f"docker-archive:{self._members.name}"

    def roots(self) -> tuple[Descriptor, ...]:
        """One for each name of each image; an image without a name is listed once."""
        return self._roots

    def open(self, digest: Digest) -> IO[bytes]:
        """The blob's bytes inside the archive."""
        found = self._blobs.get(digest)
        if found is None:
            raise InputError(f"the archive has no blob {digest}", where=self.name)
        return self._members.open(found) if isinstance(found, str) else io.BytesIO(found)

    def path(self, digest: Digest) -> Path | None:  # noqa: ARG002 - the protocol's name
        """No file holds just one blob."""
        return None

    def _adopt(self, entry: DockerManifest) -> tuple[Descriptor, ...]:
        data = self._members.document(entry.config)
        config = decode_config(data, f"{self.name}: {entry.config}")
        if len(entry.layers) != len(config.rootfs.diff_ids):
            raise InputError(
                f"{len(entry.layers)} layers, but the config names {len(config.rootfs.diff_ids)}",
                where=self.name,
            )
        pairs = zip(entry.layers, config.rootfs.diff_ids, strict=True)
        layers = tuple(self._layer(member, diff_id) for member, diff_id in pairs)
        described = describe(data, media_types.CONFIG)
        manifest = encode(manifest_of(described, layers))
        self._blobs[described.digest] = data
        root = describe(manifest, media_types.MANIFEST)
        self._blobs[root.digest] = manifest
        tags = entry.repo_tags or ("",)
        return tuple(
            describe(manifest, root.media_type, annotations={REF_NAME: t} if t else {}) for t in tags
        )

    def _layer(self, member: str, diff_id: Digest) -> Descriptor:
        if member in self._layers:
            return self._layers[member]
        with self._members.open(member) as stream:
            coding = sniff(stream.peek(4))
            digest = Digest.from_hex(hashlib.file_digest(stream, "sha256").hexdigest())
        if coding == "tar" and digest != diff_id:
            raise InputError(f"layer {member[:200]!r} is not the one the config names", where=self.name)
        found = Descriptor(
            media_type=media_types.layer_media_type(coding),
            digest=digest,
            size_bytes=self._members.size_bytes(member),
        )
        self._layers[member] = found
        self._blobs[digest] = member
        return found
