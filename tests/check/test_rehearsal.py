"""The last commits replayed for Dockerfiles in real repositories: as they are, and as their fixes propose."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.check.repositories import Repository
from wherry.check.rehearsal import Rehearsed, rehearse
from wherry.check.review import Asked
from wherry.check.settings import CheckSettings
from wherry.errors import InputError

SLOW = "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"
"""Installs anew whenever the code changes (B1)."""

QUICK = (
    "FROM python:3.12-slim\nWORKDIR /app\nCOPY requirements.txt .\n"
    "RUN pip install --no-cache-dir -r requirements.txt\nCOPY src src\n"
)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository.alone(tmp_path, monkeypatch)


def rehearsed(*paths: str, number: int = 100) -> Rehearsed:
    return rehearse(Asked(tuple(Path(path) for path in paths) or (Path(),)), number)


def with_commits(repository: Repository, dockerfile: str, at: str = "Dockerfile") -> None:
    """The Dockerfile is added half-way; then the code changes three times."""
    repository.commit({"requirements.txt": "torch==2.4.1\n", "src/main.py": "0"})
    repository.commit({at: dockerfile})
    for number in range(1, 4):
        repository.commit({"src/main.py": str(number)})


def test_the_proposed_order_installs_only_when_the_requirements_change(repository: Repository) -> None:
    with_commits(repository, SLOW)

    (one,) = rehearsed().rehearsals

    assert one.proposed is not None
    assert [finding.rule for finding in one.fixes] == ["B1", "B11"]
    assert [layer.rebuilt for layer in one.today.layers] == [0, 5, 5]
    installs = [layer.rebuilt for layer in one.proposed.layers if "torch" in layer.source]
    assert installs == [1]
    assert one.today.moved_bytes > 4 * one.proposed.moved_bytes > 0
    assert one.today.seconds > one.proposed.seconds


def test_the_file_stays_as_it_is(repository: Repository) -> None:
    with_commits(repository, SLOW)
    rehearsed()

    assert repository.git("status", "--porcelain") == ""
    assert (repository.root / "Dockerfile").read_text() == SLOW


def test_an_order_that_is_right_has_no_other(repository: Repository) -> None:
    with_commits(repository, QUICK)
    repository.commit({".dockerignore": "*\n!requirements.txt\n!src\n"})

    (one,) = rehearsed().rehearsals

    assert (one.proposed, one.proposed_source, one.fixes) == (None, None, ())
    assert one.today.commits == 6
    assert [layer.rebuilt for layer in one.today.layers] == [0, 1, 1, 4]


def test_a_commit_of_nothing_that_is_sent_rebuilds_nothing(repository: Repository) -> None:
    with_commits(repository, QUICK)
    repository.commit({"docs/a.md": "x"})

    (one,) = rehearsed(number=1).rehearsals

    assert (one.today.commits, one.today.building) == (1, 0)


def test_each_dockerfile_is_replayed_in_its_own_context(repository: Repository) -> None:
    repository.commit({"api/Dockerfile": "FROM x\nCOPY . .\n", "web/Dockerfile": "FROM x\nCOPY . .\n"})
    repository.commit({"api/main.py": "1"})
    repository.commit({"api/main.py": "2"})
    repository.commit({"web/index.js": "1"})

    api, web = rehearsed().rehearsals

    assert (api.source.name, api.today.commits) == ("api/Dockerfile", 3)
    assert (web.source.name, web.today.commits) == ("web/Dockerfile", 2)


def test_an_ignore_file_that_a_fix_writes_counts_for_all_dockerfiles_of_the_context(
    repository: Repository,
) -> None:
    for name in ("Dockerfile", "Dockerfile.gpu"):
        repository.write(name, "FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\n")
    repository.commit({"src/main.py": "1"})
    repository.write(".git/objects/pack/x.pack", b"x" * 5_000_000)
    for number in range(3):
        repository.commit({"tests/__pycache__/a.pyc": str(number)})

    first, second = rehearsed().rehearsals

    assert first.proposed is not None
    assert second.proposed is not None
    assert first.today.building == second.today.building == 4
    assert first.proposed.building == second.proposed.building == 1
    assert {one.rule for one in (*first.fixes, *second.fixes)} >= {"B11"}


def test_a_broken_file_keeps_no_other_from_being_replayed(repository: Repository) -> None:
    repository.commit({"a/Dockerfile": "RUNN x\n", "b/Dockerfile": SLOW, "b/requirements.txt": ""})

    found = rehearsed()

    assert [one.source.name for one in found.rehearsals] == ["b/Dockerfile"]
    assert [error.where for error in found.broken] == ["a/Dockerfile:1"]


def test_what_is_excluded_is_not_replayed(repository: Repository) -> None:
    repository.commit({"old/Dockerfile": SLOW, "pyproject.toml": '[tool.wherry.check]\nexclude = ["old"]\n'})

    found = rehearsed()

    assert (found.rehearsals, len(found.notes)) == ((), 1)


def test_arguments_and_target_are_those_of_the_build(repository: Repository) -> None:
    text = "FROM python:3.12 AS a\nCOPY a a\nFROM python:3.12 AS b\nARG DIR\nCOPY $DIR x\n"
    repository.commit({"Dockerfile": text})
    repository.commit({"a/x": "1"})
    repository.commit({"b/x": "1"})
    asked = Asked((Path(),))

    def counts(asked: Asked) -> list[int]:
        return [layer.rebuilt for layer in rehearse(asked, 9).rehearsals[0].today.layers]

    assert counts(replace(asked, target="a")) == [1]
    assert counts(replace(asked, build_args={"DIR": "b"})) == [1]
    assert counts(replace(asked, build_args={"DIR": "c"})) == [0]


def test_other_rules_propose_no_order(repository: Repository) -> None:
    with_commits(repository, SLOW)
    asked = Asked((Path(),), adjust=lambda _: CheckSettings(select=("G1",)))

    (one,) = rehearse(asked, 9).rehearsals

    assert one.proposed is None


def test_standard_input_has_no_history() -> None:
    with pytest.raises(InputError, match="no history"):
        rehearse(Asked((Path("-"),), stdin=SLOW.encode()), 9)
