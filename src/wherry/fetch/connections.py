"""One pool of connections for all threads, with the TLS and the proxies that pip and uv would use."""

from __future__ import annotations

import os
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import urllib3

from wherry.errors import WorldError
from wherry.fetch.addresses import address

if TYPE_CHECKING:
    from wherry.fetch.addresses import Address

_CONNECTIONS_PER_HOST: Final = 16
_CERTIFICATES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")


class Connections:
    """The open connections: direct ones, and those through each proxy."""

    def __init__(self, connect_s: float, silence_s: float) -> None:
        """Give up connecting after *connect_s*, and reading after *silence_s* without a byte."""
        self._timeout = urllib3.Timeout(connect=connect_s, read=silence_s)
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()

    def pool(self, place: Address) -> urllib3.PoolManager:
        """The pool for direct connections, or for the proxy that the environment names for *place*.

        Raises:
            WorldError: The certificates or the proxy configured cannot be used.

        """
        proxy = _proxy_for(place)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._new_pool(proxy)
            return self._pools[proxy]

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()

    def _new_pool(self, proxy: str) -> urllib3.PoolManager:
        if not proxy:
            return urllib3.PoolManager(
                maxsize=_CONNECTIONS_PER_HOST, timeout=self._timeout, ssl_context=_tls(), retries=False
            )
        there = address(proxy if "://" in proxy else f"http://{proxy}")
        headers = {}
        if there.user is not None:
            headers = urllib3.make_headers(proxy_basic_auth=f"{there.user}:{there.password or ''}")
        return urllib3.ProxyManager(
            there.url,
            maxsize=_CONNECTIONS_PER_HOST,
            timeout=self._timeout,
            ssl_context=_tls(),
            proxy_headers=headers,
            retries=False,
        )


def _proxy_for(place: Address) -> str:
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - slow to import

    parts = urlsplit(place.url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    return "" if not proxy or proxy_bypass(parts.netloc) else proxy


def _tls() -> ssl.SSLContext:
    """Trust what SSL_CERT_FILE and its kin name, else the system's store.

    Raises:
        WorldError: The file named cannot be used.

    """
    variable = next((name for name in _CERTIFICATES if os.environ.get(name)), None)
    if variable is None:
        return ssl.create_default_context()
    path = os.environ[variable]
    try:
        if Path(path).is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        what = f"{variable} names no usable certificates"
        raise WorldError(what, where=path, mend=f"correct {variable}, or unset it") from error
