"""Names that users give to images: ``tags/<quoted name>.json`` says which manifest or index a name means."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

import msgspec

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.frozen import ready
from wherry.store.disk import explained
from wherry.store.index import encoded
from wherry.store.temporary import replace_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIRECTORY: Final = "tags"
_PLAIN: Final = frozenset((string.ascii_lowercase + string.digits + "-_").encode())
_LONGEST_QUOTED: Final = 240


class Tag(msgspec.Struct, frozen=True):
    """What a name points at: a manifest or an index among the blobs."""

    digest: str
    size_bytes: int
    media_type: str
    created_s: int  # when the name was given, seconds since 1970 by this machine's clock


class Tags:
    """The names of one store."""

    def __init__(self, root: Path) -> None:
        """Look at the tags below the store's *root*."""
        self._root = root
        self._directory = root / DIRECTORY

    def get(self, name: str) -> Tag | None:
        """What *name* means; None when nobody gave it, or a power loss ate it."""
        try:
            return _read(self._file(name))
        except InputError:
            return None

    def put(self, name: str, tag: Tag) -> None:
        """Let *name* mean *tag* from now on.

        Raises:
            InputError: The name is empty or too long.
            WorldError: The store cannot be written.

        """
        file = self._file(name)
        with explained(self._root, "write a tag"):
            replace_file(self._root, file, encoded(tag))

    def remove(self, name: str) -> bool:
        """Forget *name*; say whether it was there.

        Raises:
            WorldError: The store cannot be written.

        """
        try:
            file = self._file(name)
        except InputError:
            return False
        with explained(self._root, "remove a tag"):
            try:
                file.unlink()
            except FileNotFoundError:
                return False
        return True

    def items(self) -> list[tuple[str, Tag]]:
        """Every name and what it means, by name."""
        return sorted(self._read_all(), key=lambda item: item[0])

    def _read_all(self) -> Iterator[tuple[str, Tag]]:
        try:
            files = list(self._directory.iterdir())
        except OSError:
            return
        for file in files:
            tag = _read(file) if file.suffix == ".json" else None
            if tag is not None:
                yield unquoted(file.stem), tag

    def _file(self, name: str) -> Path:
        return self._directory / f"{quoted(name)}.json"


def quoted(name: str) -> str:
    """Write *name* as a file name, one name one file even where case does not count.

    Raises:
        InputError: The name is empty, or longer than a file name may be.

    """
    if not name:
        raise InputError("an image needs a name", mend="give one: -t NAME")
    text = "".join(chr(b) if b in _PLAIN else f"%{b:02x}" for b in name.encode("utf-8", "surrogateescape"))
    if len(text) > _LONGEST_QUOTED:
        raise InputError(
            "the image's name is too long", where=f"{name[:40]}...", mend="give a shorter one: -t NAME"
        )
    return text


def unquoted(file_name: str) -> str:
    """The name that `quoted` wrote as *file_name*."""
    return unquote_to_bytes(file_name).decode("utf-8", "surrogateescape")


def _read(file: Path) -> Tag | None:
    try:
        tag = msgspec.json.decode(file.read_bytes(), type=ready(Tag))
        Digest(tag.digest)
    except (OSError, ValueError):  # msgspec's errors are ValueErrors
        return None
    return tag
