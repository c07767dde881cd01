"""Blobs that are in another repository of the same registry already: let this one have them, too.

Registries keep blobs by repository, at least by name. A mount gives a name more, and no byte moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from wherry.errors import WorldError
from wherry.fetch.failures import CancelledError
from wherry.oci.registry.session import ACCEPTED, ACTIONS, CREATED, Session, cancel_session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.digest import Digest
    from wherry.oci.registry.client import Registry

_TRIED: Final = 3


@dataclass(frozen=True, slots=True)
class Mounted:
    """What came of a mount: the blob is there, or the registry waits for its bytes, or neither."""

    is_there: bool = False
    session: Session | None = None


def mount_blob(registry: Registry, repository: str, digest: Digest, repositories: Iterable[str]) -> Mounted:
    """Let *repository* have a blob of another (distribution-spec, "Mounting a blob from another repository").

    A registry that cannot, or whose other repository has no such blob, opens a session instead; one that
    answers with an error is not asked again, and no harm is done: bytes are then sent as ever.

    Args:
        registry: The registry of all these repositories.
        repository: Which is to have it.
        digest: Of the blob.
        repositories: Those that may have it. Without any nothing is asked: Quay fails where none is named.

    Raises:
        CancelledError: Another transfer failed.

    """
    session: Session | None = None
    for other in [name for name in repositories if name != repository][:_TRIED]:
        try:
            found = registry.retrying(partial(_ask, registry, repository, digest, other))
        except CancelledError:
            raise
        except WorldError:
            break  # go-containerregistry#1404, #1679: some refuse what they should answer with a session
        if session:
            cancel_session(registry, repository, session.location)
        if found.is_there:
            return found
        session = found.session
    return Mounted(session=session)


def _ask(registry: Registry, repository: str, digest: Digest, other: str) -> Mounted:
    with registry.request(
        "POST",
        f"{repository}/blobs/uploads/?{urlencode({'mount': digest, 'from': other}, safe='/')}",
        repository=repository,
        actions=ACTIONS,
        also_pull=other,
        expect=(CREATED, ACCEPTED),
    ) as reply:
        if reply.status == CREATED:
            return Mounted(is_there=True)
        return Mounted(session=Session.of(reply))
