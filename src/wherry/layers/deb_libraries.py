"""The libraries of a tree of packages, where the dynamic loader looks for them: ``ldconfig``, not run."""

from __future__ import annotations

import io
import re
from typing import IO, TYPE_CHECKING, Final

from wherry.layers.deb_paths import resolved
from wherry.layers.deb_tree import Entry, Spooled
from wherry.layers.elf import read_shared_object
from wherry.layers.ld_cache import Candidate, LibraryDirectory, is_library_name, make_ld_cache, read_ld_cache

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.layers.deb_tree import DebTree
    from wherry.layers.elf import SharedObject

GENERATOR: Final = "wherry"
LD_CACHE: Final = "etc/ld.so.cache"

_CONF_LIMIT_BYTES: Final = 1 << 16
_CONF: Final = re.compile(r"etc/ld\.so\.conf\.d/[^/]+\.conf")


def complete_libraries(tree: DebTree, machine: str) -> None:
    """Add the links that ldconfig would make to *tree*, and its cache: over the one below, if any."""
    there = read_ld_cache(tree.below.ld_cache) if tree.below.ld_cache else ()
    cache = make_ld_cache(_directories(tree, machine), machine, GENERATOR, there)
    for link, target in cache.links.items():
        path = resolved(link[1:], tree.links, follow_last=False)
        entry = tree.entries.get(path)
        if entry is None or (entry.kind == "symlink" and entry.link != target):
            tree.put(Entry(path, "symlink", 0o777, link=target))
    tree.put(Entry(LD_CACHE, "file", 0o644, content=cache.data))


def _directories(tree: DebTree, machine: str) -> Iterator[LibraryDirectory]:
    """Where the loader looks, each place once, by the name it is first known under."""
    children = tree.children()
    seen: set[str] = set()
    for path in (*_configured(tree), *_built_in(machine)):
        place = resolved(path, tree.links, follow_last=True)
        if place in seen:
            continue
        seen.add(place)
        hwcaps = f"{place}/glibc-hwcaps"
        for directory in children.get(hwcaps, ()):
            if directory.kind == "directory":
                name = directory.path.rpartition("/")[2]
                candidates = _candidates(tree, children.get(directory.path, ()))
                yield LibraryDirectory(f"{path}/glibc-hwcaps/{name}", candidates, name)
        yield LibraryDirectory(path, _candidates(tree, children.get(place, ())))


def _candidates(tree: DebTree, entries: Iterable[Entry]) -> list[Candidate]:
    found = []
    for entry in entries:
        name = entry.path.rpartition("/")[2]
        file = tree.find(entry.path)
        if is_library_name(name) and entry.kind != "directory" and file is not None:
            shared = _shared_object(file)
            if shared is not None:
                found.append(Candidate(name, is_link=entry.kind == "symlink", shared=shared))
    return found


def _shared_object(file: Entry) -> SharedObject | None:
    if file.kind != "file":
        return None
    if isinstance(file.content, bytes):
        return read_shared_object(io.BytesIO(file.content))
    with file.content.spool.open("rb") as stream:
        return read_shared_object(_Window(stream, file.content))


def _configured(tree: DebTree) -> Iterator[str]:
    """What ``ld.so.conf.d`` names, in the order of its files (ldconfig(8))."""
    for path in sorted(filter(_CONF.fullmatch, tree.entries)):
        content = tree.entries[path].content
        text = content if isinstance(content, bytes) else content.head(_CONF_LIMIT_BYTES)
        for line in text.decode("utf-8", "replace").split("\n"):
            place = line.partition("#")[0].strip().rstrip("/")
            if place.startswith("/") and place.isprintable() and not re.search(r"[\s=:]", place):
                yield place


def _built_in(machine: str) -> tuple[str, ...]:
    multiarch = f"{machine}-linux-gnu"
    return (
        *("/usr/local/lib", f"/usr/local/lib/{multiarch}"),
        *(f"/lib/{multiarch}", f"/usr/lib/{multiarch}", "/lib", "/usr/lib"),
    )


class _Window:
    """One spooled file as if it were alone."""

    def __init__(self, stream: IO[bytes], spooled: Spooled) -> None:
        self._stream = stream
        self._spooled = spooled
        self._at = 0

    def seek(self, offset: int, /) -> object:
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        left = max(0, self._spooled.size_bytes - self._at)
        self._stream.seek(self._spooled.offset + min(self._at, self._spooled.size_bytes))
        data = self._stream.read(min(size, left))
        self._at += len(data)
        return data
