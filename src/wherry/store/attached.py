"""What is attached to an image of the store: artifacts whose subject it is, such as its bill of materials.

An image does not name what is about it, so the store remembers. As long as a tag needs the image, pruning
keeps what is attached to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.store.store import Store

_KIND: Final = "attached"


class _Attached(msgspec.Struct, frozen=True):
    digest: str  # of the image's manifest: pruned with it, this goes too
    artifacts: dict[str, str]  # digests of the artifacts' manifests by artifact type


class Attached:
    """The attachments that one store remembers."""

    def __init__(self, store: Store) -> None:
        """Look at *store*."""
        self._store = store

    def of(self, image: Digest) -> dict[str, Digest]:
        """The manifests of what is attached to the manifest *image*, by artifact type, in order."""
        found = self._store.index.get(_KIND, image, _Attached)
        if found is None:
            return {}
        try:
            return {kind: Digest(found.artifacts[kind]) for kind in sorted(found.artifacts)}
        except ValueError:
            return {}

    def put(self, image: Digest, artifacts: Mapping[str, Digest]) -> None:
        """Remember *artifacts* of *image*, each in place of the one of its type.

        Raises:
            WorldError: The store cannot be written.

        """
        known = self.of(image)
        if known | dict(artifacts) != known:
            kept = {kind: str(digest) for kind, digest in (known | dict(artifacts)).items()}
            self._store.index.put(_KIND, str(image), _Attached(image, kept))
