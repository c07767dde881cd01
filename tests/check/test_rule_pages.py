"""A rule's page is its test: Bad fires, Good does not, and the fix makes of Bad what the page says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rule_pages import Example, examples_of, fixed_of, sections_of
from wherry.check.catalogue import THEMES, all_rules, page_of
from wherry.check.model import Safety
from wherry.check.review import Asked, Reviewed, narrowed, review

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from wherry.check.model import Rule

NEWLINES = pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["lf", "crlf"])
EVERY_RULE = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: f"{rule.code}-{rule.name}")


def _examples(verdict: str) -> Iterator[object]:
    for rule in all_rules():
        for example in examples_of(rule):
            if example.verdict == verdict:
                variant = f"-{example.variant.replace(' ', '-')}" if example.variant else ""
                yield pytest.param(rule, example, id=f"{rule.code}-{rule.name}{variant}")


def _reviewed(
    rule: Rule, folder: Path, monkeypatch: pytest.MonkeyPatch, allowed: Safety | None = None
) -> Reviewed:
    """What the command finds in *folder*; a rule that fails fails the test."""
    monkeypatch.setenv("WHERRY_DEBUG", "1")
    (folder / ".git").mkdir(exist_ok=True)
    return review(
        Asked((folder,), adjust=lambda settings: narrowed(settings, [rule.code], [], []), allowed=allowed)
    )


def _codes(reviewed: Reviewed) -> list[str]:
    assert not reviewed.broken, reviewed.broken
    return [finding.rule for one in reviewed.judgements for finding in one.findings]


@EVERY_RULE
def test_every_rule_has_a_page_with_examples(rule: Rule) -> None:
    page = page_of(rule)
    assert page.partition("\n")[0].endswith(".")
    verdicts = {example.verdict for example in examples_of(rule)}
    assert {"Bad", "Good"} <= verdicts
    assert "Fix" in sections_of(rule)
    assert rule.code[0] in THEMES


def test_no_two_rules_have_one_code_or_name() -> None:
    codes = [rule.code for rule in all_rules()]
    names = [rule.name for rule in all_rules()]
    assert len(set(codes)) == len(codes)
    assert len(set(names)) == len(names)


@NEWLINES
@pytest.mark.parametrize(("rule", "example"), list(_examples("Bad")))
def test_what_a_page_calls_bad_is_found(
    rule: Rule, example: Example, newline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example.write(tmp_path, newline)
    assert rule.code in _codes(_reviewed(rule, tmp_path, monkeypatch))


@pytest.mark.parametrize(("rule", "example"), list(_examples("Good")))
def test_what_a_page_calls_good_is_left_alone(
    rule: Rule, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example.write(tmp_path)
    assert rule.code not in _codes(_reviewed(rule, tmp_path, monkeypatch))


@NEWLINES
@pytest.mark.parametrize(("rule", "example"), list(_examples("Bad")))
def test_a_fix_makes_what_the_page_says_and_once_only(
    rule: Rule, example: Example, newline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = fixed_of(example, examples_of(rule))
    example.write(tmp_path, newline)
    before = _reviewed(rule, tmp_path, monkeypatch)
    offered = [one for judgement in before.judgements for one in judgement.findings if one.fix]
    if fixed is None:
        assert not offered, "a page shows what its fix makes"
        return
    after = _reviewed(rule, tmp_path, monkeypatch, Safety.UNSAFE)
    assert not [reason for one in after.mended for reason in one.refused]
    made = {
        path.removeprefix(f"{tmp_path}/"): text for one in after.mended for path, text in one.after.items()
    }
    for name, text in fixed.files.items():
        now = made[name] if name in made else (tmp_path / name).read_bytes()
        assert now.decode() == text.replace("\n", newline if name in example.files else "\n")
    for path, content in made.items():
        (tmp_path / path).write_bytes(content)
    again = _reviewed(rule, tmp_path, monkeypatch, Safety.UNSAFE)
    assert not [finding for one in again.mended for finding in one.applied]


@pytest.mark.parametrize(("rule", "example"), list(_examples("Fixed")))
def test_what_a_fix_made_is_left_alone_by_it(
    rule: Rule, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = next(one for one in examples_of(rule) if one.verdict == "Bad" and one.variant == example.variant)
    bad.write(tmp_path)
    example.write(tmp_path)
    findings = [
        one for judgement in _reviewed(rule, tmp_path, monkeypatch).judgements for one in judgement.findings
    ]
    assert not [finding for finding in findings if finding.fix]
