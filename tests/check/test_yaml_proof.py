"""A mended YAML file is held to what its fix declared: anything else, and the fix is taken back."""

from __future__ import annotations

import pytest

from wherry.check.fix import Examined, mend
from wherry.check.model import Aspect, Edit, Effect, Finding, Fix, Place, Safety, Severity, YamlValue
from wherry.check.yaml_proof import yaml_objection
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source, Span


@pytest.mark.parametrize(
    ("before", "text", "reason"),
    [
        ("a: {b: 1}", "a: {b: 1, c: 1}", None),
        ("a: {b: 1}", "a: {b: 2, c: 1}", "something else"),
        ("a: {b: 1}", "a: {b: 1, c: '1'}", "something else"),
        ("a: {b: 1}", "a: {c: 1}", "something else"),
        ("a: {b: 1}", "a: {b: 1, c: 1}\n---\nd: 1", "something else"),
        ("a: {b: 1}", "a: {b: 1, c: 1", "no YAML"),
        ("a: &a {b: 1}\nd: *a", "a: &a {b: 1, c: 1}\nd: *a", "no place"),
        ("a: &a {b: 1}\nd: *a", "a: {b: 1, c: 1}\nd: {b: 1}", "no place"),
        ("a: {}\ne: &a [1]\nd: *a", "a: {c: 1}\ne: [1]\nd: [1]", "something else"),
        ("a: {}\ne: [1]\nd: [1]", "a: {c: 1}\ne: &a [1]\nd: *a", "something else"),
        ("a: {}\na: {}", "a: {c: 1}\na: {}", "no place"),
        ("b: 1", "b: 1", "no place"),
        ("a: [1]", "a: [1]", "no place"),
        ("a: {c: [1]}", "a: {c: 1}", "no place"),
        ("- 1", "- 1", "no place"),
    ],
)
def test_the_proof_sees_what_was_not_declared(before: str, text: str, reason: str | None) -> None:
    declared = YamlValue("a.yaml", (0, "a"), '{"c":1}')

    found = yaml_objection(before.encode(), text.encode(), [declared])

    assert (found is None) if reason is None else (found is not None and reason in found)


@pytest.mark.parametrize(
    ("before", "text", "reason"),
    [
        ("a: {b: 1, c: 1}", "a: {b: 1}", None),
        ("a: {b: 1, c: 1}", "a: {c: 1}", "something else"),
        ("a: {b: 1, c: 1}", "a: {}", "something else"),
        ("a: {b: 1}", "a: {b: 1}", "no place"),
        ("a: [1]", "a: [1]", "no place"),
        ("a: &a {c: 1}\nd: *a", "a: {}\nd: {}", "no place"),
        ("a: {c: &c {}, d: *c}", "a: {d: *c}", "no YAML"),
    ],
)
def test_the_proof_sees_what_was_taken_and_not_declared(before: str, text: str, reason: str | None) -> None:
    found = yaml_objection(before.encode(), text.encode(), [YamlValue("a.yaml", (0, "a", "c"), "")])

    assert (found is None) if reason is None else (found is not None and reason in found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("  c: 1\n", None),
        ("  c: 2\n", "a.yaml: it would say something else that was not declared"),
        (" c: 1\n", "a.yaml: it would be no YAML that can be read"),
    ],
)
def test_a_fix_that_writes_something_else_is_taken_back(text: str, reason: str | None) -> None:
    dockerfile = parse(Source("Dockerfile", b"FROM x\n"))
    before = b"a:\n  b: 1\n"
    values = (YamlValue("a.yaml", (0, "a"), '{"c":1}'),)
    effect = Effect(aspects=frozenset({Aspect.FILES}), values=values)
    edit = Edit("a.yaml", Span(len(before), len(before)), text)
    place = Place.of(dockerfile.source, Span(0, 4))
    finding = Finding(
        "C13", Severity.WARNING, place, "no c", "so", fix=Fix("c", (edit,), Safety.UNSAFE, effect)
    )

    def examine(texts: dict[str, bytes]) -> Examined:
        files = {"Dockerfile": dockerfile.source.data, "a.yaml": before, **texts}
        return Examined(dockerfile, [] if texts else [finding], files)

    mended = mend(examine, Safety.UNSAFE)

    if reason is None:
        assert mended.after == {"a.yaml": before + text.encode()}
    else:
        ((_, why),) = mended.refused
        assert (mended.after, why.startswith(reason)) == ({}, True)
