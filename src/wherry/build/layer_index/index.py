"""What the team knows, asked while a build is planned: layers and wheels that need not be here to be used.

Whatever fails in the asking is said once, and the build goes on as if there were no index. What an index says
is believed as far as its repository is: it is the one that the project or the command line names and no
other. What is fetched on its word must have the digest *and* the diff id that it told.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from wherry.build.layer_index.entries import (
    FACTS_LIMIT_BYTES,
    ToldSet,
    ToldWheel,
    are_told,
    descriptor_of,
    facts_of,
    layer_of,
    segment_of,
    set_key,
)
from wherry.build.layer_index.names import ToldPin, pin_key, told_files
from wherry.build.layer_index.records import Records
from wherry.digest import Digest
from wherry.errors import InputError, WherryError
from wherry.fetch.answers import Patience
from wherry.fetch.failures import NotFoundError, TransientError
from wherry.layers.model import LayerBlob, WheelFacts, WheelInput
from wherry.layers.stored import keep_layer
from wherry.layers.wheel_layer import (
    SEGMENTS,
    TOLD_WHEELS,
    WHEELS,
    Segment,
    facts_key,
    find_segment,
    ordered_facts,
    segment_key,
    shared_paths,
)
from wherry.oci.coding import decompressed
from wherry.oci.media_types import layer_coding
from wherry.oci.origins import Origin, Origins
from wherry.oci.reference import repository_of
from wherry.oci.registry.client import Registries
from wherry.oci.registry.fetching import require_blobs

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

R = TypeVar("R")
S = TypeVar("S", bound=msgspec.Struct)

_SIZES: Final = "told-sizes"

_READ_BYTES: Final = 1 << 20
_ATTEMPTS: Final = 3
_CONNECT_S: Final = 5.0
_SILENCE_S: Final = 10.0


class LayerIndex:
    """One team's index, as one build asks it. No method fails for what the index or its registry does."""

    def __init__(
        self,
        reference: RegistryReference,
        store: Store,
        progress: Progress,
        *,
        plain_http: Collection[str] = (),
        asks: bool = True,
    ) -> None:
        """Ask the index in the repository *reference*.

        Args:
            reference: A registry and a repository.
            store: Remembers what is told of wheels and pins; layers and segments that are fetched go there.
            progress: Told what is fetched.
            plain_http: The registries that have no TLS.
            asks: Whether it is asked at all: else it only hears what it may be told.

        """
        self.reference: Final = reference
        self.seen: Final[dict[str, tuple[Pin, tuple[KnownFile, ...]]]] = {}
        """Pins that another than this index named the files of, by key: what it may be told."""
        self._store = store
        self._progress = progress
        self._plain_http = plain_http
        self._registries = Registries(plain_http=plain_http)
        # A build can do without: it does not wait long for an index that does not answer.
        own = Patience.of_environment()
        impatient = replace(
            own,
            attempts=min(own.attempts, _ATTEMPTS),
            connect_s=min(own.connect_s, _CONNECT_S),
            silence_s=min(own.silence_s, _SILENCE_S),
        )
        self._asking = Registries(plain_http=plain_http, patience=impatient)
        self._records = Records(self._asking.at(reference.host), repository_of(reference))
        self.refused: Final = self._records.refused
        """Kinds and keys that it is wrong about, or tells of in vain."""
        self._layers: dict[str, LayerBlob | None] = {}
        self._unknown: set[tuple[Kind, str]] = set()
        self._notes: list[str] = []
        self._is_out = not asks

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of it."""
        return tuple(dict.fromkeys(self._notes))

    def close(self) -> None:
        """Close the idle connections."""
        self._asking.close()
        self._registries.close()

    def layers(self, keys: Iterable[str]) -> dict[str, LayerBlob]:
        """The finished layers that are known under *keys*; their blobs are at the index's repository."""
        wanted = list(dict.fromkeys(keys))
        asked = [key for key in wanted if key not in self._layers]
        found = self._ask(lambda: self._records.find("layer", asked, LayerBlob))
        told = {key: layer_of(key, record) for key, record in (found or {}).items()}
        blobs = {key: descriptor_of(layer) for key, layer in told.items() if layer}
        # A push would fail for a blob that is gone, and so would every later one.
        held = self._ask(lambda: self._records.holds(blobs.values()))
        for key in asked:
            is_held = held is not None and key in blobs and blobs[key].digest in held
            self._layers[key] = told[key] if is_held else None
            if is_held:
                self._note_origin(blobs[key].digest)
            elif key in told and not self._is_out:
                self.refused.add(("layer", key))
        return {key: layer for key in wanted if (layer := self._layers[key]) is not None}

    def bring(self, layers: Mapping[str, LayerBlob]) -> bool:
        """Have the blobs of *layers* in the store, each with the diff id that was told.

        Returns:
            Whether all are there; those that are not, are not known any more.

        """
        self._fetch([descriptor_of(layer) for layer in layers.values()])
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets go of the interpreter's lock
            right = pool.map(self._is_right, layers.values())
        refused = False
        for (key, layer), is_right in zip(layers.items(), right, strict=True):
            if is_right:
                keep_layer(self._store, key, layer)
            else:
                self._layers[key] = None
                refused = True
                if not self._is_out or Digest(layer.digest) in self._store.blobs:
                    self.refused.add(("layer", key))
        return not refused

    def agreed(self, wheels: Sequence[LockedFile], layout: Layout) -> dict[Digest, int] | None:
        """The sizes of *wheels*, if someone has found no two of them at odds."""
        digests = sorted({wheel.digest for wheel in wheels})
        key = set_key(digests, layout)
        told = self._told("set", [key], ToldSet).get(key)
        if told is None:
            return None
        if len(told.sizes) != len(digests):
            self.refused.add(("set", key))
            return None
        return dict(zip(digests, told.sizes, strict=True))

    def wheels(self, wheels: Iterable[LockedFile]) -> dict[Digest, int]:
        """The sizes of those of *wheels* whose facts are known; the store remembers the facts."""
        by_key = {facts_key(wheel.filename, wheel.digest): wheel for wheel in wheels}
        memory = self._store.index
        sizes = {
            key: told
            for key in by_key
            if (told := memory.get(_SIZES, self._here(key), ToldWheel))
            and memory.get(TOLD_WHEELS, key, WheelFacts)
        }
        asked = [key for key in by_key if key not in sizes]
        for key, record in (self._ask(lambda: self._records.find("wheel", asked, ToldWheel)) or {}).items():
            told = record.value
            facts = self._facts(told, record.blob, by_key[key].filename)
            if facts is not None and told.size_bytes > 0:
                memory.put(TOLD_WHEELS, key, facts)
                sizes[key] = ToldWheel(told.size_bytes)
                memory.put(_SIZES, self._here(key), sizes[key])
            elif not self._is_out:
                self.refused.add(("wheel", key))
        return {by_key[key].digest: told.size_bytes for key, told in sizes.items()}

    def bring_segments(self, wheels: Sequence[LockedFile], recipe: Recipe) -> set[Digest]:
        """Have segments in the store of those wheels of one layer that are not here.

        Returns:
            The wheels that need not be fetched.

        """
        if not are_told(recipe):
            return set()
        inputs = [WheelInput(self._store.blobs.path(w.digest), w.filename, w.digest) for w in wheels]
        if not all(w.path.exists() or self._is_told(w) for w in inputs):
            return set()
        known = ordered_facts(inputs, self._store)
        left_out = shared_paths(known, recipe.layout)
        spared: set[Digest] = set()
        asked: dict[str, Digest] = {}
        for (wheel, _), without in zip(known, left_out, strict=True):
            if wheel.path.exists():
                continue
            if find_segment(wheel, recipe, self._store, without) is not None:
                spared.add(wheel.digest)
            else:
                asked[segment_key(wheel.digest, recipe, without)] = wheel.digest
        found = self._ask(lambda: self._records.find("segment", asked, Segment)) or {}
        told = {key: made for key, record in found.items() if (made := segment_of(record, recipe.layout))}
        self.refused.update(("segment", key) for key in found if key not in told)
        blobs = {key: record.blob for key, record in found.items() if key in told and record.blob}
        for segment in told.values():
            self._note_origin(segment.digest)
        self._fetch(list(blobs.values()))
        for key, segment in told.items():
            if Digest(segment.digest) in self._store.blobs:
                self._store.index.put(SEGMENTS, key, segment)
                spared.add(asked[key])
        return spared

    def find(self, pins: Sequence[Pin], python: tuple[int, int]) -> dict[Pin, tuple[KnownFile, ...]]:
        """The names of the files of those of *pins* that are known (`wherry.project.locks.pins.Names`)."""
        by_key = {pin_key(pin, python): pin for pin in pins}
        told = self._told("pin", by_key, ToldPin)
        answers = {key: told_files(by_key[key], found) for key, found in told.items()}
        self.refused.update(("pin", key) for key, files in answers.items() if files is None)
        return {by_key[key]: files for key, files in answers.items() if files is not None}

    def saw(self, pin: Pin, python: tuple[int, int], files: Sequence[KnownFile]) -> None:
        """Remember what an index of distributions answered, to be told (the same)."""
        self.seen[pin_key(pin, python)] = pin, tuple(files)

    def _told(self, kind: Kind, keys: Iterable[str], type_: type[S]) -> dict[str, S]:
        """What is told under *keys*. It never changes, so what was told before need not be asked for."""
        memory, wanted = f"told-{kind}s", list(keys)
        told: dict[str, S] = {}
        for key in wanted:
            remembered = self._store.index.get(memory, self._here(key), type_)
            if remembered is not None:
                told[key] = remembered
        asked = [key for key in wanted if key not in told and (kind, key) not in self._unknown]
        found = self._ask(lambda: self._records.find(kind, asked, type_)) or {}
        for key, record in found.items():
            told[key] = record.value
            self._store.index.put(memory, self._here(key), record.value)
        self._unknown.update((kind, key) for key in asked if key not in found)
        return told

    def _here(self, key: str) -> str:
        """What is told by one repository counts for that one."""
        return f"{self._records}|{key}"

    def _ask(self, question: Callable[[], R]) -> R | None:
        """The answer; none, once the index has failed."""
        if self._is_out:
            return None
        try:
            return question()
        except WherryError as error:
            self._leave_out(error)
            return None

    def _leave_out(self, error: WherryError) -> None:
        self._is_out = True
        self._notes.append(f"the layer index {self._records} is left out: {error.what}")

    def _note_origin(self, digest: str) -> None:
        Origins(self._store).note(Digest(digest), Origin(self._records.host, self._records.repository))

    def _fetch(self, blobs: Sequence[Descriptor]) -> None:
        """Fetch *blobs* all at once; where one cannot be had, the others still are."""
        missing = [blob for blob in blobs if self._store.blobs.size_bytes(blob.digest) is None]
        if not missing or self._is_out:
            return
        try:
            require_blobs(self._store, missing, self._registries, self._progress)
        except TransientError as error:
            self._leave_out(error)
        except WherryError as error:
            # The failure ended every transfer of these connections.
            self._registries.close()
            self._registries = Registries(plain_http=self._plain_http)
            if len(missing) == 1:
                self._notes.append(f"the layer index {self._records} tells of a blob in vain: {error.what}")
                return
            for blob in missing:
                self._fetch([blob])

    def _is_right(self, layer: LayerBlob) -> bool:
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
        self._notes.append(
            f"the layer index {self._records} is wrong: {layer.digest} does not unpack to {layer.diff_id}; "
            "the layer is made here"
        )
        return False

    def _facts(self, told: ToldWheel, blob: Descriptor | None, filename: str) -> WheelFacts | None:
        packed: bytes | None = told.facts
        if blob is not None:
            packed = self._ask(lambda: self._packed(blob))
        return facts_of(packed, filename) if packed else None

    def _packed(self, blob: Descriptor) -> bytes:
        try:
            return self._records.read(blob, FACTS_LIMIT_BYTES)
        except (
            InputError,
            NotFoundError,
        ):  # another's fault than the registry's: only this wheel is not known
            return b""

    def _is_told(self, wheel: WheelInput) -> bool:
        key = facts_key(wheel.filename, wheel.digest)
        return any(self._store.index.get(kind, key, WheelFacts) for kind in (WHEELS, TOLD_WHEELS))
