"""Whether an edited Dockerfile means what it meant, but for what the edit declared.

Three things are held: the new text parses; instructions that the edit did not declare stand there byte for
byte, in their order, under the same user, directory, shell and environment; and of the stage graph nothing
differs that was not declared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Aspect
from wherry.dockerfile.stages import build_graph, scope_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.check.model import Effect
    from wherry.dockerfile.stages import Stage, StageGraph
    from wherry.dockerfile.syntax import Dockerfile, Instruction

_ENTRY: Final = frozenset({"cmd", "entrypoint", "healthcheck", "expose", "stopsignal", "volume", "onbuild"})
_ASPECT_OF: Final = {
    "run": Aspect.COMMANDS,
    "copy": Aspect.COPIES,
    "add": Aspect.COPIES,
    **dict.fromkeys(_ENTRY, Aspect.ENTRY),
}

Meaning = dict[Aspect, object]


def objection(before: Dockerfile, after: Dockerfile, effect: Effect) -> str | None:
    """Why *after* is not what *effect* declares of *before*; None where it is."""
    pairs = _aligned(before, after, effect)
    if isinstance(pairs, str):
        return pairs
    added = len(after.instructions) - len(pairs)
    allowed = len(effect.touches) + effect.inserts
    if added > allowed:
        return f"it adds {added} instructions where it declared {allowed}"
    graphs = build_graph(before), build_graph(after)
    return _changed_meaning(graphs, effect) or _changed_surroundings(graphs, pairs, effect)


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
        Aspect.ENV: [(dict(end.env), end.shell) for end in ends],
        Aspect.USER: [end.user for end in ends],
        Aspect.WORKDIR: [end.workdir for end in ends],
        Aspect.MOUNTS: _arranged([_flags(stage) for stage in stages], is_ordered=is_ordered),
    }
    for aspect in (Aspect.COMMANDS, Aspect.COPIES, Aspect.ENTRY):
        meaning[aspect] = _arranged([list(_said(stage, aspect)) for stage in stages], is_ordered=is_ordered)
    return meaning


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
    homes = [{one.index: stage for stage in graph.stages for one in stage.instructions} for graph in graphs]
    for old, new in pairs:
        if old.index not in homes[0] or new.index not in homes[1]:
            continue  # an ARG above the first stage, or FROM itself
        was, now = (scope_before(home[one.index], one) for home, one in zip(homes, (old, new), strict=True))
        for aspect, is_same in (
            (Aspect.USER, was.user == now.user),
            (Aspect.WORKDIR, was.workdir == now.workdir),
            (Aspect.ENV, was.shell == now.shell and was.env == now.env),
        ):
            if not is_same and aspect not in effect.aspects:
                return f"{old.keyword.upper()} would run with another {aspect.value}"
    return None
