"""How a registry refuses, by what the user can do about it, with the registry's own words made harmless."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.errors import WorldError
from wherry.fetch.answers import GONE, TRY_AGAIN, retry_after_s
from wherry.fetch.failures import NotFoundError, TransientError
from wherry.frozen import ready

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_TOO_LARGE: Final = 413
_TOO_MANY: Final = 429
_NAME_UNKNOWN: Final = "NAME_UNKNOWN"
_BLOB_UNKNOWN: Final = "MANIFEST_BLOB_UNKNOWN"
_NO_METHOD: Final = frozenset({405, 501})
_PAGE: Final = "text/html"  # no registry answers with a page
_SHOWN: Final = 200
_MESSAGES: Final = 3
_UNPRINTABLE: Final = re.compile(r"[^ -~]+")


class AccessError(WorldError):
    """The registry does not let us: each kind below has its own mending."""


class NoCredentialsError(AccessError):
    """The registry wants a name and password, and none are known for it."""


class WrongPasswordError(AccessError):
    """The registry refuses the name and password."""


class ExpiredTokenError(AccessError):
    """The registry refuses a token that is invalid or too old."""


class PermissionDeniedError(AccessError):
    """The registry knows who asks, and says no."""


class RepositoryNotFoundError(NotFoundError):
    """The registry has no such repository."""


class NoRegistryError(WorldError):
    """What answers there is no registry."""


class RateLimitedError(TransientError):
    """The registry was asked too often: 429."""


class TooLargeError(WorldError):
    """What was sent is larger than the registry, or a proxy before it, takes: 413."""


class _Problem(msgspec.Struct):
    code: object = ""
    message: object = ""


class _Problems(msgspec.Struct):
    """distribution-spec, "Error Codes"; token servers also answer as OAuth 2.0 does, or with details."""

    errors: list[_Problem] | None = None
    error: object = ""
    error_description: object = ""
    details: object = ""


class Complaint:
    """What a registry or a token server says is wrong, fit to be shown."""

    def __init__(self, body: bytes = b"", redact: Callable[[str], str] = str) -> None:
        """Read the *body* of an answer; one that is not understood says nothing.

        Args:
            body: At most some kilobytes of it.
            redact: Takes out of a text what must not be shown.

        """
        try:
            told = msgspec.json.decode(body, type=ready(_Problems))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            told = _Problems()
        problems = (told.errors or [])[:_MESSAGES]
        self.codes: Final = frozenset(_text(problem.code) for problem in problems)
        pairs = [(problem.code, problem.message) for problem in problems]
        pairs = pairs or [(told.error, told.error_description or told.details)]
        parts = [": ".join(filter(None, map(_text, pair))) for pair in pairs]
        self.text: Final = _printable(redact("; ".join(filter(None, parts))))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _printable(text: str) -> str:
    text = _UNPRINTABLE.sub(" ", text).strip()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def is_page(headers: Mapping[str, str]) -> bool:
    """Whether an answer is a page of a web site."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == _PAGE


def is_foreign(status: int, complaint: Complaint, headers: Mapping[str, str]) -> bool:
    """Whether a refusal is one that no registry gives: it knows its methods, and writes no pages."""
    return not complaint.text and (status in _NO_METHOD or (status < _BAD_REQUEST and is_page(headers)))


def no_registry(status: int, *, where: str, host: str) -> NoRegistryError:
    """What to tell of a server that answers, and is none."""
    what = f"the server at {host} does not speak the registry protocol ({status})"
    return NoRegistryError(what, where=where, mend=_check_host(host))


def _check_host(host: str) -> str:
    return f"check the host and the port: {host} may be something else"


def refusal(  # noqa: PLR0913 - an answer, and whom it concerns
    status: int, complaint: Complaint, headers: Mapping[str, str], *, where: str, host: str, repository: str
) -> WorldError:
    """What to tell of an answer that was not hoped for.

    Args:
        status: Of the answer; 401 is told by who knows which credentials were sent.
        complaint: Its body.
        headers: Its headers.
        where: What was asked, fit to be shown.
        host: The registry.
        repository: What was asked for.

    """
    said = f": {complaint.text}" if complaint.text else ""
    name = f"{host}/{repository}" if repository else host
    if status == _FORBIDDEN:
        what = f"no permission for {name} (403){said}"
        mend = f"ask its owner for access, or 'wherry login {host}' as someone who has it"
        return PermissionDeniedError(what, where=where, mend=mend)
    if status in TRY_AGAIN or _BLOB_UNKNOWN in complaint.codes:
        return _passing(status, said, headers, where=where, host=host)
    if status in GONE:
        if _NAME_UNKNOWN in complaint.codes:
            what = f"the registry has no repository {repository}{said}"
            return RepositoryNotFoundError(what, where=where, mend="check the name for a mistyped part")
        mend = "" if complaint.text else _check_host(host)  # registries say why
        return NotFoundError(f"the registry has no such thing ({status}){said}", where=where, mend=mend)
    if status == _TOO_LARGE:
        what = f"the registry, or a proxy before it, takes nothing this large (413){said}"
        return TooLargeError(what, where=where, mend="raise its limit for the size of a request")
    mend = "the registry may be a mirror, or for reading only" if status in _NO_METHOD else ""
    return WorldError(f"the registry answered {status}{said}", where=where, mend=mend)


def _passing(status: int, said: str, headers: Mapping[str, str], *, where: str, host: str) -> TransientError:
    """What may be otherwise the next time."""
    error: TransientError
    if status == _TOO_MANY:
        mend = f"wait a while; some registries allow more after 'wherry login {host}'"
        error = RateLimitedError(f"the registry was asked too often (429){said}", where=where, mend=mend)
    elif status in TRY_AGAIN:
        what = f"the registry answered {status}{said}"
        error = TransientError(what, where=where, mend="try again later")
    else:
        # A blob that two clients send at once is not there for a moment (docker-registry 2.8, on files).
        what = f"the registry does not see, or not yet, what a manifest names ({status}){said}"
        error = TransientError(what, where=where, mend="push again: what is missing is sent")
    error.wait_s = retry_after_s(headers.get("Retry-After", ""))
    return error
