"""Which blobs the tags hold: a manifest has its config, layers and attachments, an index its manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.frozen import ready
from wherry.store.attached import Attached

if TYPE_CHECKING:
    from wherry.store.store import Store

_LARGEST_MANIFEST_BYTES: Final = (
    4 << 20
)  # "registries SHOULD NOT accept more" (OCI distribution spec); nor do we


class _Reference(msgspec.Struct):
    digest: str


class _Node(msgspec.Struct):
    """As much of a manifest or an index as says what it refers to."""

    config: _Reference | None = None
    layers: list[_Reference] = []
    manifests: list[_Reference] = []


def reachable(store: Store) -> set[Digest]:
    """Every blob that some tag needs, there or not."""
    found: set[Digest] = set()
    attached = Attached(store)
    ways = [Digest(tag.digest) for _, tag in store.tags.items()]
    while ways:
        digest = ways.pop()
        if digest in found:
            continue
        found.add(digest)
        node = _node(store, digest)
        found.update(_digests([*node.layers, *([node.config] if node.config else [])]))
        ways += [*_digests(node.manifests), *attached.of(digest).values()]
    return found


def _node(store: Store, digest: Digest) -> _Node:
    """What the blob refers to; nothing, when it cannot be read as a manifest."""
    try:
        with store.blobs.open(digest) as stream:
            data = stream.read(_LARGEST_MANIFEST_BYTES + 1)
        if len(data) <= _LARGEST_MANIFEST_BYTES:
            return msgspec.json.decode(data, type=ready(_Node))
    except (WorldError, OSError, ValueError):  # msgspec's errors are ValueErrors
        pass
    return _Node()


def _digests(references: list[_Reference]) -> list[Digest]:
    good = []
    for reference in references:
        try:
            good.append(Digest(reference.digest))
        except ValueError:
            continue
    return good
