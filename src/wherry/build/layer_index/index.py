"""What the team knows, asked while a build is planned: layers and wheels that need not be here to be used.

Whatever fails in the asking is said once, and the build goes on as if there were no index. What an index says
is believed as far as its repository is: it is the one that the project or the command line names and no
other, and what another told an earlier build is not believed of it. What is fetched on its word must have the
digest *and* the diff id that it told, and a segment must be the wheel's, as far as the wheel's facts tell.

Facts of a wheel that is not here are as good as their teller: what is held to them shows that the teller says
one thing everywhere, not that it is true. As soon as the wheel is here, its own facts and size count, and
what was told otherwise is forgotten.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from wherry.build.layer_index.chosen import name_of
from wherry.build.layer_index.conversation import Conversation
from wherry.build.layer_index.entries import (
    FACTS_LIMIT_BYTES,
    SIZE_LIMIT_BYTES,
    ToldSet,
    ToldWheel,
    are_told,
    descriptor_of,
    facts_of,
    layer_of,
    set_key,
    sizes_of,
)
from wherry.build.layer_index.memory import Memory
from wherry.build.layer_index.names import ToldPin, pin_key, told_files
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.fetch.failures import NotFoundError
from wherry.layers.conflicts import shared_paths
from wherry.layers.model import LayerBlob, WheelFacts, WheelInput
from wherry.layers.stored import find_told_layer, keep_layer
from wherry.layers.wheel_layer import WHEELS, facts_key, find_segment, known_facts, ordered_facts
from wherry.oci.coding import decompressed
from wherry.oci.media_types import layer_coding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from wherry.build.layer_index.records import Kind
    from wherry.layers.model import Layout
    from wherry.layers.wheel_layer import Recipe
    from wherry.oci.model import Descriptor
    from wherry.oci.reference import RegistryReference
    from wherry.progress import Progress
    from wherry.project.locks.model import LockedFile
    from wherry.project.locks.offers import KnownFile
    from wherry.project.locks.pins import Pin
    from wherry.store.store import Store

S = TypeVar("S", bound=msgspec.Struct)

_READ_BYTES: Final = 1 << 20


class LayerIndex:
    """One team's index, as one build asks it. No method fails for what the index or its registry does."""

    def __init__(  # noqa: PLR0913 - which index, for whom, and by name how far it is heard
        self,
        reference: RegistryReference,
        store: Store,
        progress: Progress,
        *,
        plain_http: Collection[str] = (),
        asks: bool = True,
        believes: bool = True,
    ) -> None:
        """Ask the index in the repository *reference*.

        Args:
            reference: A registry and a repository.
            store: Remembers what is told; layers and segments that are fetched go there.
            progress: Told what is fetched.
            plain_http: The registries that have no TLS.
            asks: Whether it is asked at all: else what it told before is all there is.
            believes: Whether what it tells, or told before, counts: else it only hears what it may be told.

        """
        self.seen: Final[dict[str, tuple[Pin, tuple[KnownFile, ...]]]] = {}
        """Pins that another than this index named the files of, by key: what it may be told."""
        self.heard: Final[set[tuple[Kind, Digest]]] = set()
        """Wheels that it told facts or segments of in this very build: what still stands there."""
        self._store = store
        self._talk = Conversation(reference, store, progress, plain_http=plain_http, asks=asks and believes)
        self.name: Final = name_of(reference)
        """``host/repository``."""
        self.teller: Final = self.name if believes else ""
        """Under what the store keeps what it told; nothing where that is not believed."""
        self.refused: Final = self._talk.refused
        """Kinds and keys that it is wrong about, or tells of in vain."""
        self._memory = Memory(store, self.teller)
        self._layers: dict[str, LayerBlob | None] = {}
        self._sets: dict[str, dict[Digest, int]] = {}  # that were believed, by key
        self._sizes: dict[str, int] = {}  # of wheels that were believed, by key
        self._named: dict[str, tuple[KnownFile, ...]] = {}  # the files of pins that were believed, by key
        self._names_are_doubted = False
        self._unknown: set[tuple[Kind, str]] = set()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of it."""
        return self._talk.notes

    def close(self) -> None:
        """Close the idle connections."""
        self._talk.close()

    def layers(self, keys: Iterable[str]) -> dict[str, LayerBlob]:
        """The finished layers that it knows under *keys*; their blobs are here, or at its repository."""
        wanted = list(dict.fromkeys(keys))
        asked = []
        for key in (key for key in wanted if key not in self._layers):
            self._layers[key] = find_told_layer(self._store, key, self.teller)
            if self._layers[key] is None:
                asked.append(key)
        found = self._talk.ask(lambda: self._talk.records.find("layer", asked, LayerBlob)) or {}
        told = {key: layer_of(key, record) for key, record in found.items()}
        blobs = {key: descriptor_of(layer) for key, layer in told.items() if layer}
        # A push would fail for a blob that is gone, and so would every later one.
        held = self._talk.held(blobs.values())
        for key, layer in told.items():
            if key in blobs and blobs[key].digest in held:
                self._layers[key] = layer
            elif not self._talk.is_out:
                self.refused.add(("layer", key))
        return {key: layer for key in wanted if (layer := self._layers[key]) is not None}

    def bring(self, layers: Mapping[str, LayerBlob]) -> bool:
        """Have the blobs of *layers* in the store, each with the diff id that was told.

        Returns:
            Whether all are there; those that are not, are not known any more.

        """
        new = {
            key: layer
            for key, layer in layers.items()
            if find_told_layer(self._store, key, self.teller) != layer
        }
        self._talk.fetch([descriptor_of(layer) for layer in new.values()])
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets go of the interpreter's lock
            right = list(pool.map(self._is_right, new, new.values()))
        for (key, layer), is_right in zip(new.items(), right, strict=True):
            if is_right:
                keep_layer(self._store, key, layer, self.teller)
            else:
                self._layers[key] = None
                if not self._talk.is_out:
                    self.refused.add(("layer", key))
        return all(right)

    def agreed(self, wheels: Sequence[LockedFile], layout: Layout) -> dict[Digest, int] | None:
        """The sizes of *wheels*, if someone has found no two of them at odds."""
        digests = sorted({wheel.digest for wheel in wheels})
        key = set_key(digests, layout)
        told = self._told("set", [key], ToldSet, lambda _, told: sizes_of(digests, told) is not None)
        sizes = sizes_of(digests, told[key]) if key in told else None
        if sizes is not None:
            self._sets[key] = sizes
        return sizes

    def wheels(self, wheels: Iterable[LockedFile]) -> dict[Digest, int]:
        """The sizes of those of *wheels* whose facts are known; the store remembers the facts."""
        by_key = {facts_key(wheel.filename, wheel.digest): wheel for wheel in wheels}
        sizes = {
            key: told.size_bytes
            for key in by_key
            if (told := self._memory.get("wheel", key, ToldWheel))
            and self._memory.get("wheel", key, WheelFacts)
        }
        asked = [key for key in by_key if key not in sizes and ("wheel", key) not in self._unknown]
        found = self._talk.ask(lambda: self._talk.records.find("wheel", asked, ToldWheel)) or {}
        for key, record in found.items():
            facts = self._facts(record.value, record.blob, by_key[key].filename)
            size_bytes = record.value.size_bytes
            if facts is not None and 0 < size_bytes < SIZE_LIMIT_BYTES:
                self._memory.put("wheel", key, facts)
                self._memory.put("wheel", key, ToldWheel(size_bytes))
                self.heard.add(("wheel", by_key[key].digest))
                sizes[key] = size_bytes
            elif not self._talk.is_out:
                self.refused.add(("wheel", key))
        self._sizes |= sizes
        return {by_key[key].digest: size_bytes for key, size_bytes in sizes.items()}

    def bring_segments(self, wheels: Sequence[LockedFile], recipe: Recipe) -> set[Digest]:
        """Have segments in the store of those wheels of one layer that are not here, as far as it tells.

        Returns:
            The wheels that need not be fetched.

        Raises:
            PathConflictError: What is known of two of the wheels contradicts each other.

        """
        inputs = [self.input(wheel) for wheel in wheels]
        if not are_told(recipe) or not all(wheel.path.exists() or self._has_facts(wheel) for wheel in inputs):
            return set()
        from wherry.build.layer_index.told_segments import Wanted, bring_segments  # noqa: PLC0415 - few need any

        known = ordered_facts(inputs, self._store)
        left_out = shared_paths(known, recipe.layout)
        spared: set[Digest] = set()
        wanted = []
        for (wheel, facts), without in zip(known, left_out, strict=True):
            if wheel.path.exists():
                continue
            if find_segment(wheel, recipe, self._store, without) is not None:
                spared.add(wheel.digest)
            else:
                wanted.append(Wanted(wheel, facts, without))
        brought = bring_segments(wanted, recipe, self._talk, self._memory, self._store) if wanted else set()
        self.heard.update(("segment", digest) for digest in brought)
        return spared | brought

    def input(self, wheel: LockedFile) -> WheelInput:
        """The wheel as something to be installed, of which this index is believed while it is not here."""
        path = self._store.blobs.path(wheel.digest)
        return WheelInput(path, wheel.filename, wheel.digest, teller=self.teller)

    def find(self, pins: Sequence[Pin], python: tuple[int, int]) -> dict[Pin, tuple[KnownFile, ...]]:
        """The names of the files of those of *pins* that are known (`wherry.project.locks.pins.Names`)."""
        if self._names_are_doubted:
            return {}
        by_key = {pin_key(pin, python): pin for pin in pins}
        told = self._told("pin", by_key, ToldPin, lambda key, told: told_files(by_key[key], told) is not None)
        for key, found in told.items():
            self._named[key] = told_files(by_key[key], found) or ()
        return {by_key[key]: self._named[key] for key in told}

    def doubt_names(self) -> bool:
        """Tell of no pin any more: those that were told may be why a lock cannot be installed.

        Returns:
            Whether any were told, so that there is more to be learnt from another.

        """
        self._names_are_doubted = True
        return bool(self._named)

    def saw(self, pin: Pin, python: tuple[int, int], files: Sequence[KnownFile]) -> None:
        """Hear what an index of distributions answered: to be told, and to hold to it what was told."""
        key = pin_key(pin, python)
        self.seen[key] = pin, tuple(files)
        told = self._named.pop(key, None)
        if told is None:
            return
        true = {file.sha256: file for file in files}
        known = {file.sha256 for file in told}
        if any(_differ(file, true.get(file.sha256)) for file in told) or (
            self._names_are_doubted and known != true.keys()
        ):
            self._forget("pin", key, f"the files of {pin.title} are others than it tells")

    def is_disproved_by(self, wheels: Iterable[LockedFile]) -> bool:
        """Hold what was told to those of *wheels* that are here by now, and forget what was wrong.

        Returns:
            Whether something was: what was planned with it has to be planned again.

        Raises:
            InputError: One is not a wheel that we can install.

        """
        here = [wheel for wheel in wheels if wheel.digest in self._store.blobs]
        return sum(self._is_disproved_by(wheel) for wheel in here) > 0  # every one of them is looked at

    def is_at_odds(self, digests: Collection[Digest]) -> bool:
        """Hear that wheels do not agree: sets that have them all are forgotten. Whether there are any."""
        wrong = [key for key, sizes in self._sets.items() if sizes.keys() >= set(digests)]
        for key in wrong:
            self._forget_set(key, "wheels do not agree of which it tells that they do")
        return bool(wrong)

    def _is_disproved_by(self, wheel: LockedFile) -> bool:
        key, size_bytes = facts_key(wheel.filename, wheel.digest), self._store.blobs.size_bytes(wheel.digest)
        true = f"{wheel.filename} has {size_bytes} bytes"
        sets = [key for key, sizes in self._sets.items() if sizes.get(wheel.digest, size_bytes) != size_bytes]
        for one in sets:
            self._forget_set(one, f"{true}, not {self._sets[one][wheel.digest]}")
        told = self._sizes.get(key, size_bytes)
        facts = self._memory.get("wheel", key, WheelFacts)
        if told != size_bytes:
            self._forget("wheel", key, f"{true}, not {told}")
        elif facts is not None and facts != known_facts(self.input(wheel), self._store):
            self._forget("wheel", key, f"{wheel.filename} holds other files than it tells")
        else:
            return bool(sets)
        self._sizes.pop(key, None)
        return True

    def _forget_set(self, key: str, about: str) -> None:
        self._forget("set", key, about)
        del self._sets[key]

    def _forget(self, kind: Kind, key: str, about: str) -> None:
        self._memory.forget(kind, key)
        self._unknown.add((kind, key))
        self._talk.is_wrong(kind, key, about)

    def _told(
        self, kind: Kind, keys: Iterable[str], type_: type[S], is_right: Callable[[str, S], bool]
    ) -> dict[str, S]:
        """What is told under *keys*. It never changes, so what was told before need not be asked for."""
        wanted = [key for key in keys if (kind, key) not in self._unknown]
        told: dict[str, S] = {}
        for key in wanted:
            remembered = self._memory.get(kind, key, type_)
            if remembered is not None and is_right(key, remembered):
                told[key] = remembered
        asked = [key for key in wanted if key not in told]
        found = self._talk.ask(lambda: self._talk.records.find(kind, asked, type_)) or {}
        for key, record in found.items():
            if is_right(key, record.value):
                told[key] = record.value
                self._memory.put(kind, key, record.value)
            else:
                self.refused.add((kind, key))
        self._unknown.update((kind, key) for key in asked if key not in told)
        return told

    def _is_right(self, key: str, layer: LayerBlob) -> bool:
        """Whether the layer's blob is here, and is what was told."""
        digest = Digest(layer.digest)
        if self._store.blobs.size_bytes(digest) != layer.size_bytes:
            return False
        running, left_bytes = hashlib.sha256(), layer.unpacked_bytes
        with self._store.blobs.open(digest) as stream:
            tar = decompressed(stream, layer_coding(layer.media_type) or "tar", layer.digest)
            try:
                while left_bytes >= 0 and (block := tar.read(_READ_BYTES)):
                    running.update(block)
                    left_bytes -= len(block)
            except InputError:
                left_bytes = -1
        if left_bytes == 0 and f"sha256:{running.hexdigest()}" == layer.diff_id:
            return True
        about = f"{layer.digest} does not unpack to {layer.diff_id}; the layer is made here"
        self._talk.is_wrong("layer", key, about)
        return False

    def _facts(self, told: ToldWheel, blob: Descriptor | None, filename: str) -> WheelFacts | None:
        packed: bytes | None = told.facts
        if blob is not None:
            packed = self._talk.ask(lambda: self._packed(blob))
        return facts_of(packed, filename) if packed else None

    def _packed(self, blob: Descriptor) -> bytes:
        try:
            return self._talk.records.read(blob, FACTS_LIMIT_BYTES)
        except (
            InputError,
            NotFoundError,
        ):  # another's fault than the registry's: only this wheel is not known
            return b""

    def _has_facts(self, wheel: WheelInput) -> bool:
        key = facts_key(wheel.filename, wheel.digest)
        own = self._store.index.get(WHEELS, key, WheelFacts)
        return own is not None or self._memory.get("wheel", key, WheelFacts) is not None


def _differ(told: KnownFile, true: KnownFile | None) -> bool:
    """Whether a file that was told is another, or no file of the package index."""
    if true is None or told.filename != true.filename:
        return True
    return None not in {told.size_bytes, true.size_bytes} and told.size_bytes != true.size_bytes
