"""URLs with the parts that must stay on this host taken out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from wherry.errors import InputError

_USERINFO: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#\"'<>]*@")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, repr=False)
class Address:
    """A URL, with its userinfo apart: what is sent and what is shown never hold it."""

    url: str  # without userinfo and fragment
    origin: str  # "https://index.example:443": credentials for one origin are not for another
    host: str
    user: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"Address({shown(self.url)!r})"


def address(url: str) -> Address:
    """Read an http, https or file URL.

    Raises:
        InputError: It is none.

    """
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
        host = parts.hostname or ""
    except ValueError as error:
        raise InputError("not a URL", where=shown(url)) from error
    if parts.scheme not in {"http", "https", "file"} or not (host or parts.scheme == "file"):
        raise InputError("not an http, https or file URL", where=shown(url))
    bracketed = f"[{host}]" if ":" in host else host
    netloc = bracketed if parts.port is None else f"{bracketed}:{parts.port}"
    return Address(
        url=urlunsplit(SplitResult(parts.scheme, netloc, parts.path, parts.query, "")),
        origin=f"{parts.scheme}://{bracketed}:{port}",
        host=host,
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
    )


def shown(url: str) -> str:
    """The URL as a message may show it: without userinfo, and without the query, where signatures live."""
    return without_userinfo(re.split(r"[?#]", url, maxsplit=1)[0])


def without_userinfo(text: str) -> str:
    """The text with user and password taken out of every URL in it."""
    return _USERINFO.sub(r"\1", text)
