"""The tag of a base image, and where its words stand: in FROM, or in an ARG that FROM names."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect, Edit, Effect, Fix
from wherry.dockerfile.source import Span, encode
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.facts import Facts
    from wherry.check.facts.stages import StageFacts
    from wherry.check.facts.variables import Variable
    from wherry.check.model import Safety

_MOST_HOPS: Final = 10
_MOST_STAGES: Final = 100  # a file of more is no one's to mend at once
_NAMES: Final = regex(r"\$\{?(\w+)")
_UNCOVERED: Final = frozenset(
    {"A1"}
)  # compilers that are installed go unmentioned on a base that has its own

_BUILDING: Final = (
    "build|builder|buildenv|compile|compiler|dev|devel|develop|development|devcontainer|toolchain|ci|wheels?"
    "|tests?"
)
_FOR_BUILDING: Final = regex(rf"(?:.*[^a-z])?(?:{_BUILDING})(?:[^a-z].*)?")
_FILE_FOR_BUILDING: Final = regex(rf"(?:dockerfile|containerfile)?[.-]?(?:{_BUILDING})(?:\.dockerfile)?")


def is_for_building(facts: Facts) -> bool:
    """The target is there to build or develop in, as its name or the file's says."""
    folder, name = facts.path.parent.name, facts.path.name.lower()
    return bool(
        _FOR_BUILDING.fullmatch(facts.target.name or "")
        or _FILE_FOR_BUILDING.fullmatch(name)
        or folder == ".devcontainer"
    )


def root_of(stage: StageFacts) -> StageFacts:
    """The stage of the chain whose FROM names an image."""
    return stage.chain[-1]


def built_on(facts: Facts, root: StageFacts) -> list[StageFacts]:
    """The stages that *root* is the beginning of and that none of them is built on; [] for too many."""
    found = {root.index}
    begun: set[int] = set()
    for stage in facts.stages:
        parent = stage.stage.parent
        if parent is not None and parent.index in found:
            found.add(stage.index)
            begun.add(parent.index)
    last = sorted(found - begun)
    return [facts.stages[index] for index in last] if len(found) <= _MOST_STAGES else []


def gives_toolkit(facts: Facts, root: StageFacts) -> bool:
    """Another stage copies or mounts CUDA's toolkit out of *root*, or of one that is built on it."""
    if len(facts.stages) > _MOST_STAGES:
        return True
    own = {stage.index for stage in facts.stages if root in stage.chain}
    for stage in facts.stages:
        for copy in stage.copies:
            if copy.from_stage and copy.from_stage.index in own and any(map(_holds_toolkit, copy.sources)):
                return True
        for mount in (mount for run in stage.runs for mount in run.mounts if mount.from_):
            origin = facts.stage_named(mount.from_)
            if origin and origin.index in own and _holds_toolkit(mount.source or "/"):
                return True
    return False


def _holds_toolkit(path: str) -> bool:
    plain = posixpath.normpath(posixpath.join("/", path))
    return plain in {"/", "/usr", "/usr/local"} or "cuda" in plain or any(sign in plain for sign in "$*?[")


def retagged(  # noqa: PLR0913 - what is replaced by what, and what a fix says of itself
    facts: Facts, root: StageFacts, old: str, new: str, *, title: str, safety: Safety
) -> Fix | None:
    """Put *new* where the tag of *root* has the text *old*; None where that is not one clear place.

    Args:
        facts: Of the file.
        root: A stage whose FROM names an image.
        old: A regular expression for what is replaced, met once in all that makes up the reference.
        new: What stands there instead.
        title: Of the fix.
        safety: Of the fix.

    """
    if root.base.digest:
        return None  # the digest is that of the old tag
    pattern = re.compile(old)
    places = list(_places(facts, root, pattern))
    if len(places) != 1:
        return None
    index, span = places[0]
    return Fix(
        title,
        (Edit(facts.file.name, span, new),),
        safety,
        Effect(frozenset({index}), aspects=frozenset({Aspect.BASE}), uncovers=_UNCOVERED),
    )


def _places(facts: Facts, root: StageFacts, pattern: re.Pattern[str]) -> Iterator[tuple[int, Span]]:
    """Where the pattern is met: the instruction and the bytes; ARGs only of this FROM."""
    written = facts.text(root.base_span)
    yield from ((root.start.index, span) for span in _found(pattern, written, root.base_span))
    waiting = _NAMES.findall(written)
    for _ in range(_MOST_HOPS):
        if not waiting:
            return
        name = waiting.pop(0)
        variable = _declared(facts, name)
        if variable is None or variable.value_span is None:
            continue
        text = facts.text(variable.value_span)
        waiting += _NAMES.findall(text)
        for span in _found(pattern, text, variable.value_span):
            yield variable.instruction.index, span
            if not _is_for_alone(facts, root, name):
                yield variable.instruction.index, span  # twice is not once: there is no fix


def _found(pattern: re.Pattern[str], text: str, span: Span) -> Iterator[Span]:
    for found in pattern.finditer(text):
        start = span.start + len(encode(text[: found.start()]))
        yield Span(start, start + len(encode(found[0])))


def _declared(facts: Facts, name: str) -> Variable | None:
    """The ARG before the first FROM that gives a name its value: the last one."""
    found = (one for one in reversed(facts.global_args) if one.name == name)
    return next(found, None)


def _is_for_alone(facts: Facts, root: StageFacts, name: str) -> bool:
    """No FROM but that of *root* depends on an ARG, and no stage asks for it by name."""
    reached = {name}
    for _ in range(_MOST_HOPS):
        more = {one.name for one in facts.global_args if one.raw and reached & set(_NAMES.findall(one.raw))}
        if more <= reached:
            break
        reached |= more
    froms = (facts.text(stage.base_span) for stage in facts.stages if stage is not root)
    is_asked = any(
        variable.kind == "arg" and variable.name in reached
        for stage in facts.stages
        for variable in stage.variables
    )
    return not is_asked and not any(reached & set(_NAMES.findall(text)) for text in froms)
