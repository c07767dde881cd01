"""What others say among our findings: each thing once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from tests.check.findings import G1, H3, H4, found, judged, only_rules, place_of
from tests.check.peers.recorded import DOCKERFILE, HADOLINT, TALLY
from wherry.check.catalogue import name_of, title_of
from wherry.check.peers.merge import Merged, with_peers
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.check.engine import Judgement

SCRIPT = """for last; do :; done
sed "s|%(path)s|$last|g" <<'END'
{output}
END"""


@pytest.fixture(autouse=True)
def _our_rules() -> Iterator[None]:
    with only_rules(G1, H3, H4):
        yield


@pytest.fixture
def both(stands_for: Callable[[str, str], None]) -> None:
    stands_for("hadolint", SCRIPT.format(output=HADOLINT.decode()))
    stands_for("tally", SCRIPT.format(output=TALLY.decode()))


def codes(judgement: Judgement) -> list[str]:
    return [finding.rule for finding in judgement.findings]


def merged(*judgements: Judgement, names: tuple[str, ...] = ("hadolint", "tally")) -> Merged:
    return with_peers(names, judgements, {DOCKERFILE.name: DOCKERFILE}.get)


@pytest.mark.usefixtures("both")
def test_what_two_say_alike_is_said_once_in_the_words_of_the_one_that_knows_the_column() -> None:
    result = merged(judged())

    assert codes(result.judgements[0]) == [
        "buildkit/JSONArgsRecommended",
        "hadolint/DL3007",
        "hadolint/DL3042",
        "shellcheck/SC2046",
        "hadolint/DL3057",
        "tally/newline-between-instructions",
    ]
    assert result.added == {"tally": 5, "hadolint": 1}
    quote = next(one for one in result.judgements[0].findings if one.rule == "shellcheck/SC2046")
    assert DOCKERFILE.text(quote.place.span) == "$(ls *.txt)"


@pytest.mark.usefixtures("both")
def test_what_a_rule_of_ours_says_at_the_same_instruction_is_left_out_of_theirs() -> None:
    ours = found(rule="G1", at=place_of(DOCKERFILE, "torch"))

    assert codes(merged(judged(ours)).judgements[0])[:3] == [
        "buildkit/JSONArgsRecommended",
        "hadolint/DL3007",
        "G1",
    ]
    assert "hadolint/DL3042" not in codes(merged(judged(ours)).judgements[0])


@pytest.mark.usefixtures("both")
def test_what_a_rule_of_ours_says_elsewhere_stays_in_theirs() -> None:
    ours = found(rule="G1", at=place_of(DOCKERFILE, "CMD"))

    assert "hadolint/DL3042" in codes(merged(judged(ours)).judgements[0])


@pytest.mark.usefixtures("both")
def test_a_related_place_and_another_name_for_the_same_count_too() -> None:
    ours = found(rule="H3", at=place_of(DOCKERFILE, "FROM"), related=(place_of(DOCKERFILE, "app.py"),))

    assert "buildkit/JSONArgsRecommended" not in codes(merged(judged(ours)).judgements[0])
    assert "hadolint/DL3025" not in codes(merged(judged(ours), names=("hadolint",)).judgements[0])


@pytest.mark.usefixtures("both")
def test_what_is_said_of_the_whole_file_is_ours_wherever_we_say_it() -> None:
    ours = found(rule="H4", at=place_of(DOCKERFILE, "CMD"))

    assert "hadolint/DL3057" not in codes(merged(judged(ours)).judgements[0])


@pytest.mark.usefixtures("both")
def test_what_a_comment_silences_in_ours_does_not_come_back_in_theirs() -> None:
    ours = found(rule="G1", at=place_of(DOCKERFILE, "torch"))

    assert "hadolint/DL3042" not in codes(merged(replace(judged(), silenced=(ours,))).judgements[0])


def test_a_file_that_a_linter_could_not_read_is_noted(stands_for: Callable[[str, str], None]) -> None:
    output = '[{"code":"DL1000","column":1,"file":"%(path)s","level":"error","line":2,"message":"no"}]'
    stands_for("hadolint", SCRIPT.format(output=output))

    judgement = merged(judged(), names=("hadolint",)).judgements[0]

    assert (judgement.findings, judgement.notes) == ((), ("hadolint could not read Dockerfile: line 2: no",))


def test_places_outside_the_file_are_brought_inside(stands_for: Callable[[str, str], None]) -> None:
    start, end = '{"start":{"line":%d,"column":%d}', '"end":{"line":%d,"column":%d}}'
    lines = f'{{"rule":"tally/x%d","message":"m","location":{start},{end}}}'
    wanted = [(1, 900, 0, 901, 4), (2, 3, 900, 3, 901), (3, 5, 0, 5, 0), (4, 2, 4, 2, 2)]
    output = ",".join(lines % one for one in wanted)
    stands_for("tally", SCRIPT.format(output=f'{{"files":[{{"file":"%(path)s","violations":[{output}]}}]}}'))

    judgement = merged(judged(), names=("tally",)).judgements[0]

    texts = {one.rule: DOCKERFILE.text(one.place.span) for one in judgement.findings}
    assert texts == {"tally/x1": "", "tally/x2": "", "tally/x3": "", "tally/x4": "pip install torch &&"}
    assert all(0 <= one.place.span.start <= len(DOCKERFILE.data) for one in judgement.findings)


def test_secrets_that_they_repeat_are_masked(stands_for: Callable[[str, str], None]) -> None:
    key = "hf_" + "abcdefghijABCDEFGHIJabcdefghijABCD"
    output = f'{{"rule":"tally/secret","message":"found {key}","detail":"line: {key}"}}'
    stands_for("tally", SCRIPT.format(output=f'{{"files":[{{"file":"%(path)s","violations":[{output}]}}]}}'))

    (finding,) = merged(judged(), names=("tally",)).judgements[0].findings

    assert key not in finding.what + finding.why
    assert finding.what.startswith("found hf_a***")


@pytest.mark.usefixtures("both")
def test_a_judgement_whose_file_is_not_there_stays_as_it_is() -> None:
    other = judged(found("gone"), path="gone")

    assert merged(other).judgements == (other,)


@pytest.mark.usefixtures("both")
def test_each_file_has_its_own_findings() -> None:
    other = Source("other", DOCKERFILE.data)
    result = with_peers(
        ("hadolint",), [judged(), judged(path="other")], {"Dockerfile": DOCKERFILE, "other": other}.get
    )

    assert [len(one.findings) for one in result.judgements] == [0, 5]  # the recorded output names the last


def test_names_of_others_need_no_rule_of_ours() -> None:
    assert title_of("hadolint/DL3008") == "hadolint/DL3008"
    assert name_of("tally/gpu/prefer-runtime") == "prefer-runtime"
