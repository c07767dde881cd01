from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.facts.dockerfiles import facts_of
from wherry.check.facts.origins import context_path, run_path

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts import Facts

FILES = ("requirements.txt", "requirements-dev.txt", "src/a.py", "src/sub/b.py", "docker/start.sh", "uv.lock")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    return tmp_path


def facts_in(context: Path, text: str) -> Facts:
    return facts_of(f"FROM python:3.12 AS build\n{text}", str(context / "Dockerfile"), context_root=context)


@pytest.mark.parametrize(
    ("copy", "path", "origin"),
    [
        ("COPY requirements.txt .", "/requirements.txt", "requirements.txt"),
        ("COPY requirements.txt /tmp/r.txt", "/tmp/r.txt", "requirements.txt"),
        ("COPY requirements.txt /tmp/", "/tmp/requirements.txt", "requirements.txt"),
        ("COPY requirements*.txt /x/", "/x/requirements-dev.txt", "requirements-dev.txt"),
        ("COPY requirements*.txt /x/", "/x/constraints.txt", None),
        ("COPY . /app", "/app/src/sub/b.py", "src/sub/b.py"),
        ("COPY . /app", "/app", "."),
        ("COPY . /app", "/app/nope", None),
        ("COPY . /app", "/other/requirements.txt", None),
        ("COPY . .", "/src/a.py", "src/a.py"),
        ("COPY src /app/src", "/app/src/a.py", "src/a.py"),
        ("COPY src/ /app/", "/app/sub/b.py", "src/sub/b.py"),
        ("COPY src docker /app/", "/app/start.sh", "docker/start.sh"),
        ("COPY src /app/src", "/app/src", "src"),
        ("COPY --parents src/sub /app/", "/app/src/sub/b.py", "src/sub/b.py"),
        ("COPY --parents src/sub /app/", "/app/b.py", None),
        ("ADD requirements.txt /", "/requirements.txt", "requirements.txt"),
        ("RUN true", "/requirements.txt", None),
    ],
)
def test_a_path_in_a_stage_leads_to_the_file_it_was_copied_from(
    context: Path, copy: str, path: str, origin: str | None
) -> None:
    assert context_path(facts_in(context, copy).target, path) == origin


def test_the_last_copy_counts_and_only_those_before_the_question(context: Path) -> None:
    facts = facts_in(context, "COPY requirements.txt /r\nRUN a\nCOPY requirements-dev.txt /r\n")
    assert context_path(facts.target, "/r") == "requirements-dev.txt"
    assert context_path(facts.target, "/r", before=facts.runs[0].index) == "requirements.txt"
    assert run_path(facts.runs[0], "/r") == "requirements.txt"


def test_a_file_is_followed_through_stages(context: Path) -> None:
    facts = facts_in(
        context,
        "COPY . /src\nFROM build AS more\nFROM scratch AS kept\nCOPY --from=build /src/src /out\n"
        "FROM scratch\nCOPY --from=kept /out /app\nCOPY --from=nginx /etc /etc\n",
    )
    assert context_path(facts.target, "/app/sub/b.py") == "src/sub/b.py"
    assert context_path(facts.target, "/etc/x") is None
    assert context_path(facts.stages[1], "/src/uv.lock") == "uv.lock"


def test_stages_that_copy_from_each_other_end(context: Path) -> None:
    facts = facts_in(context, "FROM scratch AS a\nCOPY --from=a /x /x\nFROM a\nCOPY --from=a /x /x\n")
    assert context_path(facts.target, "/x/y") is None


def test_a_bind_mount_counts_for_its_run(context: Path) -> None:
    facts = facts_in(
        context,
        "WORKDIR /app\n"
        "RUN --mount=type=bind,source=uv.lock,target=uv.lock --mount=type=bind,source=src,target=/s a\n"
        "RUN --mount=target=/all b\n"
        "RUN --mount=type=bind,from=build,source=/x,target=/x c\n",
    )
    first, second, third = facts.runs
    assert run_path(first, "/app/uv.lock") == "uv.lock"
    assert run_path(first, "/s/sub/b.py") == "src/sub/b.py"
    assert run_path(first, "/s/nope") is None
    assert run_path(second, "/all/requirements.txt") == "requirements.txt"
    assert run_path(second, "/all") == "."
    assert run_path(third, "/x/requirements.txt") is None


def test_without_a_context_nothing_is_known() -> None:
    facts = facts_of("FROM scratch\nCOPY . /\nRUN a\n")
    assert context_path(facts.target, "/x") is None
    assert run_path(facts.runs[0], "/x") is None
