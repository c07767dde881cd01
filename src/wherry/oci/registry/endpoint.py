"""Where a registry is found, and where it may send us: from the host as users write it to addresses to ask.

https always; plain http only to this very machine, where nothing there speaks TLS, or where the user said
so. An address that a registry names (a redirect, an upload's Location, a token server) may be on its own
host or on the public network, never in a network that the registry itself is not in: else it could have us
ask, from inside, what it cannot reach from outside (go-containerregistry #2258). A name that changes its
address between this check and the connection still has to show a certificate for that name.
"""

from __future__ import annotations

import re
import socket
import threading
from enum import Enum, auto
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import Address, address, shown
from wherry.oci.reference import DOCKER_HUB, DOCKER_HUB_NAMES

DOCKER_HUB_KEY: Final = "https://index.docker.io/v1/"
"""What Docker's own files and credential helpers call Docker Hub."""
_DOCKER_HUB_SERVER: Final = "registry-1.docker.io"
_HOST: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_LONGEST_HOST: Final = 255
_LAST_PORT: Final = 65535
_HANDSHAKE_S: Final = 5.0
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def registry_host(text: str) -> str:
    """The host of a registry in one spelling, however users and Docker's files write it.

    Raises:
        InputError: The text names no host.

    """
    rest = re.sub(r"\Ahttps?://", "", text.lower()).removesuffix("/")
    rest = re.sub(r"/v[12]\Z", "", rest)
    found = _HOST.fullmatch(rest)
    if not found or len(rest) > _LONGEST_HOST or int(found["port"] or 0) > _LAST_PORT:
        mend = "write it as registry.example or registry.example:5000"
        name = shown(text).rpartition("@")[2][:300]
        raise InputError(f"{name!r} cannot be the host of a registry", mend=mend)
    return DOCKER_HUB if rest in DOCKER_HUB_NAMES else rest


class _Network(Enum):
    """From where an address can be reached."""

    PUBLIC = auto()
    PRIVATE = auto()
    LOOPBACK = auto()
    LINK_LOCAL = auto()  # where clouds keep the credentials of their machines


_MAY_NAME: Final = {
    _Network.PUBLIC: {_Network.PUBLIC},
    _Network.PRIVATE: {_Network.PUBLIC, _Network.PRIVATE},
    _Network.LOOPBACK: {_Network.PUBLIC, _Network.PRIVATE, _Network.LOOPBACK},
    _Network.LINK_LOCAL: {_Network.PUBLIC, _Network.LINK_LOCAL},
}
"""The networks that a registry in each network may send us to."""


class Endpoint:
    """The address of a registry."""

    def __init__(self, host: str, *, plain_http: bool = False) -> None:
        """Find *host*; without TLS if *plain_http*.

        Raises:
            InputError: It is no host.

        """
        self.host: Final = registry_host(host)
        self._server = _DOCKER_HUB_SERVER if self.host == DOCKER_HUB else self.host
        self._scheme = "http" if plain_http else ""
        self._lock = threading.Lock()
        self._seen: dict[str, frozenset[_Network]] = {}

    @property
    def base_url(self) -> str:
        """``https://host``, or ``http://host`` where that is allowed and TLS is not spoken."""
        with self._lock:
            if not self._scheme:
                parts = urlsplit(f"https://{self._server}")
                if not _is_this_machine(parts.hostname or ""):
                    self._scheme = "https"
                elif (secure := _speaks_tls(parts.hostname or "", parts.port or 443)) is not None:
                    self._scheme = "https" if secure else "http"
            return f"{self._scheme or 'https'}://{self._server}"

    def is_own(self, place: Address) -> bool:
        """Whether *place* is the registry itself: the same scheme, host and port."""
        return place.origin == address(self.base_url).origin

    def checked(self, url: str) -> Address:
        """The address that the registry named, if we may go there.

        Raises:
            WorldError: It is none, is not secure, or lies in a network that the registry is not in.

        """
        try:
            there = address(url)
        except InputError as error:
            raise WorldError("the registry names an address that is none", where=shown(url)) from error
        own = address(self.base_url)
        if there.origin == own.origin:
            return there
        schemes = (urlsplit(own.url).scheme, urlsplit(there.url).scheme)
        if schemes == ("https", "http") and _is_behind_a_proxy(own, there):
            # A registry behind a proxy that ends TLS, and that was not told so, writes http there.
            parts = urlsplit(there.url)._replace(scheme="https", netloc=urlsplit(own.url).netloc)
            return address(parts.geturl())
        if schemes not in {("https", "https"), ("http", "http"), ("http", "https")}:
            what = "the registry names an address that is not secure"
            raise WorldError(what, where=shown(url), mend=f"check the registry {self.host}")
        if there.host != own.host:
            allowed = set().union(*(_MAY_NAME[network] for network in self._networks(own.host)))
            if not self._networks(there.host) <= allowed:
                what = f"the registry {self.host} sends us to an address inside a network that it is not in"
                raise WorldError(what, where=shown(url), mend="trust this registry no further")
        return there

    def _networks(self, host: str) -> frozenset[_Network]:
        """The networks of the addresses of *host*, by name or number."""
        if host not in self._seen:
            try:
                found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            except UnicodeError as error:
                raise WorldError("the registry names a host that is none", where=repr(host)) from error
            except OSError:
                # A proxy may know the name. If none does, the connection will say so.
                return frozenset({_Network.PUBLIC})
            self._seen[host] = frozenset(_network(str(entry[4][0])) for entry in found)
        return self._seen[host]


def _is_behind_a_proxy(own: Address, there: Address) -> bool:
    ports = {None, 80, urlsplit(own.url).port}
    return there.host == own.host and urlsplit(there.url).port in ports


def _is_this_machine(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761: never anywhere else
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _network(number: str) -> _Network:
    """Where an IP address lies, one written inside another taken out first."""
    ip: IPv4Address | IPv6Address = ip_address(number.partition("%")[0])
    if isinstance(ip, IPv6Address):
        translated = IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _TRANSLATED else None
        ip = ip.ipv4_mapped or ip.sixtofour or translated or ip
    if ip.is_loopback or ip.is_unspecified:  # 0.0.0.0 connects to this machine
        return _Network.LOOPBACK
    if ip.is_link_local:
        return _Network.LINK_LOCAL
    return _Network.PUBLIC if ip.is_global and not ip.is_multicast else _Network.PRIVATE


def _speaks_tls(host: str, port: int) -> bool | None:
    """Whether the server there answers a TLS handshake, whoever it is; None if there is none."""
    import ssl  # noqa: PLC0415 - slow to import

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # whom to trust is settled by the real connection
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), timeout=_HANDSHAKE_S) as connection:
            try:
                context.wrap_socket(connection, server_hostname=host).close()
            except (OSError, ValueError):
                return False
            return True
    except OSError:
        return None
