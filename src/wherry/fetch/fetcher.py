"""Everything a command wants from elsewhere: all at once, into the store."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from wherry.errors import InputError, WorldError
from wherry.fetch.addresses import shown
from wherry.fetch.credentials import Credentials
from wherry.fetch.crew import Crew
from wherry.fetch.download import Download
from wherry.fetch.failures import NotFoundError
from wherry.fetch.local import file_of, keep_local, local_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from wherry.digest import Digest
    from wherry.fetch.http import Http, Patience
    from wherry.progress import Progress, Task
    from wherry.store.store import Store

__all__ = ["Download", "Fetcher"]

THREADS: Final = 8
_CHUNK_BYTES: Final = 1 << 20
_NAMED_IN_A_MESSAGE: Final = 3


class _Reader(Protocol):
    """A document while it is being read."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes as they come."""


class Fetcher:
    """Brings files and documents here. One for each command; its methods may be called from any thread."""

    def __init__(  # noqa: PLR0913 - one object is set up once, by name
        self,
        store: Store,
        *,
        progress: Progress,
        find_links: Sequence[Path] = (),
        offline: bool = False,
        credentials: Credentials | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Fetch into *store*.

        Args:
            store: Where files go, and partial downloads wait for the next run.
            progress: Where the transfers are announced.
            find_links: Directories with files by their names; they go before any URL.
            offline: Never ask a server.
            credentials: For the servers; those of the environment if None.
            patience: With slow servers; as uv and pip were told if None.

        """
        self._store = store
        self._progress = progress
        self._find_links = tuple(find_links)
        self._offline = offline
        self._credentials = credentials
        self._patience = patience
        self._http: Http | None = None
        self._making = threading.Lock()

    @property
    def offline(self) -> bool:
        """Whether no server may be asked: goes for the programs that are run beside it, too."""
        return self._offline

    @property
    def find_links(self) -> tuple[Path, ...]:
        """Directories with files by their names."""
        return self._find_links

    def fetch(self, downloads: Iterable[Download]) -> None:
        """Have all *downloads* among the store's blobs.

        What is there already is not touched; what begins and fails is resumed by the next run.

        Raises:
            InputError: A file that the lock names on this disk has another hash.
            WorldError: A server failed or lied, the disk is full, or without network something is missing.

        """
        wanted = {d.digest: d for d in downloads if d.digest not in self._store.blobs}
        if not wanted:
            return
        places = {
            d.digest: [f for f in local_files(d, self._find_links) if f.is_file()] for d in wanted.values()
        }
        self._require_sources([d for d in wanted.values() if not places[d.digest]])
        remote_bytes = sum(d.size_bytes or 0 for d in wanted.values() if not places[d.digest])
        what = next(iter(wanted.values())).filename if len(wanted) == 1 else f"{len(wanted)} files"
        self._store.require_space(remote_bytes, what)
        sizes = [d.size_bytes for d in wanted.values()]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        largest_first = sorted(wanted.values(), key=lambda d: -(d.size_bytes or 0))
        with self._progress.task(f"fetching {what}", total) as task:
            try:
                Crew(lambda d: self._fetch_one(d, places[d.digest], task), largest_first, self._cancel).run(
                    THREADS
                )
            finally:
                self._hang_up()

    def get(self, url: str, limit_bytes: int) -> bytes:
        """A small document whose hash is not known beforehand.

        Args:
            url: http, https or file.
            limit_bytes: More than that is an error.

        Raises:
            NotFoundError: There is no such document.
            WorldError: The server failed, or there is more than *limit_bytes*.

        """

        def attempt() -> bytes:
            gathered = bytearray()
            with self._open(url) as reader:
                for chunk in reader.chunks():
                    gathered += chunk
                    if len(gathered) > limit_bytes:
                        raise WorldError(f"the document is larger than {limit_bytes} bytes", where=shown(url))
            return bytes(gathered)

        return self._client().retrying(attempt)

    @contextmanager
    def _open(self, url: str) -> Iterator[_Reader]:
        if url.startswith("file:"):
            yield _FileReader(file_of(url))
            return
        if self._offline:
            raise WorldError(
                "the network is needed, but --offline is set", where=shown(url), mend="leave out --offline"
            )
        with self._client().open(url) as answer:
            yield answer

    def _client(self) -> Http:
        from wherry.fetch.http import Http  # noqa: PLC0415 - urllib3 and ssl: only when a server is asked

        with self._making:
            if self._http is None:
                credentials = Credentials.read() if self._credentials is None else self._credentials
                self._http = Http(credentials, self._patience)
            return self._http

    def _cancel(self) -> None:
        with self._making:
            if self._http is not None:
                self._http.cancel()

    def _hang_up(self) -> None:
        with self._making:
            if self._http is not None:
                self._http.close()
            self._http = None

    def _require_sources(self, remote: list[Download]) -> None:
        """See that everything that is not on this disk has an address we may ask.

        Raises:
            WorldError: Something has not.

        """
        missing = remote if self._offline else [d for d in remote if not _is_remote(d)]
        if missing:
            why = "--offline is set" if self._offline else "the lock has no address for it"
            raise WorldError(
                f"not on this disk: {_named(missing)}",
                where=f"{len(missing)} of the files to fetch, and {why}",
                mend="leave out --offline, or name a directory that has them with --find-links",
            )

    def _fetch_one(self, download: Download, files: list[Path], task: Task) -> None:
        other: tuple[Path, Digest] | None = None
        for file in files:
            found = keep_local(file, download.digest, store=self._store, task=task)
            if found == download.digest:
                return
            other = other or (file, found)
        if download.url is not None and _is_remote(download) and not self._offline:
            from wherry.fetch.transfer import transfer  # noqa: PLC0415 - only when a server is asked

            transfer(download, download.url, store=self._store, http=self._client(), task=task)
        elif other is not None:
            raise InputError(
                f"{download.filename} has {other[1]}, but the lock wants {download.digest}",
                where=str(other[0]),
                mend="put the locked file there, or lock again",
            )


class _FileReader:
    def __init__(self, path: Path) -> None:
        self._path = path

    def chunks(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    yield chunk
        except FileNotFoundError as error:
            raise NotFoundError("no such file", where=str(self._path)) from error
        except OSError as error:
            reason = (error.strerror or "it failed").lower()
            raise WorldError(f"cannot read a local file: {reason}", where=str(self._path)) from error


def _is_remote(download: Download) -> bool:
    return download.url is not None and not download.url.startswith("file:")


def _named(downloads: list[Download]) -> str:
    names = ", ".join(d.filename for d in downloads[:_NAMED_IN_A_MESSAGE])
    more = len(downloads) - _NAMED_IN_A_MESSAGE
    return f"{names} and {more} more" if more > 0 else names
