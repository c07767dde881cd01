"""One build's conversation with one index: what fails in it costs a note, and the build goes on without."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from wherry.build.layer_index.records import Records
from wherry.errors import WherryError
from wherry.fetch.answers import Patience
from wherry.fetch.failures import TransientError
from wherry.oci.origins import Origin, Origins
from wherry.oci.reference import repository_of
from wherry.oci.registry.client import Registries
from wherry.oci.registry.fetching import require_blobs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from wherry.build.layer_index.records import Kind
    from wherry.digest import Digest
    from wherry.oci.model import Descriptor
    from wherry.oci.reference import RegistryReference
    from wherry.progress import Progress
    from wherry.store.store import Store

R = TypeVar("R")

_ATTEMPTS: Final = 3
_CONNECT_S: Final = 5.0
_SILENCE_S: Final = 10.0


class Conversation:
    """Questions to one index, and what came of them. Nothing here fails for what the index does."""

    def __init__(
        self,
        reference: RegistryReference,
        store: Store,
        progress: Progress,
        *,
        plain_http: Collection[str] = (),
        asks: bool = True,
    ) -> None:
        """Talk to the index in the repository *reference*; *asks*: at all. Arguments as for `LayerIndex`."""
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
        self.records: Final = Records(self._asking.at(reference.host), repository_of(reference))
        self.refused: Final[set[tuple[Kind, str]]] = self.records.refused
        """Kinds and keys that it is wrong about, or tells of in vain."""
        self.is_out = not asks
        """Whether it is asked no more."""
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of it, each once."""
        return tuple(self._notes)

    def close(self) -> None:
        """Close the idle connections."""
        self._asking.close()
        self._registries.close()

    def is_wrong(self, kind: Kind, key: str, about: str) -> None:
        """Note that it told something wrong: *about* what, in words; it is to be told again."""
        self.refused.add((kind, key))
        self._notes[f"the layer index {self.records} is wrong: {about}"] = None

    def ask(self, question: Callable[[], R]) -> R | None:
        """The answer; none, once the index has failed."""
        if self.is_out:
            return None
        try:
            return question()
        except WherryError as error:
            self._leave_out(error)
            return None

    def held(self, blobs: Collection[Descriptor]) -> set[Digest]:
        """Those of *blobs* that its repository has in full; they can be had from there from now on."""
        held = self.ask(lambda: self.records.holds(blobs)) or set()
        for digest in held:
            Origins(self._store).note(digest, Origin(self.records.host, self.records.repository))
        return held

    def fetch(self, blobs: Sequence[Descriptor]) -> None:
        """Fetch *blobs* all at once; where one cannot be had, the others still are."""
        missing = [blob for blob in blobs if self._store.blobs.size_bytes(blob.digest) is None]
        if not missing or self.is_out:
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
                self._notes[f"the layer index {self.records} tells of a blob in vain: {error.what}"] = None
                return
            for blob in missing:
                self.fetch([blob])

    def _leave_out(self, error: WherryError) -> None:
        self.is_out = True
        self._notes[f"the layer index {self.records} is left out: {error.what}"] = None
