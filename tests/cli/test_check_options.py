"""``wherry check``: what it compares with, asks beside itself, measures, and is told not to say."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.cli.checking import PLAIN, Desk
from tests.handmade import Entry, name_image, put_image, source_of
from tests.programs import require_program
from wherry.oci import media_types
from wherry.oci.image import read_image
from wherry.oci.layout import write_layout
from wherry.oci.model import describe, encode, manifest_of
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.oci.model import Descriptor

ONLY_PIP = ("--select", "G1", "--format", "json")
STAGES = "ARG BASE=python:3.12\nFROM ${BASE} AS work\nRUN pip install torch==2.4.1\nFROM scratch AS ship\n"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, monkeypatch, capsys)


@pytest.fixture
def repository(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk as a repository of git's."""
    require_program("git")
    (desk.root / ".git").rmdir()
    for key in [key for key in os.environ if key.startswith("GIT_")]:
        monkeypatch.delenv(key)
    for key, value in {"NAME": "A", "EMAIL": "a@mail.example", "DATE": "2026-01-01T00:00:00Z"}.items():
        monkeypatch.setenv(f"GIT_AUTHOR_{key}", value)
        monkeypatch.setenv(f"GIT_COMMITTER_{key}", value)
    monkeypatch.setenv("HOME", str(desk.root))
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], check=True, cwd=desk.root)
    return desk


def commit(desk: Desk) -> None:
    subprocess.run(["git", "add", "."], check=True, cwd=desk.root)
    subprocess.run(["git", "commit", "--quiet", "--message=a step"], check=True, cwd=desk.root)


# ---- what is known ----


@pytest.mark.parametrize("option", [("--baseline", "known.json"), ("--since", "HEAD")])
def test_only_what_would_be_shown_is_mended(repository: Desk, option: tuple[str, str]) -> None:
    old = repository.file("old.Dockerfile", PLAIN)
    changed = repository.file("Dockerfile", PLAIN)
    repository.check("--select", "G1,H3", "--write-baseline", "known.json")
    commit(repository)
    changed.write_text(f"{PLAIN}CMD python main.py\n")

    diff = repository.check("--diff", "--select", "G1,H3", *option).out
    repository.check("--fix", "--select", "G1,H3", *option)

    assert [line[:4] for line in diff.splitlines() if line.startswith("+")] == ["+++ ", "+CMD"]
    assert old.read_text() == PLAIN
    assert changed.read_text() == f'{PLAIN}CMD ["python", "main.py"]\n'


def test_a_baseline_hides_what_it_knows_and_shows_what_is_new(desk: Desk) -> None:
    path = desk.file("Dockerfile", PLAIN)
    written = desk.check("--select", "G1,H3", "--write-baseline", "known.json")

    assert (written.code, written.out) == (0, "")
    assert written.err == "known.json knows 1 finding\n"
    assert desk.check("--select", "G1,H3", "--baseline", "known.json").code == 0
    path.write_text(f"# a line above\n{PLAIN}CMD python main.py\n")
    done = desk.check("--select", "G1,H3", "--baseline", "known.json", "--format", "json")
    assert (done.code, done.rules()) == (1, ["H3"])
    assert done.json()["summary"]["in_baseline"] == 1


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"version": 99}', "\0\0"])
def test_a_baseline_that_cannot_be_used_is_an_input_error(desk: Desk, text: str | None) -> None:
    desk.file("Dockerfile", PLAIN)
    if text is not None:
        desk.file("known.json", text)

    done = desk.check("--baseline", "known.json")

    assert (done.code, done.out) == (2, "")
    assert "known.json" in done.err


def test_no_baseline_is_written_while_a_file_is_broken(desk: Desk) -> None:
    desk.file("Dockerfile", "RUNN x\n")

    assert desk.check("--write-baseline", "known.json").code == 2
    assert not (desk.root / "known.json").exists()


def test_since_shows_what_stands_on_changed_lines(repository: Desk) -> None:
    repository.file("Dockerfile", PLAIN)
    commit(repository)

    assert repository.check("--since", "HEAD", "--select", "G1").code == 0
    repository.file("Dockerfile", f"{PLAIN}RUN pip install numpy==2.0.0\nRUN echo\n")
    assert repository.check("--since", "HEAD", *ONLY_PIP).rules() == ["G1"]
    repository.file("Dockerfile", f"{PLAIN}RUN echo\n")
    unchanged = repository.check("--since", "main", *ONLY_PIP)
    assert (unchanged.code, unchanged.rules()) == (0, [])
    assert unchanged.json()["summary"]["unchanged"] == 1


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "", "a\nb"])
def test_a_revision_that_is_none_is_an_input_error(repository: Desk, revision: str) -> None:
    repository.file("Dockerfile", PLAIN)
    commit(repository)

    done = repository.check("--since", revision)

    assert done.code == 2
    assert not (repository.root / "x").exists()


# ---- beside itself ----


def test_a_linter_that_is_not_installed_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.file("Dockerfile", PLAIN)
    monkeypatch.setenv("PATH", str(desk.root))

    done = desk.check("--with", "hadolint,tally")

    assert (done.code, done.out) == (3, "")
    assert "hadolint is not on the PATH" in done.err
    assert "mend: install it" in done.err


def test_a_linter_that_nobody_knows_is_an_input_error(desk: Desk) -> None:
    desk.file("Dockerfile", PLAIN)

    done = desk.check("--with", "dockle")

    assert done.code == 2
    assert "one of hadolint, tally" in done.err


# ---- which build ----


def test_the_target_and_the_arguments_decide_what_ships(desk: Desk) -> None:
    desk.file("Dockerfile", STAGES)

    def bases(*arguments: str) -> list[str]:
        done = desk.check("--select", "G7", "--format", "json", *arguments)
        return [finding["what"] for finding in done.json()["findings"]]

    assert bases() == []
    assert ["python:3.12 " in what for what in bases("--target", "work")] == [True]
    assert bases("--target", "work", "--build-arg", "BASE=python:3.12-slim") == []


def test_a_target_that_is_no_stage_is_said_with_the_stages_there_are(desk: Desk) -> None:
    desk.file("Dockerfile", STAGES)

    done = desk.check("--target", "shop")

    assert done.code == 2
    assert "there is no stage 'shop'" in done.out
    assert "work, ship" in done.out


@pytest.mark.parametrize("argument", ["BASE", "=x", ""])
def test_a_build_argument_has_a_name_and_a_value(desk: Desk, argument: str) -> None:
    desk.file("Dockerfile", STAGES)

    assert desk.check("--build-arg", argument).code == 2


def built_from(store: Store, *lines: str) -> Descriptor:
    """An image each of whose layers of 2 MB was made by one line."""
    root = put_image(store, [[Entry(f"opt/{at}", b"x" * 2_000_000)] for at in range(len(lines))])
    image = read_image(source_of(store, root), root, None)
    config = msgspec.structs.replace(image.config, history=tuple({"created_by": line} for line in lines))
    document = encode(config)
    manifest = encode(manifest_of(describe(document, media_types.CONFIG), image.manifest.layers))
    for blob in (document, manifest):
        store.blobs.add_bytes(blob)
    return describe(manifest, media_types.MANIFEST, platform=root.platform)


def test_an_image_measures_what_is_otherwise_unknown(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHERRY_CACHE_DIR", str(desk.root / "store"))
    store = Store.open()
    root = built_from(
        store, "base", "COPY /opt /opt # buildkit", "RUN /bin/sh -c chown -R app /opt # buildkit"
    )
    name_image(store, "app", root)
    write_layout(desk.root / "layout", source_of(store, root), root)
    stages = "FROM python:3.12-slim AS build\nRUN make\nFROM python:3.12-slim\n"
    desk.file("Dockerfile", f"{stages}COPY --from=build /opt /opt\nRUN chown -R app /opt\n")

    for image in ("app", "oci:layout"):
        (finding,) = desk.check("--image", image, "--select", "G4", "--format", "json").json()["findings"]
        assert finding["cost"]["basis"] == "measured"
        assert finding["cost"]["size_bytes"] > 2_000_000
    desk.file("Dockerfile", f"{stages}RUN make && make install\n")
    assert desk.check("--image", "app").out.count("app was built from none of these") == 1
    missing = desk.check("--image", "nothing")
    assert (missing.code, missing.out) == (2, "")


# ---- the cache's history ----


def test_the_last_commits_are_replayed_in_both_orders(repository: Desk) -> None:
    repository.write(
        Dockerfile="FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n",
        requirements__txt="torch==2.4.1\n",
    )
    commit(repository)
    for number in range(3):
        repository.file("main.py", f"print({number})\n")
        commit(repository)

    text = repository.check("--cache-history")
    (rehearsal,) = repository.check("--cache-history", "3", "--format", "json").json()["rehearsals"]

    assert text.code == 0
    assert "the last 4 commits" in text.out
    assert "B1: " in text.out
    assert rehearsal["commits"] == 3
    today, proposed = (
        {layer["line"]: layer["rebuilt"] for layer in rehearsal[order]["layers"]}
        for order in ("today", "proposed")
    )
    assert today == {2: 0, 3: 3, 4: 3}
    assert sorted(proposed.values()) == [0, 0, 0, 3]
    assert rehearsal["proposed"]["moved_bytes"] < rehearsal["today"]["moved_bytes"]


def test_a_broken_file_is_told_beside_the_history_of_the_others(repository: Desk) -> None:
    repository.file("a/Dockerfile", "RUNN x\n")
    repository.file("b/Dockerfile", "FROM x\nCOPY . .\n")
    commit(repository)

    text = repository.check("--cache-history")
    written = repository.check("--cache-history", "--output", "history.txt")

    assert (text.code, written.code) == (2, 2)
    assert text.out.startswith(
        "b/Dockerfile: the last commit in its context, replayed; it rebuilt something\n"
    )
    assert "at: a/Dockerfile:1" in text.err
    assert (repository.root / "history.txt").read_text() == text.out
    document = repository.check("--cache-history", "--format", "json").json()
    assert [one["where"] for one in document["errors"]] == ["a/Dockerfile:1"]
    assert document["notes"] == []


@pytest.mark.parametrize("number", ["0", "-1", "x"])
def test_a_history_has_at_least_one_commit(repository: Desk, number: str) -> None:
    repository.file("Dockerfile", PLAIN)

    assert repository.check(f"--cache-history={number}").code == 2


def test_without_a_commit_there_is_no_history(repository: Desk) -> None:
    repository.file("Dockerfile", PLAIN)

    done = repository.check("--cache-history")

    assert (done.code, "there is no commit to replay" in done.err) == (2, True)


# ---- pyproject.toml ----


def test_the_project_chooses_its_rules_its_gate_and_what_is_left_out(desk: Desk) -> None:
    desk.file("Dockerfile", f"{PLAIN}CMD python main.py\n")
    desk.file("old/Dockerfile", f"{PLAIN}CMD python main.py\n")
    desk.write(
        pyproject__toml='[tool.wherry.check]\nselect = ["G1"]\nextend-select = ["H3"]\nignore = ["H3"]\n'
        'fail-on = "error"\nexclude = ["old"]\n'
    )

    done = desk.check("--format", "json")

    assert (done.code, done.rules()) == (0, ["G1"])
    assert desk.check("--fail-on", "warning").code == 1
    assert desk.check("--select", "G2", "--format", "json").rules() == []


def test_a_rule_is_set_in_a_table_of_its_own(desk: Desk) -> None:
    desk.write(Dockerfile=PLAIN, pyproject__toml="[tool.wherry.check.G1]\nhow = 1\n")

    done = desk.check()

    assert (done.code, done.out) == (2, "")
    assert "rule G1 has no setting 'how'" in done.err
    assert "pyproject.toml:2" in done.err


@pytest.mark.parametrize(
    "table",
    ["selct = []", "select = 1", 'select = ["Q1"]', 'fail-on = "soon"', "[tool.wherry.check.Q1]", "="],
)
def test_settings_that_are_wrong_are_said_once_with_their_line(desk: Desk, table: str) -> None:
    desk.file("a/Dockerfile", PLAIN)
    desk.file("b/Dockerfile", PLAIN)
    desk.file("pyproject.toml", f"[tool.wherry.check]\n{table}\n")

    done = desk.check(".")

    assert (done.code, done.out) == (2, "")
    assert "pyproject.toml:2" in done.err
    assert done.err.count("error: ") == 1


# ---- comments ----


@pytest.mark.parametrize(
    "comment",
    [
        "# wherry: ignore=G1 the mirror is slow",
        "# wherry: ignore=pip-cache-kept why not",
        "# hadolint ignore=DL3042",
        "# hadolint global ignore=DL3042",
        "# tally ignore=hadolint/DL3042",
    ],
)
def test_comments_of_all_tools_silence(desk: Desk, comment: str) -> None:
    desk.file("Dockerfile", PLAIN.replace("RUN", f"{comment}\nRUN"))

    done = desk.check(*ONLY_PIP)

    assert (done.code, done.rules()) == (0, [])
    assert done.json()["summary"]["silenced"] == 1


def test_what_buildkit_is_told_to_skip_is_skipped(desk: Desk) -> None:
    text = "FROM python:3.12-slim\nCMD python main.py\n"
    desk.file("Dockerfile", text)
    assert desk.check("--select", "H3").code == 1
    desk.file("Dockerfile", f"# check=skip=JSONArgsRecommended\n{text}")
    assert desk.check("--select", "H3").code == 0
    desk.file("Dockerfile", f"# trivy:ignore:DS-0002\n{text}")
    assert desk.check("--select", "H1").code == 0


def test_an_ignore_that_silences_nothing_is_reported(desk: Desk) -> None:
    desk.file("Dockerfile", "FROM python:3.12-slim\n# wherry: ignore=G1 once needed\nRUN true\n")

    done = desk.check("--select", "G1")

    assert "Dockerfile:2" in done.out
    assert "G1" in done.out
    desk.file("Dockerfile", "FROM python:3.12-slim\n# wherry: ignore G1\nRUN true\n")
    assert "is not understood" in desk.check("--select", "G1").out


def test_a_reason_can_be_required(desk: Desk) -> None:
    desk.write(
        Dockerfile=PLAIN.replace("RUN", "# wherry: ignore=G1\nRUN"),
        pyproject__toml="[tool.wherry.check]\nrequire-reason = true\n",
    )

    done = desk.check("--select", "G1")

    assert done.code == 1
    assert "gives no reason" in done.out


# ---- neighbours ----


def test_neighbours_that_cannot_be_read_are_noted_and_the_rest_is_judged(desk: Desk) -> None:
    desk.write(Dockerfile=f"{PLAIN}COPY . .\n", compose__yaml="services: [\n", pyproject__toml="[project]\n")
    desk.file("requirements.txt", "torch\n".encode("utf-16"))

    done = desk.check("--select", "all", "--format", "json")

    notes = " ".join(done.json()["notes"])
    assert done.code == 1
    assert "compose.yaml is no YAML that can be read" in notes
