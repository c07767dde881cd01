"""Findings on lines that changed since a revision: what a change brought, not what was there before.

A branch is compared from where it was left (its merge base with HEAD) to the files as they are now,
uncommitted edits and untracked files among them. git is asked, and nothing of the repository can make it run
a program or take a name for an option.
"""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from wherry.check.facts.repository import repository_root
from wherry.check.git import Git
from wherry.errors import InputError
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wherry.check.engine import Judgement
    from wherry.check.model import Finding, Place

_MOST_NAMES: Final = 500  # on one command line

_DIFF: Final = (
    "diff",
    "--unified=0",
    "--inter-hunk-context=0",
    "--find-renames",
    "--text",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=all",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)
_HUNK: Final = regex(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ESCAPE: Final = regex(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

Ranges = tuple[tuple[int, int], ...]
"""First and last of what changed, in order, in half lines: 2n is line n, 2n + 1 lies between n and n + 1."""

_EVERYTHING: Final[Ranges] = ((2, 1 << 62),)


@dataclass(frozen=True, slots=True)
class Changes:
    """Which lines of which files are not as they were."""

    ranges: Mapping[str, Ranges] = field(default_factory=dict)  # by absolute path

    def touch(self, place: Place) -> bool:
        """Whether a line of *place* is new or other, or lines went from inside it."""
        ranges = self.ranges.get(os.path.abspath(place.path), ())  # noqa: PTH100 - `..` goes, links stay
        ends_before = place.end.column == 1 and place.end.line > place.start.line
        first, last = 2 * place.start.line, 2 * (place.end.line - ends_before)
        at = bisect_right(ranges, last, key=itemgetter(0)) - 1
        return at >= 0 and ranges[at][1] >= first

    def keep(self, judgements: Iterable[Judgement]) -> tuple[tuple[Judgement, ...], int]:
        """The judgements with the findings that the change concerns, and how many it does not."""
        kept = []
        elsewhere = 0
        for judgement in judgements:
            findings = tuple(one for one in judgement.findings if self._concern(one))
            elsewhere += len(judgement.findings) - len(findings)
            kept.append(replace(judgement, findings=findings))
        return tuple(kept), elsewhere

    def _concern(self, finding: Finding) -> bool:
        return any(self.touch(place) for place in (finding.place, *finding.related))


def changed_since(revision: str, paths: Iterable[str]) -> Changes:
    """What changed in *paths* since *revision*.

    Args:
        revision: A commit, tag or branch. In a repository that does not know it, while another does, every
            file counts as changed: nothing is hidden that was not compared.
        paths: The files that findings point into; each is looked for in its own repository.

    Raises:
        InputError: A path is in no repository, or no repository knows the revision.
        WorldError: git is not installed, refuses the repository, or takes too long.

    """
    if not revision or revision.startswith("-") or not revision.isprintable():
        raise _unknown(revision, "")
    by_root: dict[Path, list[str]] = {}
    for path in dict.fromkeys(os.path.abspath(path) for path in paths):  # noqa: PTH100 - links stay
        by_root.setdefault(_root_of(path), []).append(path)
    repositories = [_Repository(root) for root in by_root]
    bases = [repository.base(revision) for repository in repositories]
    if by_root and not any(bases):
        raise _unknown(revision, str(repositories[0].root))
    ranges: dict[str, Ranges] = {}
    for repository, base, wanted in zip(repositories, bases, by_root.values(), strict=True):
        ranges |= repository.changes(base, wanted) if base else dict.fromkeys(wanted, _EVERYTHING)
    return Changes(ranges)


def _root_of(path: str) -> Path:
    directory = Path(path).parent
    root = repository_root(directory)
    if root is None:
        raise InputError(
            "this directory is not in a git repository, and --since compares with one of its revisions",
            where=str(directory),
            mend="check without --since",
        )
    return root.absolute()


def _unknown(revision: str, where: str) -> InputError:
    return InputError(
        f"the repository knows no revision {revision[:80]!r}",
        where=where,
        mend="'git branch --all' lists branches; a shallow clone wants 'git fetch --unshallow' first",
    )


class _Repository:
    """What one repository knows of its files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._run = Git(root, "check without --since").run

    def base(self, revision: str) -> str | None:
        """The commit to compare with: where HEAD left *revision*; None where there is no such commit."""
        found = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", may_fail=True
        )
        if found.code != 0:
            return None
        commit = found.output.decode().split()[-1]
        merged = self._run("merge-base", commit, "HEAD", may_fail=True)
        # Histories that do not meet, as in a shallow clone, are compared end to end.
        return merged.output.decode().split()[0] if merged.code == 0 else commit

    def changes(self, base: str, wanted: Sequence[str]) -> dict[str, Ranges]:
        """The changed lines of *wanted*, absolute paths, by path."""
        by_name = {os.path.relpath(path, self.root): path for path in wanted}
        tracked = {
            os.fsdecode(name)
            for names in _batches(sorted(by_name))
            for name in self._run("ls-files", "-z", "--", *names).output.split(b"\0")
        }
        ranges = {path: _EVERYTHING for name, path in by_name.items() if name not in tracked}
        # Old names are asked for too: a renamed file is compared with what it was.
        pairs = {
            new: (old, new) for old, new in self._changed(base) if by_name.get(new) not in {None, *ranges}
        }
        for batch in _batches(sorted(pairs)):
            names = dict.fromkeys(name for new in batch for name in pairs[new])
            said = self._run(*_DIFF, "--patch", base, "--", *names).output
            found = {os.fsdecode(name): lines for name, lines in _read_patch(said)}
            ranges |= {by_name[name]: found[name] for name in batch if name in found}
        return ranges

    def _changed(self, base: str) -> Iterator[tuple[str, str]]:
        """Old and new name of every file that differs."""
        fields = iter(self._run(*_DIFF, "--raw", "-z", base, "--").output.split(b"\0"))
        for head in fields:
            if not head.startswith(b":"):
                continue
            name = os.fsdecode(next(fields))
            is_renamed = head.rpartition(b" ")[2][:1] in {b"R", b"C"}
            yield name, os.fsdecode(next(fields)) if is_renamed else name


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), _MOST_NAMES):
        yield names[at : at + _MOST_NAMES]


def _read_patch(said: bytes) -> Iterator[tuple[bytes, Ranges]]:
    """Name and changed lines of each file of a patch without context.

    What a hunk's head counts is skipped, so that lines of a file are never read as lines of the patch.
    """
    name: bytes | None = None
    ranges: list[tuple[int, int]] = []
    at = 0
    while at < len(said):
        end = said.find(b"\n", at)
        end = len(said) if end < 0 else end
        hunk = _HUNK.match(said, at, end)
        if hunk:
            gone, start, come = (int(number) if number else 1 for number in hunk.groups())
            ranges.append((2 * start, 2 * (start + come - 1)) if come else (2 * start + 1, 2 * start + 1))
            end = _after(said, end, gone + come)
        elif said.startswith(b"diff --git ", at):
            if name is not None:
                yield name, tuple(ranges)
            name, ranges = None, []
        elif said.startswith(b"+++ ", at):
            name = _name(said[at + 4 : end])
        at = end + 1
    if name is not None:
        yield name, tuple(ranges)


def _after(said: bytes, end: int, lines: int) -> int:
    """The end of the last of so many lines after the line that ends at *end*."""
    for _ in range(lines):
        found = said.find(b"\n", end + 1)
        end = len(said) if found < 0 else found
        if said.startswith(b"\\", end + 1):  # "\ No newline at end of file"
            found = said.find(b"\n", end + 1)
            end = len(said) if found < 0 else found
    return end


def _name(text: bytes) -> bytes | None:
    """A file's name in a patch: bare, with a tab behind it if it holds a blank, or quoted as C does it."""
    if text == b"/dev/null":
        return None
    if text.startswith(b'"'):
        text = _ESCAPE.sub(_unescaped, text[1 : text.rfind(b'"')])
    return text.removesuffix(b"\t").removeprefix(b"b/")


def _unescaped(match: re.Match[bytes]) -> bytes:
    found = match[1]
    return bytes([int(found, 8)]) if len(found) > 1 else _LETTERS.get(found, found)
