"""The small requests around an upload: is the blob there, where would its bytes go, no more will come."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import WherryError
from wherry.fetch.failures import NotFoundError, TransientError

if TYPE_CHECKING:
    from wherry.digest import Digest
    from wherry.oci.model import Descriptor
    from wherry.oci.registry.client import Registry, Reply

ACTIONS: Final = "pull,push"  # for every request of a push, so that one token serves them all
_CANCEL: Final = f"{ACTIONS},delete"  # distribution wants a right of its own for every DELETE

OK: Final = 200
CREATED: Final = 201
ACCEPTED: Final = 202
NO_CONTENT: Final = 204
DONE: Final = frozenset({OK, CREATED, ACCEPTED, NO_CONTENT})

_LENGTH: Final = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True, repr=False)
class Session:
    """An upload that a registry is ready for."""

    location: str  # may carry a token: not to be shown
    least_chunk_bytes: int = 0

    @classmethod
    def of(cls, reply: Reply) -> Session:
        """The session that a registry opened with *reply*.

        Raises:
            WorldError: The registry does not say where it is.

        """
        # OCI-Chunk-Min-Length: "the minimum acceptable size of a non-terminal chunk" (distribution-spec).
        least = reply.headers.get("OCI-Chunk-Min-Length", "")
        return cls(reply.location, int(least) if _LENGTH.fullmatch(least) else 0)


def cancel_session(registry: Registry, repository: str, location: str) -> None:
    """Tell the registry that nothing more will come. It need not heed it, nor know how."""
    with (
        suppress(WherryError),
        registry.request("DELETE", location, repository=repository, actions=_CANCEL, expect=DONE) as reply,
    ):
        reply.skip()


def has_blob(registry: Registry, repository: str, blob: Descriptor) -> bool:
    """Whether the repository has the blob, in its full length.

    Raises:
        WorldError: The registry failed, or does not let us.

    """
    return there_bytes(registry, repository, blob) == blob.size_bytes


def there_bytes(registry: Registry, repository: str, blob: Descriptor) -> int | None:
    """How long the blob is there, as long as it should be where that is not told; None if it is not there.

    Raises:
        WorldError: The registry failed, or does not let us.

    """

    def attempt() -> int | None:
        place = f"{repository}/blobs/{blob.digest}"
        try:
            with registry.request("HEAD", place, repository=repository, actions=ACTIONS) as reply:
                return blob.size_bytes if reply.size_bytes is None else reply.size_bytes
        except NotFoundError:
            return None

    return registry.retrying(attempt)


def check_digest(reply: Reply, digest: Digest) -> None:
    """See that the registry has what we meant, where it says what it has.

    Raises:
        TransientError: It has something else: on a way without TLS a bit may turn.

    """
    said = reply.headers.get("Docker-Content-Digest", "")
    if said.startswith("sha256:") and said != digest:
        what = f"the registry was sent {digest} and says that it has {said[:80]!r}"
        mend = "something on the way changes what is sent: ask its owner"
        raise TransientError(what, where=reply.url, mend=mend)
