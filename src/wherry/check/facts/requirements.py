"""Requirements and constraints files, by pip's grammar, with the place of every entry and option.

Gives ``RequirementFile``:
    path, source            the file, as the user would open it
    entries                 its own requirements: Requirement (see requirement.py)
    all_entries             with those of files it includes by -r, each file once
    options                 Option(name, value: Text, credentials): "--index-url", "--extra-index-url",
                            "--find-links", "--trusted-host", "--require-hashes", "--pre", "--no-index", ...
                            by their long names; values are masked
    option("--index-url")   all of one name; index_urls and extra_index_urls are their values
    all_options             with those of included files
    nested, constraints     the files behind -r and -c that could be read
    missing                 -r and -c that name a file that is not there
    has_hashes              whether every entry of it has a hash (and there is one)
    unread                  lines that are no requirement

``read_requirements(path, reader)`` reads one; loops end, at most 50 files are read.
"""

from __future__ import annotations

import os
import re
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.facts.requirement import (
    Credentials,
    Requirement,
    find_credentials,
    mask,
    read_requirement,
)
from wherry.check.facts.texts import Text
from wherry.dockerfile.source import join
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts.texts import Reader
    from wherry.dockerfile.source import Joined, Source

_MOST_FILES: Final = 50
_MOST_ENTRIES: Final = 20_000
_COMMENT: Final = regex(rb"(?:^|\s)#.*$", re.DOTALL)
_OPTION: Final = regex(rb"(?P<name>--?[a-z][a-z-]*+)(?:\s*+=\s*+|\s*+)(?P<value>.*+)", re.DOTALL)
_SHORT: Final = regex(rb"(?P<name>-[rceif])\s*+=?\s*+(?P<value>.*+)", re.DOTALL)
_LONG: Final = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option line."""

    name: str
    value: Text  # "" for a flag
    text: Text  # the whole line
    credentials: Credentials | None = None


@dataclass(eq=False)
class RequirementFile:
    """One file; the module says what stands where."""

    path: Path
    source: Source
    entries: tuple[Requirement, ...] = ()
    options: tuple[Option, ...] = ()
    unread: tuple[Text, ...] = ()
    nested: list[RequirementFile] = field(default_factory=list)
    constraints: list[RequirementFile] = field(default_factory=list)
    missing: list[Text] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path as messages have it."""
        return self.source.name

    @property
    def all_files(self) -> list[RequirementFile]:
        """This file and those included by -r, each once."""
        files: list[RequirementFile] = []
        waiting = [self]
        while waiting:
            file = waiting.pop(0)
            if file not in files:
                files.append(file)
                waiting += file.nested
        return files

    @property
    def all_entries(self) -> list[Requirement]:
        """Every requirement that installing this file installs."""
        return [entry for file in self.all_files for entry in file.entries]

    @property
    def all_options(self) -> list[Option]:
        """Every option in force."""
        return [option for file in self.all_files for option in file.options]

    @property
    def all_constraints(self) -> list[Requirement]:
        """Every constraint in force."""
        return [entry for file in self.all_files for bound in file.constraints for entry in bound.all_entries]

    @property
    def index_urls(self) -> list[str]:
        """``--index-url`` of this and the included files, masked."""
        return [option.value.value for option in self.all_options if option.name == "--index-url"]

    @property
    def extra_index_urls(self) -> list[str]:
        """``--extra-index-url``, masked."""
        return [option.value.value for option in self.all_options if option.name == "--extra-index-url"]

    @property
    def has_hashes(self) -> bool:
        """Whether pip would check every byte."""
        entries = self.all_entries
        return bool(entries) and all(entry.hashes for entry in entries)

    def option(self, name: str) -> list[Option]:
        """This file's options of one long name."""
        return [option for option in self.options if option.name == name]


def read_requirements(path: Path, reader: Reader) -> RequirementFile | None:
    """The file at *path* with all it includes; None when it cannot be read."""
    files: dict[Path, RequirementFile | None] = {}
    first = _read(path, reader)
    files[Path(os.path.normpath(path))] = first
    waiting = deque([first] if first else [])
    while waiting:
        file = waiting.popleft()
        for option in file.options:
            if option.name not in {"--requirement", "--constraint"} or "://" in option.value.value:
                continue
            written = option.value.value.strip("\"'").replace("\0", "")
            place = Path(os.path.normpath(file.path.parent / written))
            if place not in files and len(files) < _MOST_FILES:
                files[place] = _read(place, reader)
                waiting.extend([found] if (found := files[place]) else [])
            included = files.get(place)
            if included is None:
                file.missing.append(option.value)
            elif option.name == "--requirement":
                file.nested.append(included)
            else:
                file.constraints.append(included)
    return first


def _read(path: Path, reader: Reader) -> RequirementFile | None:
    source = reader.read(path)
    if source is None:
        return None
    if source.data.startswith((b"\xff\xfe", b"\xfe\xff")):
        reader.note(source.name, "is UTF-16 text and was not read")
        return None
    return parse_requirements(path, source)


def parse_requirements(path: Path, source: Source) -> RequirementFile:
    """Read the bytes of *source*; nothing is included and nothing fails."""
    entries: list[Requirement] = []
    options: list[Option] = []
    unread: list[Text] = []
    for joined in _logical_lines(source.data):
        if len(entries) + len(options) + len(unread) >= _MOST_ENTRIES:
            break
        line = _trimmed(joined)
        if not line.data:
            continue
        if line.data.startswith(b"-"):
            option = _option(line, source)
            if option is not None and option.name != "--editable":
                options.append(option)
                continue
        is_editable = line.data.startswith((b"-e", b"--editable"))
        plain = _after_editable(line) if is_editable else line
        entry = read_requirement(plain, source, is_editable=is_editable)
        if entry:
            entries.append(entry)
        else:
            unread.append(_text(line, source))
    return RequirementFile(path, source, tuple(entries), tuple(options), tuple(unread))


def _logical_lines(data: bytes) -> Iterator[Joined]:
    """Lines with their continuations; by pip's rule a line that begins with ``#`` is never continued."""
    pieces: list[tuple[int, int]] = []
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    while at < len(data):
        newline = data.find(b"\n", at)
        end = newline if newline >= 0 else len(data)
        stop = end - 1 if end > at and data[end - 1 : end] == b"\r" else end
        is_comment = data[at:stop].lstrip().startswith(b"#")
        if stop > at and data[stop - 1 : stop] == b"\\" and not is_comment:
            pieces.append((at, stop - 1))
        else:
            if not (is_comment and pieces):
                pieces.append((at, stop))
            yield join(data, pieces)
            pieces = []
        at = end + 1
    if pieces:
        yield join(data, pieces)


def _trimmed(joined: Joined) -> Joined:
    """A logical line without its comment and the blanks around it."""
    data = joined.data
    comment = _COMMENT.search(data)
    end = len((data[: comment.start()] if comment else data).rstrip())
    return joined.cut(min(len(data) - len(data.lstrip()), end), end)


def _option(line: Joined, source: Source) -> Option | None:
    found = _SHORT.fullmatch(line.data) or _OPTION.fullmatch(line.data)
    if found is None:
        return None
    name = found["name"].decode("latin-1")
    credentials = find_credentials(line, source)
    value = found["value"].decode("utf-8", "replace").strip()
    span = line.span(found.start("value"), found.end("value"))
    text = _text(line, source)
    return Option(
        _LONG.get(name, name),
        Text(mask(value, credentials), source, span),
        Text(mask(text.value, credentials), source, text.span),
        credentials,
    )


def _after_editable(line: Joined) -> Joined:
    found = re.match(rb"(?:-e|--editable)\s*+=?\s*+", line.data)
    return line.cut(found.end() if found else 0, len(line.data))


def _text(line: Joined, source: Source) -> Text:
    return Text(line.data.decode("utf-8", "replace"), source, line.span(0, len(line.data)))
