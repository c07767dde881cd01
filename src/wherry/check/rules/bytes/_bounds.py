"""How much of one file is looked at: rules compare steps with each other, and 100,000 of them must end.

A file that a person wrote is far below all of it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.copies import CopyFacts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts

MOST: Final = 200
_MOST_COMMANDS: Final = 2000


def runs_of(stage: StageFacts) -> tuple[RunFacts, ...]:
    """The first RUNs of a stage's chain, in the order of the build."""
    runs: list[RunFacts] = []
    commands = 0
    for run in stage.all_runs[:MOST]:
        commands += len(run.script.commands)
        if commands > _MOST_COMMANDS:
            break
        runs.append(run)
    return tuple(runs)


def installs_of(stage: StageFacts) -> tuple[Install, ...]:
    """The calls of package managers in those."""
    return tuple(install for run in runs_of(stage) for install in run.installs)


def copies_of(stage: StageFacts) -> tuple[CopyFacts, ...]:
    """The first COPYs and ADDs of a stage's chain, in the order of the build."""
    return stage.all_copies[:MOST]


def own_runs(stage: StageFacts) -> tuple[RunFacts, ...]:
    """Those of the first RUNs that stand in the stage itself."""
    return tuple(run for run in runs_of(stage) if run.stage is stage)


def stages_of(facts: Facts) -> tuple[StageFacts, ...]:
    """The first stages, and the one that is built."""
    first = facts.stages[:MOST]
    return first if facts.target in first else (*first, facts.target)


def all_copies(facts: Facts) -> Iterator[CopyFacts]:
    """The first COPYs and ADDs of all stages."""
    return islice((copy for stage in stages_of(facts) for copy in stage.copies), MOST)


def all_runs(facts: Facts) -> Iterator[RunFacts]:
    """The first RUNs of all stages."""
    return islice((run for stage in stages_of(facts) for run in own_runs(stage)), MOST)
