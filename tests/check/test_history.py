"""The build cache replayed: which layers a commit rebuilds, and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.facts.dockerfiles import facts_of
from wherry.check.history import CacheHistory, replay
from wherry.check.sizes import INSTALLED_A_SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.dockerfile.syntax import Instruction


def rebuilt(text: str, *commits: set[str], root: Path | None = None, target: str | None = None) -> list[int]:
    """How often each instruction that makes a layer is rebuilt."""
    history = replayed(text, *commits, root=root, target=target)
    return [layer.rebuilt for layer in history.layers]


def replayed(
    text: str, *commits: set[str], root: Path | None = None, target: str | None = None
) -> CacheHistory:
    facts = facts_of(text, context_root=root, target=target)
    return replay(facts, [frozenset(paths) for paths in commits])


# ---- what a COPY takes ----


@pytest.mark.parametrize(
    ("copy", "path", "is_taken"),
    [
        ("COPY . .", "a/b.py", True),
        ("COPY ./ /app", "x", True),
        ("COPY / /app", "x", True),
        ("COPY src /app", "src/a.py", True),
        ("COPY src /app", "srcs/a.py", False),
        ("COPY ./src/ /app", "src/deep/a.py", True),
        ("COPY /src /app", "src/a.py", True),
        ("COPY ../src /app", "src/a.py", True),  # BuildKit goes no higher than the context
        ("COPY a.txt b.txt /app/", "b.txt", True),
        ("COPY a.txt b.txt /app/", "c.txt", False),
        ("COPY *.txt /app/", "c.txt", True),
        ("COPY *.txt /app/", "c/c.txt", False),
        ('COPY ["two words", "/app"]', "two words", True),
        ("COPY !x /app", "!x", True),
        ("COPY #x /app", "#x", True),
        ("COPY a[ /app", "a[", False),
        ("COPY --exclude=*.md . /app", "a.md", False),
        ("COPY --exclude=*.md . /app", "a.py", True),
        ("COPY --chown=1000 src /app", "src/a.py", True),
        ("ADD https://files.example/x.tar /app/", "x.tar", False),
        ("ADD data.tar /app", "data.tar", True),
        ("COPY --from=busybox:1.36 /bin/sh /sh", "bin/sh", False),
        ("ARG SRC=src\nCOPY $SRC /app", "src/a.py", True),
        ("COPY <<EOF /app/x\nsrc\nEOF", "src", False),
    ],
)
def test_a_commit_rebuilds_the_copy_that_takes_what_it_changed(
    copy: str, path: str, *, is_taken: bool
) -> None:
    assert rebuilt(f"FROM python:3.12\n{copy}\n", {path}) == [int(is_taken)]


def test_what_is_not_sent_rebuilds_nothing(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("docs\n*.md\n!README.md\n")
    text = "FROM python:3.12\nCOPY . .\nRUN --mount=type=bind,target=/src make\n"

    history = replayed(text, {"docs/a.rst", "a.md"}, {"README.md"}, {"a.py", "docs/b"}, root=tmp_path)

    assert [layer.rebuilt for layer in history.layers] == [2, 2]
    assert (history.commits, history.building) == (3, 2)


# ---- what lies above it ----


def test_all_above_a_rebuilt_layer_is_rebuilt_and_nothing_below() -> None:
    text = """
        FROM python:3.12
        WORKDIR /app
        RUN pip install -U pip
        ENV A=1
        COPY src src
        RUN make
        COPY data data
        CMD ["x"]
        """

    assert rebuilt(text, {"src/a"}, {"data/a"}, {"data/a", "src/b"}, {"README.md"}) == [0, 0, 2, 2, 3]


def test_a_linked_copy_is_kept_whatever_lies_below() -> None:
    text = """
        FROM python:3.12
        COPY src src
        COPY --link data data
        COPY --link=false docs docs
        RUN make
        """

    assert rebuilt(text, {"src/a"}) == [1, 0, 1, 1]
    assert rebuilt(text, {"data/a"}) == [0, 1, 1, 1]


def test_a_stage_on_top_of_another_is_rebuilt_with_it() -> None:
    text = """
        FROM python:3.12 AS deps
        COPY requirements.txt .
        RUN pip install -r requirements.txt
        FROM deps
        COPY src src
        """

    assert rebuilt(text, {"requirements.txt"}, {"src/a"}) == [1, 1, 2]


@pytest.mark.parametrize("source", ["build", "0", "BUILD"])
def test_a_copy_from_a_stage_changes_with_it(source: str) -> None:
    text = f"""
        FROM python:3.12 AS build
        COPY src src
        RUN make
        FROM python:3.12-slim
        RUN apt-get update
        COPY --from={source} /out /out
        RUN ldconfig
        """

    assert rebuilt(text, {"src/a"}, {"README.md"}) == [1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("mount", "path", "breaks"),
    [
        ("type=bind,target=/src", "a.py", True),
        ("type=bind,source=.,target=/src", "a.py", True),
        ("type=bind,source=requirements.txt,target=/r.txt", "requirements.txt", True),
        ("type=bind,source=requirements.txt,target=/r.txt", "a.py", False),
        ("type=bind,source=./src,target=/src", "src/a.py", True),
        ("type=bind,source=src,target=/src", "srcs/a.py", False),
        ("type=bind,from=build,target=/src", "in/a.py", True),
        ("type=bind,from=build,target=/src", "a.py", False),
        ("type=bind,from=busybox,target=/src", "a.py", False),
        ("type=cache,target=/root/.cache", "a.py", False),
        ("type=secret,id=token", "token", False),
    ],
)
def test_a_run_changes_with_what_it_binds(mount: str, path: str, *, breaks: bool) -> None:
    text = f"""
        FROM python:3.12 AS build
        COPY in in
        FROM python:3.12-slim
        RUN --mount={mount} make
        RUN true
        """

    assert rebuilt(text, {path})[-2:] == [int(breaks), int(breaks)]


def test_stages_that_nobody_needs_are_not_built() -> None:
    text = """
        FROM python:3.12 AS test
        COPY . .
        FROM python:3.12-slim AS ship
        COPY src src
        """

    assert rebuilt(text, {"src/a"}) == [1]
    assert rebuilt(text, {"src/a"}, target="test") == [1]
    assert rebuilt(text, {"README.md"}) == [0]


def test_without_commits_nothing_is_rebuilt() -> None:
    history = replayed("FROM python:3.12\nCOPY . .\n")

    assert (history.commits, history.building, history.seconds, history.moved_bytes) == (0, 0, 0, 0)
    assert replayed("FROM scratch\n", {"a"}).layers == ()


# ---- what it costs ----


def test_a_copy_weighs_what_it_sends(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x").write_bytes(b"x" * 5000)

    (layer,) = replayed("FROM x\nCOPY data /data\n", {"data/x"}, {"data/y"}, root=tmp_path).layers

    assert (layer.size_bytes, layer.moved_bytes, layer.source) == (5000, 10_000, "files of the context")
    assert layer.seconds == 10_000 / INSTALLED_A_SECOND


def test_an_install_weighs_what_its_wheels_do_and_the_rest_is_not_known() -> None:
    text = """
        FROM python:3.12
        COPY . .
        RUN pip install torch==2.4.1
        RUN make
        """

    copy, install, make = replayed(text, {"a"}, {"b"}).layers

    assert install.size_bytes > 2_000_000_000
    assert "torch 2.4.1" in install.source
    assert (copy.source, make.source) == ("", "")
    assert (copy.moved_bytes, make.seconds) == (0, 0)


def test_a_layer_of_the_built_image_weighs_what_a_pull_transfers() -> None:
    class Layer:
        compressed_bytes = 7000

    class Image:
        def layer_of(self, one: Instruction) -> Layer | None:
            return Layer() if one.keyword == "run" else None

    facts = facts_of("FROM x\nCOPY . .\nRUN pip install torch==2.4.1\n")
    facts.__dict__["image"] = Image()

    copy, run = replay(facts, [frozenset({"a"})]).layers

    assert (run.size_bytes, run.source) == (7000, "layers of the image")
    assert copy.source == ""


def test_the_sum_is_that_of_all_layers() -> None:
    text = "FROM python:3.12\nCOPY . .\nRUN pip install torch==2.4.1\nRUN pip install torch==2.4.1\n"

    history = replayed(text, {"a"}, {"b"}, {"c"})

    assert history.moved_bytes == 6 * history.layers[1].size_bytes
    assert history.seconds == pytest.approx(history.moved_bytes / INSTALLED_A_SECOND)
