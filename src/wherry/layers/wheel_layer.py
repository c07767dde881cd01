"""Wheels in, one layer out: found in the store, or made from segments, or spliced straight into a blob.

A layer is its directories, each once and sorted, then each wheel's segment in the order of names, then the
end of the archive. Files that are wanted first stand between, in segments of their own. What a layer will be
depends only on what `wheel_layer_key` names.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.layers.bytecode import compile_wheel
from wherry.layers.codec import codec_id, unpacked
from wherry.layers.conflicts import shared_paths
from wherry.layers.formats import layer_writer
from wherry.layers.model import LAYOUT_VERSION, SCHEMES, LayerBlob, WheelFacts
from wherry.layers.paths import directories_of, tar_order
from wherry.layers.prefetch import prefetch_key, wanted_first
from wherry.layers.segment import write_segment
from wherry.layers.stored import find_layer, keep_layer, told_key
from wherry.layers.wheel import Compiled, open_wheel, wheel_facts
from wherry.progress import SilentProgress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    from wherry.layers.model import BytecodeCompiler, Compression, Layout, WheelInput
    from wherry.layers.wheel import OpenWheel, Placed
    from wherry.layers.writer import LayerWriter
    from wherry.progress import Progress, Task
    from wherry.store.store import Store

SEGMENTS: Final = "segments"
WHEELS: Final = "wheels"
TOLD_SEGMENTS: Final = "told-segments"
TOLD_WHEELS: Final = "told-wheels"
FACTS_VERSION: Final = 3
"""Raised when the same wheel would give other facts."""

_READ_BYTES: Final = 1 << 20


class Segment(msgspec.Struct, frozen=True):
    """What the index keeps of a segment, which is a blob of its own."""

    digest: str
    diff_id: str  # digest of the run of members, unpacked
    unpacked_bytes: int
    directories: tuple[str, ...]  # that its files lie in, bytecode's too
    table: bytes = b""  # what `LayerWriter.joined` must know of it


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything beside the wheels that decides what a layer will be."""

    layout: Layout
    compression: Compression = "gzip"
    bytecode: BytecodeCompiler | None = None
    prefetch: tuple[str, ...] = ()  # paths that stand first, in this order

    def key(self, *parts: str) -> str:
        """The key of what this recipe makes from *parts*: readable, the same on every machine."""
        layout = self.layout
        return "|".join(
            (
                f"layout={LAYOUT_VERSION}",
                f"python={layout.python[0]}.{layout.python[1]}",
                f"prefix={layout.prefix}",
                f"interpreter={layout.interpreter}",
                f"mtime={layout.mtime}",
                f"bytecode={self.bytecode.version if self.bytecode else 'off'}",
                f"codec={codec_id(self.compression)}",
                *prefetch_key(self.prefetch),
                *parts,
            )
        )

    def of_wheel(self, facts: WheelFacts) -> Recipe:
        """The same, but for what other wheels' files decide: segments are kept by it."""
        if not self.prefetch:
            return self
        directories = {scheme: self.layout.scheme_directory(scheme, facts.name) for scheme in SCHEMES}
        mine = {f"{directories[file.scheme]}/{file.path}" for file in facts.files}
        wanted = (path for path in self.prefetch if path in mine or _module_of(path) in mine)
        return replace(self, prefetch=tuple(wanted))


def wheel_layer_key(
    digests: Iterable[Digest],
    layout: Layout,
    compression: Compression,
    bytecode: BytecodeCompiler | None,
    prefetch: tuple[str, ...] = (),
) -> str:
    """What the index knows the layer of these wheels by: equal keys, equal layers, on every machine.

    Args:
        digests: Of the wheels, in any order.
        layout: Where they are installed.
        compression: Of the blob; its codec is part of the key.
        bytecode: What compiles; its exact version is part of the key. None: nothing is compiled.
        prefetch: Paths that stand first, in this order.

    """
    return Recipe(layout, compression, bytecode, prefetch).key(*sorted(digests))


def wheel_layer(  # noqa: PLR0913 - the contract of the room
    wheels: Sequence[WheelInput],
    layout: Layout,
    store: Store,
    *,
    compression: Compression = "gzip",
    bytecode: BytecodeCompiler | None = None,
    prefetch: tuple[str, ...] = (),
    progress: Progress | None = None,
    beside: bool = False,
) -> LayerBlob:
    """The layer in which *wheels* are installed, found or made; afterwards its blob is in the store.

    Args:
        wheels: At least one; no two own one path, unless with equal bytes. Their files have their digests.
        layout: Where they are installed.
        store: Keeps the blob, the segments of wheels that share a layer, and remembers both.
        compression: Of the blob.
        bytecode: Compiles every module with this interpreter. None: no bytecode.
        prefetch: Paths that stand first, in this order, where the compression is one that makes use of it; of
            wheels that share the layer, those of one wheel together.
        progress: Told of the compressed bytes read.
        beside: A core is idle: hash on another thread.

    Raises:
        InputError: A wheel is damaged, hostile, or at odds with another.
        WorldError: The disk or the interpreter failed.

    """
    recipe = Recipe(layout, compression, bytecode, prefetch)
    key = recipe.key(*sorted(wheel.digest for wheel in wheels))
    found = find_layer(store, key)
    if found is not None:
        return found
    title = wheels[0].filename if len(wheels) == 1 else f"{len(wheels)} wheels"
    total_bytes = sum(wheel.size_bytes for wheel in wheels)
    with (progress or SilentProgress()).task(f"packing {title}", total_bytes) as task:
        if len(wheels) == 1:
            made, teller = _alone(wheels[0], recipe, store, task, beside=beside), ""
        else:
            made, teller = _joined(wheels, recipe, store, task, beside=beside)
    keep_layer(store, key, made, teller)
    return made


def known_facts(wheel: WheelInput, store: Store) -> WheelFacts:
    """The facts of a wheel, from the store's index if they were read before.

    What its teller told of a wheel counts as long as the wheel is not here.

    Raises:
        InputError: It is not a wheel that we can install.
        WorldError: The file cannot be read.

    """
    key = facts_key(wheel.filename, wheel.digest)
    facts = store.index.get(WHEELS, key, WheelFacts)
    if facts is None and wheel.teller and not wheel.path.exists():
        facts = store.index.get(TOLD_WHEELS, told_key(wheel.teller, key), WheelFacts)
    if facts is None:
        facts = wheel_facts(wheel.path, wheel.filename)
        store.index.put(WHEELS, key, facts)
    return facts


def facts_key(filename: str, digest: Digest) -> str:
    """What the index knows the facts of a wheel by: equal keys, equal facts, on every machine."""
    return f"{LAYOUT_VERSION}|{FACTS_VERSION}|{filename}|{digest}"


def ordered_facts(wheels: Iterable[WheelInput], store: Store) -> list[tuple[WheelInput, WheelFacts]]:
    """The wheels with their facts, in the order of a layer's segments.

    Raises:
        InputError: One is not a wheel that we can install.
        WorldError: A file cannot be read.

    """
    return sorted(((wheel, known_facts(wheel, store)) for wheel in wheels), key=lambda pair: pair[1].name)


def find_segment(
    wheel: WheelInput,
    recipe: Recipe,
    store: Store,
    left_out: frozenset[str] = frozenset(),
    *,
    first: bool = False,
) -> Segment | None:
    """The segment of *wheel*, if the store has it and its blob. Arguments as for `segment`.

    What its teller told of a wheel counts as long as the wheel is not here.

    """
    key = segment_key(wheel.digest, recipe, left_out, first=first)
    known = store.index.get(SEGMENTS, key, Segment)
    if known is None and wheel.teller and not wheel.path.exists():
        known = store.index.get(TOLD_SEGMENTS, told_key(wheel.teller, key), Segment)
    return known if known is not None and Digest(known.digest) in store.blobs else None


def segment(  # noqa: PLR0913 - what a segment is made from, where to, and of which files
    wheel: WheelInput,
    recipe: Recipe,
    store: Store,
    task: Task,
    left_out: frozenset[str] = frozenset(),
    *,
    first: bool = False,
) -> Segment:
    """The segment of *wheel*, found or made; afterwards its blob is in the store.

    Args:
        wheel: To install.
        recipe: How; `Recipe.of_wheel` of it, where paths stand first.
        store: Keeps it.
        task: Told of the compressed bytes read.
        left_out: Paths that another segment of the layer has already, with equal bytes.
        first: Whether it is that of the files that stand first, or of all the others.

    Raises:
        InputError: The wheel is damaged or hostile.
        WorldError: The disk or the interpreter failed.

    """
    known = find_segment(wheel, recipe, store, left_out, first=first)
    if known is not None:
        task.advance(wheel.size_bytes)
        return known
    with _installed(wheel, recipe, store) as (opened, files), store.blobs.writer() as blob:
        kept = {file.path: file for file in files if _owner(file) not in left_out}
        mine = wanted_first(kept, recipe.prefetch)[0 if first else 1]
        writer = layer_writer(blob, recipe.compression, mtime=recipe.layout.mtime)
        write_segment(opened, mine, writer, task, locked=wheel.locked)
        directories = directories_of((file.path for file in mine), recipe.layout.prefix.strip("/"))
        table, diff_id = writer.table(), str(writer.diff_id())
        made = Segment(str(blob.commit()), diff_id, writer.unpacked_bytes, tuple(sorted(directories)), table)
    store.index.put(SEGMENTS, segment_key(wheel.digest, recipe, left_out, first=first), made)
    return made


def segment_key(digest: Digest, recipe: Recipe, left_out: frozenset[str], *, first: bool = False) -> str:
    """What the index knows a wheel's segment by: equal keys, equal segments, on every machine."""
    return recipe.key(digest, *(f"without={path}" for path in sorted(left_out)), *(["first"] * first))


def _alone(wheel: WheelInput, recipe: Recipe, store: Store, task: Task, *, beside: bool) -> LayerBlob:
    """The layer of one wheel: straight into its blob."""
    prefix = recipe.layout.prefix.strip("/")
    with _installed(wheel, recipe, store) as (opened, files), store.blobs.writer() as blob:
        writer = layer_writer(blob, recipe.compression, mtime=recipe.layout.mtime, beside=beside)
        _write_directories(writer, directories_of((file.path for file in files), prefix))
        first, others = wanted_first({file.path: file for file in files}, recipe.prefetch)
        write_segment(opened, first, writer, task, locked=wheel.locked)
        writer.landmark(prefetch=bool(first))
        write_segment(opened, others, writer, task, locked=wheel.locked)
        writer.end()
        return writer.layer(blob.commit())


def _joined(
    wheels: Sequence[WheelInput], recipe: Recipe, store: Store, task: Task, *, beside: bool
) -> tuple[LayerBlob, str]:
    """The layer of several wheels, from their segments; and who told some of what it is made from, if any."""
    known = ordered_facts(wheels, store)
    left_out = shared_paths(known, recipe.layout)
    first: list[Segment] = []
    others: list[Segment] = []
    tellers = set()
    for (wheel, facts), without in zip(known, left_out, strict=True):
        own = recipe.of_wheel(facts)
        if own.prefetch:
            first.append(segment(wheel, own, store, task, without, first=True))
        others.append(segment(wheel, own, store, task, without))
        if wheel.teller and not _is_own(wheel, own, store, without):
            tellers.add(wheel.teller)
    with store.blobs.writer() as blob:
        writer = layer_writer(blob, recipe.compression, mtime=recipe.layout.mtime, beside=beside)
        _write_directories(writer, {name for made in (*first, *others) for name in made.directories})
        for made in first:
            _join(writer, made, store, recipe.compression)
        writer.landmark(prefetch=any(made.unpacked_bytes for made in first))
        for made in others:
            _join(writer, made, store, recipe.compression)
        writer.end()
        return writer.layer(blob.commit()), next(iter(tellers), "")


def _is_own(wheel: WheelInput, recipe: Recipe, store: Store, left_out: frozenset[str]) -> bool:
    """Whether facts and segment were read and made here: facts decide what other wheels leave out."""
    facts = store.index.get(WHEELS, facts_key(wheel.filename, wheel.digest), WheelFacts)
    made = store.index.get(SEGMENTS, segment_key(wheel.digest, recipe, left_out), Segment)
    return facts is not None and made is not None


def _write_directories(writer: LayerWriter, directories: Iterable[str]) -> None:
    for directory in sorted(directories, key=tar_order):
        writer.directory(directory)
    writer.cut()


def _join(writer: LayerWriter, made: Segment, store: Store, compression: Compression) -> None:
    digest = Digest(made.digest)
    with store.blobs.open(digest) as compressed, store.blobs.open(digest) as again:
        seen = hashlib.sha256()
        try:
            blocks = unpacked(again, compression)
            writer.joined(_blocks(compressed, seen), blocks, made.unpacked_bytes, made.table)
        except ValueError:
            seen = hashlib.sha256()  # damaged: no digest fits
    if seen.hexdigest() != digest.hex:
        raise WorldError(
            f"the blob {digest} is damaged",
            where=str(store.root),
            mend="run `wherry cache verify`, then again",
        )


def _blocks(stream: BinaryIO, seen: hashlib._Hash) -> Iterator[bytes]:
    while block := stream.read(_READ_BYTES):
        seen.update(block)
        yield block


@contextmanager
def _installed(wheel: WheelInput, recipe: Recipe, store: Store) -> Iterator[tuple[OpenWheel, list[Placed]]]:
    """The open wheel and its installed tree; bytecode waits in a scratch directory for the block's length."""
    with open_wheel(wheel.path, wheel.filename) as opened:
        if recipe.bytecode is None:
            yield opened, opened.install(recipe.layout)
            return
        with store.scratch("bytecode") as scratch:
            compiled = compile_wheel(opened, recipe.layout, recipe.bytecode, scratch)
            yield opened, opened.install(recipe.layout, compiled)


def _owner(file: Placed) -> str:
    """The path that a file stands or falls with: of bytecode, the module it was compiled from."""
    return _module_of(file.path) if isinstance(file.content, Compiled) else file.path


def _module_of(path: str) -> str:
    """The module that the bytecode at *path* is of."""
    directory, _, name = path.rpartition("/")
    return f"{directory.removesuffix('/__pycache__')}/{name.rsplit('.', 2)[0]}.py"
