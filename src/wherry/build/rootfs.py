"""An image as a directory that crun or bubblewrap can start from, unpacked once and kept in the store.

Each layer is hashed while it is unpacked, and a root that is not exactly what the image's config promises
never gets its name. Roots are shared by all containers of an image: whoever starts one must not write there.
"""

from __future__ import annotations

import hashlib
import os
import queue
import stat
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from wherry.build.unpack import Escape, Unpacker, resolve
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci import media_types
from wherry.oci.coding import decompressed
from wherry.oci.tarstream import TarReader
from wherry.progress import SilentProgress
from wherry.store import locks
from wherry.store.disk import explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.oci.image import Image, ImageSource
    from wherry.oci.model import Descriptor
    from wherry.oci.tarstream import Readable
    from wherry.progress import Progress, Task
    from wherry.store.store import Store

DIRECTORY: Final = "rootfs"
_PIECE: Final = 1024 * 1024
# A layer of honest files shrinks to a tenth at best; a bomb to a thousandth (DEFLATE) or less (zstd).
_MAX_EXPANSION: Final = 200
_SMALL_BYTES: Final = 1 << 30


@contextmanager
def unpacked(
    store: Store, source: ImageSource, image: Image, progress: Progress | None = None
) -> Iterator[Path]:
    """The image's root directory, unpacked if it is not there yet, and kept from pruning for the block.

    Args:
        store: Where roots are kept, as ``rootfs/<hex of the config's digest>``.
        source: Where the layers are.
        image: What to unpack.
        progress: Where to announce it.

    Raises:
        InputError: A layer is damaged, hostile, or not the one the config names.
        WorldError: The disk is full or cannot be written.

    """
    target = store.root / DIRECTORY / image.image_id.hex
    lock = _lock(store, image.image_id)
    while True:
        with locks.held(lock, shared=True):
            if target.is_dir():
                yield target
                return
        with locks.held(lock):
            if not target.is_dir():
                _unpack(store, source, image, target, progress or SilentProgress())


def roots(store: Store) -> tuple[Digest, ...]:
    """The image ids of the roots that are kept."""
    try:
        return tuple(Digest.from_hex(path.name) for path in sorted((store.root / DIRECTORY).iterdir()))
    except FileNotFoundError:
        return ()


def remove_root(store: Store, image_id: Digest) -> bool:
    """Remove a kept root unless a container runs from it; say whether it is gone.

    Raises:
        WorldError: The store cannot be written.

    """
    target = store.root / DIRECTORY / image_id.hex
    with locks.held(_lock(store, image_id), wait=False) as alone:
        if not alone:
            return False
        # Away from its name first, so that a half-removed root is never taken for a whole one.
        with store.scratch("old-root") as scratch, explained(store.root, "remove an unpacked image"):
            if target.is_dir():
                _make_removable(target)
                target.rename(scratch / "root")
    return True


def read_inside(root: Path, path: str, limit_bytes: int = 1 << 20) -> bytes:
    """The start of a file of the image, links followed inside the image only; empty where there is none."""
    try:
        real = resolve(os.fsencode(root), tuple(os.fsencode(path).split(b"/")), make=False)
        fd = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, Escape):
        return b""
    try:
        return os.read(fd, limit_bytes) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)


def _lock(store: Store, image_id: Digest) -> Path:
    return store.root / "locks" / f"{DIRECTORY}-{image_id.hex}"


def _unpack(store: Store, source: ImageSource, image: Image, target: Path, progress: Progress) -> None:
    total = sum(layer.size_bytes for layer in image.manifest.layers)
    store.require_space(total, "the unpacked image")
    with store.using(), store.scratch("unpack") as scratch, explained(store.root, "unpack the image"):
        root = scratch / "root"
        root.mkdir(mode=0o755)
        unpacker = Unpacker(os.fsencode(root))
        with progress.task("unpacking the image", total) as task:
            for layer, diff_id in image.layers():
                _unpack_layer(unpacker, source, layer, diff_id, task)
        unpacker.finish()
        # 0700: files in it may be set-user-id, and belong to the image's users, not to this machine's.
        target.parent.mkdir(mode=0o700, exist_ok=True)
        root.rename(target)


def _unpack_layer(
    unpacker: Unpacker, source: ImageSource, layer: Descriptor, diff_id: Digest, task: Task
) -> None:
    where = f"layer {layer.digest}"
    coding = media_types.layer_coding(layer.media_type)
    if coding is None:
        raise InputError(f"layer type {layer.media_type!r} is not one wherry can read", where=where)
    with source.open(layer.digest) as blob:
        limit = max(_SMALL_BYTES, layer.size_bytes * _MAX_EXPANSION)
        with _Hashing(decompressed(_Counted(blob, task), coding, where), limit, where) as stream:
            unpacker.add(TarReader(stream, where), where)
            found = stream.finish()
    if found != diff_id:
        raise InputError(
            "the layer is not the one the image's config names", where=where, mend="build the image again"
        )


class _Counted:
    """Tells the progress what was read."""

    def __init__(self, stream: Readable, task: Task) -> None:
        self._stream = stream
        self._task = task

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes."""
        data = self._stream.read(size)
        self._task.advance(len(data))
        return data


class _Hashing:
    """Hashes what is read on a thread of its own: SHA-256 and the disk then wait for neither."""

    def __init__(self, stream: Readable, limit_bytes: int, where: str) -> None:
        self._stream = stream
        self._left = limit_bytes
        self._where = where
        self._hash = hashlib.sha256()
        self._pieces: queue.Queue[bytes] = queue.Queue(maxsize=4)
        self._gathered = bytearray()
        self._thread = threading.Thread(target=self._run, name="wherry-diff-id", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._pieces.put(b"")
        self._thread.join()

    def read(self, size: int, /) -> bytes:
        """Up to *size* bytes."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise InputError("the layer unpacks to far more than it could honestly hold", where=self._where)
        self._gathered += data
        if len(self._gathered) >= _PIECE:
            self._pieces.put(bytes(self._gathered))
            self._gathered.clear()
        return data

    def finish(self) -> Digest:
        """Read what follows the archive's end, and give the digest of all there was."""
        while self.read(_PIECE):
            pass
        if self._gathered:
            self._pieces.put(bytes(self._gathered))
            self._gathered.clear()
        self._pieces.put(b"")
        self._thread.join()
        return Digest.from_hex(self._hash.hexdigest())

    def _run(self) -> None:
        while piece := self._pieces.get():
            self._hash.update(piece)


def _make_removable(root: Path) -> None:
    """A directory that its owner may not write cannot be moved either."""
    root.chmod(0o700)
