"""Comments that silence: five tools' forms, where they reach, what is said of those that do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.check.findings import D1, G1, H3, H4, RULES, found, only_rules, place, place_of
from wherry.check.engine import judge
from wherry.check.facts import Facts
from wherry.check.ignores import Ignore, ignores_of, plain_code, silence
from wherry.check.model import Place, Rule
from wherry.check.settings import CheckSettings
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.check.model import Finding


@pytest.fixture(autouse=True)
def _our_rules() -> Iterator[None]:
    with only_rules(*RULES):
        yield


class Silenced:
    """What comments of a Dockerfile make of findings of G1 at every RUN, H3 at every CMD."""

    def __init__(self, text: str, rules: tuple[Rule, ...] = (G1, H3)) -> None:
        self.source = Source("Dockerfile", text.encode())
        self.dockerfile = parse(self.source)
        self.ignores = ignores_of(self.dockerfile)
        findings = [
            found(rule=rule, at=Place.of(self.source, one.span))
            for one in self.dockerfile.instructions
            for keyword, rule in (("run", "G1"), ("cmd", "H3"))
            if one.keyword == keyword
        ]
        self.kept, self.silenced, self.unused = silence("Dockerfile", findings, self.ignores, rules)

    @property
    def lines(self) -> list[int]:
        """The lines of what is silenced."""
        return [one.place.start.line for one in self.silenced]


def lines(text: str) -> list[int]:
    return Silenced(text).lines


BODY = "FROM x\n{}RUN a\nRUN b\nCMD c\n"


@pytest.mark.parametrize(
    ("comment", "silenced"),
    [
        ("# wherry: ignore=G1 because\n", [3]),
        ("#wherry:ignore=g1\n", [3]),
        ("# Wherry: Ignore = pip-cache-kept: because\n", [3]),
        ("# wherry: ignore=H3, G1 -- because\n", [3]),
        ("# wherry: ignore=all\n", [3]),
        ("# wherry: ignore=H3\n", []),
        ("# wherry: ignore-file=G1 because\n", [3, 4]),
        ("# wherry: ignore-file=all\n", [3, 4, 5]),
        ("# hadolint ignore=DL3042\n", [3]),
        ("# hadolint ignore=DL3003,DL3042\n", [3]),
        ("# hadolint ignore=DL3042 # because\n", [3]),
        ("# hadolint global ignore=DL3042,DL3025\n", [3, 4, 5]),
        ("# tally ignore=hadolint/DL3042;reason=because\n", [3]),
        ("# TALLY IGNORE = dl3042\n", [3]),
        ("# tally ignore=all\n", [3]),
        ("# tally global ignore=DL3042;reason=because\n", [3, 4]),
        ("# tally global ignore=buildkit/JSONArgsRecommended\n", [5]),
        ("# trivy:ignore:DL3042\n", [3]),
        ("# check=skip=JSONArgsRecommended\n", []),  # a directive stands at the head of the file only
        ("# hadolint ignore=G1\n", []),
        ("# wherry: ignore=DL3042\n", []),
        ("# wherry ignore=G1\n", []),
        ("# hadolint shell=/bin/bash\n", []),
        ("# tallyho ignore=DL3042\n", []),
        ("# say wherry: ignore=G1\n", []),
    ],
)
def test_each_tools_form_silences_what_it_means(comment: str, silenced: list[int]) -> None:
    assert lines(BODY.format(comment)) == silenced


@pytest.mark.parametrize(
    ("directive", "silenced"),
    [
        ("# check=skip=JSONArgsRecommended\n", [5]),
        ("# check=error=true;skip=StageNameCasing, JSONArgsRecommended\n", [5]),
        ("# check=skip=all\n", [5]),
        ("# check=skip=StageNameCasing\n", []),
        ("# check=error=true\n", []),
    ],
)
def test_buildkits_directive_silences_in_the_whole_file(directive: str, silenced: list[int]) -> None:
    assert lines(directive + BODY.format("")) == silenced


@pytest.mark.parametrize(
    ("code", "is_meant"),
    [
        ("DS-0026", True),
        ("AVD-DS-0026", True),
        ("avd-ds-0026", True),
        ("DS026", True),
        ("DS-0002", False),
        ("DS-0026 trivy:ignore:DS-0001", True),
        ("DS-0001 trivy:ignore:AVD-DS-0026", True),
        ("DS-0026:exp:2999-01-01", True),
        ("DS-0026:exp:2020-01-01", False),
        ("DS-0026:ws:prod:exp:2020-01-01", False),
        ("DS-0026[name=x]", True),
    ],
)
def test_trivys_codes_are_known_in_all_their_fashions(code: str, is_meant: bool) -> None:  # noqa: FBT001 - a verdict
    source = Source("Dockerfile", f"FROM x\n# trivy:ignore:{code}\nRUN a\n".encode())
    finding = found(rule="H4", at=place_of(source, "RUN a"))

    kept, silenced, _ = silence("Dockerfile", [finding], ignores_of(parse(source)), [H4])

    assert (silenced == [finding], kept == [finding]) == (is_meant, not is_meant)


def test_trivys_comment_at_the_head_is_for_the_whole_file() -> None:
    source = Source("Dockerfile", b"# trivy:ignore:DS-0026\nFROM x\nRUN a\n")
    finding = found(rule="H4", at=place_of(source, "RUN a"))

    assert silence("Dockerfile", [finding], ignores_of(parse(source)), [H4])[1] == [finding]


@pytest.mark.parametrize(
    ("text", "silenced"),
    [
        ("FROM x\nRUN a && \\\n# wherry: ignore=G1 inside\n  b\nRUN c\n", [2]),
        ("FROM x\n# wherry: ignore=G1\n\n# more\n\nRUN a && \\\n  b\nRUN c\n", [6]),
        ("FROM x\nRUN a\n# wherry: ignore=G1\n", []),
        ("FROM x\n# wherry: ignore=G1\n# hadolint ignore=DL3042\nRUN a\n", [4]),
        ("FROM x\nRUN <<EOF\n# wherry: ignore=G1\nEOF\n", []),
        ("FROM x\r\n# wherry: ignore=G1 why\r\nRUN a\r\n", [3]),
    ],
)
def test_a_comment_reaches_the_instruction_that_it_stands_in_or_above(text: str, silenced: list[int]) -> None:
    assert lines(text) == silenced


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("# wherry: ignore=G1", ""),
        ("# wherry: ignore=G1 the wheels are needed", "the wheels are needed"),
        ("# wherry: ignore=G1, H3: as asked, by ops", "as asked, by ops"),
        ("# wherry: ignore=G1 -- why.", "why"),
        ("# tally ignore=DL3042;reason=because; really", "because; really"),
        ("# hadolint ignore=DL3042 # because", "because"),
        ("# trivy:ignore:DS-0002 because", "because"),
    ],
)
def test_the_reason_is_what_follows_the_codes(comment: str, reason: str) -> None:
    (ignore,) = Silenced(f"FROM x\n{comment}\nRUN a\n").ignores

    assert ignore.reason == reason


@pytest.mark.parametrize(
    ("comment", "idle"),
    [
        ("# wherry: ignore=G1", []),
        ("# wherry: ignore=H3", [("H3",)]),
        ("# wherry: ignore=G1,H3", [("H3",)]),
        ("# wherry: ignore=C99", [("C99",)]),  # there is no such rule
        ("# wherry: ignore=D1", []),  # not asked: nothing is known
        ("# hadolint ignore=DL3025", []),  # for hadolint's sake
    ],
)
def test_own_comments_that_silence_nothing_are_told_code_by_code(
    comment: str, idle: list[tuple[str, ...]]
) -> None:
    assert [one.codes for one in Silenced(f"FROM x\n{comment}\nRUN a\n").unused] == idle


def test_of_two_comments_for_one_finding_both_are_used() -> None:
    made = Silenced("FROM x\n# wherry: ignore-file=G1\n# wherry: ignore=G1\nRUN a\n")

    assert (made.lines, made.unused) == ([4], [])


def test_a_finding_in_another_file_is_meant_at_its_place_in_this_one_only() -> None:
    source = Source("Dockerfile", b"FROM x\n# wherry: ignore=G1\nRUN pip install -r r.txt\n")
    ignores = ignores_of(parse(source))
    run = place_of(source, "RUN pip install -r r.txt")
    elsewhere = Place("r.txt", run.span, run.start, run.end)

    alone = found(at=elsewhere)
    related = found(at=elsewhere, related=(run,))
    reversed_ = found(at=place("Dockerfile", 1), related=(run,))

    kept, silenced, _ = silence("Dockerfile", [alone, related, reversed_], ignores, [G1])
    assert (kept, silenced) == ([alone, reversed_], [related])


def test_a_rule_without_other_names_is_not_meant_by_all_of_others() -> None:
    source = Source("Dockerfile", b"# check=skip=all\nFROM x\n# tally ignore=all\nRUN a\n")
    finding = found(rule="D1", at=place_of(source, "RUN a"))

    assert silence("Dockerfile", [finding], ignores_of(parse(source)), [D1])[0] == [finding]


def test_a_hundred_thousand_comments_and_findings_meet_quickly() -> None:
    span = Span(0, 1)
    ignores = [Ignore("wherry", (f"X{n}",), "", span, Span(4 * n, 4 * n + 2)) for n in range(100_000)]
    ignores += [Ignore("hadolint", (f"XX{n}",), "", span, None) for n in range(100_000)]
    spot = place("Dockerfile", 1)
    findings = [found(at=replace(spot, span=Span(4 * n, 4 * n + 1))) for n in range(20_000)]

    kept, _, unused = silence("Dockerfile", findings, ignores, [G1])

    assert (len(kept), len(unused)) == (20_000, 100_000)


def test_codes_of_peers_are_plain() -> None:
    assert plain_code("hadolint/DL3008") == plain_code("DL3008") == "dl3008"
    assert plain_code("tally/gpu/no-x") == "gpu/no-x"
    assert plain_code("AVD-DS-0002") == "ds2"
    assert plain_code("other/DL3008") == "other/dl3008"


def judged(text: str, settings: CheckSettings | None = None) -> tuple[list[int], tuple[str, ...]]:
    """Lines of the findings that stand, and the notes."""

    def check(facts: Facts) -> Iterable[Finding]:
        runs = (one for one in facts.dockerfile.instructions if one.keyword == "run")
        return [found(rule="G1", at=facts.place(one.span)) for one in runs]

    with only_rules(replace(G1, check=check)):
        facts = Facts.of(Source("Dockerfile", text.encode()), settings=settings)
        judgement = judge(facts, {"G1"})
    return [one.place.start.line for one in judgement.findings], judgement.notes


def test_where_a_reason_is_required_a_comment_without_one_is_not_heard() -> None:
    text = (
        "FROM x\n# wherry: ignore=G1\nRUN a\n"
        "# wherry: ignore=G1 why\nRUN b\n# hadolint ignore=DL3042\nRUN c\n"
    )

    assert judged(text) == ([], ())
    standing, notes = judged(text, CheckSettings(require_reason=True))
    assert standing == [3]
    assert notes == (
        "Dockerfile:2: this comment gives no reason, as require-reason asks for, and is not heard",
    )


@pytest.mark.parametrize(
    "comment", ["# wherry: ignore G1", "# wherry: ignore[G1]", "# wherry: ignore=", "# wherry: disable=G1"]
)
def test_a_comment_that_is_not_understood_is_told(comment: str) -> None:
    standing, (note,) = judged(f"FROM x\n{comment}\nRUN a\n")

    assert standing == [3]
    assert note == "Dockerfile:2: this comment is not understood; it would be '# wherry: ignore=CODE why'"


def test_the_mark_that_lets_a_secret_through_is_no_misspelling() -> None:
    assert judged("FROM x\n# wherry: allow-secret\nRUN a\n") == ([3], ())
