"""Variables that are other with every build, and how far down they can go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from wherry.check.edits import moved_behind
from wherry.check.model import Aspect, Effect, Fix, Safety
from wherry.check.rules.caching._reorder import described
from wherry.frozen import Frozen
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install
    from wherry.check.facts.runs import RunFacts
    from wherry.check.facts.stages import StageFacts
    from wherry.dockerfile.syntax import Instruction

_NAME: Final = regex(
    r"(?:\w+_)?(?:GIT|VCS|COMMIT|SOURCE)_?(?:SHA|SHA1|HASH|COMMIT|REV|REVISION|REF|BRANCH|TAG|DESCRIBE|ID)"
    r"|(?:GIT|CI)_COMMIT(?:_\w+)?|GIT_REVISION|COMMIT|REVISION|SHA|(?:\w+_)?SHORT_SHA|GITHUB_(?:SHA|REF|RUN_\w+)"
    r"|CI_(?:JOB|PIPELINE|COMMIT)_\w+|(?:\w+_)?BUILD_?(?:DATE|TIME|TIMESTAMP|NUMBER|NUM|ID|VERSION|TAG|REV|SHA|COMMIT|HASH)"
    r"|CREATED|TIMESTAMP|(?:APP|APPLICATION|SERVICE|IMAGE|PROJECT|API|MODEL_SERVER)_VERSION|VERSION|RELEASE"
    r"|RELEASE_(?:VERSION|NAME|TAG|DATE)|(?:SENTRY|DD|APP)_RELEASE|DD_VERSION",
    re.IGNORECASE,
)
_MOST: Final = 20  # that are followed
_NEUTRAL: Final = frozenset(
    {"set", "export", ":", "true", "echo", "rm", "mkdir", "ln", "chmod", "chown", "touch"}
)


class Early(Frozen):
    """A variable above installs that do not need it.

    Attributes:
        instructions: It, and what only hands it on (LABEL, ENV), in order.
        names: What it is called.
        installs: What is installed again for each new value.
        last: The last RUN that does.

    """

    instructions: tuple[Instruction, ...]
    names: tuple[str, ...]
    installs: tuple[Install, ...]
    last: Instruction

    @property
    def what(self) -> str:
        """What is installed, as a sentence goes on."""
        return described(
            max(self.installs, key=lambda install: (bool(install.requirement_files), len(install.packages)))
        )

    def fix(self, facts: Facts) -> Fix:
        """Move it below the installs."""
        aspects = {Aspect.ORDER}
        if any(one.keyword == "env" for one in self.instructions):
            aspects.add(Aspect.ENV)
        effect = Effect(frozenset(one.index for one in self.instructions), aspects=frozenset(aspects))
        edits = moved_behind(facts.dockerfile, self.instructions, self.last)
        return Fix(f"set {' and '.join(self.names[:2])} below the installs", edits, Safety.SAFE, effect)


def is_volatile(name: str) -> bool:
    """Whether a variable of that name is other with every build or release."""
    return _NAME.fullmatch(name) is not None


def early_arguments(stage: StageFacts) -> Iterator[Early]:
    """ARGs of a stage that are other with every build, above installs that do not need them."""
    return _all(stage, [one for one in stage.instructions("arg") if _is_volatile_only(one)])


def early_environment(stage: StageFacts) -> Iterator[Early]:
    """The same of ENVs with values of their own."""
    own = [one for one in stage.instructions("env") if _is_volatile_only(one) and not _has_variable(one)]
    return _all(stage, own)


def _all(stage: StageFacts, candidates: Sequence[Instruction]) -> Iterator[Early]:
    """What of the candidates can go below installs; those that go together are told together."""
    end = 0
    for at, first in enumerate(candidates[:_MOST]):
        found = _early(stage, first, candidates[at:_MOST]) if first.index > end else None
        if found:
            end = found.last.index
            yield found


def _early(stage: StageFacts, first: Instruction, candidates: Sequence[Instruction]) -> Early | None:
    """Go down from *first* until something needs what was met on the way."""
    facts = stage.facts
    moved: list[Instruction] = []
    names: list[str] = []  # of the candidates
    handed: set[str] = set()  # and of what hands them on
    found: Early | None = None
    installs: list[Install] = []
    for instruction in stage.stage.instructions:
        if instruction.index < first.index:
            continue
        if instruction in candidates and not _names(instruction) & handed:
            moved.append(instruction)
            names += [pair.name.value for pair in instruction.pairs]
            handed |= _names(instruction)
        elif _refers(facts, instruction, handed) and _hands_on(instruction):
            moved.append(instruction)
            handed |= _names(instruction) if instruction.keyword == "env" else set()
        elif _refers(facts, instruction, handed) or _names(instruction) & handed:
            break
        elif run := facts.run_of(instruction):
            if not _is_indifferent(run):
                break
            own = [install for install in run.installs if install.brings_packages]
            installs += own
            if own:
                found = Early(tuple(moved), tuple(names), tuple(installs), instruction)
    return found


def _is_volatile_only(instruction: Instruction) -> bool:
    return all(is_volatile(pair.name.value) for pair in instruction.pairs)


def _has_variable(instruction: Instruction) -> bool:
    return any(pair.value and "$" in pair.value.value for pair in instruction.pairs)


def _names(instruction: Instruction) -> set[str]:
    """What an ARG or ENV sets."""
    return {pair.name.value for pair in instruction.pairs if instruction.keyword in {"arg", "env"}}


def _refers(facts: Facts, instruction: Instruction, names: set[str]) -> bool:
    text = facts.text(instruction.span)
    return any(re.search(rf"\$\{{?{re.escape(name)}(?!\w)", text) for name in names)


def _hands_on(instruction: Instruction) -> bool:
    """It does nothing but give the value to the image."""
    return instruction.keyword == "label" or (instruction.keyword == "env" and _is_volatile_only(instruction))


def _is_indifferent(run: RunFacts) -> bool:
    """What it does cannot depend on a variable it does not name: packages of others are installed."""
    script = run.script
    if script.errors or not script.is_shell or run.instruction.heredocs:
        return False
    by_call = {install.call.command.span: install for install in run.installs}
    for call in run.calls:
        install = by_call.get(call.command.span)
        if install is None:
            if call.program not in _NEUTRAL:
                return False
        elif (
            install.installs_project
            or install.action == "run"
            or any(one.is_local for one in install.packages)
        ):
            return False
    return True
