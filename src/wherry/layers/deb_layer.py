"""Debian packages → one deterministic layer: unpacked as dpkg would, completed as their scripts would.

Nothing is run. A base's packages make the whole root, with the user the image runs as; system packages make a
layer over a base, of which only symbolic links, directories and the loader's
cache need to be known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.layers.codec import codec_id
from wherry.layers.deb_bytecode import complete_bytecode
from wherry.layers.deb_libraries import LD_CACHE, complete_libraries
from wherry.layers.deb_root import complete_packages, complete_root
from wherry.layers.deb_tree import Below, DebTree, Entry, scan_debs
from wherry.layers.formats import layer_writer
from wherry.layers.model import LAYOUT_VERSION, MTIME, LayerBlob
from wherry.layers.prefetch import prefetch_key, wanted_first
from wherry.layers.stored import find_layer, keep_layer
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wherry.bases.image_scan import ImageFacts
    from wherry.bases.model import DebianPin
    from wherry.layers.deb_root import RootUser
    from wherry.layers.model import BytecodeCompiler, Compression
    from wherry.layers.writer import LayerWriter
    from wherry.progress import Progress
    from wherry.store.store import Store

DEB_LAYOUT_VERSION: Final = 1
"""Raised when the same packages would give another layer: other rules for what is kept or made."""

_UNPACKED_FACTOR: Final = 12
"""Packages are at most about this much larger unpacked: asked of the disk before the first byte."""


def deb_layer_key(  # noqa: PLR0913 - everything that decides the bytes, by name
    pins: Iterable[DebianPin],
    *,
    machine: str,
    compression: Compression,
    user: RootUser | None = None,
    bytecode: BytecodeCompiler | None = None,
    below: str = "",
    mtime: int = MTIME,
    prefetch: Sequence[str] = (),
) -> str:
    """What the index knows the layer of these packages by: equal keys, equal layers, on every machine.

    Args:
        pins: The packages, in any order.
        machine: ``"x86_64"`` or ``"aarch64"``.
        compression: Of the blob; its codec is part of the key.
        user: Whom a base runs as; None for system packages.
        bytecode: What compiles a base's standard library; its exact version is part of the key.
        below: What system packages are laid over: a digest over the base.
        mtime: Of every member, in seconds since 1970.
        prefetch: Paths that stand first, in this order.

    """
    owner = f"{user.name}:{user.uid}:{user.gid}:{user.home}" if user else "none"
    parts = (
        f"deb={DEB_LAYOUT_VERSION}",
        f"layout={LAYOUT_VERSION}",
        f"machine={machine}",
        f"user={owner}",
        f"bytecode={bytecode.version if bytecode else 'off'}",
        f"below={below}",
        f"mtime={mtime}",
        f"codec={codec_id(compression)}",
        *prefetch_key(prefetch),
    )
    return "|".join((*parts, *sorted(f"sha256:{pin.sha256}" for pin in pins)))


def deb_layer(  # noqa: PLR0913 - the contract of the room
    debs: Sequence[tuple[DebianPin, Path]],
    store: Store,
    *,
    machine: str,
    compression: Compression = "gzip",
    user: RootUser | None = None,
    bytecode: BytecodeCompiler | None = None,
    below: Below | None = None,
    below_key: str = "",
    mtime: int = MTIME,
    prefetch: Sequence[str] = (),
    progress: Progress | None = None,
) -> LayerBlob:
    """The layer the packages make together, found or made; afterwards its blob is in the store.

    Args:
        debs: Pins and the files that have their digests.
        store: Keeps the blob and remembers it.
        machine: ``"x86_64"`` or ``"aarch64"``: whose libraries the loader's cache lists.
        compression: Of the blob.
        user: For the packages of a base: whom images run as. None: system packages over *below*.
        bytecode: Compiles a base's standard library with this interpreter. None: no bytecode.
        below: What is underneath.
        below_key: A digest over what is underneath, for the key.
        mtime: Of every member, in seconds since 1970.
        prefetch: Paths that stand first, in this order.
        progress: Told of the packages' bytes read.

    Raises:
        InputError: A package is damaged or hostile, or two own one path.
        WorldError: The disk is full.

    """
    key = deb_layer_key(
        (pin for pin, _ in debs),
        machine=machine,
        compression=compression,
        user=user,
        bytecode=bytecode,
        below=below_key,
        mtime=mtime,
        prefetch=prefetch,
    )
    found = find_layer(store, key)
    if found is not None:
        return found
    title = "Debian base" if user else "system packages"
    total_bytes = sum(pin.size_bytes for pin, _ in debs)
    store.require_space(total_bytes * _UNPACKED_FACTOR, title)
    shown = (progress or SilentProgress()).task(f"packing the {title}", total_bytes)
    with shown as task, store.scratch("debs") as scratch:
        tree = _completed(debs, scratch, machine, user, below or Below())
        task.advance(total_bytes)
        if bytecode is not None:
            complete_bytecode(tree, bytecode, scratch)
        with store.blobs.writer() as blob:
            writer = layer_writer(blob, compression, mtime=mtime)
            _write(tree, writer, prefetch)
            made = writer.layer(blob.commit())
    keep_layer(store, key, made)
    return made


def below_debs(
    debs: Sequence[tuple[DebianPin, Path]], store: Store, *, machine: str, user: RootUser
) -> Below:
    """What a base assembled from *debs* is to system packages laid over it: no need to wait for its layer."""
    with store.scratch("debs") as scratch:
        tree = _completed(debs, scratch, machine, user, Below())
        entries = tree.entries.values()
        return Below(
            links={entry.path: entry.link for entry in entries if entry.kind == "symlink"},
            directories=frozenset(entry.path for entry in entries if entry.kind == "directory"),
            ld_cache=tree.entries[LD_CACHE].read(),
        )


def below_image(facts: ImageFacts) -> Below:
    """What an image of someone else's is to system packages laid over it."""
    return Below(links=facts.links, directories=frozenset(facts.directories), ld_cache=facts.ld_cache)


def _completed(
    debs: Sequence[tuple[DebianPin, Path]], scratch: Path, machine: str, user: RootUser | None, below: Below
) -> DebTree:
    tree = DebTree(scan_debs(debs, scratch), below)
    complete_packages(tree)
    if user is not None:
        complete_root(tree, user)
    complete_libraries(tree, machine)
    return tree


def _write(tree: DebTree, writer: LayerWriter, prefetch: Sequence[str]) -> None:
    """Every path once, in the order of its bytes, after those that are wanted first.

    Files that are one file in their package stay one.
    """
    ordered = sorted(tree.entries, key=lambda path: path.encode())
    first, others = wanted_first({path: tree.entries[path] for path in ordered}, prefetch)
    first_names: dict[object, str] = {}
    for entry in first:
        _write_entry(entry, writer, first_names)
    writer.landmark(prefetch=bool(first))
    for entry in others:
        _write_entry(entry, writer, first_names)
    writer.end()


def _write_entry(entry: Entry, writer: LayerWriter, first_names: dict[object, str]) -> None:
    if entry.kind == "directory":
        writer.directory(entry.path, mode=entry.mode, uid=entry.uid, gid=entry.gid)
    elif entry.kind == "symlink":
        writer.symlink(entry.path, entry.link)
    else:
        _write_file(entry, writer, first_names)


def _write_file(entry: Entry, writer: LayerWriter, first_names: dict[object, str]) -> None:
    content = entry.content
    if isinstance(content, bytes):
        writer.file(entry.path, content, mode=entry.mode)
    elif content.size_bytes and content in first_names:
        writer.hard_link(entry.path, first_names[content], mode=entry.mode)
    else:
        first_names[content] = entry.path
        writer.stream(entry.path, content.size_bytes, content.blocks(), mode=entry.mode)
