"""The last commits built again in thought: with a Dockerfile as it is, and in the order its fixes propose."""

from __future__ import annotations

from dataclasses import dataclass
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


def rehearse(asked: Asked, number: int) -> list[Rehearsal]:
    """Replay the last *number* commits for every Dockerfile asked for.

    Raises:
        InputError: A file is broken or in no repository.
        WorldError: git cannot be asked.

    """
    if asked.stdin is not None:
        raise InputError("standard input has no history", mend="name the Dockerfile by its path")
    reviewed = review(replace(asked, allowed=Safety.UNSAFE, only=ORDER_RULES))
    if reviewed.broken:
        raise reviewed.broken[0]
    mended = {path: one for one in reviewed.mended for path in one.after}
    rehearsals = []
    for path in reviewed.settings:
        data = Path(path).read_bytes()
        root = root_of(Path(path), parse(Source(path, data)), Reader())
        commits = recent_changes(root, number)
        today = replay(_facts(Source(path, data), root, Reader(), asked), commits)
        fixes = mended.get(path) or mended.get(str(root / ".dockerignore"))
        if fixes is None:
            rehearsals.append(Rehearsal(Source(path, data), today, None, None, ()))
            continue
        proposed = Source(path, fixes.after.get(path, data))
        others = {name: text for name, text in fixes.after.items() if name != path}
        then = replay(_facts(proposed, root, Reader().with_texts(others), asked), commits)
        rehearsals.append(Rehearsal(Source(path, data), today, then, proposed, fixes.applied))
    return rehearsals


def _facts(source: Source, root: Path, reader: Reader, asked: Asked) -> Facts:
    return Facts.of(
        source, root, build_args=asked.build_args, target=asked.target, image=asked.image, reader=reader
    )
