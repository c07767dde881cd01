"""The last commits built again in thought: with a Dockerfile as it is, and in the order its fixes propose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from wherry.check.commits import recent_changes
from wherry.check.facts import Facts
from wherry.check.facts.texts import Reader
from wherry.check.history import replay
from wherry.check.model import Safety
from wherry.check.review import review, root_of
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.check.fix import Mended
    from wherry.check.history import CacheHistory
    from wherry.check.model import Finding
    from wherry.check.review import Asked

ORDER_RULES: Final = frozenset({"B1", "B2", "B3", "B4", "B11"})
"""What puts instructions in another order, or keeps changes away from them."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the last commits cost one Dockerfile's cache."""

    source: Source
    today: CacheHistory
    proposed: CacheHistory | None  # None: no fix changes the order
    proposed_source: Source | None
    fixes: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What came of it, file by file."""

    rehearsals: tuple[Rehearsal, ...]
    broken: tuple[InputError, ...]  # files that no build would take
    notes: tuple[str, ...]


def rehearse(asked: Asked, number: int) -> Rehearsed:
    """Replay the last *number* commits for every Dockerfile asked for.

    Raises:
        InputError: A file cannot be read or is in no repository.
        WorldError: git cannot be asked.

    """
    if asked.stdin is not None:
        raise InputError("standard input has no history", mend="name the Dockerfile by its path")
    reviewed = review(
        replace(asked, allowed=Safety.UNSAFE, wanted=lambda _, finding: finding.rule in ORDER_RULES)
    )
    stage = _Stage(asked, reviewed.mended, number)
    rehearsals = tuple(stage.rehearse(judgement.path) for judgement in reviewed.judgements)
    return Rehearsed(rehearsals, reviewed.broken, reviewed.notes)


class _Stage:
    """What the Dockerfiles of one command share: what is read, the commits of a context, the fixes."""

    def __init__(self, asked: Asked, mended: Sequence[Mended], number: int) -> None:
        self._asked = asked
        self._applied = [finding for one in mended for finding in one.applied]
        self._after = {path: text for one in mended for path, text in one.after.items()}
        self._reader = Reader(asked.progress)
        self._proposed = self._reader.with_texts(self._after)
        self._commits = cache(partial(recent_changes, number=number))

    def rehearse(self, path: str) -> Rehearsal:
        """Replay the commits for one Dockerfile."""
        source = Source(path, Path(path).read_bytes())
        root = root_of(Path(path), parse(source), self._reader)
        commits = self._commits(root)
        facts = self._facts(source, root, self._reader)
        today = replay(facts, commits)
        files = {path, str(facts.context.ignore_path) if facts.context else path}
        fixes = tuple(
            one for one in self._applied if one.fix and files & {edit.path for edit in one.fix.edits}
        )
        if files.isdisjoint(self._after):
            return Rehearsal(source, today, None, None, ())
        proposed = Source(path, self._after.get(path, source.data))
        then = replay(self._facts(proposed, root, self._proposed), commits)
        return Rehearsal(source, today, then, proposed, fixes)

    def _facts(self, source: Source, root: Path, reader: Reader) -> Facts:
        asked = self._asked
        return Facts.of(
            source, root, build_args=asked.build_args, target=asked.target, image=asked.image, reader=reader
        )
