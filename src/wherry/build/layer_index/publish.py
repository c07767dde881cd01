"""Tell the team what this build worked out: only what is not known yet, and never at the build's expense.

Told is what was made or read here, and what was made here with what this very index told in this very build:
what another told is never told on, nor what an index told once and may have taken back since. A set of wheels
is told last: whoever finds it may count on finding what is told of its wheels, too.
"""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from wherry.build.layer_index.entries import (
    INLINE_BYTES,
    ToldSet,
    ToldWheel,
    are_told,
    descriptor_of,
    facts_descriptor,
    segment_descriptor,
    set_key,
)
from wherry.build.layer_index.facts import pack_facts
from wherry.build.layer_index.names import tell_pin
from wherry.build.layer_index.records import EMPTY, Record, Records, manifest_of_record, tag_of
from wherry.digest import Digest
from wherry.errors import WherryError, WorldError
from wherry.fetch.crew import Crew
from wherry.layers.conflicts import PathConflictError, shared_paths
from wherry.layers.model import WheelFacts, WheelInput
from wherry.layers.stored import find_layer
from wherry.layers.wheel_layer import WHEELS, Recipe, facts_key, find_segment, ordered_facts, segment_key
from wherry.oci import media_types
from wherry.oci.model import EMPTY_CONFIG, Descriptor, describe
from wherry.oci.origins import Origins
from wherry.oci.reference import RegistryReference, repository_of
from wherry.oci.registry.client import Registries
from wherry.oci.registry.push import push_bytes, push_image, push_manifest
from wherry.plan.model import Origin
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    import msgspec

    from wherry.build.layer_index.index import LayerIndex
    from wherry.build.layer_index.records import Kind
    from wherry.build.result import BuiltImage, MadeLayer
    from wherry.layers.model import Layout
    from wherry.layers.wheel_layer import Segment
    from wherry.oci.registry.client import Registry
    from wherry.plan.model import PlannedLayer
    from wherry.progress import Progress
    from wherry.project.locks.model import LockedFile
    from wherry.store.store import Store

_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class Told:
    """What became of telling."""

    line: str = ""  # what was told, in words
    note: str = ""  # what went wrong


def tell(  # noqa: PLR0913 - whom, of what, and by name how
    reference: RegistryReference,
    images: Sequence[BuiltImage],
    store: Store,
    progress: Progress,
    *,
    asked: LayerIndex | None = None,
    plain_http: Collection[str] = (),
) -> Told:
    """Tell the index in the repository *reference* what it lacks of *images*.

    Args:
        reference: A registry and a repository.
        images: What was built.
        store: Has what they were made of, or knows where it can be had.
        progress: Told of the transfers.
        asked: The index that was asked for them, and heard the names of their wheels.
        plain_http: The registries that have no TLS.

    """
    with Registries(plain_http=plain_http) as registries:
        telling = _Telling(reference, registries, store, progress, asked)
        try:
            telling.run(images)
        except WherryError as error:
            return Told(telling.line, f"the layer index {telling.records} was not told all: {error.what}")
    return Told(telling.line)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing to tell."""

    kind: Kind
    key: str
    value: msgspec.Struct
    blob: Descriptor | None = None
    data: bytes = b""  # of the blob, where the store does not have it
    is_provable: Callable[[], bool] = lambda: (
        True
    )  # whether those who are told will believe it; looked at last


class _Telling:
    """One session of telling."""

    def __init__(
        self,
        reference: RegistryReference,
        registries: Registries,
        store: Store,
        progress: Progress,
        asked: LayerIndex | None,
    ) -> None:
        self._reference = reference
        self._registries = registries
        self._registry: Registry = registries.at(reference.host)
        self._repository = repository_of(reference)
        self._store = store
        self._progress = progress
        self._asked = asked
        self._lock = threading.Lock()
        self._entries = self._sent_bytes = self._mounted_bytes = 0
        self.records = Records(self._registry, self._repository)
        self._same = asked if asked is not None and asked.name == str(self.records) else None

    @property
    def line(self) -> str:
        """What was told, in words; nothing where nothing was."""
        if not self._entries:
            return ""
        mounted = f", {readable_size(self._mounted_bytes)} mounted" if self._mounted_bytes else ""
        sent = f"{readable_size(self._sent_bytes)} sent{mounted}"
        return f"told the layer index {self.records} of {self._entries} things: {sent}"

    def run(self, images: Sequence[BuiltImage]) -> None:
        """Tell of all that is not known there.

        Raises:
            WherryError: The registry failed or refused; what was told until then stays.

        """
        first = [*self._layers(images), *self._segments(images), *self._wheels(images), *self._pins()]
        for entries in (first, list(self._sets(images))):
            missing = self._missing(entries)
            if missing:
                push_bytes(self._registry, self._repository, EMPTY_CONFIG, EMPTY.media_type)
                Crew(self._put, missing, self._registry.cancel).run(_THREADS)

    def _missing(self, entries: Iterable[_Entry]) -> list[_Entry]:
        refused: Collection[tuple[Kind, str]] = self._same.refused if self._same else ()
        once = {(entry.kind, entry.key): entry for entry in entries}
        by_kind: dict[Kind, list[str]] = {}
        for kind, key in once:
            by_kind.setdefault(kind, []).append(key)
        lacking = {(kind, key) for kind, keys in by_kind.items() for key in self.records.lacking(kind, keys)}
        return [entry for name, entry in once.items() if name in lacking or name in refused]

    def _put(self, entry: _Entry) -> None:
        if not entry.is_provable():
            return
        record = Record(entry.value, entry.blob)
        manifest = manifest_of_record(entry.kind, entry.key, record)
        tag = tag_of(entry.kind, entry.key)
        sent_bytes, mounted_bytes = len(manifest), 0
        if entry.blob is None:
            push_manifest(self._registry, self._repository, tag, manifest, media_types.MANIFEST)
        else:
            root = describe(manifest, media_types.MANIFEST)
            pushed = push_image(
                _EntrySource(self._store, root, (manifest, EMPTY_CONFIG, entry.data)),
                root,
                RegistryReference(self._reference.host, self._reference.repository, tag),
                self._registries,
                origins=Origins(self._store).of,
                progress=self._progress,
                store=self._store,
            )
            sent_bytes, mounted_bytes = pushed.sent_bytes + pushed.copied_bytes, pushed.mounted_bytes
        with self._lock:
            self._entries += 1
            self._sent_bytes += sent_bytes
            self._mounted_bytes += mounted_bytes

    def _layers(self, images: Iterable[BuiltImage]) -> Iterator[_Entry]:
        for image in images:
            for layer in image.layers:
                if layer.planned.key and layer.planned.is_common and self._is_ours(layer):
                    yield _Entry("layer", layer.planned.key, layer.blob, descriptor_of(layer.blob))

    def _is_ours(self, layer: MadeLayer) -> bool:
        """Whether a layer was made here: of what is here, or of what this index told in this build."""
        if find_layer(self._store, layer.planned.key or "") == layer.blob:
            return True
        wheels = [d.file for d in layer.planned.distributions if d.file is not None]
        return not layer.reused and all(self._vouches(wheel, "wheel", "segment") for wheel in wheels)

    def _vouches(self, wheel: LockedFile, *kinds: Kind) -> bool:
        """Whether what a layer or a set needs of a wheel is from the wheel itself, or told in this build."""
        if wheel.digest in self._store.blobs:
            return True
        heard = self._same.heard if self._same else ()
        return all((kind, wheel.digest) in heard for kind in kinds)

    def _segments(self, images: Iterable[BuiltImage]) -> Iterator[_Entry]:
        """Those of wheels that share a layer with others, where they are here."""
        for image in images:
            policy = image.plan.policy
            for layer in (made.planned for made in image.layers if made.planned.is_common):
                recipe = Recipe(policy.layout, policy.compression, policy.bytecode, layer.prefetch)
                if len(layer.distributions) > 1 and are_told(recipe):
                    yield from self._segments_of(layer, recipe)

    def _segments_of(self, layer: PlannedLayer, recipe: Recipe) -> Iterator[_Entry]:
        known = self._known([d.file for d in layer.distributions if d.file is not None])
        for (wheel, facts), without in zip(known, shared_paths(known, recipe.layout), strict=True):
            made = find_segment(replace(wheel, teller=""), recipe, self._store, without)
            size_bytes = None if made is None else self._store.blobs.size_bytes(Digest(made.digest))
            if made is not None and size_bytes is not None:
                yield _Entry(
                    "segment",
                    segment_key(wheel.digest, recipe, without),
                    made,
                    segment_descriptor(made, size_bytes),
                    is_provable=partial(self._is_provable, made, facts, recipe, without),
                )

    def _is_provable(
        self, made: Segment, facts: WheelFacts, recipe: Recipe, left_out: frozenset[str]
    ) -> bool:
        from wherry.build.layer_index.segment_proof import why_not_of_wheel  # noqa: PLC0415 - seldom anything is new

        with self._store.blobs.open(Digest(made.digest)) as blob:
            return why_not_of_wheel(blob, made, facts, recipe, left_out) is None

    def _known(self, wheels: Sequence[LockedFile]) -> list[tuple[WheelInput, WheelFacts]]:
        """*wheels* with their facts, from themselves or from who was believed; none where any are unknown."""
        inputs = [self._asked.input(wheel) if self._asked else self._input(wheel) for wheel in wheels]
        try:
            return ordered_facts(inputs, self._store)
        except WorldError:  # a wheel is not here, nor was it ever, and nobody told of it
            return []

    def _wheels(self, images: Iterable[BuiltImage]) -> Iterator[_Entry]:
        """What the wheels that were read here say of themselves: nothing is told at second hand."""
        for file in {file.digest: file for image in images for file in _locked(image)}.values():
            key, size_bytes = facts_key(file.filename, file.digest), self._store.blobs.size_bytes(file.digest)
            facts = self._store.index.get(WHEELS, key, WheelFacts)
            if facts is None or not size_bytes:
                continue
            packed = pack_facts(facts)
            if len(packed) <= INLINE_BYTES:
                yield _Entry("wheel", key, ToldWheel(size_bytes, packed))
            else:
                yield _Entry("wheel", key, ToldWheel(size_bytes), facts_descriptor(packed), packed)

    def _sets(self, images: Iterable[BuiltImage]) -> Iterator[_Entry]:
        """Those that agree by the facts of their wheels: that others found that they do is not told on."""
        for image in images:
            layout = image.plan.policy.layout
            wheels = {file.digest: file for file in _locked(image)}
            if not wheels or not all(self._vouches(wheel, "wheel") for wheel in wheels.values()):
                continue
            sizes = {
                digest: self._store.blobs.size_bytes(digest) or wheel.size_bytes or 0
                for digest, wheel in wheels.items()
            }
            known = self._known(list(wheels.values()))
            if len(known) == len(wheels) and all(sizes.values()) and _agree(known, layout):
                in_order = tuple(sizes[digest] for digest in sorted(sizes))
                yield _Entry("set", set_key(sizes, layout), ToldSet(in_order))

    def _pins(self) -> Iterator[_Entry]:
        for key, (pin, files) in self._asked.seen.items() if self._asked else ():
            yield _Entry("pin", key, tell_pin(pin, files))

    def _input(self, file: LockedFile) -> WheelInput:
        return WheelInput(self._store.blobs.path(file.digest), file.filename, file.digest)


class _EntrySource:
    """An entry as an image to be pushed: small things from memory, blobs from the store."""

    def __init__(self, store: Store, root: Descriptor, data: Iterable[bytes]) -> None:
        self._store = store
        self._root = root
        self._data = {Digest.of_bytes(one): one for one in data}

    @property
    def name(self) -> str:
        """The store."""
        return str(self._store.root)

    def roots(self) -> tuple[Descriptor, ...]:
        """The entry's manifest."""
        return (self._root,)

    def open(self, digest: Digest) -> IO[bytes]:
        """One of the few documents, or a blob of the store."""
        data = self._data.get(digest)
        return self._store.blobs.open(digest) if data is None else io.BytesIO(data)

    def path(self, digest: Digest) -> Path | None:
        """The blob's file in the store."""
        return self._store.blobs.path(digest) if digest in self._store.blobs else None


def _agree(wheels: Sequence[tuple[WheelInput, WheelFacts]], layout: Layout) -> bool:
    try:
        shared_paths(wheels, layout)
    except PathConflictError:  # another set of them was built, by one who was told that they agree
        return False
    return True


def _locked(image: BuiltImage) -> Iterator[LockedFile]:
    """The wheels of an image that its lock names."""
    for layer in image.layers:
        for distribution in layer.planned.distributions:
            if distribution.origin is Origin.INDEX and distribution.file is not None:
                yield distribution.file
