"""Findings, judgements and rules made by hand."""

from __future__ import annotations

from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from wherry.check import catalogue
from wherry.check.engine import Judgement
from wherry.check.model import Cost, Finding, Place, Rule, Severity
from wherry.dockerfile.source import Position, Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.model import Fix

G1 = Rule("G1", "pip-cache-kept", Severity.WARNING, lambda _: (), also=("DL3042",))
H3 = Rule("H3", "shell-form", Severity.INFO, lambda _: (), also=("DL3025", "JSONArgsRecommended"))
H4 = Rule("H4", "no-healthcheck", Severity.INFO, lambda _: (), also=("DL3057", "DS-0026"), default=False)
D1 = Rule(
    "D1",
    "weights-copied",
    Severity.INFO,
    lambda _: (),
    options={"policy": "warn", "most": 10, "all": False},
)
RULES = (G1, H3, H4, D1)


@contextmanager
def only_rules(*rules: Rule, page: str = "A page.\n\nWhy: so.\n") -> Iterator[None]:
    """Let *rules* be all there are."""
    modules = {rule: ModuleType(rule.name, page) for rule in rules}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "_modules", lambda: modules)
        catalogue.all_rules.cache_clear()
        yield
    catalogue.all_rules.cache_clear()


def place(
    path: str, line: int, end_line: int | None = None, *, column: int = 1, end_column: int = 5
) -> Place:
    """A place by its lines; the bytes are nobody's."""
    return Place(path, Span(0, 0), Position(line, column), Position(end_line or line, end_column))


def place_of(source: Source, text: str, *, nth: int = 0) -> Place:
    """Where *text* stands in *source* for the nth time."""
    start = -1
    for _ in range(nth + 1):
        start = source.data.index(text.encode(), start + 1)
    return Place.of(source, Span(start, start + len(text.encode())))


def found(  # noqa: PLR0913 - one for each part of a finding
    path: str = "Dockerfile",
    *,
    rule: str = "G1",
    line: int = 1,
    at: Place | None = None,
    what: str = "pip keeps its downloads",
    why: str = "they are never read again",
    severity: Severity = Severity.WARNING,
    cost: Cost | None = None,
    related: tuple[Place, ...] = (),
    fix: Fix | None = None,
) -> Finding:
    """A finding with something in every part."""
    return Finding(rule, severity, at or place(path, line), what, why, cost or Cost(), related, fix)


def judged(*findings: Finding, path: str = "Dockerfile") -> Judgement:
    """A judgement of one Dockerfile."""
    return Judgement(path, findings)
