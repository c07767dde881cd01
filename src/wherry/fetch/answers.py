"""What a server answers, how patiently it is read, when to try again, and what urllib3's errors mean.

For every client here: that of the indexes (http.py) and that of the registries (oci/registry/).
"""

from __future__ import annotations

import os
import random
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from urllib3 import exceptions as http_errors

from wherry.errors import WorldError
from wherry.fetch.addresses import shown
from wherry.fetch.failures import TransientError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from urllib3 import BaseHTTPResponse

R = TypeVar("R")

CHUNK_BYTES: Final = 1 << 20
_SHORT_BYTES: Final = 64 << 10
_LONGEST_WAIT_S: Final = 120.0
_TIMEOUTS: Final = ("UV_HTTP_TIMEOUT", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT")
_ENOUGH_PROGRESS_BYTES: Final = 1 << 20
_UNREACHABLE: Final = "check the network, or use --offline with --find-links"

GONE: Final = frozenset({404, 410})
REDIRECT: Final = frozenset({301, 302, 303, 307, 308})
TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a server, and how often to try again."""

    connect_s: float = 15.0
    silence_s: float = 30.0  # between two bytes
    attempts: int = 5
    backoff_s: float = 0.5  # before the second attempt; doubled each time
    slowest_bytes: int = 10_000  # fewer in crawl_s seconds is a server that never ends
    crawl_s: float = 60.0

    @classmethod
    def of_environment(cls) -> Patience:
        """Wait for bytes as long as uv or pip were told to."""
        for variable in _TIMEOUTS:
            with suppress(ValueError):
                seconds = float(os.environ.get(variable, ""))
                if 0 < seconds < float("inf"):
                    return cls(silence_s=seconds)
        return cls()


def content_length(headers: Mapping[str, str]) -> int | None:
    """How many bytes the server says it sends; None when it does not, or would send them encoded."""
    text = headers.get("Content-Length", "")
    is_plain = text.isascii() and text.isdigit() and len(text) < 19 and "Content-Encoding" not in headers  # noqa: PLR2004 - 64 bits
    return int(text) if is_plain else None


class Answer:
    """What a server sends, while it is being read."""

    def __init__(self, response: BaseHTTPResponse, url: str, patience: Patience) -> None:
        """Read *response* to the request for *url*."""
        self._response = response
        self._patience = patience
        self.status: Final = response.status
        self.headers: Final = response.headers
        self.url: Final = shown(url)

    @property
    def size_bytes(self) -> int | None:
        """How many bytes the server says it sends; see `content_length`."""
        return content_length(self.headers)

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, in pieces of at most CHUNK_BYTES, never decoded.

        Raises:
            TransientError: The server fell silent, crawls, or ended before the end.

        """
        window_end = time.monotonic() + self._patience.crawl_s
        window_bytes = 0
        while True:
            with explained(self.url, self._patience):
                chunk = self._response.read1(CHUNK_BYTES, decode_content=False)
            if not chunk:
                return
            yield chunk
            window_bytes += len(chunk)
            if time.monotonic() > window_end:
                if window_bytes < self._patience.slowest_bytes:
                    what = f"the server sent only {window_bytes} bytes in {self._patience.crawl_s:.0f} s"
                    raise TransientError(what, where=self.url, mend="try again later")
                window_end, window_bytes = time.monotonic() + self._patience.crawl_s, 0

    def interrupt(self) -> None:
        """Let a reading thread wake up, from another thread."""
        with suppress(OSError, ValueError, RuntimeError):
            self._response.shutdown()

    def close(self) -> None:
        """Give the connection back if everything was read, else end it."""
        if self._response.length_remaining == 0:  # HEAD, or no body: urllib3 does not see that all was read
            with suppress(http_errors.HTTPError, OSError):
                self._response.drain_conn()
        self._response.close()

    def skip(self) -> None:
        """Pass over the body: read it if it is short, so that the connection serves again."""
        size_bytes = self.size_bytes
        if size_bytes is not None and size_bytes <= _SHORT_BYTES:
            self._response.drain_conn()
        self.close()


def retrying(
    patience: Patience,
    cancelled: threading.Event,
    attempt: Callable[[], R],
    progress_bytes: Callable[[], int],
) -> R:
    """Call *attempt* until it succeeds, waiting longer each time it fails in a way that may pass.

    Args:
        patience: How often, and how long to wait between.
        cancelled: Once set, there is no further attempt.
        attempt: One try. It raises TransientError when another try makes sense.
        progress_bytes: How far the attempts have come in all; tries that get on do not count as failed.

    Raises:
        WorldError: The last attempt's failure.

    """
    failed, before = 0, progress_bytes()
    while True:
        try:
            return attempt()
        except TransientError as error:
            if cancelled.is_set():
                raise
            now = progress_bytes()
            failed = 1 if now - before >= _ENOUGH_PROGRESS_BYTES else failed + 1
            before = now
            if failed >= patience.attempts:
                raise
            backoff_s = patience.backoff_s * 2 ** (failed - 1)
            backoff_s *= random.uniform(0.75, 1.25)  # noqa: S311 - only so that clients do not come back together
            cancelled.wait(min(backoff_s if error.wait_s is None else error.wait_s, _LONGEST_WAIT_S))


def retry_after_s(text: str) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3). Dates are not heeded: clocks lie."""
    return float(text) if text.isascii() and text.isdigit() else None


@contextmanager
def explained(url: str, patience: Patience, unreachable: str = _UNREACHABLE) -> Iterator[None]:
    """Say what urllib3's errors mean, and whether they may pass.

    Args:
        url: What was asked.
        patience: How long it was waited for.
        unreachable: How to mend a server that cannot be reached.

    Raises:
        TransientError: Worth another attempt.
        WorldError: It is not.

    """
    where = shown(url)
    try:
        yield
    # The order matters: urllib3 derives the next two from ConnectTimeoutError.
    except http_errors.NameResolutionError as error:
        raise TransientError("the server's name is not known", where=where, mend=unreachable) from error
    except http_errors.NewConnectionError as error:
        raise TransientError("the server cannot be reached", where=where, mend=unreachable) from error
    except http_errors.ConnectTimeoutError as error:
        what = f"the server did not answer for {patience.connect_s:g} s"
        raise TransientError(what, where=where, mend="check the network, or try again later") from error
    except http_errors.ReadTimeoutError as error:
        what = f"the server sent nothing for {patience.silence_s:g} s"
        raise TransientError(what, where=where, mend="try again later, or set UV_HTTP_TIMEOUT") from error
    except http_errors.SSLError as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            mend = "let SSL_CERT_FILE name the file with your organisation's certificates"
            raise WorldError("the server's TLS certificate is not trusted", where=where, mend=mend) from error
        raise TransientError("the secure connection broke", where=where, mend="try again later") from error
    except http_errors.ProxyError as error:
        mend = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
        raise TransientError("the proxy does not answer", where=where, mend=mend) from error
    # A connection shut down from another thread shows up as almost anything.
    except (http_errors.HTTPError, OSError, AttributeError) as error:
        raise TransientError("the connection broke off", where=where, mend="try again later") from error
    except (
        ValueError
    ):  # without its text: http.client repeats a header that it does not send, secrets and all
        raise TransientError("the connection broke off", where=where, mend="try again later") from None
