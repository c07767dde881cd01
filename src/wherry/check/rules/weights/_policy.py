"""What a project says of weights in its images: allow, warn or forbid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wherry.check.model import Severity

if TYPE_CHECKING:
    from wherry.check.facts import Facts
    from wherry.check.model import Rule

POLICY: Final = {"policy": "warn"}
"""The setting and its default."""

POLICIES: Final = {"policy": ("allow", "warn", "forbid")}

LARGE_BYTES: Final = 50_000_000
"""Smaller models are baked into images without a second thought; only ``forbid`` speaks of them."""


def allows(facts: Facts, rule: Rule) -> bool:
    """Nothing is to be said."""
    return facts.settings.option(rule, "policy") == "allow"


def forbids(facts: Facts, rule: Rule) -> bool:
    """Whatever the size, it is an error."""
    return facts.settings.option(rule, "policy") == "forbid"


def severity_of(facts: Facts, rule: Rule) -> Severity:
    """An error where the project forbids it, else a choice to know about."""
    return Severity.ERROR if forbids(facts, rule) else Severity.INFO
