"""The cache's history in words and as plain values."""

from __future__ import annotations

import json

import pytest

from tests.check.findings import found, place
from wherry.check.history import CacheHistory, LayerHistory
from wherry.check.model import Effect, Fix, Safety
from wherry.check.rehearsal import Rehearsal
from wherry.dockerfile.parser import parse
from wherry.dockerfile.source import Source
from wherry.report.findings.rehearsals import rehearsal_json, rehearsal_lines

SOURCE = Source("Dockerfile", b"FROM x\nCOPY . .\nRUN pip install torch==2.4.1\nRUN make\n")


def history(commits: int, building: int, source: Source = SOURCE) -> CacheHistory:
    _, copy, install, make = parse(source).instructions
    return CacheHistory(
        commits,
        building,
        (
            LayerHistory(copy, building, 1000, "files of the context"),
            LayerHistory(install, building, 500_000_000, "wheels of torch"),
            LayerHistory(make, building, 0, ""),
        ),
    )


def rehearsal(commits: int = 4, building: int = 3, *, proposed: CacheHistory | None = None) -> Rehearsal:
    fix = Fix("install before the code is copied", (), Safety.UNSAFE, Effect())
    fixes = (found(rule="B1", at=place("Dockerfile", 3), fix=fix),) if proposed else ()
    return Rehearsal(SOURCE, history(commits, building), proposed, SOURCE if proposed else None, fixes)


@pytest.mark.parametrize(
    ("commits", "building", "heading"),
    [
        (0, 0, "no commit changed anything in its context"),
        (1, 1, "the last commit in its context, replayed; it rebuilt something"),
        (1, 0, "the last commit in its context, replayed; it rebuilt nothing"),
        (4, 3, "the last 4 commits in its context, replayed; 3 rebuilt something"),
        (4, 0, "the last 4 commits in its context, replayed; none rebuilt anything"),
    ],
)
def test_the_heading_says_how_many_commits_and_what_they_did(
    commits: int, building: int, heading: str
) -> None:
    assert rehearsal_lines(rehearsal(commits, building))[0] == f"Dockerfile: {heading}"


def test_each_layer_has_a_line_with_what_it_cost() -> None:
    lines = rehearsal_lines(rehearsal())

    assert lines[1].split() == ["line", "layer", "rebuilt", "each", "in", "all"]
    assert lines[3].split()[-8:] == ["3", "500", "MB", "17.0", "s", "wheels", "of", "torch"]
    assert lines[4].split() == ["4", "RUN", "make", "3", "?"]
    assert lines[-1] == "  no fix of wherry check changes the order"


def test_the_proposed_order_is_shown_with_its_fixes_and_what_it_saves() -> None:
    lines = rehearsal_lines(rehearsal(proposed=history(4, 1)))

    assert "    B1: install before the code is copied" in lines
    assert lines[-1].startswith("  saved: 1.00 GB and ")


def test_an_order_that_costs_more_saves_nothing() -> None:
    assert rehearsal_lines(rehearsal(proposed=history(4, 4)))[-1].startswith("  saved: 0 B and ")


def test_long_instructions_are_cut_and_secrets_masked() -> None:
    token = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZaBcDeFgH"
    source = Source("Dockerfile", f"FROM x\nCOPY . .\nRUN TOKEN={token} make\nRUN {'x' * 200}\n".encode())

    text = "\n".join(rehearsal_lines(Rehearsal(source, history(1, 1, source), None, None, ())))

    assert token not in text
    assert "x…" in text
    assert "x" * 60 not in text


def test_the_same_as_plain_values() -> None:
    values = json.loads(json.dumps(rehearsal_json(rehearsal(proposed=history(4, 1)))))

    assert (values["path"], values["commits"], values["fixes"]) == ("Dockerfile", 4, ["B1"])
    assert values["today"]["building"] == 3
    assert values["proposed"]["moved_bytes"] == 500_001_000
    assert [layer["size_bytes"] for layer in values["today"]["layers"]] == [1000, 500_000_000, None]
    assert rehearsal_json(rehearsal())["proposed"] is None
