"""Debian's control format: paragraphs of ``Field: value`` lines (Debian Policy 5.1), read as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PARAGRAPH_LIMIT_BYTES: Final = 4 << 20
"""The longest paragraph of Debian's Packages is about 30 kB, of a status file far less than this."""


def paragraphs(chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    """Cut a stream into its paragraphs, without the empty lines between them.

    Raises:
        InputError: A paragraph is longer than ``PARAGRAPH_LIMIT_BYTES``.

    """
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk.replace(b"\r", b"")).split(b"\n\n")
        for paragraph in whole:
            if stripped := paragraph.strip(b"\n"):
                yield stripped
        if len(rest) > PARAGRAPH_LIMIT_BYTES:
            raise InputError("a paragraph of the Debian control data is too long to be one", where=where)
    if stripped := rest.strip(b"\n"):
        yield stripped


def fields(paragraph: bytes) -> dict[str, str]:
    """The fields of one paragraph by lower-case name; continuation lines keep their line breaks.

    Lines that are no field are passed over: what is needed is asked for by name, and its absence is the
    caller's error.
    """
    found: dict[str, str] = {}
    name = ""
    for line in paragraph.decode("utf-8", "replace").split("\n"):
        if line[:1] in {" ", "\t"}:
            if name:
                found[name] += "\n" + line.strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower() if colon and not line.startswith("#") else ""
        if name:
            found[name] = value.strip()
    return found
