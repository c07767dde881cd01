"""Whether an edited Dockerfile means what it meant, but for what the edit declared.

The new text parses, by the same directives. Instructions begin where they began, and nowhere else but in new
text. Those that the edit did not declare stand there byte for byte, in their order, under the same user,
directory, shell and environment, and take from the same stages. Of the stage graph nothing differs that was
not declared.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from wherry.check.model import Aspect
from wherry.dockerfile.stages import build_graph, scope_before
from wherry.dockerfile.words import WordError
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.check.model import Effect
    from wherry.dockerfile.source import Span
    from wherry.dockerfile.stages import Scope, Stage, StageGraph, Use
    from wherry.dockerfile.syntax import Dockerfile, Instruction

_ENTRY: Final = frozenset({"cmd", "entrypoint", "healthcheck", "expose", "stopsignal", "volume", "onbuild"})
_ASPECT_OF: Final = {
    "run": Aspect.COMMANDS,
    "copy": Aspect.COPIES,
    "add": Aspect.COPIES,
    **dict.fromkeys(_ENTRY, Aspect.ENTRY),
}

_FRONTEND: Final = ("syntax", "docker/dockerfile:1")
_REFERENCE: Final = regex(rb"\$\{?([A-Za-z_]\w*)")

Meaning = dict[Aspect, object]


class Replacement(NamedTuple):
    """Bytes that stand in place of *span*."""

    span: Span
    text: bytes


def objection(
    before: Dockerfile, after: Dockerfile, effect: Effect, replacements: Sequence[Replacement]
) -> str | None:
    """Why *after* is not what *effect* declares of *before*; None where it is.

    Args:
        before: The file as it was.
        after: The file with *replacements* made.
        effect: What they declare.
        replacements: In order, none over another.

    """
    if _said_first(after) not in _may_say_first(before, effect):
        return "the directives would change"
    torn = _torn(before, after, replacements)
    if torn:
        return torn
    pairs = _aligned(before, after, effect)
    if isinstance(pairs, str):
        return pairs
    added = len(after.instructions) - len(pairs)
    allowed = len(effect.touches) + effect.inserts
    if added > allowed:
        return f"it adds {added} instructions where it declared {allowed}"
    graphs = build_graph(before), build_graph(after)
    return (
        _changed_meaning(graphs, effect)
        or _changed_surroundings(graphs, pairs, effect)
        or _changed_sources(graphs, pairs)
    )


def _said_first(dockerfile: Dockerfile) -> list[tuple[str, str]]:
    return [(directive.name, directive.value) for directive in dockerfile.directives]


def _may_say_first(before: Dockerfile, effect: Effect) -> list[list[tuple[str, str]]]:
    """What it said, and where mounts change a frontend that knows them, if it named none."""
    said = _said_first(before)
    is_free = Aspect.MOUNTS in effect.aspects and before.directive("syntax") is None
    return [said, [_FRONTEND, *said]] if is_free else [said]


def _torn(before: Dockerfile, after: Dockerfile, replacements: Sequence[Replacement]) -> str | None:
    """Whether an instruction would become part of another, or a part of one an instruction.

    A continuation that is left hanging does the one, one that is lost the other.
    """
    ends = [one.span.end for one in replacements]
    shifts = [0]  # of what stands behind so many replacements
    for one in replacements:
        shifts.append(shifts[-1] + len(one.text) - (one.span.end - one.span.start))
    kept: dict[int, Instruction] = {}
    for old in before.instructions:
        keyword = old.keyword_span
        at = bisect_right(ends, keyword.start)
        if at == len(ends) or replacements[at].span.start >= keyword.end:
            kept[keyword.start + shifts[at]] = old
    starts = [one.keyword_span.start for one in after.instructions]
    lost = kept.keys() - set(starts)
    if lost:
        old = kept[min(lost)]
        line = before.source.line(old.span.start)
        return f"{old.keyword.upper()} of line {line} would become part of another instruction"
    begun = [one.span.start + shift for one, shift in zip(replacements, shifts, strict=False)]
    for start in starts:
        at = bisect_right(begun, start) - 1
        if start not in kept and (at < 0 or start >= begun[at] + len(replacements[at].text)):
            return f"a part of an instruction would become one, in line {after.source.line(start)}"
    return None


def _aligned(
    before: Dockerfile, after: Dockerfile, effect: Effect
) -> list[tuple[Instruction, Instruction]] | str:
    """The undeclared instructions with what stands for them afterwards, or which of them is lost."""
    pairs = []
    later = iter(after.instructions)
    for old in before.instructions:
        if old.index in effect.touches:
            continue
        wanted = _bytes(before, old)
        new = next((new for new in later if _bytes(after, new) == wanted), None)
        if new is None:
            line = before.source.position(old.span.start).line
            return f"{old.keyword.upper()} of line {line} would change, which it did not declare"
        pairs.append((old, new))
    return pairs


def _bytes(dockerfile: Dockerfile, instruction: Instruction) -> bytes:
    return dockerfile.source.data[instruction.span.start : instruction.span.end]


def _changed_meaning(graphs: tuple[StageGraph, StageGraph], effect: Effect) -> str | None:
    old, new = (_meaning(graph, is_ordered=Aspect.ORDER not in effect.aspects) for graph in graphs)
    for aspect, value in old.items():
        if aspect not in effect.aspects and new[aspect] != value:
            return f"the {aspect.value} would change, which it did not declare"
    return None


def _meaning(graph: StageGraph, *, is_ordered: bool) -> Meaning:
    """What the graph says, aspect by aspect."""
    stages = graph.stages
    ends = [scope_before(stage, None) for stage in stages]
    meaning: Meaning = {
        Aspect.STAGES: [(stage.name, stage.parent.index if stage.parent else None) for stage in stages],
        Aspect.BASE: [(stage.base, stage.platform) for stage in stages],
        Aspect.ENV: [
            (dict(end.env), dict(end.args), end.shell, _labels(stage))
            for stage, end in zip(stages, ends, strict=True)
        ],
        Aspect.USER: [end.user for end in ends],
        Aspect.WORKDIR: [end.workdir for end in ends],
        Aspect.MOUNTS: _arranged([_flags(stage) for stage in stages], is_ordered=is_ordered),
    }
    for aspect in (Aspect.COMMANDS, Aspect.COPIES, Aspect.ENTRY):
        meaning[aspect] = _arranged([list(_said(stage, aspect)) for stage in stages], is_ordered=is_ordered)
    return meaning


def _labels(stage: Stage) -> dict[str, str]:
    """The labels that a stage sets, as far as they are known."""
    found: dict[str, str] = {}
    for instruction in stage.instructions:
        if instruction.keyword == "label":
            scope = scope_before(stage, instruction)
            for pair in instruction.pairs:
                found[_expanded(scope, pair.name.value)] = _expanded(
                    scope, pair.value.value if pair.value else ""
                )
    return found


def _expanded(scope: Scope, text: str) -> str:
    try:
        return scope.expand(text).value
    except WordError:
        return text


def _arranged(lists: list[list[tuple[str, ...]]], *, is_ordered: bool) -> list[list[tuple[str, ...]]]:
    return lists if is_ordered else [sorted(one) for one in lists]


def _said(stage: Stage, aspect: Aspect) -> Iterator[tuple[str, ...]]:
    for instruction in stage.instructions:
        if _ASPECT_OF.get(instruction.keyword) is aspect:
            body = instruction.body.data.decode("utf-8", "surrogateescape").strip()
            flags = () if aspect is Aspect.COMMANDS else _flags_of(instruction)
            heredocs = tuple(heredoc.content for heredoc in instruction.heredocs)
            yield (instruction.keyword, body, *flags, *heredocs)


def _flags(stage: Stage) -> list[tuple[str, ...]]:
    return [_flags_of(one) for one in stage.instructions if one.keyword == "run" and one.flags]


def _flags_of(instruction: Instruction) -> tuple[str, ...]:
    return tuple(f"--{flag.name}={flag.value}" for flag in instruction.flags)


def _changed_surroundings(
    graphs: tuple[StageGraph, StageGraph],
    pairs: Sequence[tuple[Instruction, Instruction]],
    effect: Effect,
) -> str | None:
    """Whether an instruction that stays would run under another user, elsewhere, or with other variables."""
    homes = [_homes(graph) for graph in graphs]
    data = graphs[0].dockerfile.source.data
    for old, new in pairs:
        if old.index not in homes[0] or new.index not in homes[1]:
            continue  # an ARG above the first stage, or FROM itself
        was, now = (scope_before(home[one.index], one) for home, one in zip(homes, (old, new), strict=True))
        for aspect, is_same in (
            (Aspect.USER, was.user == now.user),
            (Aspect.WORKDIR, was.workdir == now.workdir),
            (Aspect.ENV, was.shell == now.shell and was.env == now.env),
            (Aspect.ENV, _are_same(was, now, data[old.span.start : old.span.end])),
        ):
            if not is_same and aspect not in effect.aspects:
                return f"{old.keyword.upper()} would run with another {aspect.value}"
    return None


def _homes(graph: StageGraph) -> dict[int, Stage]:
    """The stage of each instruction but FROM."""
    return {one.index: stage for stage in graph.stages for one in stage.instructions}


def _are_same(was: Scope, now: Scope, text: bytes) -> bool:
    """The variables that an instruction names, ARGs among them, have the values they had."""
    if b"$" not in text:
        return True
    names = {name.decode() for name in _REFERENCE.findall(text)}
    return all(was.variables.get(name) == now.variables.get(name) for name in names)


def _changed_sources(
    graphs: tuple[StageGraph, StageGraph], pairs: Sequence[tuple[Instruction, Instruction]]
) -> str | None:
    """Whether what stays would be built from something else, by whatever name: ours, a number, or none."""
    before, after = graphs
    standing = _counterparts(graphs, {old.index: new.index for old, new in pairs})
    if _plain(standing[-1]) is not _plain(after.stages[-1]):
        return "another stage would be the last, which is built where none is named"
    for stage in before.stages:
        if stage.name and after.find(stage.name) is None:
            return f"there would be no stage {stage.name}, which may be built by its name"
    uses = [_uses(graph) for graph in graphs]
    for old, new in pairs:
        was = [use.source and standing[use.source.index] for use in uses[0].get(old.index, ())]
        now = [use.source for use in uses[1].get(new.index, ())]
        if was != now:
            return f"{old.keyword.upper()} would take from another stage"
    return None


def _plain(stage: Stage) -> Stage:
    """What a stage is that adds nothing to the one it begins from: that one."""
    while stage.parent is not None and not stage.instructions and not stage.triggered:
        stage = stage.parent
    return stage


def _uses(graph: StageGraph) -> Mapping[int, list[Use]]:
    """What each instruction begins, copies and mounts from; a trigger's is its ONBUILD's affair."""
    found: dict[int, list[Use]] = {}
    for use in graph.uses:
        if use.instruction.index >= use.stage.start.index:
            found.setdefault(use.instruction.index, []).append(use)
    return found


def _counterparts(graphs: tuple[StageGraph, StageGraph], by_index: Mapping[int, int]) -> list[Stage]:
    """What stands for each stage: what its FROM begins, else where the last of its instructions went."""
    before, after = graphs
    homes = _homes(after)
    begun = {stage.start.index: stage for stage in after.stages}
    found: list[Stage] = []
    for stage in before.stages:
        own = [by_index[one.index] for one in stage.instructions if one.index in by_index]
        same = after.stages[min(stage.index, len(after.stages) - 1)]
        start = by_index.get(stage.start.index)
        found.append(begun[start] if start is not None else homes[own[-1]] if own else same)
    return found
