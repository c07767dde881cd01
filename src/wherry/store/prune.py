"""Looking after the store: what is in it, whether it is whole, and making room.

What a tag needs is never removed, unless everything is. Builds hold `Store.using` and pruning needs
`Store.alone`, so nothing goes away under a build: pruning is refused while one runs. What is used least
lately goes first; a blob's modification time says when it was last used, to the day.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from wherry.digest import Digest
from wherry.errors import WorldError
from wherry.frozen import ready
from wherry.store.disk import explained
from wherry.store.index import read_entry
from wherry.store.locks import forget, try_flock
from wherry.store.reach import reachable
from wherry.store.store import LOCKS, PARTIAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from wherry.progress import Progress, Task
    from wherry.store.store import Store

_CHUNK_BYTES: Final = 1 << 20
_KEPT_LOCKS: Final = frozenset({"using"})


@dataclass(frozen=True, slots=True)
class Amount:
    """How many, and how large together."""

    count: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """What is in a store. No blob is counted twice."""

    images: Amount  # blobs that tags need: manifests, configs, layers
    layers: Amount  # finished layers that no tag needs now
    files: Amount  # other blobs: distributions and packages as they were fetched
    partial: Amount  # downloads that have begun
    borrowed: Amount  # the user's own files that stand in for blobs; they take no space here
    results: Amount  # remembered results
    tags: int

    @property
    def size_bytes(self) -> int:
        """What the store takes on its disk."""
        own = (self.images, self.layers, self.files, self.partial, self.results)
        return sum(amount.size_bytes for amount in own)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed, or would be."""

    blobs: Amount
    results: int
    tags: int


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Something that may go."""

    used_s: float
    size_bytes: int
    remove: Callable[[], object]
    digest: Digest | None = None


def usage(store: Store) -> Usage:
    """Count what is in the store, from the sizes of its files alone."""
    tagged = reachable(store)
    layers = {digest for _, _, digest in _results(store) if digest is not None}
    sizes = {digest: status.st_size for digest, status in store.blobs.items()}
    return Usage(
        images=_amount(size for digest, size in sizes.items() if digest in tagged),
        layers=_amount(size for digest, size in sizes.items() if digest in layers - tagged),
        files=_amount(size for digest, size in sizes.items() if digest not in layers | tagged),
        partial=_amount(status.st_size for _, status in _partial(store)),
        borrowed=_amount(store.blobs.size_bytes(digest) or 0 for digest, _ in store.blobs.borrowed()),
        results=_amount(_size(file) for _, file in store.index.files()),
        tags=len(store.tags.items()),
    )


def verify(store: Store, progress: Progress) -> list[Digest]:
    """Read every blob, and remove those whose bytes are not what their names say.

    Nothing needs them removed from under it: whoever reads them gets wrong bytes. In a store that may only
    be read they stay, and are reported all the same.

    Returns:
        The digests of the corrupt blobs.

    """
    own = [(digest, status.st_size) for digest, status in store.blobs.items()]
    lent = [(digest, store.blobs.size_bytes(digest)) for digest, _ in store.blobs.borrowed()]
    blobs = own + [(digest, size) for digest, size in lent if size is not None]
    with progress.task("verifying the store", sum(size for _, size in blobs)) as task:
        crew = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="wherry-verify")
        try:
            whole = list(crew.map(lambda blob: _is_right(store, blob[0], task), blobs))
        finally:
            crew.shutdown(cancel_futures=True)
    corrupt = [digest for (digest, _), right in zip(blobs, whole, strict=True) if not right]
    for digest in [*corrupt, *(digest for digest, size in lent if size is None)]:
        with suppress(WorldError):
            store.blobs.remove(digest)
    return corrupt


def prune(
    store: Store,
    *,
    keep_bytes: int | None = None,
    older_than_s: float | None = None,
    everything: bool = False,
    dry_run: bool = False,
) -> Pruned:
    """Make room: remove what no tag needs.

    Args:
        store: The store.
        keep_bytes: Stop as soon as all blobs together take no more; the least lately used go first.
        older_than_s: Only what was not used for so many seconds.
        everything: Also the tags and what they need.
        dry_run: Remove nothing, only say what would be removed.

    Raises:
        WorldError: A build is using the store, or it cannot be written.

    """
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(store.alone())
        names = [name for name, _ in store.tags.items()] if everything else []
        kept = set() if everything else reachable(store)
        going = _chosen(list(_candidates(store, kept)), _blob_bytes(store), keep_bytes, older_than_s)
        if not dry_run:
            for name in names:
                store.tags.remove(name)
            for candidate in going:
                candidate.remove()
        stale = list(_stale_results(store, {candidate.digest for candidate in going}, older_than_s))
        if everything:
            stale = [file for _, file in store.index.files()]
        if not dry_run:
            _remove(store, stale)
            _prune_locks(store)
    return Pruned(_amount(candidate.size_bytes for candidate in going), len(stale), len(names))


def _candidates(store: Store, kept: set[Digest]) -> Iterator[_Candidate]:
    for digest, status in store.blobs.items():
        if digest not in kept:
            yield _Candidate(status.st_mtime, status.st_size, partial(store.blobs.remove, digest), digest)
    for digest, status in store.blobs.borrowed():
        if digest not in kept:
            yield _Candidate(status.st_mtime, 0, partial(store.blobs.remove, digest), digest)
    for file, status in _partial(store):
        yield _Candidate(status.st_mtime, status.st_size, partial(_remove_partial, store, file))


def _chosen(
    candidates: list[_Candidate], total_bytes: int, keep_bytes: int | None, older_than_s: float | None
) -> list[_Candidate]:
    """Which candidates go: the least lately used first, until enough are gone. Pure."""
    now = time.time()
    chosen = []
    for candidate in sorted(candidates, key=lambda candidate: candidate.used_s):
        if older_than_s is not None and now - candidate.used_s < older_than_s:
            break
        if keep_bytes is not None and total_bytes <= keep_bytes:
            break
        if keep_bytes is not None and not candidate.size_bytes:
            continue  # makes no room
        chosen.append(candidate)
        total_bytes -= candidate.size_bytes
    return chosen


def _stale_results(store: Store, going: set[Digest | None], older_than_s: float | None) -> Iterator[Path]:
    """The results that stand for a blob that is gone or going, and those of no blob that are too old."""
    there = {digest for digest, _ in store.blobs.items()} | {digest for digest, _ in store.blobs.borrowed()}
    now = time.time()
    for file, used_s, digest in _results(store):
        if digest is not None:
            stale = digest in going or digest not in there
        else:
            stale = older_than_s is not None and now - used_s >= older_than_s
        if stale:
            yield file


def _remove(store: Store, files: list[Path]) -> None:
    with explained(store.root, "remove a result"):
        for file in files:
            file.unlink(missing_ok=True)


def _results(store: Store) -> Iterator[tuple[Path, float, Digest | None]]:
    """Each remembered result: its file, when it was last used, and the blob it stands for."""
    for _, file in store.index.files():
        with suppress(OSError):
            used_s = file.stat().st_mtime
            yield file, used_s, _stands_for(file)


class _Value(msgspec.Struct):
    digest: str | None = None


def _stands_for(file: Path) -> Digest | None:
    try:
        entry = read_entry(file, touch=False)
        digest = None if entry is None else msgspec.json.decode(entry.value, type=ready(_Value)).digest
        return None if digest is None else Digest(digest)
    except ValueError:  # msgspec's errors are ValueErrors
        return None


def _partial(store: Store) -> Iterator[tuple[Path, os.stat_result]]:
    with suppress(OSError):
        for file in list((store.root / PARTIAL).iterdir()):
            with suppress(OSError):
                yield file, file.stat()


def _remove_partial(store: Store, file: Path) -> None:
    """Remove a download that has begun, unless it is going on: not only builds fetch."""
    with explained(store.root, "remove a download"), suppress(FileNotFoundError):
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if try_flock(descriptor, file):
                file.unlink()
        finally:
            os.close(descriptor)


def _prune_locks(store: Store) -> None:
    with suppress(OSError):
        for file in list((store.root / LOCKS).iterdir()):
            if file.name not in _KEPT_LOCKS:
                with suppress(OSError):
                    forget(file)


def _is_right(store: Store, digest: Digest, task: Task) -> bool:
    import hashlib  # noqa: PLC0415 - only for verifying

    running = hashlib.sha256()
    try:
        with store.blobs.open(digest, touch=False) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                running.update(chunk)
                task.advance(len(chunk))
    except (WorldError, OSError):
        return False
    return running.hexdigest() == digest.hex


def _blob_bytes(store: Store) -> int:
    return sum(status.st_size for _, status in store.blobs.items())


def _amount(sizes: Iterable[int]) -> Amount:
    listed = list(sizes)
    return Amount(len(listed), sum(listed))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
