"""Which paths may stand in a layer. Names come from archives, so they are hostile until asked about here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_COMPONENT_BYTES: Final = 255  # NAME_MAX of every Linux file system
MAX_PATH_BYTES: Final = 4096  # PATH_MAX
WHITEOUT: Final = ".wh."  # OCI image-spec, layer.md "Whiteouts": no real file may begin so

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_ODD: Final = re.compile(r"[\x00\\]|(?:^|/)(?:\.{0,2}(?:/|$)|\.wh\.)|^[A-Za-z]:")


def path_problem(path: str) -> str | None:
    """Why *path*, relative and with ``/`` between its components, may not stand in a layer; None if it may.

    Args:
        path: As an archive names a file: ``pkg/module.py``.

    """
    # One search finds that most names are fine: plain ASCII, short, nothing special.
    if path.isascii() and len(path) <= MAX_COMPONENT_BYTES and not _ODD.search(path):
        return None
    return _problem(path)


def _problem(path: str) -> str | None:  # noqa: PLR0911 - one line for each rule
    try:
        raw = path.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if "\0" in path:
        return "has a NUL in it"
    if "\\" in path:
        return "has a backslash in it"
    if path.startswith("/") or _DRIVE.match(path):
        return "is absolute"
    components = path.split("/")
    if ".." in components:
        return "leads out of its directory"
    if "" in components or "." in components:
        return "is not in its shortest form"
    if any(component.startswith(WHITEOUT) for component in components):
        return "begins with .wh., which deletes files in a container image"
    if len(raw) > MAX_PATH_BYTES or max(map(len, raw.split(b"/"))) > MAX_COMPONENT_BYTES:
        return "is longer than Linux allows"
    return None


def directories_of(paths: Iterable[str], below: str) -> set[str]:
    """Every directory that *paths* lie in, from *below* (itself included) down.

    Args:
        paths: Relative to the image's root, all under *below*.
        below: The layer's own prefix; directories above it belong to the base and are never named.

    """
    found = {below}
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def tar_order(path: str) -> bytes:
    """The sort key of a member: the bytes of its path."""
    return path.encode()
