"""Weights that stand behind the project's code: fetched or copied again with every change of it.

D4 tells of them; D1 and D2, which tell of all weights in the image, leave those to it.
"""

from __future__ import annotations

import posixpath
from itertools import islice
from typing import TYPE_CHECKING, Final

from wherry.check.model import Cost
from wherry.check.rules.weights._copied import copied_weights
from wherry.check.rules.weights._fetched import fetched_by
from wherry.check.rules.weights._policy import LARGE_BYTES
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.rules.weights._copied import Copied
    from wherry.dockerfile.syntax import Instruction

_MOST: Final = 50  # COPYs that are looked at, and findings of a stage
_OF_CODE: Final = frozenset({"src", "app", "api", "server", "service", "code", "lib"})


class Late(Frozen):
    """An instruction that brings weights behind the code, and how large they are where that is known.

    Attributes:
        instruction: The COPY or RUN.
        code: The first COPY of code above it.
        names: Of the weights.
        cost: What they weigh.
        run: Of the instruction, where it is one.
        copy: The same.

    """

    instruction: Instruction
    code: CopyFacts
    names: tuple[str, ...]
    cost: Cost = Cost()
    run: RunFacts | None = None
    copy: CopyFacts | None = None


def late_weights(facts: Facts) -> Iterator[Late]:
    """Every instruction of the image that brings weights behind the code."""
    copied = list(islice(copied_weights(facts), _MOST))
    for stage in facts.shipped:
        codes = [copy for copy in stage.copies if _is_code(copy)]
        if codes:
            yield from islice(_of_stage(copied, stage, codes), _MOST)


def _of_stage(copied: Sequence[Copied], stage: StageFacts, codes: Sequence[CopyFacts]) -> Iterator[Late]:
    for found in copied:
        copy = found.copy
        is_own = not copy.takes_all and (found.size_bytes >= LARGE_BYTES or found.missing)
        is_late = copy.stage is stage and copy.index > codes[0].index
        if is_late and is_own and not copy.link:
            yield Late(copy.instruction, codes[0], tuple(found.names), found.cost, copy=copy)
    for run in stage.runs:
        code = next((copy for copy in codes if copy.index < run.index and not _only_feeds(copy, run)), None)
        fetched = [one for one in fetched_by(run) if not one.is_small] if code else []
        if code and fetched:
            yield Late(run.instruction, code, tuple(dict.fromkeys(one.name for one in fetched)), run=run)


def _is_code(copy: CopyFacts) -> bool:
    """It copies the project's own code, which changes with every commit."""
    if not copy.is_from_context:
        return False
    if copy.takes_all:
        return True
    context = copy.stage.facts.context
    for source in copy.sources:
        name = posixpath.basename(source.rstrip("/"))
        if name in _OF_CODE or name.endswith(".py"):
            return True
        if context and context.exists(posixpath.join(source, "__init__.py")):
            return True
    return False


def _only_feeds(copy: CopyFacts, run: RunFacts) -> bool:
    """All the code it copies is the script that fetches, so that only a change of that fetches again."""
    started = {script.path for _, script in run.scripts}
    started |= {call.path(text) for call in run.calls for text in call.texts if text.endswith(".py")}
    if copy.takes_all or not started:
        return False
    taken = [entry.path for entry in copy.sent.entries] if copy.sent and copy.sent.entries else copy.sources
    code = [path for path in taken if path.endswith(".py") or not posixpath.splitext(path)[1]]
    return all(posixpath.normpath(path) in started or copy.target_of(path) in started for path in code)
