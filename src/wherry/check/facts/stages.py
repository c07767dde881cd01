"""One stage with everything in it: `StageFacts`.

stage.base                          facts of the image its chain of stages starts from (`bases.BaseFacts`)
stage.name, .index, .start          as FROM has them; `start` is the FROM
stage.chain                         itself, then the stages it is built from, nearest first
stage.is_target, .is_shipped, .is_reachable
                                    what is built; its chain; what it needs at all
stage.runs, .copies, .variables     in order; of this stage alone
stage.installs, .downloads, .calls  the same over all its RUNs
stage.all_runs, .all_copies, .all_installs, .all_variables
                                    of the whole chain, in the order of the build: what the image is made of
stage.instructions("user")          its instructions of that keyword
stage.ending                        what is in force at its end (`endings.Ending`): user, entry point, ports
stage.env                           ENV in force at its end, the known values
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wherry.check.facts.bases import BaseFacts, base_facts
from wherry.check.facts.copies import CopyFacts
from wherry.check.facts.known import KnownVariables
from wherry.check.facts.runs import RunFacts
from wherry.check.facts.variables import Variable, read_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.check.facts import Facts
    from wherry.check.facts.calls import Call
    from wherry.check.facts.downloads import Download
    from wherry.check.facts.endings import Ending
    from wherry.check.facts.installs import Install
    from wherry.dockerfile.source import Span
    from wherry.dockerfile.stages import Scope, Stage
    from wherry.dockerfile.syntax import Instruction


class StageFacts:
    """One stage. What is given stands at the head of this module.

    Args:
        stage: Of the stage graph.
        facts: Of the whole file.

    """

    def __init__(self, stage: Stage, facts: Facts) -> None:
        self.stage = stage
        self.facts = facts

    def __repr__(self) -> str:
        return f"StageFacts({self.index}, {self.name!r})"

    @property
    def index(self) -> int:
        """From 0, in the order of the file."""
        return self.stage.index

    @property
    def name(self) -> str | None:
        """Of ``AS name``."""
        return self.stage.name

    @property
    def start(self) -> Instruction:
        """Its FROM."""
        return self.stage.start

    @cached_property
    def base(self) -> BaseFacts:
        """The image that its chain of stages starts from."""
        return base_facts(self.stage.root_base)

    @cached_property
    def base_span(self) -> Span:
        """The bytes of the name in its FROM: an image, a stage, or an ARG."""
        return self.start.arguments[0].span

    @cached_property
    def parent(self) -> StageFacts | None:
        """The stage it is built from; None when that is an image."""
        parent = self.stage.parent
        return self.facts.stages[parent.index] if parent else None

    @cached_property
    def chain(self) -> tuple[StageFacts, ...]:
        """Itself, then the stages it is built from, nearest first."""
        return tuple(self.facts.stages[stage.index] for stage in self.stage.chain())

    @property
    def is_target(self) -> bool:
        """It is what is built."""
        return self is self.facts.target

    @property
    def is_shipped(self) -> bool:
        """Its layers are in the image: it is the target or one the target is built from."""
        return self.index in self.facts.shipped_indexes

    @property
    def is_reachable(self) -> bool:
        """The target needs it: by FROM, COPY --from or a mount."""
        return self.index in self.facts.reachable

    def instructions(self, keyword: str) -> tuple[Instruction, ...]:
        """Its own instructions of that keyword, lower case, in order."""
        return tuple(found for found in self.stage.instructions if found.keyword == keyword)

    def scope(self, instruction: Instruction) -> Scope:
        """What is in force before one of its instructions."""
        return self.facts.scope_before(self.stage, instruction)

    @cached_property
    def runs(self) -> tuple[RunFacts, ...]:
        """Its RUNs, in order."""
        return tuple(RunFacts(found, self, self.scope(found)) for found in self.instructions("run"))

    @cached_property
    def copies(self) -> tuple[CopyFacts, ...]:
        """Its COPYs and ADDs, in order."""
        return tuple(
            CopyFacts(found, self, self.scope(found))
            for found in self.stage.instructions
            if found.keyword in {"copy", "add"}
        )

    @cached_property
    def copy_indexes(self) -> list[int]:
        """The indexes of its COPYs and ADDs."""
        return [copy.index for copy in self.copies]

    @cached_property
    def variables(self) -> tuple[Variable, ...]:
        """What its ENV, ARG and LABEL set, in order."""
        named = [found for found in self.stage.instructions if found.keyword in {"env", "arg", "label"}]
        known = ((found, KnownVariables(self.scope(found))) for found in named)
        return tuple(read_variables(known, self.facts.dockerfile.escape))

    @cached_property
    def installs(self) -> tuple[Install, ...]:
        """Every call of a package manager in its RUNs."""
        return tuple(found for run in self.runs for found in run.installs)

    @cached_property
    def downloads(self) -> tuple[Download, ...]:
        """What its RUNs fetch beside packages."""
        return tuple(found for run in self.runs for found in run.downloads)

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every command of its RUNs, as it will run."""
        return tuple(found for run in self.runs for found in run.calls)

    @cached_property
    def _lineage(self) -> tuple[StageFacts, ...]:
        return self.chain[::-1]

    @cached_property
    def all_runs(self) -> tuple[RunFacts, ...]:
        """The RUNs of its chain, in the order of the build."""
        return tuple(found for stage in self._lineage for found in stage.runs)

    @cached_property
    def all_copies(self) -> tuple[CopyFacts, ...]:
        """The COPYs and ADDs of its chain, in the order of the build."""
        return tuple(found for stage in self._lineage for found in stage.copies)

    @cached_property
    def all_installs(self) -> tuple[Install, ...]:
        """The calls of package managers of its chain, in the order of the build."""
        return tuple(found for stage in self._lineage for found in stage.installs)

    @cached_property
    def all_variables(self) -> tuple[Variable, ...]:
        """What ENV, ARG and LABEL set in its chain, in the order of the build."""
        return tuple(found for stage in self._lineage for found in stage.variables)

    @cached_property
    def all_instructions(self) -> tuple[Instruction, ...]:
        """The instructions of its chain but for FROM, in the order of the build."""
        return tuple(found for stage in self._lineage for found in stage.stage.instructions)

    @cached_property
    def ending(self) -> Ending:
        """What is in force at its end."""
        from wherry.check.facts.endings import read_ending  # noqa: PLC0415 - that module knows this one

        return read_ending(self)

    @property
    def env(self) -> Mapping[str, str]:
        """ENV in force at its end, as far as its values are known."""
        return self.ending.env
