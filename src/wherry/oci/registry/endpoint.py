"""Where a registry is found: from the host as users write it to the address that is asked.

https always, and plain http only to this very machine or where the user said so. Addresses that a registry
names (a Location, a token server) are held to the same, and may not point into a network it is not in.
"""

from __future__ import annotations

import threading
from typing import Final

DOCKER_HUB: Final = "docker.io"
_DOCKER_HUB_NAMES: Final = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
_DOCKER_HUB_SERVER: Final = "registry-1.docker.io"
_LOOPBACK: Final = "localhost"


class Endpoint:
    """A registry's address."""

    def __init__(self, host: str, *, plain_http: bool = False) -> None:
        """Find *host*, as users write it; without TLS if *plain_http*."""
        self.host: Final = host
        self._server = _DOCKER_HUB_SERVER if host in _DOCKER_HUB_NAMES else host
        self._plain_http = plain_http
        self._scheme = ""
        self._lock = threading.Lock()

    def base_url(self) -> str:
        """``https://host`` or ``http://host``."""
        name = self._server.rpartition(":")[0] if self._server.rsplit(":", 1)[-1].isdigit() else self._server
        plain = self._plain_http or name in {"localhost", "[::1]"} or name.startswith("127.")
        return f"{'http' if plain else 'https'}://{self._server}"
