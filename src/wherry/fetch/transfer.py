"""One file from one server into the blobs: resumed where it stopped, never believed before its hash is right.

The server is an index (`Http`) or a registry; what the two have in common is `Server`.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from wherry.digest import Digest
from wherry.fetch.addresses import shown
from wherry.fetch.answers import content_length
from wherry.fetch.download import Download
from wherry.fetch.failures import CancelledError, TransientError, WrongBytesError
from wherry.fetch.http import PARTIAL_CONTENT, RANGE_NOT_SATISFIABLE
from wherry.fetch.partial import partial_download
from wherry.store.disk import readable_size

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from wherry.fetch.partial import Partial
    from wherry.progress import Task
    from wherry.store.store import Store

__all__ = ["LARGEST_BYTES", "Download", "Reply", "Server", "content_length", "transfer"]

R = TypeVar("R")

LARGEST_BYTES: Final = 60_000_000_000
_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")
_MEND_LOCKED: Final = (
    "the file was changed after it was locked, or on the way: lock again only if you know why"
)


class Reply(Protocol):
    """What a server sends, while it is being read."""

    @property
    def status(self) -> int:
        """200, 206 or 416: a server raises on any other."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By names of either case."""
        ...

    @property
    def url(self) -> str:
        """As a message may show it."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes, never decoded."""
        ...


class Server(Protocol):
    """Where a file can be had."""

    @property
    def cancelled(self) -> threading.Event:
        """Set when every transfer is to end soon."""
        ...

    def open(self, url: str, headers: Mapping[str, str], /) -> AbstractContextManager[Reply]:
        """Ask once for *url*, sending *headers*, and read the answer in the block."""
        ...

    def retrying(self, attempt: Callable[[], R], progress_bytes: Callable[[], int], /) -> R:
        """Call *attempt* until it succeeds or there is no more hope; see `Http.retrying`."""
        ...


def content_range(headers: Mapping[str, str]) -> tuple[int, int | None] | None:
    """Where the part of a 206 begins, and how long the whole is where that is told; None when neither is."""
    found = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", ""))
    return None if found is None else (int(found[1]), None if found[2] == "*" else int(found[2]))


def transfer(  # noqa: PLR0913 - a file, where from and where to
    download: Download, url: str, *, store: Store, http: Server, task: Task, mend: str = _MEND_LOCKED
) -> None:
    """Bring the file at *url* into the store's blobs.

    Of two processes that want the same file one transfers it and the other waits.

    Args:
        download: What it is.
        url: Where it is.
        store: Where it goes.
        http: The server.
        task: Told of the bytes, those of an earlier run among them.
        mend: What to do when the server has other bytes than promised.

    Raises:
        WrongBytesError: The server sent other bytes than promised.
        WorldError: The server failed, or the disk is full.

    """
    with partial_download(store, download.digest, http.cancelled) as partial:
        if partial is not None:
            _Transfer(download, url, store=store, http=http, task=task, partial=partial, mend=mend).run()
        elif download.digest not in store.blobs:
            raise CancelledError("given up", where=download.filename)


class _Transfer:
    """The state between the attempts of one transfer: the partial file and the hash of what is in it."""

    def __init__(  # noqa: PLR0913 - all that a transfer needs, from one caller
        self,
        download: Download,
        url: str,
        *,
        store: Store,
        http: Server,
        task: Task,
        partial: Partial,
        mend: str,
    ) -> None:
        self._download = download
        self._url = url
        self._store = store
        self._http = http
        self._task = task
        self._partial = partial
        self._mend = mend
        self._cap_bytes = LARGEST_BYTES if download.size_bytes is None else download.size_bytes
        self._furthest_bytes = 0  # a server that begins anew each time does not get on
        self._hash = hashlib.sha256()

    def run(self) -> None:
        """Go on where an earlier run stopped; if what it left proves wrong, begin anew once."""
        resumed = self._take_up()
        self._receive()
        if resumed and not self._is_right():
            self._restart()
            self._receive()
        if not self._is_right():
            self._partial.discard()
            raise self._wrong(f"has {Digest.from_hex(self._hash.hexdigest())}, not {self._download.digest}")
        self._partial.keep(self._store)

    def _take_up(self) -> bool:
        if self._partial.size_bytes > self._cap_bytes:
            self._partial.restart()
        for chunk in self._partial.chunks():
            self._hash.update(chunk)
            self._task.advance(len(chunk))
        return self._partial.size_bytes > 0

    def _receive(self) -> None:
        if self._download.size_bytes is None or self._partial.size_bytes < self._download.size_bytes:
            self._http.retrying(self._attempt, lambda: self._furthest_bytes)

    def _attempt(self) -> None:
        headers = {}
        if self._partial.size_bytes:
            headers["Range"] = f"bytes={self._partial.size_bytes}-"
            if etag := self._partial.etag(self._url):
                headers["If-Range"] = etag
        with self._http.open(self._url, headers) as answer:
            if answer.status == RANGE_NOT_SATISFIABLE:
                self._end_of_range(answer)
                return
            self._check_position(answer)
            self._check_size(answer)
            for chunk in answer.chunks():
                self._take(chunk)
            if self._download.size_bytes is not None and self._partial.size_bytes < self._download.size_bytes:
                raise self._cut_off(answer)

    def _take(self, chunk: bytes) -> None:
        if self._http.cancelled.is_set():
            raise CancelledError("given up", where=self._download.filename)
        if self._partial.size_bytes + len(chunk) > self._cap_bytes:
            self._partial.discard()
            raise self._wrong(f"is larger than {readable_size(self._cap_bytes)}")
        self._partial.append(chunk)
        self._hash.update(chunk)
        self._furthest_bytes = max(self._furthest_bytes, self._partial.size_bytes)
        self._task.advance(len(chunk))

    def _check_position(self, answer: Reply) -> None:
        """See that the answer goes on where we stopped, or begin anew when it is the whole document."""
        if answer.status == PARTIAL_CONTENT:
            at = content_range(answer.headers)
            if at is None or at[0] != self._partial.size_bytes:
                self._restart()
                what = "the server sent another part of the file than was asked for"
                raise TransientError(what, where=answer.url, mend="try again later")
            return
        if self._partial.size_bytes:
            self._restart()
        self._partial.remember(self._url, answer.headers.get("ETag", ""))

    def _check_size(self, answer: Reply) -> None:
        """Refuse too much, and a disk too small, before the first byte."""
        coming = content_length(answer.headers)
        if coming is None:
            return
        total = self._partial.size_bytes + coming
        promised = self._download.size_bytes
        if total > self._cap_bytes or (promised is not None and total != promised):
            self._partial.discard()
            limit = self._cap_bytes if promised is None else promised
            raise self._wrong(f"has {total} bytes, not {limit}")
        self._store.require_space(coming, self._download.filename)

    def _end_of_range(self, answer: Reply) -> None:
        """416: we have it all already, or what we have is of another document."""
        length = answer.headers.get("Content-Range", "").removeprefix("bytes */")
        if length != str(self._partial.size_bytes):
            self._restart()
            raise TransientError("the server refuses to resume", where=answer.url, mend="try again")

    def _cut_off(self, answer: Reply) -> TransientError:
        missing = readable_size(self._cap_bytes - self._partial.size_bytes)
        what = f"the server stopped {missing} before the end of {self._download.filename}"
        return TransientError(
            what, where=answer.url, mend="run the command again: it goes on where it stopped"
        )

    def _restart(self) -> None:
        self._partial.restart()
        self._hash = hashlib.sha256()

    def _is_right(self) -> bool:
        return self._hash.hexdigest() == self._download.digest.hex

    def _wrong(self, how: str) -> WrongBytesError:
        return WrongBytesError(
            f"{self._download.filename} from the server {how}",
            where=shown(self._url),
            mend=self._mend,
        )
