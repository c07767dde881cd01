"""Names and passwords for indexes. They stay on this host: in no message, no log, no file of ours, no image.

They are looked for where pip and uv look: in the URL, in UV_INDEX_<NAME>_USERNAME and _PASSWORD, in the
configured index URLs, in netrc, and after a 401 in the keyring. Each belongs to one origin (scheme, host and
port) and goes nowhere else. netrc's ``default`` entry is not used: it would go to any host a lock names.
"""

from __future__ import annotations

import base64
import importlib
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from wherry.errors import InputError
from wherry.fetch.addresses import Address, address, without_userinfo
from wherry.fetch.indexes import IndexConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHORTEST_SECRET: Final = 4  # replacing "a" everywhere would hide the message, not the secret
_KEYRING_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True, repr=False)
class Credential:
    """A name and password, and where they were found."""

    user: str
    password: str
    source: str  # for messages: "~/.netrc"

    def __repr__(self) -> str:
        """Show the source only."""
        return f"Credential(from {self.source})"

    def header(self) -> str:
        """The value of ``Authorization`` (RFC 7617, UTF-8)."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True, repr=False)
class _Known:
    """A credential, or a name without password, for everything below one URL."""

    address: Address
    user: str
    password: str | None
    source: str


class Credentials:
    """What this host knows of the indexes' names and passwords."""

    def __init__(
        self,
        configuration: IndexConfiguration | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        netrc: Path | None = None,
    ) -> None:
        """Gather what is configured; the keyring is asked later, and only when an index refuses.

        Args:
            configuration: The indexes; none if None.
            environ: For UV_INDEX_<NAME>_* and the keyring's switches; empty if None.
            netrc: A netrc file.

        """
        self._environ = {} if environ is None else environ
        configuration = configuration or IndexConfiguration()
        self._known = [*self._from_variables(configuration), *_from_urls(configuration.urls())]
        self._netrc, self._netrc_name = _read_netrc(netrc), str(netrc)
        self._asked: dict[str, Credential | None] = {}
        self._asking = threading.Lock()
        self._secrets: set[str] = set()
        for known in self._known:
            self._hide(known.user if not known.password else known.password)
        for _, password in self._netrc.values():
            self._hide(password)

    def __repr__(self) -> str:
        """Show nothing secret."""
        return f"Credentials({len(self._known) + len(self._netrc)} known)"

    @classmethod
    def read(cls, project_root: Path | None = None) -> Credentials:
        """Gather them from this process's environment and the user's files.

        Raises:
            InputError: A configuration file cannot be understood.

        """
        return cls(IndexConfiguration.read(project_root), environ=os.environ, netrc=_netrc_file(os.environ))

    def find(self, place: Address) -> Credential | None:
        """What to send to *place*: by its own userinfo, then the longest configured URL, then its host."""
        if place.password is not None:
            self._hide(place.password)
            return Credential(place.user or "", place.password, "the URL")
        asked = self._asked.get(place.origin)
        if asked is not None:
            return asked
        here = self._matching(place)
        for known in here:
            if known.password is not None:
                return Credential(known.user, known.password, known.source)
        if place.host in self._netrc:
            return Credential(*self._netrc[place.host], self._netrc_name)
        user = place.user or next((known.user for known in here), None)
        # A token may be the name alone, with no password: https://TOKEN@index.example/simple
        return None if user is None else Credential(user, "", "the URL")

    def ask_keyring(self, place: Address) -> Credential | None:
        """Ask the keyring, once for each origin. For when the index has just refused."""
        with self._asking:
            if place.origin not in self._asked:
                here = self._matching(place)
                user = place.user or next((known.user for known in here if known.password is None), None)
                services = [
                    *dict.fromkeys((*(known.address.url for known in here), place.origin, place.host))
                ]
                found = _from_keyring(services, user, self._environ)
                if found is not None:
                    self._hide(found.password)
                self._asked[place.origin] = found
            return self._asked[place.origin]

    def redact(self, text: str) -> str:
        """The text without userinfo in URLs and without any secret known here."""
        text = without_userinfo(text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "****")
        return text

    def _hide(self, secret: str) -> None:
        if len(secret) >= _SHORTEST_SECRET:
            self._secrets |= {secret, quote(secret, safe="")}

    def _matching(self, place: Address) -> list[_Known]:
        """What is known for the origin of *place*, the longest URL that it lies below first."""
        here = [known for known in self._known if known.address.origin == place.origin]
        return sorted(here, key=lambda known: _common_depth(known.address.url, place.url), reverse=True)

    def _from_variables(self, configuration: IndexConfiguration) -> Iterable[_Known]:
        for name, url in configuration.named:
            user = self._environ.get(f"UV_INDEX_{name}_USERNAME")
            password = self._environ.get(f"UV_INDEX_{name}_PASSWORD")
            place = _address_or_none(url)
            if name and place is not None and (user or password):
                yield _Known(place, user or place.user or "", password, f"UV_INDEX_{name}_PASSWORD")


def _from_urls(urls: Iterable[str]) -> Iterable[_Known]:
    for url in urls:
        place = _address_or_none(url)
        if place is not None and place.user is not None:
            yield _Known(place, place.user, place.password, "a configured index URL")


def _address_or_none(url: str) -> Address | None:
    try:
        return address(url)
    except InputError:
        return None


def _common_depth(index: str, url: str) -> int:
    """How many leading path segments two URLs of one origin share; all of the index's beat a part."""
    ours = [part for part in urlsplit(index).path.split("/") if part]
    theirs = [part for part in urlsplit(url).path.split("/") if part]
    shared = 0
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            break
        shared += 1
    return shared


def _netrc_file(environ: Mapping[str, str]) -> Path | None:
    if environ.get("NETRC"):
        return Path(environ["NETRC"])
    home = Path(environ.get("HOME") or "/")
    return next((file for name in (".netrc", "_netrc") if (file := home / name).is_file()), None)


def _read_netrc(file: Path | None) -> dict[str, tuple[str, str]]:
    """Host → (name, password). A file that cannot be understood counts as empty, as with pip and curl."""
    if file is None:
        return {}
    import netrc  # noqa: PLC0415 - only with such a file

    try:
        hosts = netrc.netrc(str(file)).hosts
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return {}
    return {
        host: (login or "", password or "")
        for host, (login, _, password) in hosts.items()
        if host != "default" and (login or password)
    }


def _from_keyring(services: list[str], user: str | None, environ: Mapping[str, str]) -> Credential | None:
    """Ask by program where UV_KEYRING_PROVIDER or PIP_KEYRING_PROVIDER says so, else by module if any."""
    wanted = {environ.get("UV_KEYRING_PROVIDER", ""), environ.get("PIP_KEYRING_PROVIDER", "")}
    if wanted & {"subprocess"}:
        return next((found for service in services if (found := _ask_program(service, user))), None)
    if wanted & {"disabled"}:
        return None
    return next((found for service in services if (found := _ask_module(service, user))), None)


def _ask_module(service: str, user: str | None) -> Credential | None:
    try:
        keyring = importlib.import_module("keyring")  # an extra, and slow to import
    except ImportError:
        return None
    try:
        found = keyring.get_credential(service, user)
    except Exception:  # noqa: BLE001 - a keyring's backends raise what they like; a locked one is no answer
        return None
    return None if found is None else Credential(found.username, found.password, "the keyring")


def _ask_program(service: str, user: str | None) -> Credential | None:
    import shutil  # noqa: PLC0415 - only after an index refused
    import subprocess  # noqa: PLC0415 - the same

    program = shutil.which("keyring")
    if program is None:
        return None
    how = ["get", service, user] if user else ["--mode", "creds", "get", service]
    try:
        answer = subprocess.run(  # noqa: S603 - no shell; the service is one argument
            [program, *how],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_KEYRING_TIMEOUT_S,
            check=True,
        ).stdout.decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    lines = answer.splitlines()
    if user:
        return Credential(user, lines[0], "the keyring") if lines else None
    return Credential(lines[0], lines[1], "the keyring") if len(lines) > 1 else None
