"""Fixes: each proven before it stays, else taken back with the reason; files written whole or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.findings import RULES, only_rules
from wherry.check.fix import Examined, edited, mend
from wherry.check.model import Aspect, Cost, Edit, Effect, Finding, Fix, Place, Rule, Safety, Severity
from wherry.check.review import Asked, narrowed, review
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source, Span
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from wherry.check.facts import Facts
    from wherry.check.fix import Texts
    from wherry.dockerfile.syntax import Instruction

COMMANDS = frozenset({Aspect.COMMANDS})


@dataclass
class Bench:
    """A Dockerfile and a rule made of a pattern: each match is a finding that offers to replace it."""

    text: str
    pattern: str = "bad"
    to: str = "good"
    aspects: frozenset[Aspect] = COMMANDS
    inserts: int = 0
    touches: Callable[[Instruction], frozenset[int]] = lambda one: frozenset({one.index})
    safety: Safety = Safety.SAFE
    others: Callable[[Source], list[Finding]] = lambda _: []
    named: frozenset[str] = frozenset()
    sent: Callable[[Texts], frozenset[str]] = lambda _: frozenset()
    beside: Callable[[Texts], frozenset[str]] = lambda _: frozenset()
    edits: Callable[[Span], list[Edit]] = lambda _: []
    files: dict[str, bytes] = field(default_factory=dict)

    def examine(self, texts: Texts) -> Examined:
        source = Source("Dockerfile", texts.get("Dockerfile", self.text.encode()))
        dockerfile = parse(source)
        findings = [
            self._finding(source, one, match)
            for one in dockerfile.instructions
            for match in re.finditer(self.pattern.encode(), source.data[one.span.start : one.span.end])
        ]
        return Examined(
            dockerfile,
            [*findings, *self.others(source)],
            {"Dockerfile": source.data, **self.files, **texts},
            sent=self.sent(texts),
            unsent=self.named - self.sent(texts),
            sent_beside=lambda: self.beside(texts),
        )

    def _finding(self, source: Source, one: Instruction, match: re.Match[bytes]) -> Finding:
        span = Span(one.span.start + match.start(), one.span.start + match.end())
        edits = self.edits(span) or [Edit("Dockerfile", span, self.to)]
        effect = Effect(self.touches(one), self.inserts, self.aspects)
        fix = Fix("mend it", tuple(edits), self.safety, effect)
        return Finding("G1", Severity.WARNING, Place.of(source, span), "bad", "it is", fix=fix)

    def after(self, allowed: Safety = Safety.SAFE) -> str:
        return mend(self.examine, allowed).after["Dockerfile"].decode()

    def reason(self) -> str:
        """Why the only fix does not stay."""
        mended = mend(self.examine, Safety.SAFE)
        assert (mended.after, mended.applied) == ({}, ())
        ((_, reason),) = mended.refused
        return reason


def test_what_is_proven_stays() -> None:
    mended = mend(Bench("FROM x\nRUN bad\n").examine, Safety.SAFE)

    assert mended.after == {"Dockerfile": b"FROM x\nRUN good\n"}
    assert mended.before == {"Dockerfile": b"FROM x\nRUN bad\n"}
    assert [one.rule for one in mended.applied] == ["G1"]
    assert mended.refused == ()


def test_fixes_are_applied_one_after_another_where_the_last_one_left_things() -> None:
    assert (
        Bench("FROM x\nRUN bad bad\nRUN a\nRUN bad\n").after() == "FROM x\nRUN good good\nRUN a\nRUN good\n"
    )


def test_a_file_without_findings_is_left_alone() -> None:
    assert mend(Bench("FROM x\n").examine, Safety.SAFE).after == {}


def test_a_second_run_changes_nothing() -> None:
    after = Bench("FROM x\nRUN bad\n").after()

    assert mend(Bench(after).examine, Safety.UNSAFE).after == {}


def test_unsafe_fixes_are_applied_only_when_asked_for() -> None:
    bench = Bench("FROM x\nRUN bad\n", safety=Safety.UNSAFE)

    assert mend(bench.examine, Safety.SAFE) == mend(Bench("FROM x\n").examine, Safety.SAFE)
    assert bench.after(Safety.UNSAFE) == "FROM x\nRUN good\n"


def test_only_fixes_of_the_rules_named_are_applied() -> None:
    bench = Bench("FROM x\nRUN bad\n")

    assert mend(bench.examine, Safety.SAFE, lambda _, one: one.rule == "C1").after == {}
    assert mend(bench.examine, Safety.SAFE, lambda _, one: one.rule == "G1").after


def test_new_lines_end_as_the_files_lines_do() -> None:
    bench = Bench("FROM x\r\nRUN bad\r\nRUN a\r\n", to="good && \\\n    more")

    assert bench.after() == "FROM x\r\nRUN good && \\\r\n    more\r\nRUN a\r\n"


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    data = b"FROM x\nRUN echo \xff\xfe\nRUN bad\n"
    bench = Bench("")

    mended = mend(lambda texts: bench.examine({"Dockerfile": data, **texts}), Safety.SAFE)

    assert mended.after == {"Dockerfile": data.replace(b"bad", b"good")}


@pytest.mark.parametrize(
    ("bench", "reason"),
    [
        (
            Bench("FROM x\nRUN bad\n", pattern="RUN bad", to="RUNN good"),
            "the file would no longer be right: ",
        ),
        (
            Bench("FROM x\nRUN bad\n", aspects=frozenset()),
            "the commands would change, which it did not declare",
        ),
        (
            Bench("FROM x\nRUN bad\nRUN a\n", to="good\nUSER me", inserts=1),
            "the user would change, which it did not declare",
        ),
        (
            Bench("FROM x\nRUN bad\nRUN a\nUSER u\n", to="good\nUSER me", inserts=1),
            "RUN would run with another user",
        ),
        (
            Bench("FROM x\nRUN bad\n", to="good\nRUN more\nRUN more"),
            "it adds 3 instructions where it declared 1",
        ),
        (
            Bench("FROM x\nRUN bad\n", touches=lambda _: frozenset()),
            "RUN of line 2 would change, which it did not declare",
        ),
        (Bench("FROM x\nRUN bad\n", to="badly"), "the finding would still be there"),
        (Bench("FROM x\nRUN bad\n", to="bad bad"), "the finding would still be there"),
    ],
)
def test_a_fix_that_does_what_it_does_not_declare_is_taken_back(bench: Bench, reason: str) -> None:
    assert bench.reason().startswith(reason)


def test_a_fix_that_swallows_its_neighbour_is_taken_back() -> None:
    bench = Bench(
        "FROM x\nRUN bad\nRUN a\n", edits=lambda span: [Edit("Dockerfile", Span(span.start, 20), "good")]
    )

    assert bench.reason() == "RUN of line 3 would change, which it did not declare"


def test_a_fix_that_gives_another_rule_more_to_say_is_taken_back() -> None:
    def other(severity: Severity) -> Callable[[Source], list[Finding]]:
        def find(source: Source) -> list[Finding]:
            place = Place.of(source, Span(0, 1))
            return [Finding("C1", severity, place, "x", "y")] * source.data.count(b"good")

        return find

    assert Bench("FROM x\nRUN bad\n", others=other(Severity.WARNING)).reason() == (
        "rule C1 would have more to say"
    )
    assert Bench("FROM x\nRUN bad\n", others=other(Severity.INFO)).after() == "FROM x\nRUN good\n"


def test_what_was_in_the_way_of_a_fix_may_be_gone_after_another() -> None:
    def other(source: Source) -> list[Finding]:
        lines = source.data.splitlines()
        wrong = len(lines) > 2 and lines[1] == b"RUN good" and lines[2] == b"RUN bad"
        return [Finding("C1", Severity.ERROR, Place.of(source, Span(0, 1)), "x", "y")] * wrong

    mended = mend(Bench("FROM x\nRUN bad\nRUN bad\n", others=other).examine, Safety.SAFE)

    assert mended.after == {"Dockerfile": b"FROM x\nRUN good\nRUN good\n"}
    assert mended.refused == ()


def test_what_the_dockerfile_copies_must_still_be_sent() -> None:
    def sent(texts: Texts) -> frozenset[str]:
        return frozenset({"model.bin"} if b"model" not in texts.get(".dockerignore", b"") else ())

    def bench(text: str, **parts: Callable[[Texts], frozenset[str]]) -> Bench:
        made = Bench(
            "FROM x\nRUN bad\n",
            edits=lambda span: [Edit("Dockerfile", span, "good"), Edit(".dockerignore", Span(0, 0), text)],
            files={".dockerignore": b""},
            named=frozenset({"model.bin"} if "sent" in parts else ()),
        )
        return replace(made, **parts)  # type: ignore[arg-type]

    assert bench("model*\n", sent=sent).reason() == (
        "model.bin, which the Dockerfile takes, would no longer be sent"
    )
    assert bench("model*\n", beside=sent).reason() == "model.bin would no longer be sent"
    assert mend(bench(".git\n", sent=sent, beside=sent).examine, Safety.SAFE).after == {
        "Dockerfile": b"FROM x\nRUN good\n",
        ".dockerignore": b".git\n",
    }


def test_a_file_that_was_not_read_is_never_written_anew() -> None:
    bench = Bench("FROM x\nRUN bad\n", edits=lambda _: [Edit("compose.yaml", Span(0, 0), "x: 1\n")])

    assert bench.reason() == "compose.yaml has not been read"


@pytest.mark.parametrize(
    "edits",
    [
        [Edit("Dockerfile", Span(0, 4), "a"), Edit("Dockerfile", Span(3, 5), "b")],
        [Edit("Dockerfile", Span(0, 99), "a")],
        [Edit("Dockerfile", Span(5, 4), "a")],
    ],
)
def test_edits_that_overlap_or_lie_outside_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(InputError, match="overlap or lie outside"):
        edited(b"FROM x\nRUN bad\n", edits)
    bench = Bench("FROM x\nRUN bad\n", edits=lambda _: edits)
    assert bench.reason() == (
        "the file would no longer be right: the edits of the fix overlap or lie outside the file"
    )


def test_edits_at_one_place_come_in_the_order_given() -> None:
    edits = [Edit("f", Span(1, 1), "x"), Edit("f", Span(1, 1), "y"), Edit("f", Span(1, 2), "z")]

    assert edited(b"abc", edits) == b"axyzc"


@given(
    st.binary(max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8), st.text("ab\r\n", max_size=4)), max_size=4),
)
def test_bytes_outside_of_edits_stay(data: bytes, wanted: list[tuple[int, int, str]]) -> None:
    edits = [Edit("f", Span(start, start + length), text) for start, length, text in wanted]
    try:
        after = edited(data, edits)
    except InputError:
        return
    at = 0
    for edit in sorted(edits, key=lambda one: one.span):
        between = data[at : edit.span.start]
        assert after.startswith(between)
        after = after[len(between) :]
        newline = b"\r\n" if data[: data.find(b"\n") + 1].endswith(b"\r\n") else b"\n"
        inserted = edit.text.replace("\r\n", "\n").encode().replace(b"\n", newline)
        assert after.startswith(inserted)
        after = after[len(inserted) :]
        at = edit.span.end
    assert after == data[at:]


def test_a_file_that_offers_fixes_without_end_is_left_after_a_thousand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("wherry.check.fix._MOST", 3)

    assert Bench("FROM x\nRUN bad bad bad bad bad\n").after() == "FROM x\nRUN good good good bad bad\n"


def test_a_long_file_is_mended_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch, context: Path) -> None:
    monkeypatch.setattr("wherry.check.fix._MOST_PROVEN", 8)

    first = mend(Bench("FROM x\nRUN bad\nRUN bad\nRUN bad\n").examine, Safety.SAFE)

    assert first.after == {"Dockerfile": b"FROM x\nRUN good\nRUN good\nRUN bad\n"}
    assert not first.is_complete
    assert mend(Bench(first.after["Dockerfile"].decode()).examine, Safety.SAFE).is_complete
    (context / "Dockerfile").write_text("FROM x\n" + "MAINTAINER me\n" * 5)
    asked = Asked((context / "Dockerfile",), lambda one: narrowed(one, ["H13"], [], []), allowed=Safety.SAFE)
    (judgement,) = review(asked).judgements
    assert judgement.notes == (
        f"{context}/Dockerfile: it offers more fixes than are tried at once: mend it again",
    )


def _ignoring(word: str, name: str = ".dockerignore") -> Callable[[Facts], Iterator[Finding]]:
    """A rule that wants a line in a file beside the Dockerfile."""

    def check(facts: Facts) -> Iterator[Finding]:
        context = facts.context
        assert context is not None
        path = context.ignore_path if name == ".dockerignore" else str(context.root / name)
        source = facts.reader.read(context.root / name)
        text = source.data if source else b""
        if word.encode() not in text:
            place = facts.place(facts.dockerfile.instructions[0].span)
            edit = Edit(path, Span(len(text), len(text)), f"{word}\n")
            fix = Fix("ignore it", (edit,), Safety.SAFE, Effect(aspects=frozenset({Aspect.FILES})))
            yield Finding("G1", Severity.WARNING, place, f"{word} is sent", "it is", Cost(), (), fix)

    return check


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHERRY_DEBUG", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".git").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("x")
    (tmp_path / "app.py").write_text("x")
    (tmp_path / "Dockerfile").write_text("FROM x\nCOPY app.py /\n")
    return tmp_path


def fixed(
    folder: Path, check: Callable[[Facts], Iterator[Finding]], *names: str
) -> list[tuple[Texts, list[str]]]:
    rules = [replace_check(rule, check) if rule.code == "G1" else rule for rule in RULES]
    with only_rules(*rules):
        asked = Asked(
            tuple(folder / name for name in names),
            adjust=lambda settings: narrowed(settings, ["G1"], [], []),
            allowed=Safety.SAFE,
        )
        reviewed = review(asked)
    for judgement, one in zip(reviewed.judgements, reviewed.mended, strict=True):
        assert bool(judgement.findings) == bool(one.refused)
    return [(one.after, [reason for _, reason in one.refused]) for one in reviewed.mended]


def replace_check(rule: Rule, check: Callable[[Facts], Iterator[Finding]]) -> Rule:
    return msgspec.structs.replace(rule, check=check)


def test_an_ignore_file_is_written_where_there_was_none(context: Path) -> None:
    assert fixed(context, _ignoring("data"), "Dockerfile") == [
        ({str(context / ".dockerignore"): b"data\n"}, [])
    ]


@pytest.mark.parametrize(
    ("instruction", "named"),
    [
        ("COPY data/x /", "data/x"),
        ("COPY dat*/x /", "dat*/x"),
        ("RUN --mount=type=bind,source=data,target=/data tar -c /data", "data"),
        ("RUN --mount=src=./data/x,target=/x cp /x /y", "./data/x"),
    ],
)
def test_what_the_dockerfile_takes_by_name_is_not_ignored(
    context: Path, instruction: str, named: str
) -> None:
    (context / "Dockerfile").write_text(f"FROM x\n{instruction}\n")

    assert fixed(context, _ignoring("data"), "Dockerfile") == [
        ({}, [f"{named}, which the Dockerfile takes, would no longer be sent"])
    ]


def test_what_is_mounted_instead_of_copied_or_not_taken_at_all_may_be_so(context: Path) -> None:
    def check(facts: Facts) -> Iterator[Finding]:
        for copy in facts.copies:
            edit = Edit(facts.file.name, copy.span, "RUN true")
            effect = Effect(frozenset({copy.index}), aspects=frozenset({Aspect.COPIES, Aspect.COMMANDS}))
            fix = Fix("do without", (edit,), Safety.SAFE, effect)
            yield Finding("G1", Severity.WARNING, facts.place(copy.span), "copied", "it is", fix=fix)

    assert fixed(context, check, "Dockerfile") == [({str(context / "Dockerfile"): b"FROM x\nRUN true\n"}, [])]


def test_what_another_dockerfile_of_the_context_copies_is_not_ignored(context: Path) -> None:
    (context / "train.Dockerfile").write_text("FROM x\nCOPY data/x /\n")

    assert fixed(context, _ignoring("data"), "Dockerfile") == [
        ({}, [f"data/x, which {context}/train.Dockerfile takes, would no longer be sent"])
    ]


def test_a_broken_dockerfile_beside_is_nobodys_hindrance(context: Path) -> None:
    (context / "broken.Dockerfile").write_text("FROMM x\n")

    assert fixed(context, _ignoring("data"), "Dockerfile")[0][1] == []


def test_two_dockerfiles_that_mend_one_file_do_not_undo_each_other(context: Path) -> None:
    def both(facts: Facts) -> Iterator[Finding]:
        yield from _ignoring("data" if facts.file.name.endswith("/Dockerfile") else "logs")(facts)

    (context / "b.Dockerfile").write_text("FROM x\nCOPY app.py /\n")

    first, second = fixed(context, both, "Dockerfile", "b.Dockerfile")

    assert first[0] == {str(context / ".dockerignore"): b"data\n"}
    assert second[0] == {str(context / ".dockerignore"): b"data\nlogs\n"}


def test_a_neighbour_is_edited_and_not_replaced(context: Path) -> None:
    (context / "compose.yaml").write_text("services: {}\n")

    assert fixed(context, _ignoring("x: 1", "compose.yaml"), "Dockerfile") == [
        ({str(context / "compose.yaml"): b"services: {}\nx: 1\n"}, [])
    ]


def test_a_neighbour_that_cannot_be_read_is_not_written(context: Path) -> None:
    (context / "compose.yaml").mkdir()

    assert fixed(context, _ignoring("x: 1", "compose.yaml"), "Dockerfile") == [
        ({}, [f"{context}/compose.yaml has not been read"])
    ]
