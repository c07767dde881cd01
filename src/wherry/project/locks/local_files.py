"""Distributions that lie in a directory of this disk, told by their names and known by their hashes."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.fetch.local import BORROW_FROM_BYTES
from wherry.project.locks import values

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from packaging.utils import NormalizedName
    from packaging.version import Version

    from wherry.project.locks.pins import Lookup, Pin
    from wherry.store.store import Store

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def local_files(pins: Sequence[Pin], lookup: Lookup) -> dict[Digest, Path]:
    """Files in the --find-links directories that are named like a pin, by their hash."""
    wanted = {(pin.name, pin.version) for pin in pins}
    candidates: list[Path] = []
    for directory in lookup.find_links:
        try:
            entries = sorted(entry for entry in directory.iterdir() if entry.is_file())
        except OSError as error:
            raise InputError(
                f"--find-links {directory} cannot be read: {error.strerror}", where=str(directory)
            ) from error
        candidates += [entry for entry in entries if _title_of(entry.name) in wanted]
    if not candidates:
        return {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets go of the interpreter's lock
        digests = list(pool.map(partial(_digest_of, store=lookup.store), candidates))
    return dict(zip(reversed(digests), reversed(candidates), strict=True))  # of twins the first


def _title_of(name: str) -> tuple[NormalizedName, Version] | None:
    try:
        if values.is_wheel(name):
            return parse_wheel_filename(name)[:2]
        return parse_sdist_filename(name) if values.is_sdist(name) else None
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None


class _Hashed(msgspec.Struct, frozen=True):
    sha256: str


def _digest_of(path: Path, store: Store) -> Digest:
    """The hash of a file on this disk, made once for each state of it; the store borrows a large one."""
    try:
        facts = path.stat()
        key = f"{path.resolve()}\n{facts.st_size}\n{facts.st_mtime_ns}\n{facts.st_ino}"
        remembered = store.index.get("local-files", key, _Hashed)
        if remembered and _SHA256.fullmatch(remembered.sha256):
            return Digest.from_hex(remembered.sha256)
        digest = Digest.of_file(path)
        if facts.st_size >= BORROW_FROM_BYTES:
            store.blobs.borrow(path.absolute(), digest, facts)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read: {error.strerror}", where=str(path)) from error
    store.index.put("local-files", key, _Hashed(digest.hex))
    return digest
