"""RECORD: what a wheel says of its files, and what pip writes after installing them (PEP 376, PEP 427)."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from wherry.layers.hashing import Hashing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

UNHASHED: Final = ("RECORD", "RECORD.jws", "RECORD.p7s")
"""Files of dist-info that RECORD need not hash: itself and its signatures."""


class _Running(Protocol):
    def digest(self) -> bytes: ...


# PEP 427: "must be sha256 or better; specifically, md5, sha1 and sha224 are not permitted".
ALGORITHMS: Final[Mapping[str, Callable[[bytes | bytearray], _Running]]] = {
    "sha256": hashlib.sha256,
    "sha384": hashlib.sha384,
    "sha512": hashlib.sha512,
    "sha3_256": hashlib.sha3_256,
    "sha3_384": hashlib.sha3_384,
    "sha3_512": hashlib.sha3_512,
    "blake2b": hashlib.blake2b,
    "blake2s": hashlib.blake2s,
}


class RecordError(Exception):
    """RECORD does not say what it must. Whoever knows the wheel's name makes an InputError of it."""


class Row(NamedTuple):
    """One line of RECORD, as written."""

    path: str
    hash: str
    size: str


@dataclass(frozen=True, slots=True)
class FileHash:
    """What a file's bytes must hash to."""

    algorithm: str
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> FileHash:
        """Read ``sha256=<urlsafe base64 without padding>``.

        Raises:
            RecordError: It is not that, or of an algorithm that wheels may not use.

        """
        algorithm, _, value = text.partition("=")
        if algorithm not in ALGORITHMS:
            raise RecordError(
                f"RECORD has a hash of kind {algorithm[:20]!r} for it; PEP 427 wants sha256 or better"
            )
        try:
            digest = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise RecordError("its hash in RECORD is not base64") from None
        if not digest:
            raise RecordError("its hash in RECORD is empty")
        return cls(algorithm, digest)

    def check(self, data: bytes | bytearray) -> None:
        """Hold content to the hash.

        Raises:
            RecordError: It has another.

        """
        if ALGORITHMS[self.algorithm](data).digest() != self.digest:
            raise RecordError("its hash is not the one in RECORD")

    def checked(
        self, pieces: Iterable[tuple[bytes, bytes]], *, beside: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        """Pass *pieces* on while hashing the second of each pair.

        Args:
            pieces: Raw and inflated bytes.
            beside: Hash on another thread.

        Raises:
            RecordError: At the end, if the hash is another.

        """
        running = Hashing(self.algorithm)
        if beside:
            running.start()
        try:
            for raw, block in pieces:
                running.feed(block)
                yield raw, block
        finally:
            running.stop()
        if running.digest() != self.digest:
            raise RecordError("its hash is not the one in RECORD")


def read_rows(text: str) -> list[Row]:
    """The lines of a RECORD.

    Raises:
        RecordError: A line is not a path, a hash and a size.

    """
    rows: list[Row] = []
    try:
        for line in csv.reader(text.splitlines()):  # as pip splits them
            if not line:
                continue
            if len(line) != len(Row._fields):
                raise RecordError(f"line {len(rows) + 1} of RECORD is not a path, a hash and a size")
            rows.append(Row(*line))
    except csv.Error as error:
        raise RecordError(f"RECORD is not CSV: {error}") from None
    return rows


def installed_record(
    rows: Iterable[Row],
    installed: Mapping[str, str],
    changed: Mapping[str, bytes],
    generated: Mapping[str, bytes],
) -> bytes:
    """RECORD as pip writes it: paths where the files went, new hashes for what installing changed or made.

    Args:
        rows: The wheel's RECORD.
        installed: Where each member went, relative to site-packages.
        changed: New content of files whose first line was rewritten, by that path.
        generated: Content of files that installing made, by that path.

    """
    left = dict(installed)
    lines: list[tuple[str, str, str]] = []
    for row in rows:
        path = left.pop(row.path, row.path)
        lines.append(_hashed(path, changed[path]) if path in changed else (path, row.hash, row.size))
    lines += [_hashed(path, content) for path, content in generated.items()]
    lines += [(path, "", "") for path in left.values()]
    text = io.StringIO(newline="")
    csv.writer(text).writerows(sorted(lines))
    return text.getvalue().encode()


def hash_text(content: bytes) -> str:
    """The hash of *content* as RECORD writes it."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    return f"sha256={digest.rstrip('=')}"


def _hashed(path: str, content: bytes) -> tuple[str, str, str]:
    return path, hash_text(content), str(len(content))
