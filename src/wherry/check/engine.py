"""Ask the rules of one Dockerfile, and set what they say in order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wherry.check.catalogue import all_rules
from wherry.check.ignores import WHERRY, ignores_of, misspelt, silence
from wherry.check.ignores_beside import ignores_in, misspelt_in
from wherry.frozen import Frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from wherry.check.facts import Facts
    from wherry.check.ignores import Ignore
    from wherry.check.model import Finding, Rule
    from wherry.dockerfile.source import Source, Span

BYTES_A_SECOND: Final = 10_000_000
"""What a second of a build weighs against bytes of an image, when findings are put in order."""


class Judgement(Frozen):
    """What there is to say of one Dockerfile and what stands beside it."""

    path: str
    findings: tuple[Finding, ...] = ()  # the costliest first
    silenced: tuple[Finding, ...] = ()  # by comments in the file
    unused_ignores: tuple[Ignore, ...] = ()
    notes: tuple[str, ...] = ()  # what could not be read or judged


def judge(facts: Facts, codes: Collection[str]) -> Judgement:
    """Findings of the rules called *codes*."""
    rules = [rule for rule in all_rules() if rule.code in codes]
    notes: list[str] = []
    found = [finding for rule in rules for finding in _ask(rule, facts, notes)]
    ignores = _heard(facts, ignores_of(facts.dockerfile), facts.file, notes)
    notes.extend(_not_understood(facts.file, [comment.span for comment in misspelt(facts.dockerfile)]))
    beside = _beside(facts, found, notes)
    kept, silenced, unused = silence(facts.file.name, found, ignores, rules, beside)
    return Judgement(
        facts.file.name, tuple(in_order(kept)), tuple(in_order(silenced)), tuple(unused), tuple(notes)
    )


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The costliest first; what costs the same by severity, then by place."""
    return sorted(
        findings,
        key=lambda finding: (
            -(finding.cost.size_bytes + finding.cost.seconds * BYTES_A_SECOND),
            finding.severity.rank,
            finding.place.path,
            finding.place.span,
            finding.rule,
        ),
    )


def _heard(facts: Facts, ignores: Iterable[Ignore], source: Source, notes: list[str]) -> list[Ignore]:
    """The comments that may silence something; of the others it is noted why they do not."""
    heard: list[Ignore] = []
    for ignore in ignores:
        if facts.settings.require_reason and ignore.tool == WHERRY and not ignore.reason:
            where = f"{source.name}:{source.line(ignore.span.start)}"
            notes.append(
                f"{where}: this comment gives no reason, as require-reason asks for, and is not heard"
            )
        else:
            heard.append(ignore)
    return heard


def _not_understood(source: Source, spans: Iterable[Span]) -> Iterator[str]:
    for span in spans:
        where = f"{source.name}:{source.line(span.start)}"
        yield f"{where}: this comment is not understood; it would be '# wherry: ignore=CODE why'"


def _beside(facts: Facts, found: Sequence[Finding], notes: list[str]) -> dict[str, list[Ignore]]:
    """The comments in the other files that findings stand in."""
    beside: dict[str, list[Ignore]] = {}
    for path in {finding.place.path for finding in found} - {facts.file.name}:
        source = facts.reader.read(Path(path))
        if source is not None:
            notes.extend(_not_understood(source, misspelt_in(source)))
            beside[path] = _heard(facts, ignores_in(source), source, notes)
    return beside


def _ask(rule: Rule, facts: Facts, notes: list[str]) -> Sequence[Finding]:
    """What one rule says. A rule that fails is a defect of ours, and silences no other rule."""
    try:
        return tuple(dict.fromkeys(rule.check(facts)))
    except Exception as error:
        if os.environ.get("WHERRY_DEBUG"):
            raise
        notes.append(f"rule {rule.code} failed: {type(error).__name__}; this is a defect, please report it")
        return ()
