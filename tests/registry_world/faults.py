"""A connection that cannot be relied on: a proxy that breaks it after so many bytes, as a number decides.

    with FaultProxy(registry.host, gaps(Random(7), 12, 2_000_000), Random(7)) as proxy:
        ...                                     # talk to proxy.host as if it were the registry
    proxy.met                                   # the kinds of faults that happened, in their order

The place of a fault is counted in bytes that passed, in both directions and over all connections together.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from random import Random

Kind: TypeAlias = Literal["hang up", "reset", "lost answer", "delay", "busy", "flip"]
"""``hang up`` and ``reset``: in the middle of what is sent. ``lost answer``: after all was sent.
``busy``: the next request is answered with 503. ``flip``: a bit changes on its way."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_PIECE: Final = 16 * 1024
_REQUEST: Final = re.compile(rb"(?:GET|HEAD|POST|PUT|PATCH|DELETE) /")
_BUSY: Final = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_RESET: Final = struct.pack("ii", 1, 0)


def gaps(random: Random, count: int, size_bytes: int) -> list[int]:
    """After how many bytes each fault comes, so that *count* of them come in *size_bytes*."""
    places = sorted(random.randrange(1, size_bytes) for _ in range(count))
    return [place - before for before, place in zip([0, *places], places, strict=False)]


class FaultProxy:
    """Passes bytes to a server and back, until a fault is due."""

    def __init__(
        self,
        target: str,
        gaps: Iterable[int],
        random: Random,
        *,
        kinds: tuple[Kind, ...] = KINDS,
        when_due: Callable[[], None] | None = None,
    ) -> None:
        """Stand before *target* ("127.0.0.1:5000").

        Args:
            target: Where the bytes go.
            gaps: The bytes that pass before the first fault, between it and the second, and so on.
            random: Decides what happens, of *kinds*.
            kinds: What may happen.
            when_due: Called instead of any fault; nothing passes from then on until `go_on`.

        """
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._gaps = iter(gaps)
        self._random = random
        self._kinds = kinds
        self._when_due = when_due
        self._left = next(self._gaps, None)
        self._is_busy = False
        self._is_down = False
        self._times_down = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host: Final = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.met: Final[list[str]] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def go_on(self) -> None:
        """Let bytes pass again after *when_due*, on new connections."""
        with self._lock:
            self._is_down = False
            self._times_down += 1

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            server = socket.create_connection(self._target)
            with server:
                pair = {client, server}
                with self._lock:
                    self._open |= pair
                try:
                    self._pass_on(client, server)
                finally:
                    with self._lock:
                        self._open -= pair

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        times_down = self._times_down
        while True:
            for source in select.select(list(other), [], [])[0]:
                piece = source.recv(_PIECE)
                if source is client and _REQUEST.match(piece) and self._answers_busy():
                    client.sendall(_BUSY)
                    return
                passed, kind = self._judge(piece, times_down)
                other[source].sendall(passed)
                if kind == "reset":
                    for end in other:
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                if kind == "lost answer":
                    time.sleep(0.03)  # in which it is acted on
                if not piece or kind in ("reset", "lost answer", "hang up"):
                    return

    def _answers_busy(self) -> bool:
        with self._lock:
            was_busy, self._is_busy = self._is_busy, False
            return was_busy

    def _judge(self, piece: bytes, times_down: int) -> tuple[bytes, Kind | None]:
        """What of *piece* passes, and what happens then."""
        with self._lock:
            if self._is_down or times_down != self._times_down:
                return b"", "hang up"
            if self._left is None or self._left > len(piece):
                self._left = None if self._left is None else self._left - len(piece)
                return piece, None
            place, self._left = self._left, next(self._gaps, None)
            if self._when_due is not None:
                self._is_down = True
                self.met.append("due")
                self._when_due()
                return piece[:place], "hang up"
            kind = self._random.choice(self._kinds)
            # A bit of a head may name another repository; only what lies in the middle of a blob is flipped.
            if kind == "flip" and (len(piece) < _PIECE // 2 or b"HTTP/1." in piece):
                kind = "hang up"
            self.met.append(kind)
            self._is_busy = self._is_busy or kind == "busy"
        if kind == "delay":
            time.sleep(0.03)
        if kind == "flip":
            middle = len(piece) // 2
            return piece[:middle] + bytes([piece[middle] ^ 16]) + piece[middle + 1 :], kind
        return (piece[:place] if kind in ("reset", "hang up") else piece), kind
