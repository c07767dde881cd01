"""Rules are asked, their findings put in order, and one that fails silences no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.check.findings import G1, H3, found, only_rules, place
from wherry.check.engine import in_order, judge
from wherry.check.facts import Facts
from wherry.check.model import Basis, Cost, Severity
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.check.model import Finding


def test_the_costliest_comes_first_then_the_gravest_then_the_place() -> None:
    big = found(cost=Cost(2_000_000_000, 0, Basis.TABLE), severity=Severity.INFO)
    slow = found(cost=Cost(0, 100, Basis.TABLE))
    small = found(cost=Cost(1, 0, Basis.MEASURED))
    grave = found(severity=Severity.ERROR, at=place("b", 9))
    first = found(at=place("a", 1))
    later = found(at=place("b", 1), rule="B1")
    latest = found(at=place("b", 1), rule="G1")
    wanted = [big, slow, small, grave, first, later, latest]

    assert in_order(reversed(wanted)) == wanted


def fails(_: Facts) -> Iterator[Finding]:
    yield found()
    raise ValueError("oops")


def test_a_rule_that_fails_is_noted_and_silences_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WHERRY_DEBUG", raising=False)
    shell = found(rule="H3", line=2)
    facts = Facts.of(Source("Dockerfile", b"FROM x\nCMD y\n"))

    with only_rules(replace(G1, check=fails), replace(H3, check=lambda _: [shell, shell])):
        judgement = judge(facts, {"G1", "H3"})
        monkeypatch.setenv("WHERRY_DEBUG", "1")
        with pytest.raises(ValueError, match="oops"):
            judge(facts, {"G1"})

    assert judgement.findings == (shell,)  # what is said twice is said once
    assert judgement.notes == ("rule G1 failed: ValueError; this is a defect, please report it",)


def test_only_the_rules_that_are_named_are_asked() -> None:
    facts = Facts.of(Source("Dockerfile", b"FROM x\n"))

    with only_rules(replace(G1, check=fails), H3):
        assert judge(facts, {"H3"}).notes == ()
