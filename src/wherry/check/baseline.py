"""Findings that are known and put up with, kept in a file: only what is new is shown.

A finding is known by its rule, its Dockerfile, and the text of the instruction it stands in, or of its line
in another file. It stays known when lines move and when the file is indented anew or given other line
endings, and is new when the instruction says something else. Equal ones are counted. What is known and found
no more is stale, and said so.
"""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec.structs import replace

from wherry.check.catalogue import is_foreign
from wherry.digest import Digest
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import decode, encode
from wherry.errors import InputError
from wherry.frozen import ready
from wherry.project.small_file import read_small_file
from wherry.store.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from wherry.check.engine import Judgement
    from wherry.check.model import Finding, Place
    from wherry.dockerfile.source import Source
    from wherry.dockerfile.syntax import Instruction

VERSION: Final = 1

_MAX_BYTES: Final = 64 << 20
_DIGITS: Final = 32  # of a fingerprint: 128 bits


class Known(msgspec.Struct, frozen=True, order=True):
    """A finding that is put up with, so and so often."""

    path: str  # of the Dockerfile, from the baseline's own directory
    rule: str
    fingerprint: str
    count: Annotated[int, msgspec.Meta(ge=1)] = 1
    what: str = ""  # for who reads the file

    @property
    def key(self) -> Key:
        """What it is known by."""
        return self.path, self.rule, self.fingerprint


class _Written(msgspec.Struct, frozen=True):
    version: Annotated[int, msgspec.Meta(ge=1)]
    findings: list[Known]


Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Sifted:
    """Judgements without what is known."""

    judgements: tuple[Judgement, ...]
    known: int  # how many findings were left out
    stale: tuple[Known, ...]  # what is known and was not found; its count is how often it is missing

    def notes(self, path: Path) -> Iterator[str]:
        """What there is to say of the baseline at *path*."""
        missing = sum(one.count for one in self.stale)
        if missing:
            first = self.stale[0]
            gone = "a finding that is gone" if missing == 1 else f"{missing} findings that are gone"
            one_of_them = f"{'' if missing == 1 else 'the first is '}{first.rule} in {first.path}"
            yield f"{path} knows {gone}, {one_of_them}: write it anew with --write-baseline"


def write_baseline(
    path: Path, judgements: Iterable[Judgement], source: Callable[[str], Source | None]
) -> int:
    """Write down all findings there are; how many.

    Raises:
        WorldError: The file cannot be written.

    """
    desk = _Desk(path, source)
    counts: Counter[Key] = Counter()
    words: dict[Key, str] = {}
    for judgement in judgements:
        for finding in judgement.findings:
            key = desk.key(judgement, finding)
            counts[key] += 1
            words.setdefault(key, finding.what)
    known = [
        {"rule": key[1], "path": key[0], "fingerprint": key[2], "count": count, "what": words[key]}
        for key, count in sorted(counts.items())
    ]
    with whole_file(path) as sink:
        sink.write(f"{json.dumps({'version': VERSION, 'findings': known}, indent=1)}\n".encode())
    return counts.total()


def sift(
    path: Path,
    judgements: Iterable[Judgement],
    source: Callable[[str], Source | None],
    codes: Callable[[str], Collection[str]],
) -> Sifted:
    """Leave out what the baseline at *path* knows.

    Args:
        path: The baseline.
        judgements: All of them, before any finding is left out for other reasons.
        source: The file of a path, as it was judged.
        codes: The rules that were asked of a Dockerfile: what the others would say is not known to be gone.

    Raises:
        InputError: The file is not there, or is no baseline.

    """
    written = _read(path)
    left = Counter({one.key: one.count for one in written})
    desk = _Desk(path, source)
    kept: list[Judgement] = []
    asked: dict[str, Collection[str]] = {}
    known = 0
    for judgement in judgements:
        asked[desk.path_of(judgement.path)] = codes(judgement.path)
        fresh: list[Finding] = []
        for finding in judgement.findings:
            key = desk.key(judgement, finding)
            if left[key] > 0:
                left[key] -= 1
                known += 1
            else:
                fresh.append(finding)
        kept.append(replace(judgement, findings=tuple(fresh)))
    stale = (
        msgspec.structs.replace(one, count=left[one.key])
        for one in written
        if left[one.key] > 0 and _is_gone(one, asked, desk.directory)
    )
    return Sifted(tuple(kept), known, tuple(sorted(stale)))


def _is_gone(known: Known, asked: dict[str, Collection[str]], directory: Path) -> bool:
    """Whether it would have been found now; linters of others may not have been asked."""
    if known.path in asked:
        return known.rule in asked[known.path] and not is_foreign(known.rule)
    return not os.path.lexists(directory / known.path)


def _read(path: Path) -> list[Known]:
    content = read_small_file(path, _MAX_BYTES)
    try:
        written = msgspec.convert(json.loads(content), ready(_Written))
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        raise InputError(
            f"the file is no baseline: {reason[:200]}", where=str(path), mend="write it with --write-baseline"
        ) from None
    if written.version > VERSION:
        raise InputError(
            f"the baseline has version {written.version}, and this wherry reads {VERSION}",
            where=str(path),
            mend="upgrade wherry, or write it anew with --write-baseline",
        )
    together: dict[Key, Known] = {}
    for one in written.findings:  # lines of two branches may have come together
        before = together.get(one.key)
        together[one.key] = msgspec.structs.replace(one, count=one.count + before.count) if before else one
    return list(together.values())


class _Desk:
    """What findings are known by, with every file looked at once."""

    def __init__(self, path: Path, source: Callable[[str], Source | None]) -> None:
        self.directory = path.absolute().parent
        self._source = source
        self._files: dict[str, _Dockerfile] = {}

    def path_of(self, path: str) -> str:
        """A file as the baseline names it, wherever wherry was started."""
        return Path(os.path.relpath(path, self.directory)).as_posix()

    def key(self, judgement: Judgement, finding: Finding) -> Key:
        place = finding.place
        is_own = place.path == judgement.path
        text = self._of(place.path).instruction_at(place) if is_own else self._of(place.path).lines_at(place)
        where = "" if is_own else self.path_of(place.path)
        fingerprint = Digest.of_bytes(encode(f"{where}\0{' '.join(text.split())}")).hex[:_DIGITS]
        return self.path_of(judgement.path), finding.rule, fingerprint

    def _of(self, path: str) -> _Dockerfile:
        if path not in self._files:
            self._files[path] = _Dockerfile(self._source(path))
        return self._files[path]


class _Dockerfile:
    """What stands at a place, but for blanks, comments, and where the lines break."""

    def __init__(self, source: Source | None) -> None:
        self._source = source

    def instruction_at(self, place: Place) -> str:
        instructions = self._instructions
        at = bisect_right(instructions, place.span.start, key=lambda one: one.span.start) - 1
        if at < 0 or place.span.start > instructions[at].span.end:
            return self.lines_at(place)
        found = instructions[at]
        flags = " ".join(f"--{flag.name}={flag.value}" for flag in found.flags)
        heredocs = " ".join(heredoc.content for heredoc in found.heredocs)
        return f"{found.keyword} {flags} {found.body.text} {heredocs}"

    def lines_at(self, place: Place) -> str:
        if self._source is None or place.span == (0, 0):
            return ""
        first, last = (self._source.line_span(one.line) for one in (place.start, place.end))
        return decode(self._source.data[first.start : last.end])

    @cached_property
    def _instructions(self) -> tuple[Instruction, ...]:
        return parse(self._source).instructions if self._source else ()
