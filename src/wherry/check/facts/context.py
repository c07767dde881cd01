"""The build context of a Dockerfile: what ``docker build`` would send, and what of it COPY takes.

Gives ``Context``. Nothing is walked until a figure is asked for; ``has``, ``is_left_out`` and ``read_small``
never walk. The walk is bounded (200,000 entries, 20 seconds): behind it ``is_complete`` is False and every
figure is a lower bound. Paths are relative to the context with ``/`` between their parts.

    context.root, .ignore, .ignore_path, .ignore_source     the rules in force, and the file they stand in
    context.total_bytes, .total_files, .is_complete         what is sent
    context.left_out_bytes, .left_out_files, .pruned        what is not; what is pruned was not looked into
    context.entries                                         every path sent: Entry(path, size_bytes, kind)
    context.top(10), context.top_directories(10)            [(path, bytes)], largest first
    context.bytes_below("data")                             a directory's bytes
    context.sent_by(["src/", "*.txt"])                      Sent: the files COPY takes, bytes, missing sources
    context.find("**/.env", "**/*.pem")                     entries by patterns of .dockerignore's grammar
    context.has("requirements.txt"), .exists(path)          is it sent; is it on the disk
    context.read_small("setup.py")                          Source or None
    context.kinds                                           secrets, weights, notebooks, ... (see kinds.py)
"""

from __future__ import annotations

import os
import posixpath
from bisect import bisect_left
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from wherry.check.facts.context_walk import MAX_ENTRIES, MAX_SECONDS, Entry, Kind, Walk, walk_context
from wherry.check.facts.texts import Reader, read_bounded
from wherry.check.model import Basis, Cost
from wherry.errors import InputError
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wherry.check.facts.kinds import Kinds
    from wherry.dockerfile.ignore import IgnoreFile
    from wherry.dockerfile.source import Source
    from wherry.progress import Progress

_HEAD_BYTES: Final = 512
_SMALL_BYTES: Final = 1 << 20
_WILD: Final = regex(r"[*?\[\\]")
_STARS: Final = regex(r"\*{2,}")
_MOST_SOURCES: Final = 200


class Sent(Frozen):
    """What a COPY takes out of the context.

    Attributes:
        entries: The files, each once, sorted by path.
        size_bytes: Their bytes.
        missing: Sources that match nothing that is sent; the build fails on them.
        left_out: Those of them that are on the disk: the ignore file leaves them out.
        is_complete: Whether the walk saw the whole context.

    """

    entries: tuple[Entry, ...]
    size_bytes: int
    missing: tuple[str, ...]
    left_out: tuple[str, ...]
    is_complete: bool

    def without(self, left_out: frozenset[str]) -> Sent:
        """The same less these paths and what lies below them."""
        entries = tuple(
            one
            for one in self.entries
            if left_out.isdisjoint(accumulate(one.path.split("/"), "{}/{}".format))
        )
        size_bytes = sum(entry.size_bytes for entry in entries)
        return replace(self, entries=entries, size_bytes=size_bytes)

    @property
    def files(self) -> int:
        """How many files."""
        return len(self.entries)


class Context:
    """A directory as ``docker build`` would send it for one Dockerfile.

    Args:
        root: The context's directory, as the user would open it.
        dockerfile: The Dockerfile: ``<its name>.dockerignore`` beside it wins over ``.dockerignore``.
        reader: Reads small files and keeps the notes.
        progress: Told of the walk.
        max_entries: How many names the walk reads at most.
        max_seconds: How long it may take.

    """

    def __init__(  # noqa: PLR0913 - two places, two collaborators, two bounds
        self,
        root: Path,
        dockerfile: Path | None = None,
        *,
        reader: Reader | None = None,
        progress: Progress | None = None,
        max_entries: int = MAX_ENTRIES,
        max_seconds: float = MAX_SECONDS,
    ) -> None:
        self.root = root
        self.reader = reader or Reader()
        self._dockerfile = dockerfile
        self._progress = progress or self.reader.progress
        self._bounds = (max_entries, max_seconds)

    @cached_property
    def ignore_source(self) -> Source | None:
        """The ignore file in force, with its bytes; None where there is none."""
        paths = [self.root / ".dockerignore"]
        if self._dockerfile is not None:
            paths.insert(0, self._dockerfile.with_name(f"{self._dockerfile.name}.dockerignore"))
            if self._dockerfile.name.startswith("Containerfile"):
                paths.insert(1, self.root / ".containerignore")
        return self.reader.first(paths)

    @property
    def ignore_path(self) -> str:
        """The ignore file in force; where there is none, the one to write."""
        return self.ignore_source.name if self.ignore_source else str(self.root / ".dockerignore")

    @cached_property
    def ignore(self) -> IgnoreFile | None:
        """The rules in force; None where there is no ignore file; one that Docker refuses is noted."""
        source = self.ignore_source
        if source is None:
            return None
        from wherry.dockerfile.ignore import IgnoreFile  # noqa: PLC0415 - only where there is one

        try:
            return IgnoreFile.parse(source.data.decode("utf-8", "surrogateescape"), source.name)
        except InputError as error:
            self.reader.note(error.where or source.name, error.what)
            return None

    @cached_property
    def _key(self) -> tuple[str, bytes]:
        """What a walk depends on: Dockerfiles with the same context and the same rules share one."""
        rules = self.ignore_source.data if self.ignore and self.ignore_source else b""
        return os.path.abspath(self.root), rules  # noqa: PTH100 - resolve() would follow links

    @cached_property
    def _walk(self) -> Walk:
        known = self.reader.walks.get(("walk", *self._key, *self._bounds))
        if isinstance(known, Walk):
            return known
        entries, seconds = self._bounds
        walk = walk_context(self.root, self.ignore, self._progress, max_entries=entries, max_seconds=seconds)
        for directory in walk.unreadable[:20]:
            self.reader.note(str(self.root / directory), "cannot be listed")
        if not walk.is_complete:
            seen = f"{len(walk.entries) + walk.left_out_files:,}"
            self.reader.note(
                str(self.root),
                f"is too large a build context to be read whole: what is said is of {seen} paths",
            )
        self.reader.walks["walk", *self._key, *self._bounds] = walk
        return walk

    @property
    def entries(self) -> list[Entry]:
        """Every path that would be sent, sorted by path."""
        return self._walk.entries

    @property
    def is_complete(self) -> bool:
        """Whether the walk saw everything."""
        return self._walk.is_complete

    @property
    def left_out_files(self) -> int:
        """Files seen that are not sent; those in ``pruned`` are not counted."""
        return self._walk.left_out_files

    @property
    def left_out_bytes(self) -> int:
        """Bytes of the files seen that are not sent."""
        return self._walk.left_out_bytes

    @property
    def pruned(self) -> list[str]:
        """Directories that are left out whole."""
        return self._walk.pruned

    @cached_property
    def total_bytes(self) -> int:
        """Bytes of all files sent."""
        return sum(entry.size_bytes for entry in self.entries)

    @cached_property
    def total_files(self) -> int:
        """How many files are sent."""
        return sum(entry.kind is Kind.FILE for entry in self.entries)

    @cached_property
    def _paths(self) -> list[str]:
        return [entry.path for entry in self.entries]

    @cached_property
    def _directories(self) -> dict[str, int]:
        """The bytes of every directory, with all below it."""
        own: dict[str, int] = {}
        sizes: dict[str, int] = {"": 0}
        for entry in self.entries:
            if entry.kind is Kind.DIRECTORY:
                sizes[entry.path] = 0
            elif entry.size_bytes:
                directory = entry.path.rpartition("/")[0]
                own[directory] = own.get(directory, 0) + entry.size_bytes
        for directory, size in own.items():
            place = directory
            while place:
                sizes[place] = sizes.get(place, 0) + size
                place = place.rpartition("/")[0]
            sizes[""] += size
        return sizes

    def bytes_below(self, directory: str) -> int:
        """The bytes that are sent of a directory."""
        return self._directories.get("" if directory in {".", "/"} else directory.strip("/"), 0)

    def below(self, directory: str) -> list[Entry]:
        """Every entry strictly below a directory."""
        prefix = f"{directory.strip('/')}/"
        if prefix in {"/", "./"}:
            return self.entries
        start = bisect_left(self._paths, prefix)
        end = bisect_left(self._paths, prefix[:-1] + "0")  # "0" is what follows "/"
        return self.entries[start:end]

    def top(self, count: int) -> list[tuple[str, int]]:
        """The largest files."""
        import heapq  # noqa: PLC0415 - only for lists that people read

        largest = heapq.nlargest(count, self.entries, key=lambda entry: entry.size_bytes)
        return [(entry.path, entry.size_bytes) for entry in largest if entry.size_bytes]

    def top_directories(self, count: int, depth: int = 1) -> list[tuple[str, int]]:
        """The largest directories of at most *depth* parts."""
        sizes = [
            (path, size)
            for path, size in self._directories.items()
            if path and path.count("/") < depth and size
        ]
        return sorted(sizes, key=lambda item: (-item[1], item[0]))[:count]

    def find(self, *patterns: str) -> list[Entry]:
        """The entries that one of *patterns* matches, ``**`` for any depth; a bad pattern matches nothing."""
        from wherry.dockerfile.pattern import PatternError, compile_pattern  # noqa: PLC0415 - as above

        grammars = []
        for pattern in patterns:
            try:
                grammars.append(compile_pattern(pattern))
            except PatternError:
                continue
        return [entry for entry in self.entries if any(grammar.fullmatch(entry.path) for grammar in grammars)]

    def exists(self, path: str) -> bool:
        """Whether something of that name is on the disk, sent or not; nothing above the context is."""
        plain = normal(path)
        return plain is not None and os.path.lexists(self.root / plain)

    def is_file(self, path: str) -> bool:
        """Whether a file of that name is on the disk, sent or not; a name that can be none is none."""
        plain = normal(path)
        return plain is not None and os.path.isfile(self.root / plain)  # noqa: PTH113 - Path's raises for long names

    def is_directory(self, path: str) -> bool:
        """Whether a directory of that name is on the disk, sent or not."""
        plain = normal(path)
        return plain is not None and os.path.isdir(self.root / plain)  # noqa: PTH112 - the same

    def is_left_out(self, path: str) -> bool:
        """Whether the ignore file leaves a path out, be it there or not."""
        plain = normal(path)
        return bool(plain and plain != "." and self.ignore and self.ignore.matches(plain))

    def has(self, path: str) -> bool:
        """Whether a path is on the disk and sent."""
        return self.exists(path) and not self.is_left_out(path)

    def cost_of(self, files: Iterable[tuple[str, int]]) -> Cost:
        """What files and directories of the context weigh, given by path with their bytes."""
        measured = tuple((str(self.root / path), size_bytes) for path, size_bytes in files if size_bytes)
        size_bytes = sum(size_bytes for _, size_bytes in measured)
        if not size_bytes:
            return Cost()
        return Cost(size_bytes, basis=Basis.MEASURED, source="files of the build context", files=measured)

    def read_small(self, path: str, limit_bytes: int = _SMALL_BYTES) -> Source | None:
        """A small file of the context, sent or not; None where there is none that can be read."""
        plain = normal(path)
        return None if plain in {None, "."} else self.reader.read(self.root / str(plain), limit_bytes)

    def head(self, path: str) -> bytes | None:
        """The first bytes of a file, sent or not; None where there is none that can be read."""
        plain = normal(path)
        try:
            return read_bounded(self.root / plain, _HEAD_BYTES) if plain and self.is_file(plain) else None
        except OSError:
            return None

    def sent_by(self, sources: Iterable[str]) -> Sent:
        """What ``COPY sources... dest`` takes: files, directories, ``.`` and wildcards as Go matches them."""
        taken: dict[str, Entry] = {}
        missing: list[str] = []
        walked = False
        for source in list(sources)[:_MOST_SOURCES]:
            entry = self._plain_file(source)
            walked = walked or entry is None
            found = [entry] if entry else self._taken(source)
            if found is None:
                missing.append(source)
            taken.update((one.path, one) for one in found or ())
        entries = tuple(taken[path] for path in sorted(taken))
        return Sent(
            entries,
            sum(entry.size_bytes for entry in entries),
            tuple(missing),
            tuple(source for source in missing if self.exists(source)),
            self.is_complete if walked else True,
        )

    def _plain_file(self, source: str) -> Entry | None:
        """A source that names one regular file is known without a walk."""
        plain = normal(source)
        if plain is None or not self.has(plain):
            return None
        place = self.root / plain
        if place.is_symlink() or not place.is_file():
            return None
        return Entry(plain, place.stat().st_size, Kind.FILE)

    def _taken(self, source: str) -> list[Entry] | None:
        """The files below what a source matches; None when it matches nothing."""
        plain = normal(source)
        if plain is None:
            return None
        if plain == ".":
            return [entry for entry in self.entries if entry.kind is Kind.FILE]
        matched = self._matching(plain)
        if not matched:
            return None
        files: list[Entry] = []
        for entry in matched:
            inner = self.below(entry.path) if entry.kind is Kind.DIRECTORY else [entry]
            files += [one for one in inner if one.kind is Kind.FILE]
        return files

    def _matching(self, plain: str) -> list[Entry]:
        """The entries that a cleaned source names; one behind a link is followed within the context."""
        at = bisect_left(self._paths, plain)
        if at < len(self._paths) and self._paths[at] == plain:
            entry = self.entries[at]
            return self._followed(entry) if entry.kind is Kind.LINK else [entry]
        if self.below(plain):  # a directory that is left out itself, with something taken back below it
            return [Entry(plain, 0, Kind.DIRECTORY)]
        if not _WILD.search(plain):
            return []
        return self.find(_STARS.sub("*", plain))

    def _followed(self, link: Entry) -> list[Entry]:
        try:
            target = (self.root / link.path).resolve().relative_to(self.root.resolve()).as_posix()
        except (OSError, ValueError, RuntimeError):  # a loop, or a target outside of the context
            return [link]
        at = bisect_left(self._paths, target)
        is_sent = at < len(self._paths) and self._paths[at] == target
        return [self.entries[at]] if is_sent else [link]

    @cached_property
    def kinds(self) -> Kinds:
        """What is sent, by what it is: secrets, weights, notebooks and the rest."""
        from wherry.check.facts.kinds import Kinds, sort_out  # noqa: PLC0415 - only a rule that asks pays for it

        known = self.reader.walks.get(("kinds", *self._key, *self._bounds))
        if isinstance(known, Kinds):
            return known
        kinds = self.reader.walks["kinds", *self._key, *self._bounds] = sort_out(self)
        return kinds


def normal(source: str) -> str | None:
    """A COPY source as a path of the context: ``/a/./b/`` is ``a/b``; None for what cannot be one."""
    if "\0" in source:
        return None
    path = posixpath.normpath("/" + source).lstrip("/")  # ".." stops at the context, as in Docker
    return path or "."
