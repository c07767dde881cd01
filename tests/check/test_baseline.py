"""Baselines: what is known stays known when lines move, what is new is shown, what is gone is said."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.findings import found, judged, place_of
from wherry.check.baseline import Sifted, sift, write_baseline
from wherry.check.model import Place
from wherry.dockerfile.source import Source, Span
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from wherry.check.engine import Judgement
    from wherry.check.model import Finding

BEFORE = """\
FROM python:3.12
RUN pip install torch && \\
    pip install numpy
CMD python app.py
"""


class Desk:
    """Dockerfiles in a directory, and the baseline beside them."""

    def __init__(self, root: Path) -> None:
        self.path = root / "baseline.json"
        self.sources: dict[str, Source] = {}

    def file(self, text: str | bytes, name: str = "Dockerfile") -> Source:
        self.sources[name] = Source(name, text.encode() if isinstance(text, str) else text)
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(self.sources[name].data)
        return self.sources[name]

    def write(self, *judgements: Judgement) -> int:
        return write_baseline(self.path, judgements, self.sources.get)

    def sift(self, *judgements: Judgement, codes: tuple[str, ...] = ("G1", "H3")) -> Sifted:
        return sift(self.path, judgements, self.sources.get, lambda _: codes)

    def rewrite(self, **changes: object) -> None:
        values: dict[str, Any] = json.loads(self.path.read_text())
        self.path.write_text(json.dumps(values | changes))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


def pip(source: Source, text: str = "pip install torch", **changes: str) -> Finding:
    return found(rule=changes.get("rule", "G1"), at=place_of(source, text))


def test_what_is_known_is_left_out_and_counted(desk: Desk) -> None:
    source = desk.file(BEFORE)
    assert desk.write(judged(pip(source))) == 1

    result = desk.sift(judged(pip(source), found(rule="H3", at=place_of(source, "CMD"))))

    assert [one.rule for one in result.judgements[0].findings] == ["H3"]
    assert (result.known, result.stale) == (1, ())


@pytest.mark.parametrize(
    "after",
    [
        "# a comment\n\n" + BEFORE,
        BEFORE.replace("\n", "\r\n"),
        BEFORE.replace("    pip", "\tpip"),
        BEFORE.replace("&& \\\n", "&& \\\n# why\n"),
        BEFORE.replace(" && \\\n    ", " && "),
        BEFORE.replace("RUN", "USER x\nrun"),
        BEFORE.replace("CMD python", "CMD exec python"),
    ],
)
def test_it_stays_known_when_only_its_surroundings_change(desk: Desk, after: str) -> None:
    desk.write(judged(pip(desk.file(BEFORE))))

    result = desk.sift(judged(pip(desk.file(after))))

    assert (result.known, result.stale) == (1, ())


@pytest.mark.parametrize(
    "after", [BEFORE.replace("numpy", "scipy"), BEFORE.replace("RUN ", "RUN --network=host ")]
)
def test_it_is_new_when_its_instruction_says_something_else(desk: Desk, after: str) -> None:
    desk.write(judged(pip(desk.file(BEFORE))))

    result = desk.sift(judged(pip(desk.file(after))))

    assert (result.known, len(result.judgements[0].findings)) == (0, 1)
    assert [(one.rule, one.path, one.count) for one in result.stale] == [("G1", "Dockerfile", 1)]


def test_a_heredoc_is_part_of_its_instruction(desk: Desk) -> None:
    text = "FROM x\nRUN <<EOF\npip install torch\nEOF\n"
    desk.write(judged(pip(desk.file(text))))

    assert desk.sift(judged(pip(desk.file(text)))).known == 1
    assert desk.sift(judged(pip(desk.file(text.replace("torch\n", "torch numpy\n"))))).known == 0


def test_equal_ones_are_counted(desk: Desk) -> None:
    twice = "FROM x\nRUN pip install torch\nRUN pip install torch\n"
    source = desk.file(twice)
    both = [found(at=place_of(source, "pip install torch", nth=nth)) for nth in (0, 1)]
    assert desk.write(judged(*both)) == 2
    assert [one["count"] for one in json.loads(desk.path.read_text())["findings"]] == [2]

    assert desk.sift(judged(*both)).known == 2
    third = desk.file(twice + "RUN pip install torch\n")
    three = [found(at=place_of(third, "pip install torch", nth=nth)) for nth in (0, 1, 2)]
    assert len(desk.sift(judged(*three)).judgements[0].findings) == 1
    assert [one.count for one in desk.sift(judged(both[0])).stale] == [1]


def test_a_finding_in_another_file_is_known_by_its_line_there(desk: Desk) -> None:
    desk.file(BEFORE)
    beside = desk.file("numpy\ntorch\n", "requirements.txt")
    desk.write(judged(pip(beside, "torch")))

    moved = desk.file("scipy\nnumpy\n  torch\r\n", "requirements.txt")
    assert desk.sift(judged(pip(moved, "torch"))).known == 1
    other = desk.file("torch\n", "other.txt")
    assert desk.sift(judged(pip(other, "torch"))).known == 0


def test_places_that_are_no_instruction_are_known_too(desk: Desk) -> None:
    source = desk.file("# token\nFROM x\n# late\n")
    places = [Place.of(source, Span(0, 0)), place_of(source, "# token"), place_of(source, "# late")]
    gone = found("gone.yaml", line=3)
    findings = [*(found(at=place) for place in places), gone]
    desk.write(judged(*findings))

    assert len(json.loads(desk.path.read_text())["findings"]) == 4
    assert desk.sift(judged(*findings)).known == 4


def test_paths_are_from_the_baselines_directory_wherever_wherry_is_started(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = desk.file(BEFORE, "app/Dockerfile")
    desk.write(judged(pip(source), path="app/Dockerfile"))
    assert json.loads(desk.path.read_text())["findings"][0]["path"] == "app/Dockerfile"

    monkeypatch.chdir("app")
    inside = desk.file(BEFORE, "Dockerfile")

    assert desk.sift(judged(pip(inside))).known == 1


def test_only_what_was_asked_for_can_be_stale(desk: Desk) -> None:
    source = desk.file(BEFORE)
    other = desk.file(BEFORE, "other.Dockerfile")
    desk.write(
        judged(pip(source), pip(source, rule="C1"), pip(source, rule="hadolint/DL3042")),
        judged(pip(other), path="other.Dockerfile"),
    )

    assert [one.rule for one in desk.sift(judged(), codes=("G1",)).stale] == ["G1"]
    assert desk.sift(codes=("G1",)).stale == ()


def test_a_dockerfile_that_is_gone_leaves_stale_entries(desk: Desk) -> None:
    source = desk.file(BEFORE, "old.Dockerfile")
    desk.write(judged(pip(source), path="old.Dockerfile"))
    Path("old.Dockerfile").unlink()

    result = desk.sift()

    (note,) = result.notes(Path("b.json"))
    assert note == (
        "b.json knows a finding that is gone, G1 in old.Dockerfile: write it anew with --write-baseline"
    )


def test_several_stale_entries_are_one_note_and_none_is_none(desk: Desk) -> None:
    source = desk.file(BEFORE)
    desk.write(judged(pip(source), found(rule="H3", at=place_of(source, "CMD"))))

    (note,) = desk.sift(judged()).notes(Path("b.json"))

    assert note.startswith("b.json knows 2 findings that are gone, the first is G1 in Dockerfile:")
    assert (
        list(desk.sift(judged(pip(source), found(rule="H3", at=place_of(source, "CMD")))).notes(desk.path))
        == []
    )


def test_entries_that_a_merge_brought_twice_count_together(desk: Desk) -> None:
    source = desk.file(BEFORE)
    desk.write(judged(pip(source)))
    desk.rewrite(findings=json.loads(desk.path.read_text())["findings"] * 2)

    assert desk.sift(judged(pip(source), pip(source))).known == 2


def test_the_file_is_for_people_too_and_the_same_every_time(desk: Desk) -> None:
    source = desk.file(BEFORE)
    findings = [pip(source), found(rule="H3", at=place_of(source, "CMD"))]
    desk.write(judged(*findings))
    first = desk.path.read_bytes()
    desk.write(judged(*reversed(findings)))

    assert desk.path.read_bytes() == first
    assert list(json.loads(first)) == ["version", "findings"]
    assert json.loads(first)["version"] == 1
    assert json.loads(first)["findings"][0] | {"fingerprint": ""} == {
        "rule": "G1",
        "path": "Dockerfile",
        "fingerprint": "",
        "count": 1,
        "what": "pip keeps its downloads",
    }


def test_names_and_texts_that_are_not_utf_8_are_known_again(desk: Desk) -> None:
    name = os.fsdecode(b"\xff.Dockerfile")
    source = desk.file(b"FROM x\nRUN echo \xfe\n", name)
    finding = found(at=Place.of(source, Span(7, 12)))
    desk.write(judged(finding, path=name))

    assert desk.sift(judged(finding, path=name)).known == 1


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "it is not JSON"),
        (b"\xff", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "Expected `object`"),
        (b'{"version": 1}', "missing required field `findings`"),
        (b'{"version": 1, "findings": [{"rule": 1}]}', r"Expected `str`.*\$\.findings\[0\]"),
        (
            b'{"version": 1, "findings": [{"rule": "G1", "path": "", "fingerprint": "", "count": 0}]}',
            "Expected `int` >= 1",
        ),
        (b'{"version": 2, "findings": []}', "has version 2, and this wherry reads 1"),
        (b'{"version": 0, "findings": []}', "Expected `int` >= 1"),
    ],
)
def test_what_is_no_baseline_is_refused_in_words(desk: Desk, content: bytes, what: str) -> None:
    desk.path.write_bytes(content)

    with pytest.raises(InputError, match=what) as error:
        desk.sift()

    assert error.value.where == str(desk.path)
    assert "--write-baseline" in error.value.mend


def test_a_baseline_that_is_not_there_is_told(desk: Desk) -> None:
    with pytest.raises(InputError, match=r"baseline\.json cannot be read"):
        desk.sift()


def test_a_baseline_that_cannot_be_written_is_told(desk: Desk) -> None:
    desk.path = Path("nowhere/baseline.json")

    with pytest.raises(WorldError, match="cannot write"):
        desk.write(judged())


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8))
def test_known_and_new_and_stale_add_up(before: list[int], now: list[int]) -> None:
    source = Source("/x/Dockerfile", b"FROM x\nRUN a0\nRUN a1\nRUN a2\nRUN a3\n")

    def findings(numbers: list[int]) -> Judgement:
        return judged(*(found(at=place_of(source, f"a{n}")) for n in numbers), path=source.name)

    path = Path(os.environ["WHERRY_CACHE_DIR"]) / "baseline.json"
    write_baseline(path, [findings(before)], {source.name: source}.get)
    result = sift(path, [findings(now)], {source.name: source}.get, lambda _: ["G1"])

    assert result.known + len(result.judgements[0].findings) == len(now)
    assert result.known + sum(one.count for one in result.stale) == len(before)
    assert result.known == sum(min(before.count(n), now.count(n)) for n in range(4))
