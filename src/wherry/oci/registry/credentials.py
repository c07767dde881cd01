"""Who we are at a registry: names and passwords that other tools and ``wherry login`` left on this host.

They are looked for in this order, and the first that is found counts:

1. ``WHERRY_REGISTRY_USERNAME`` and ``_PASSWORD``, for the one host that ``WHERRY_REGISTRY`` names;
2. ``DOCKER_AUTH_CONFIG``, the text of a file of Docker's, as CI services set it;
3. Docker's file, ``$DOCKER_CONFIG/config.json`` or ``~/.docker/config.json``: ``wherry login`` writes it, and
   who has just logged in means that login;
4. Podman's files: ``$REGISTRY_AUTH_FILE``, ``$XDG_RUNTIME_DIR/containers/auth.json``,
   ``$XDG_CONFIG_HOME/containers/auth.json``.

Within a file: the helper that ``credHelpers`` names for the host, then ``auths`` (the longest path first),
then the helper of ``credsStore``. They are read when a registry has asked who we are, not before, and stay on
this host: in no message, no log, no file of ours, no image.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import msgspec

from wherry.errors import InputError
from wherry.frozen import ready
from wherry.oci.reference import DOCKER_HUB
from wherry.oci.registry import credential_helper
from wherry.oci.registry.endpoint import DOCKER_HUB_KEY, registry_host

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LARGEST_FILE: Final = 4 << 20
_OURS: Final = ("WHERRY_REGISTRY", "WHERRY_REGISTRY_USERNAME", "WHERRY_REGISTRY_PASSWORD")
_DOCKER_TEXT: Final = "DOCKER_AUTH_CONFIG"
_BYTES: Final = "surrogateescape"  # a variable, and so a password, may be any bytes
_TOKEN: Final = re.compile(r"[!-~]*")  # what may stand in a header
_IDENTITY_USER: Final = "<token>"
"""The name by which a helper says that its secret is an identity token."""


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """Who we are at one registry: a name and password, or a token for its token server or for itself."""

    source: str  # for messages: "~/.docker/config.json"
    user: str = ""
    password: str = ""
    identity_token: str = ""  # exchanged at the token server (OAuth2's refresh token)
    registry_token: str = ""  # sent to the registry as it is
    correction: str = ""  # what to do when it is refused, where logging in anew would not help

    def __repr__(self) -> str:
        """Show the source only."""
        return f"Login(from {self.source})"

    @property
    def basic(self) -> str:
        """The value of ``Authorization`` (RFC 7617, UTF-8; other bytes as they were given)."""
        pair = f"{self.user or _IDENTITY_USER}:{self.password or self.identity_token}"
        return "Basic " + base64.b64encode(pair.encode(errors=_BYTES)).decode()

    def mend(self, host: str) -> str:
        """What to do when *host* refuses it."""
        return self.correction or f"run 'wherry login {host}'"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be shown nowhere."""
        echoed = self.password.encode(errors=_BYTES).decode(errors="replace")  # by a server that reads UTF-8
        basic = self.basic.removeprefix("Basic ")
        found = (self.password, echoed, self.identity_token, self.registry_token, basic)
        return tuple(filter(None, found))


class _Entry(msgspec.Struct, frozen=True):
    """A value of ``auths``."""

    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identity_token: str | None = msgspec.field(default=None, name="identitytoken")
    registry_token: str | None = msgspec.field(default=None, name="registrytoken")

    def __repr__(self) -> str:
        """Show nothing secret."""
        return "_Entry()"


class _File(msgspec.Struct, frozen=True):
    """What Docker's and Podman's files have in common."""

    auths: dict[str, _Entry | None] | None = None
    helpers: dict[str, str] | None = msgspec.field(default=None, name="credHelpers")
    store: str | None = msgspec.field(default=None, name="credsStore")


class Keychain:
    """What this host knows of names and passwords for registries."""

    def __init__(
        self,
        files: Sequence[Path] = (),
        environ: Mapping[str, str] | None = None,
        *,
        logins: Mapping[str, Login] | None = None,
    ) -> None:
        """Look into *logins* by host, the variables of *environ*, and *files*, the first first."""
        self._logins = dict(logins or {})
        self._files = tuple(files)
        self._environ = {} if environ is None else environ
        self._known: dict[tuple[str, str], Login | None] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"Keychain({', '.join(map(str, self._files))})"

    @classmethod
    def of_environment(cls) -> Self:
        """Look where this process's environment says."""
        environ = dict(os.environ)
        return cls((docker_file(environ), *_podman_files(environ)), environ)

    def find(self, host: str, repository: str = "") -> Login | None:
        """Who we are at *host*, for *repository*; None if nobody in particular.

        Raises:
            InputError: A file or variable cannot be understood.

        """
        host = registry_host(host)
        with self._lock:  # a helper may ask the user: once is enough
            if (host, repository) not in self._known:
                found = (login for login in self._found(host, repository) if login is not None)
                self._known[host, repository] = next(found, None)
            return self._known[host, repository]

    def _found(self, host: str, repository: str) -> Iterator[Login | None]:
        yield self._logins.get(host)
        yield self._of_variables(host)
        if text := self._environ.get(_DOCKER_TEXT):
            file = parse_file(text.encode(errors=_BYTES), f"${_DOCKER_TEXT}")
            for login in _of_file(file, f"${_DOCKER_TEXT}", host, repository):
                # What `wherry login` keeps comes after it, and would not be looked at.
                yield login and replace(login, correction=f"correct ${_DOCKER_TEXT}, or unset it")
        for path in self._files:
            file = parse_file(read_file(path), str(path))
            yield from _of_file(file, str(path), host, repository)

    def _of_variables(self, host: str) -> Login | None:
        ours, user, password = (self._environ.get(name, "") for name in _OURS)
        if not ours and (user or password):
            what = f"{_OURS[1]} and {_OURS[2]} are set without {_OURS[0]}"
            raise InputError(what, mend=f"set {_OURS[0]} to the one host that they are for")
        if not ours or registry_host(ours) != host or not (user or password):
            return None
        if not (user and password):
            there, missing = (_OURS[1], _OURS[2]) if user else (_OURS[2], _OURS[1])
            raise InputError(
                f"{there} is set for {host}, and {missing} is not", mend=f"set {missing}, or unset {there}"
            )
        login = _login(f"${_OURS[2]}", user, password)
        return login and replace(login, correction=f"correct ${_OURS[1]} and ${_OURS[2]}, or unset them")


def docker_file(environ: Mapping[str, str]) -> Path:
    """Docker's own configuration, which ``docker login`` and ``wherry login`` write."""
    folder = environ.get("DOCKER_CONFIG")
    return Path(folder) / "config.json" if folder else _home(environ) / ".docker/config.json"


def _podman_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    # As the manual page containers-auth.json says, and then the place where users write it themselves.
    named, runtime = environ.get("REGISTRY_AUTH_FILE"), environ.get("XDG_RUNTIME_DIR")
    configuration = environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config"
    files = [Path(configuration) / "containers/auth.json"]
    if runtime:
        files.insert(0, Path(runtime) / "containers/auth.json")
    if named:
        files.insert(0, Path(named))
    return tuple(files)


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or "/")


def read_file(path: Path) -> bytes:
    """The content of a file of credentials; an empty object if there is none.

    Raises:
        InputError: It cannot be read.

    """
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return b"{}"
    except OSError as error:
        what = f"the file of credentials cannot be read: {error.strerror}"
        raise InputError(what, where=str(path), mend="correct its permissions, or remove it") from error
    if len(data) > _LARGEST_FILE:
        raise InputError("the file of credentials is too large", where=str(path))
    return data if data.strip() else b"{}"


def parse_file(data: bytes, where: str) -> _File:
    """Read a file of credentials.

    Raises:
        InputError: It is none. The message says where in it, and nothing of what stands there.

    """
    mend = "correct it, or log in anew"
    try:
        return msgspec.json.decode(data, type=ready(_File))
    except msgspec.ValidationError as error:
        what = f"the file of credentials cannot be understood: {error}"
        raise InputError(what, where=where, mend=mend) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise InputError("the file of credentials is not JSON", where=where, mend=mend) from None


def _of_file(file: _File, where: str, host: str, repository: str) -> Iterator[Login | None]:
    for key, helper in (file.helpers or {}).items():
        if host_of_key(key) == host:
            yield _of_helper(helper, server_key(host))
    for key, entry in _fitting(file.auths or {}, host, repository):
        if entry is not None:
            yield _of_entry(entry, where, f'$.auths["{key}"].auth')
    if file.store:
        yield _of_helper(file.store, server_key(host))


def server_key(host: str) -> str:
    """What Docker's file and helpers call *host*."""
    return DOCKER_HUB_KEY if host == DOCKER_HUB else host


def host_of_key(key: str) -> str:
    """The host that a key of a file stands for, with the path of a repository if it has one; else empty."""
    host, slash, path = key.removeprefix("https://").removeprefix("http://").rstrip("/").partition("/")
    try:
        host = registry_host(host)
    except InputError:
        return ""
    return host if path in {"", "v1", "v2"} else f"{host}{slash}{path}"


def _fitting(
    auths: Mapping[str, _Entry | None], host: str, repository: str
) -> Iterator[tuple[str, _Entry | None]]:
    """The entries for the repository, for the paths above it, and for the host, in this order."""
    parts = [host, *filter(None, repository.split("/"))]
    for depth in range(len(parts), 0, -1):
        wanted = "/".join(parts[:depth])
        keys = [key for key in auths if host_of_key(key) == wanted]
        for key in sorted(keys, key=lambda key: key != wanted):  # the plainest spelling first
            yield key, auths[key]


def _of_entry(entry: _Entry, where: str, place: str) -> Login | None:
    user, password = entry.username or "", entry.password or ""
    if entry.auth:
        try:
            pair = base64.b64decode(entry.auth, validate=True).decode(errors=_BYTES)
        except (binascii.Error, ValueError):
            pair = ""
        user, colon, password = pair.partition(":")
        if not colon:
            mend = "correct it, or log in anew"
            raise InputError(
                f"{place} is not base64 of a name and password", where=where, mend=mend
            ) from None
        password = password.rstrip("\0")  # as Docker, which once padded
    return _login(where, user, password, entry.identity_token or "", entry.registry_token or "")


def _of_helper(helper: str, server: str) -> Login | None:
    found = credential_helper.ask(helper, server)
    return None if found is None else _login(f"docker-credential-{helper}", found.user, found.secret)


def _login(
    source: str, user: str, password: str, identity_token: str = "", registry_token: str = ""
) -> Login | None:
    if user == _IDENTITY_USER:
        user, password, identity_token = "", "", identity_token or password
    if not (password or identity_token or registry_token):
        return None
    if not (_TOKEN.fullmatch(identity_token) and _TOKEN.fullmatch(registry_token)):
        what = "a token there has a space, a line break or another character that no token has"
        raise InputError(what, where=source, mend="correct it, or log in anew")
    return Login(source, user, password, identity_token, registry_token)
