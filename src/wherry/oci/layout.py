"""OCI layouts on disk (image-layout.md): a directory with ``oci-layout``, ``index.json`` and ``blobs``.

Writing adds an image to what is there. ``index.json`` is written last and replaced whole, so a reader
sees the old images or the new ones, and a writer that is killed has changed nothing.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Final

import msgspec

from wherry.errors import InputError, WorldError
from wherry.oci.image import PIECE, VerifiedStream, blobs_under
from wherry.oci.model import (
    MAX_DOCUMENT_BYTES,
    REF_NAME,
    Descriptor,
    Index,
    decode,
    decode_index,
    encode,
    index_of,
)
from wherry.progress import SilentProgress
from wherry.store.whole import whole_file, world_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.digest import Digest
    from wherry.oci.image import ImageSource
    from wherry.progress import Progress, Task

VERSION: Final = "1.0.0"
MARKER: Final = b'{"imageLayoutVersion":"1.0.0"}'
_FICLONE: Final = 0x40049409  # linux/fs.h: share the blocks of another file of the same file system


class Marker(msgspec.Struct, frozen=True, rename="camel"):
    """The content of the file ``oci-layout``."""

    image_layout_version: str


def check_marker(data: bytes, where: str) -> None:
    """Make sure that this is a layout of the one version there is.

    Raises:
        InputError: It is not.

    """
    found = decode(data, Marker, where).image_layout_version
    if found != VERSION:
        raise InputError(f"layout version {found!r} is not {VERSION}", where=where)


class LayoutSource:
    """The images of a layout directory.

    Raises:
        InputError: The directory is no layout.

    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        check_marker(self._document("oci-layout"), str(directory / "oci-layout"))
        self._index: Index = decode_index(self._document("index.json"), str(directory / "index.json"))

    @property
    def name(self) -> str:
        """As the user would name it."""
        return f"oci:{self._directory}"

    def roots(self) -> tuple[Descriptor, ...]:
        """What index.json lists."""
        return self._index.manifests

    def open(self, digest: Digest) -> IO[bytes]:
        """The blob's file, if it is a file."""
        path = self._blob(digest)
        try:
            # Not a FIFO that blocks for ever, nor a link out of the directory.
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise InputError(
                f"blob {digest} cannot be read: {(error.strerror or '').lower()}", where=str(path)
            ) from None
        return os.fdopen(fd, "rb")

    def path(self, digest: Digest) -> Path | None:
        """The blob's file."""
        found = self._blob(digest)
        return found if found.is_file() and not found.is_symlink() else None

    def _blob(self, digest: Digest) -> Path:
        return self._directory / "blobs" / "sha256" / digest.hex

    def _document(self, name: str) -> bytes:
        path = self._directory / name
        try:
            with path.open("rb") as stream:
                return stream.read(MAX_DOCUMENT_BYTES + 1)
        except OSError as error:
            raise InputError(
                f"not an OCI layout: {name} cannot be read, {(error.strerror or str(error)).lower()}",
                where=str(self._directory),
                mend="name a directory that holds oci-layout, index.json and blobs",
            ) from None


def write_layout(
    directory: Path,
    source: ImageSource,
    root: Descriptor,
    *,
    ref_name: str = "",
    progress: Progress | None = None,
) -> int:
    """Add the image *root* of *source* to the layout in *directory*, which is made if it is not there.

    Args:
        directory: The layout. Its other images stay; one of the same name is replaced.
        source: Where the blobs come from, trusted: only sizes are checked.
        root: A manifest or an index.
        ref_name: What the layout calls it.
        progress: Where to announce the copying.

    Returns:
        How many bytes of blobs were written; those already there are not.

    Raises:
        InputError: The directory holds something else.
        WorldError: It cannot be written.

    """
    with world_errors(directory):
        _existing(directory)  # complain before gigabytes are copied
        blobs = directory / "blobs" / "sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        missing = [b for b in blobs_under(source, root) if not _has(blobs / b.digest.hex, b.size_bytes)]
        total = sum(b.size_bytes for b in missing)
        with (progress or SilentProgress()).task(f"writing oci:{directory}", total) as task:
            for blob in missing:
                _put(source, blob, blobs / blob.digest.hex, task)
    with _locked(directory):
        kept = [d for d in _existing(directory) if d.ref_name != ref_name]
        for leftover in filter(_is_unfinished, list(directory.iterdir())):
            leftover.unlink()  # nobody writes it any more: that is done under the lock we hold
        with whole_file(directory / "oci-layout") as sink:
            sink.write(MARKER)
        with whole_file(directory / "index.json") as sink:
            sink.write(encode(layout_index(root, ref_name, kept)))
    return total


def layout_index(root: Descriptor, ref_name: str, others: list[Descriptor]) -> Index:
    """The index.json that lists *others* and then *root* under *ref_name*."""
    annotations = {k: v for k, v in root.annotations.items() if k != REF_NAME}
    if ref_name:
        annotations[REF_NAME] = ref_name
    return index_of((*others, msgspec.structs.replace(root, annotations=annotations)))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Keep two builds from each writing an index without the other's image."""
    with world_errors(directory):
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # a file system without locks: the last one wins, whole
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _existing(directory: Path) -> tuple[Descriptor, ...]:
    """What the layout lists; nothing where there is no layout yet."""
    if not directory.is_dir() or not any(directory.iterdir()):
        directory.mkdir(parents=True, exist_ok=True)
        return ()
    # A first writer that was killed leaves blobs but no index, or one that had not got its name yet.
    names = {path.name for path in directory.iterdir() if not _is_unfinished(path)}
    if "index.json" not in names and names <= {"blobs", "oci-layout"}:
        return ()
    return LayoutSource(directory).roots()


def _is_unfinished(path: Path) -> bool:
    """Whether the file is what `whole_file` was writing when it was killed."""
    return path.name.startswith((".index.json.", ".oci-layout.")) and path.suffix == ".tmp"


def _has(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except OSError:
        return False


def _put(source: ImageSource, blob: Descriptor, path: Path, task: Task) -> None:
    """Place one blob: blocks shared where the disk can, else the same file twice, else a copy."""
    temporary = path.with_name(f".{blob.digest.hex}.{secrets.token_hex(6)}.tmp")
    origin = source.path(blob.digest)
    try:
        if origin is None:
            _copy_verified(source, blob, temporary, task)
        else:
            _check_size(origin, blob)
            if not (_reflink(origin, temporary) or _link(origin, temporary)):
                shutil.copyfile(origin, temporary)
            task.advance(blob.size_bytes)
        temporary.replace(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _copy_verified(source: ImageSource, blob: Descriptor, path: Path, task: Task) -> None:
    with source.open(blob.digest) as stream, path.open("xb") as sink:
        verified = VerifiedStream(stream, blob, source.name)
        while piece := verified.read(PIECE):
            sink.write(piece)
            task.advance(len(piece))
        verified.drain()


def _check_size(path: Path, blob: Descriptor) -> None:
    if path.stat().st_size != blob.size_bytes:
        raise WorldError(
            f"blob {blob.digest} has lost its bytes",
            where=str(path),
            mend="run: wherry cache verify, then build again",
        )


def _reflink(origin: Path, path: Path) -> bool:
    try:
        with origin.open("rb") as source, path.open("xb") as sink:
            fcntl.ioctl(sink.fileno(), _FICLONE, source.fileno())
    except OSError as error:
        with suppress(FileNotFoundError):
            path.unlink()
        if error.errno == errno.ENOSPC:
            raise
        return False
    return True


def _link(origin: Path, path: Path) -> bool:
    # Blobs of the store are read-only files that are never changed in place, so two names are safe.
    if origin.stat().st_mode & 0o222:
        return False
    try:
        os.link(origin, path)
    except OSError:
        return False
    return True
