"""Whether a registry would take a push, asked before there is anything to push."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.fetch.failures import NotFoundError
from wherry.oci.registry.errors import AccessError, RepositoryNotFoundError, no_registry
from wherry.oci.registry.session import ACCEPTED, ACTIONS, Session, cancel_session

if TYPE_CHECKING:
    from wherry.oci.registry.client import Registry

_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404
_NO_SUCH_UPLOAD: Final = frozenset({"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"})


def require_permission(registry: Registry, repository: str) -> None:
    """See that *repository* can be pushed to.

    An upload that nobody began is closed. Only who may push is told that there is none (distribution-spec,
    BLOB_UPLOAD_UNKNOWN), and nothing is left behind: docker-registry 2.8 never quite forgets an upload that
    was begun and given up, as its DELETE leaves the state of the hash.

    A registry that hands out tokens is also asked to begin an upload, which is given up at once, and so is
    one whose answer is not clear. Nothing less tells there: a token server may give a token for less than was
    asked (distribution's token.md), and Docker Hub's does (docker/hub-feedback#1771), so that only the upload
    is refused. Every push to Docker Hub, ghcr.io and ECR begins so, and go-containerregistry's
    ``CheckPushPermission`` asks the same. No blob or tag is made.

    Raises:
        AccessError: The registry does not let us.
        WorldError: It cannot be reached, is none, takes no pushes, or lacks a repository that is to be there.

    """
    if _close_none(registry, repository) and not registry.hands_out_tokens:
        return
    try:
        session = registry.retrying(lambda: _begin(registry, repository))
    except RepositoryNotFoundError as error:
        mend = f"create it there first, or check the name: {registry.host} makes none by itself"
        raise RepositoryNotFoundError(error.what, where=error.where, mend=mend) from error
    except NotFoundError as error:
        raise no_registry(_NOT_FOUND, where=error.where, host=registry.host) from error
    cancel_session(registry, repository, session.location)


def _close_none(registry: Registry, repository: str) -> bool:
    """Whether the registry says to the end of an upload that nobody began what it says to who may push."""
    place = f"{repository}/blobs/uploads/{uuid.uuid4()}?digest={Digest.of_bytes(b'')}"
    expect = (_BAD_REQUEST, _NOT_FOUND)
    try:
        with registry.request("PUT", place, repository=repository, actions=ACTIONS, expect=expect) as reply:
            return bool(registry.complaint(reply).codes & _NO_SUCH_UPLOAD)
    except AccessError:
        raise
    except WorldError:  # where it is not reached, beginning an upload is not either, and is tried more often
        return False


def _begin(registry: Registry, repository: str) -> Session:
    place = f"{repository}/blobs/uploads/"
    with registry.request("POST", place, repository=repository, actions=ACTIONS, expect=(ACCEPTED,)) as reply:
        return Session.of(reply)
