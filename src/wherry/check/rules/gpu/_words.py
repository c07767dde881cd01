"""Taking packages out of an install command, and the command with its last one."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from wherry.check.model import Aspect, Edit, Effect, Fix
from wherry.dockerfile.shell import removal_spans
from wherry.dockerfile.source import Span

if TYPE_CHECKING:
    from collections.abc import Collection

    from wherry.check.facts import Facts
    from wherry.check.facts.installs import Install, PackageArgument
    from wherry.check.model import Safety


def without_packages(
    facts: Facts, install: Install, packages: Collection[PackageArgument], title: str, safety: Safety
) -> Fix | None:
    """A fix that leaves *packages* out of a command; None where they cannot be taken out cleanly."""
    unwanted = {package.word.span for package in packages}
    left = [package for package in install.packages if package.word.span not in unwanted]
    if install.has_unknown:
        return None
    spans = (
        _word_spans(install, unwanted) if left else removal_spans(install.command, install.run.instruction)
    )
    if not spans:
        return None
    return Fix(
        title,
        tuple(Edit(facts.file.name, span, "") for span in spans),
        safety,
        Effect(frozenset({install.run.index}), aspects=frozenset({Aspect.COMMANDS})),
    )


def _word_spans(install: Install, unwanted: Collection[Span]) -> tuple[Span, ...] | None:
    """Each word with the blanks before it; None where a comment stands among those."""
    instruction = install.run.instruction
    comments = [comment.span.start for comment in instruction.comments]
    spans: list[Span] = []
    words = install.command.words
    for before, word in pairwise(words):
        if word.span not in unwanted:
            continue
        cut = Span(before.span.end, word.span.end)
        if any(cut.start <= at < cut.end for at in comments) or cut.start >= cut.end:
            return None
        if spans and spans[-1].end == cut.start:
            spans[-1] = Span(spans[-1].start, cut.end)
        else:
            spans.append(cut)
    return tuple(spans) if spans else None
