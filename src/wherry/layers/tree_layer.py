"""A tree of files → one deterministic layer: the project's sources, the environment's frame."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from wherry.errors import InputError, WorldError
from wherry.layers.formats import layer_writer
from wherry.layers.model import MTIME, LayerBlob
from wherry.layers.paths import path_problem, tar_order
from wherry.layers.prefetch import wanted_first
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from wherry.layers.model import Compression
    from wherry.layers.writer import LayerWriter
    from wherry.progress import Progress, Task
    from wherry.store.store import Store

_READ_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One member of the layer. Directories are members like others: what is not listed is not written."""

    path: str  # relative to the image's root, "/" between components
    kind: Literal["file", "directory", "symlink"]
    mode: int  # permission bits
    source: Path | bytes | None  # of a file: where its content lies, or the content
    link: str = ""  # of a symlink: its target
    uid: int = 0
    gid: int = 0


def tree_layer(  # noqa: PLR0913 - the contract of the room
    entries: Iterable[TreeEntry],
    store: Store,
    *,
    compression: Compression = "gzip",
    mtime: int = MTIME,
    prefetch: Sequence[str] = (),
    progress: Progress | None = None,
) -> LayerBlob:
    """The layer that holds *entries*; afterwards its blob is in the store.

    Args:
        entries: In any order; each path once.
        store: Keeps the blob.
        compression: Of the blob.
        mtime: Of every member, in seconds since 1970.
        prefetch: Paths that stand first, in this order.
        progress: Told of the bytes read.

    Raises:
        InputError: An entry has a path that no layer may have, or one that another has; or a file changed
            while it was read.
        WorldError: A file cannot be read, or the disk refused.

    """
    ordered = _checked(entries)
    first, others = wanted_first({entry.path: entry for entry in ordered}, prefetch)
    with (progress or SilentProgress()).task("packing the files") as task, store.blobs.writer() as blob:
        writer = layer_writer(blob, compression, mtime=mtime)
        for entry in first:
            _write(entry, writer, task)
        writer.landmark(prefetch=bool(first))
        for entry in others:
            _write(entry, writer, task)
        writer.end()
        return writer.layer(blob.commit())


def _checked(entries: Iterable[TreeEntry]) -> list[TreeEntry]:
    ordered = sorted(entries, key=lambda entry: tar_order(entry.path))
    kinds: dict[str, str] = {}
    for entry in ordered:
        if problem := path_problem(entry.path):
            raise InputError(f"the path {entry.path!r} {problem}", where=str(entry.source)[:200])
        if entry.path in kinds:
            raise InputError(
                f"the path {entry.path!r} would be in one layer twice", where=str(entry.source)[:200]
            )
        parent = entry.path.rpartition("/")[0]
        while parent:  # bytes' order puts a parent anywhere before its children
            if kinds.get(parent, "directory") != "directory":
                raise InputError(f"{entry.path!r} would lie below {parent!r}, which is no directory")
            parent = parent.rpartition("/")[0]
        kinds[entry.path] = entry.kind
    return ordered


def _write(entry: TreeEntry, writer: LayerWriter, task: Task) -> None:
    if entry.kind == "directory":
        writer.directory(entry.path, mode=entry.mode, uid=entry.uid, gid=entry.gid)
    elif entry.kind == "symlink":
        writer.symlink(entry.path, entry.link, mode=entry.mode, uid=entry.uid, gid=entry.gid)
    elif isinstance(entry.source, Path):
        _write_file(entry, entry.source, writer, task)
    else:
        writer.file(entry.path, entry.source or b"", mode=entry.mode, uid=entry.uid, gid=entry.gid)


def _write_file(entry: TreeEntry, source: Path, writer: LayerWriter, task: Task) -> None:
    try:
        stream = source.open("rb")
    except OSError as error:
        raise WorldError(f"cannot read {source}: {error.strerror}", where=str(source)) from error
    with stream:
        size_bytes = os.fstat(stream.fileno()).st_size
        writer.stream(
            entry.path,
            size_bytes,
            _blocks(stream, source, task),
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
        )


def _blocks(stream: BinaryIO, source: Path, task: Task) -> Iterator[bytes]:
    while True:
        try:
            block = stream.read(_READ_BYTES)
        except OSError as error:
            raise WorldError(f"cannot read {source}: {error.strerror}", where=str(source)) from error
        if not block:
            return
        task.advance(len(block))
        yield block
