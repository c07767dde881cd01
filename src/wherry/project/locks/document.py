"""A lock file's bytes, read once: bounded, hashed, decoded, checked for shape. Only InputError leaves."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.frozen import ready
from wherry.project.small_file import as_text, read_small_file

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")

LIMIT_BYTES: Final = 16 << 20
"""The largest lock that is read, some fifty times a large project's: a hostile one must not fill memory."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file as it was at one moment: everything known of it comes from the same bytes."""

    path: Path
    content: bytes
    digest: Digest

    @property
    def name(self) -> str:
        """The file's own name, for messages."""
        return self.path.name

    def text(self) -> str:
        """The content as UTF-8 text.

        Raises:
            InputError: It is not UTF-8.

        """
        return as_text(self.content, self.path)

    def toml(self, mend: str = "") -> dict[str, Any]:
        """The content as TOML.

        Raises:
            InputError: It is not TOML, or nested beyond reason.

        """
        try:
            return tomllib.loads(self.text())
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{self.name} is not TOML: {error}", where=str(self.path), mend=mend) from error
        except (RecursionError, ValueError) as error:  # ValueError: dates and integers beyond Python's range
            raise self.unreadable(error, mend) from error

    def json(self, type_: type[T], mend: str = "") -> T:
        """The content as JSON of the shape *type_*.

        Raises:
            InputError: It is not JSON, or has another shape.

        """
        try:
            return msgspec.json.decode(self.content, type=ready(type_), strict=True)
        except msgspec.ValidationError as error:
            raise self.misshapen(error, mend) from error
        except msgspec.DecodeError as error:
            raise InputError(f"{self.name} is not JSON: {error}", where=str(self.path), mend=mend) from error
        except (RecursionError, ValueError) as error:
            raise self.unreadable(error, mend) from error

    def shaped(self, value: object, type_: type[T], mend: str = "") -> T:
        """*value*, decoded from this document, as *type_*.

        Raises:
            InputError: It has another shape; the message carries the path, ``$.package[3].files[0].hash``.

        """
        try:
            return msgspec.convert(value, ready(type_), strict=True)
        except msgspec.ValidationError as error:
            raise self.misshapen(error, mend) from error
        except (RecursionError, ValueError) as error:
            raise self.unreadable(error, mend) from error

    def misshapen(self, error: Exception, mend: str) -> InputError:
        """What to raise when a value is not of the type the format says."""
        return InputError(f"{self.name} is not as its format says: {error}", where=str(self.path), mend=mend)

    def unreadable(self, error: Exception, mend: str) -> InputError:
        """What to raise when a decoder gives up for a reason of its own."""
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return InputError(f"{self.name} cannot be read: {reason}", where=str(self.path), mend=mend)


def read_document(path: Path) -> Document:
    """Read the file at *path*, of at most ``LIMIT_BYTES``.

    Raises:
        InputError: It is missing, unreadable, not a file, or larger than that.

    """
    content = read_small_file(path, LIMIT_BYTES)
    return Document(path, content, Digest.of_bytes(content))
