"""The rules there are, by their names and by others'."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.findings import D1, G1, H3, RULES, only_rules
from wherry.check.catalogue import (
    all_rules,
    chosen,
    find_rule,
    is_foreign,
    name_of,
    page_of,
    theme_of,
    title_of,
)
from wherry.check.model import Rule, Severity
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _our_rules() -> Iterator[None]:
    with only_rules(*RULES):
        yield


def test_rules_are_in_the_order_of_letters_and_numbers() -> None:
    many = [Rule(code, code.lower(), Severity.INFO, lambda _: ()) for code in ("H1", "C10", "C2", "A1")]

    with only_rules(*many):
        assert [rule.code for rule in all_rules()] == ["A1", "C2", "C10", "H1"]


def test_a_rule_is_found_by_code_and_by_name() -> None:
    assert find_rule("g1") is find_rule("PIP-CACHE-KEPT") is G1


@pytest.mark.parametrize(("name", "near"), [("H33", "did you mean 'H3'?"), ("zzz", "--rules")])
def test_a_rule_that_is_none_is_told_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(InputError, match="there is no rule") as error:
        find_rule(name)
    assert near in error.value.mend


def test_a_rule_has_a_theme_and_a_page() -> None:
    assert (theme_of(D1), theme_of(G1)) == ("weights", "bytes")
    assert page_of(H3) == "A page.\n\nWhy: so."


def test_themes_are_chosen_in_either_fashion() -> None:
    multi = Rule("A1", "x", Severity.INFO, lambda _: ())

    with only_rules(multi, G1):
        assert chosen(["multi_stage"]) == chosen(["multi-stage"]) == chosen(["a"]) == {"A1"}


def test_findings_of_others_are_named_without_a_rule_of_ours() -> None:
    assert [title_of(code) for code in ("G1", "hadolint/DL3008")] == ["G1 pip-cache-kept", "hadolint/DL3008"]
    assert [name_of(code) for code in ("G1", "tally/gpu/no-x")] == ["pip-cache-kept", "no-x"]
    assert [is_foreign(code) for code in ("G1", "shellcheck/SC2046")] == [False, True]
