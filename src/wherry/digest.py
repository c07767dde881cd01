"""Content digests: ``sha256:<64 hex>``, never a bare hex string."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path

_GRAMMAR: Final = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(str):
    """A SHA-256 digest in the form OCI writes it, ``sha256:<64 lower-case hex digits>``.

    Raises:
        ValueError: The text is anything else. (Other algorithms are legal OCI but we never write them.)

    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Accept only well-formed digests, so that a digest is always safe as a file name."""
        if not _GRAMMAR.fullmatch(text):
            msg = f"not a sha256 digest: {text[:80]!r}"
            raise ValueError(msg)
        return super().__new__(cls, text)

    @property
    def hex(self) -> str:
        """The 64 hex digits alone, for file names and lock files."""
        return self[7:]

    @classmethod
    def from_hex(cls, hex_digits: str) -> Digest:
        """The digest of 64 hex digits, of either case."""
        return cls(f"sha256:{hex_digits.lower()}")

    @classmethod
    def of_bytes(cls, data: bytes) -> Digest:
        """The digest of a small value held in memory."""
        return cls.from_hex(hashlib.sha256(data).hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> Digest:
        """The digest of a file's bytes, read as a stream."""
        with path.open("rb") as stream:
            return cls.from_hex(hashlib.file_digest(stream, "sha256").hexdigest())
