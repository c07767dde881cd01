"""YAML as nodes that know their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.facts.trees import source_of
from wherry.check.facts.texts import Reader
from wherry.check.facts.yaml_nodes import Node, parse_documents


def root(text: str | bytes) -> Node:
    (node,) = parse_documents(source_of(text, "a.yml"), Reader())
    return node


def note(text: str | bytes) -> str:
    reader = Reader()
    assert parse_documents(source_of(text, "a.yml"), reader) == ()
    (found,) = reader.notes
    return found.what


def stands(node: Node | None) -> str:
    assert node is not None
    return node.source.text(node.span)


def test_nodes_know_their_bytes() -> None:
    text = '# été\na:\n  b: "q"   # c\n  d: [1, x]\n  e: >\n    long\n    text\n\nf: {g: h}\n'
    for given_text in (text, "\ufeff" + text, text.replace("\n", "\r\n")):
        node = root(given_text)
        assert stands(node.get("a", "b")) == '"q"'
        assert stands(node.get("a", "d")) == "[1, x]"
        assert stands(node.get("f")) == "{g: h}"
        block = node.get("a", "e")
        assert block is not None
        assert block.string == "long text\n"
        assert block.place.start.line == 5
        inner = node.get("a", "b")
        assert inner is not None
        assert (inner.place.start.line, inner.place.start.column) == (3, 6)


def test_shape_is_known_for_edits() -> None:
    node = root("a:\n    b: 1\nc: [x]\n")
    block, flow = node.get("a"), node.get("c")
    assert block is not None
    assert flow is not None
    assert (block.indent, block.is_flow, flow.is_flow) == (4, False, True)
    assert repr(flow) == "Node(sequence '')"


def test_merged_keys_come_after_own_ones() -> None:
    node = root("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 0\n")
    merged = node.get("z")
    assert merged is not None
    assert {key.value: value.string for key, value in merged.items()} == {"a": "0", "b": "2", "c": "4"}
    found = node.get("z", "c")
    assert found is not None
    assert found.string == "4"
    assert node.get("z", "none") is None
    assert node.get("z", "a", "deeper") is None


def test_scalars_are_read_as_texts_numbers_and_truth() -> None:
    node = root("a: [x, 2, {b: 1}]\nb: yes\nc: 12\nd: 1.5\n")
    listed = node.get("a")
    assert listed is not None
    assert [text.value for text in listed.texts()] == ["x", "2"]
    assert listed.text is None
    values = {key.value: (value.is_true, value.number) for key, value in node.items()}
    assert values == {"a": (False, None), "b": (True, None), "c": (False, 12), "d": (False, None)}
    scalar = node.get("c")
    assert scalar is not None
    assert [text.value for text in scalar.texts()] == ["12"]
    assert scalar.elements() == []


def test_documents_are_kept_apart() -> None:
    found = parse_documents(source_of("---\na: &x 1\n---\nb: *x\n"), Reader())
    assert len(found) == 2
    last = found[1].get("b")
    assert last is not None
    assert last.string == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [b", "line 1"),
        ('a: "', "no YAML"),
        (b"a: \xff", "no YAML"),
        ("image: {{ .Values.image }}", "template"),
        ("{{- if .x }}\na: 1\n{{- end }}", "template"),
        ("{% if x %}", "template"),
        ("[" * 100_000, "deeper"),
        ("\n".join(" " * depth + "a:" for depth in range(200)), "deeper"),
        ("- x\n" * 210_000, "longer"),
        ("a: 1\n" * 300_000, "larger"),
        ("a: \x01", "no YAML"),
    ],
)
def test_what_cannot_be_read_is_noted(text: str | bytes, what: str) -> None:
    assert what in note(text)


def test_expressions_of_workflows_are_no_templates() -> None:
    found = root("a: ${{ secrets.X }}\n").get("a")
    assert found is not None
    assert found.string == "${{ secrets.X }}"


def test_aliases_stay_shared_and_are_not_looked_at_without_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    waiting = [root("\n".join(lines))]
    seen = 0
    while waiting:
        node = waiting.pop()
        seen += 1
        waiting += node.elements()
        waiting += [value for _, value in node.items()]
    assert seen < 500_000


def test_a_budget_that_is_spent_ends_every_question() -> None:
    node = root("a: {b: 1}\n")
    node.document.looks = 0
    assert node.items() == []
    assert node.get("a") is None


def test_nodes_that_hold_themselves_are_no_trouble() -> None:
    node = root("a: &a\n  <<: *a\n  b: &b [*b, 1]\n")
    inner = node.get("a", "b")
    assert inner is not None
    assert inner.elements()[0] is inner
    merged = node.get("a")
    assert merged is not None
    assert [key.value for key, _ in merged.items()] == ["b"]


@given(st.text(alphabet="ab:-[]{}&*<|>\n \"'#é,?!%", max_size=120))
def test_any_text_is_read_or_noted(text: str) -> None:
    source = source_of(text, "a.yml")
    for document in parse_documents(source, Reader()):
        for _, value in document.items():  # noqa: PERF102 - pairs of a node, not a dict
            assert 0 <= value.span.start <= value.span.end <= len(source.data)
