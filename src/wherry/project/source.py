"""The files of a project that enter its image, and what was left out and why.

A file enters when nothing of `wherry.project.left_out` keeps it out, ``.dockerignore`` does not match it,
``exclude`` does not match it, and ``include`` is empty or matches it or a directory above it. Directories
that cannot hold anything wanted are never entered. Links that stay inside the tree are kept as links.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from wherry.digest import Digest
from wherry.dockerfile.ignore import IgnoreFile
from wherry.dockerfile.pattern import PatternError
from wherry.errors import InputError
from wherry.project import left_out
from wherry.project.left_out import content_rule, contents_rule, directory_rule, file_rule
from wherry.project.small_file import as_text, read_small_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wherry.project.left_out import Rule
    from wherry.project.project import Project

MAX_FILES: Final = 200_000
"""More files than this are data, not source."""

DOCKERIGNORE: Final = ".dockerignore"
_DOCKERIGNORE_BYTES: Final = 4 << 20
_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file, or one link that is kept as a link."""

    location: str  # absolute path on this disk
    relative: str  # below the project, "/" between parts
    executable: bool
    size_bytes: int
    stamp: tuple[int, int, int, int] = (
        0,
        0,
        0,
        0,
    )  # size, mtime_ns, ctime_ns, inode: same stamp, same content
    link: str = ""  # what a link points at, relative to its own directory; empty: a regular file

    @property
    def path(self) -> Path:
        """Where it lies on this disk."""
        return Path(self.location)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What one rule kept out of the image."""

    reason: str
    count: int  # files, and directories that were not entered
    size_bytes: int  # of the files among them
    examples: tuple[str, ...]  # a few of their paths; a directory ends with "/"


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The files in the order of their path's bytes, and a summary of the rest."""

    files: tuple[SourceFile, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)


def source_files(project: Project) -> SourceTree:
    """Find the files of *project* that its image gets.

    Raises:
        InputError: A link leads out of the project, a directory cannot be read, a name is not UTF-8, a
            pattern is not valid, or there are more than 200,000 files.

    """
    walk = _Walk(project)
    walk.run()
    walk.drop_dead_links()
    files = sorted(walk.files, key=lambda file: file.relative.encode())
    summary = [
        LeftOut(rule.reason, tally.count, tally.size_bytes, tuple(tally.examples))
        for rule, tally in sorted(walk.left_out.items(), key=lambda item: item[0].reason)
    ]
    return SourceTree(tuple(files), tuple(summary))


def tree_digest(files: Iterable[SourceFile], known: Mapping[str, Digest] | None = None) -> Digest:
    """The digest of names, modes and contents together: equal trees, equal digest, wherever they lie.

    Args:
        files: In the order of `SourceTree.files`.
        known: Digests of contents by relative path, for files whose stamp has not changed since.

    Raises:
        InputError: A file cannot be read.

    """
    total = hashlib.sha256()
    for file in files:
        content = (
            f"link:{file.link}" if file.link else (known or {}).get(file.relative) or content_digest(file)
        )
        total.update(f"{file.relative}\0{'x' if file.executable else '-'}\0{content}\n".encode())
    return Digest.from_hex(total.hexdigest())


def content_digest(file: SourceFile) -> Digest:
    """The digest of a regular file's bytes.

    Raises:
        InputError: It cannot be read.

    """
    try:
        return Digest.of_file(file.path)
    except OSError as error:
        raise InputError(f"cannot read the file: {error.strerror}", where=file.relative) from None


@dataclass(slots=True)
class _Tally:
    count: int = 0
    size_bytes: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """A directory to be read, and what holds for all below it."""

    path: str
    relative: str  # "" for the root, else ends with "/"
    included: bool  # an include pattern covers all of it
    kept_out: Rule | None  # a rule holds for all of it, save what include names


class _Walk:
    """One pass over the tree, in plain strings: ten thousand files are common."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.root = str(project.root)
        self.include = _patterns(project, "include")
        self.exclude = _patterns(project, "exclude")
        self.ignore = _dockerignore(project)
        self.takes_all = not project.config.include or "." in {
            pattern.text for pattern in self.include.patterns
        }
        self.naming = tuple(
            pattern for pattern in self.include.patterns if pattern.text.rpartition("/")[2].strip("*?.")
        )
        self.files: list[SourceFile] = []
        self.left_out: dict[Rule, _Tally] = {}

    def run(self) -> None:
        """Read directories until none is left."""
        waiting = [_Place(self.root, "", self.takes_all, None)]
        while waiting:
            waiting += self.read(waiting.pop())

    def read(self, place: _Place) -> list[_Place]:
        """One directory: its files are judged, the directories worth entering are returned."""
        below: list[_Place] = []
        try:
            with os.scandir(place.path) as scan:
                entries = list(scan)
            rule = contents_rule({entry.name for entry in entries}) if place.relative else None
            if rule:
                self.leave(rule, place.relative)
                return []
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    self.entry(place, entry)
                elif (child := self.directory(place, entry)) is not None:
                    below.append(child)
        except OSError as error:
            where = self.project.place(place.relative or ".")
            raise InputError(f"cannot read the directory: {error.strerror}", where=where) from None
        return below

    def directory(self, place: _Place, entry: os.DirEntry[str]) -> _Place | None:
        """Whether a directory is entered, and what holds inside."""
        relative = self.relative(place, entry)
        rule = left_out.EXCLUDED if self.exclude.matches(relative) else None
        rule = rule or directory_rule(entry.path, entry.name, is_top=not place.relative) or place.kept_out
        if rule and rule.comes_back == "named" and self.comes_back(relative, rule):
            rule = None
        included = place.included or self.include.matches(relative)
        out = rule if rule and not self.reaches_below(relative, rule) else None
        if not out and self.ignore.can_prune(relative) and not self.reaches_below(relative, left_out.IGNORED):
            out = left_out.IGNORED
        if not out and not included and not self.include.may_reach_below(relative):
            out = left_out.NOT_INCLUDED
        if out:
            self.leave(out, f"{relative}/")
            return None
        return _Place(entry.path, f"{relative}/", included, rule)

    def entry(self, place: _Place, entry: os.DirEntry[str]) -> None:
        """A file or a link: taken, or left out for a reason."""
        relative = self.relative(place, entry)
        status = entry.stat(follow_symlinks=False)
        rule = self.rule(place, entry, relative, status)
        if rule:
            self.leave(rule, relative, status.st_size)
            return
        link = self.link(entry.path, relative) if stat.S_ISLNK(status.st_mode) else ""
        if link is None:
            self.leave(left_out.BROKEN_LINK, relative)
            return
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        executable = bool(status.st_mode & stat.S_IXUSR) and not link
        size = 0 if link else status.st_size
        self.files.append(SourceFile(entry.path, relative, executable, size, stamp, link))
        if len(self.files) > MAX_FILES:
            raise InputError(
                f"the project has more than {MAX_FILES} files",
                where=self.project.place(place.relative or "."),
                mend="leave data out: [tool.wherry] exclude, or .dockerignore",
            )

    def rule(
        self, place: _Place, entry: os.DirEntry[str], relative: str, status: os.stat_result
    ) -> Rule | None:
        """Why a file stays out, or None."""
        is_link = stat.S_ISLNK(status.st_mode)
        if self.exclude.patterns and self.exclude.matches(relative):
            return left_out.EXCLUDED
        if not (is_link or stat.S_ISREG(status.st_mode)):
            return left_out.SPECIAL
        if not (place.included or self.include.matches(relative)):
            return left_out.NOT_INCLUDED
        found = file_rule(entry.name, status.st_size)
        if not found and is_link:
            found = _linked_directory_rule(entry, is_top=not place.relative)
        elif not found:
            found = content_rule(entry.path, entry.name, status.st_size)
        ignored = left_out.IGNORED if self.ignore.patterns and self.ignore.matches(relative) else None
        for rule in (found, place.kept_out, ignored):
            if rule and not self.comes_back(relative, rule):
                return rule
        return None

    def comes_back(self, relative: str, rule: Rule) -> bool:
        """Whether include asks for this path in the way that its rule wants."""
        if rule.comes_back == "never":
            return False
        if rule.comes_back == "exact":
            return any(pattern.text == relative for pattern in self.naming)
        return any(pattern.matches_exactly(relative) for pattern in self.naming)

    def reaches_below(self, relative: str, rule: Rule) -> bool:
        """Whether include may name something inside a directory that is kept out."""
        return rule.comes_back != "never" and any(p.may_reach_below(relative) for p in self.naming)

    def relative(self, place: _Place, entry: os.DirEntry[str]) -> str:
        """The path below the project; it will be a name in a tar, which is UTF-8."""
        relative = place.relative + entry.name
        try:
            relative.encode()
        except UnicodeEncodeError:
            shown = self.project.place(relative).encode("utf-8", "backslashreplace").decode()
            raise InputError(
                "the file's name is not UTF-8", where=shown, mend="rename it, or leave it out"
            ) from None
        return relative

    def link(self, path: str, relative: str) -> str | None:
        """What a link shall point at in the image, relative to its directory; None: at nothing.

        Raises:
            InputError: It leads out of the project.

        """
        target = str(Path(path).readlink())
        lexical = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        try:
            real = os.path.realpath(path, strict=True)
        except (OSError, RuntimeError):  # nothing there, or a loop
            real = None
        if not _is_inside(real or lexical, self.root):
            raise InputError(
                f"a link leads out of the project, to {target}",
                where=self.project.place(relative),
                mend="copy the file, or leave the link out: [tool.wherry] exclude, or .dockerignore",
            )
        if real is None:
            return None
        inside = posixpath.relpath(real, self.root)
        return posixpath.relpath(inside, posixpath.dirname(relative) or ".")

    def drop_dead_links(self) -> None:
        """A link to a file that was left out would dangle in the image."""
        if not any(file.link for file in self.files):
            return
        regular = [file.relative for file in self.files if not file.link]
        kept = {".", *regular, *(str(parent) for name in regular for parent in PurePosixPath(name).parents)}
        alive: list[SourceFile] = []
        for file in self.files:
            target = posixpath.normpath(posixpath.join(posixpath.dirname(file.relative), file.link))
            if file.link and target not in kept:
                self.leave(left_out.BROKEN_LINK, file.relative)
            else:
                alive.append(file)
        self.files = alive

    def leave(self, rule: Rule, relative: str, size_bytes: int = 0) -> None:
        """Count what was left out."""
        tally = self.left_out.setdefault(rule, _Tally())
        tally.count += 1
        tally.size_bytes += size_bytes
        if len(tally.examples) < _EXAMPLES:
            tally.examples.append(relative)


def _linked_directory_rule(entry: os.DirEntry[str], *, is_top: bool) -> Rule | None:
    """A link named ``.venv``, or one to an environment elsewhere, is as much left out as the directory is."""
    try:
        if not entry.is_dir():
            return None
        with os.scandir(entry.path) as scan:
            names = {item.name for item in scan}
    except OSError:
        return None
    return directory_rule(entry.path, entry.name, is_top=is_top) or contents_rule(names)


def _is_inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/") + "/")


def _patterns(project: Project, key: str) -> IgnoreFile:
    """The patterns of include or exclude; a wrong one is answered with its line in pyproject.toml."""
    texts = project.config.include if key == "include" else project.config.exclude
    try:
        return IgnoreFile.of_patterns(texts)
    except PatternError as error:
        table = project.pyproject.root.get("tool", "wherry", key) if project.pyproject else None
        raise InputError(str(error), where=table.where if table else key) from None


def _dockerignore(project: Project) -> IgnoreFile:
    path = project.root / DOCKERIGNORE
    if not path.is_file():
        return IgnoreFile()
    return IgnoreFile.parse(
        as_text(read_small_file(path, _DOCKERIGNORE_BYTES), path), project.place(DOCKERIGNORE)
    )
