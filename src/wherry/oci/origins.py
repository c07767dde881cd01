"""Where a blob can be had that this disk need not hold: the repositories it was seen in.

A layer of a base, or one that a team's index knows, may be pushed without ever being downloaded: mounted
where the registry is the same, streamed from one to the other where not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from wherry.digest import Digest
    from wherry.store.store import Store

_KIND: Final = "origins"
_KEPT: Final = 8


class Origin(msgspec.Struct, frozen=True):
    """A repository that has a blob."""

    host: str  # as users write it: "docker.io", "localhost:5000"
    repository: str


class _Seen(msgspec.Struct, frozen=True):
    origins: tuple[Origin, ...]  # the latest first


class Origins:
    """What the store remembers of where its blobs, and those it lacks, can be had."""

    def __init__(self, store: Store) -> None:
        """Look at *store*."""
        self._store = store

    def of(self, digest: Digest) -> tuple[Origin, ...]:
        """The repositories that had the blob when last asked, the latest first."""
        seen = self._store.index.get(_KIND, digest, _Seen)
        return seen.origins if seen else ()

    def note(self, digest: Digest, origin: Origin) -> None:
        """Remember that *origin* has the blob.

        Raises:
            WorldError: The store cannot be written.

        """
        known = self.of(digest)
        if known[:1] != (origin,):
            kept = (origin, *(other for other in known if other != origin))[:_KEPT]
            self._store.index.put(_KIND, str(digest), _Seen(kept))
