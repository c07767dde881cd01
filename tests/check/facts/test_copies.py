from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.facts.dockerfiles import facts_of
from wherry.check.facts import Facts
from wherry.dockerfile.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts.copies import CopyFacts


def copy_of(line: str, before: str = "") -> CopyFacts:
    return facts_of(f"FROM scratch AS build\nFROM python:3.12\n{before}\n{line}\n").copies[-1]


@pytest.mark.parametrize(
    ("line", "sources", "destination"),
    [
        ("COPY . .", (".",), "/app/"),
        ("COPY a b /x/", ("a", "b"), "/x/"),
        ("COPY a b /x", ("a", "b"), "/x/"),
        ("COPY a.txt b.txt", ("a.txt",), "/app/b.txt"),
        ("COPY a ./", ("a",), "/app/"),
        ("COPY a ../b", ("a",), "/b"),
        ('COPY ["my file", "/x/"]', ("my file",), "/x/"),
        ("COPY $SRC/a ${DST}/", ("src/a",), "/opt/app/"),
        ("COPY a ${ROOT}/b/", ("a",), "${ROOT}/b/"),
        ("COPY a C:/app/", ("a",), "C:/app/"),
        ("COPY $UNKNOWN /c", ("${UNKNOWN}",), "/c"),
    ],
)
def test_paths_are_expanded_and_the_destination_is_absolute(
    line: str, sources: tuple[str, ...], destination: str
) -> None:
    found = copy_of(line, "WORKDIR /app\nARG SRC=src\nENV DST=/opt/app")
    assert (found.sources, found.destination) == (sources, destination)
    assert found.is_from_context


@pytest.mark.parametrize(
    ("source", "takes_all"),
    [(".", True), ("./", True), ("/", True), ("*", True), ("./*", True), ("src", False), ("src/.", False)],
)
def test_the_whole_context_is_known_by_its_names(
    source: str,
    takes_all: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert copy_of(f"COPY {source} /x/").takes_all == takes_all


def test_flags_are_told() -> None:
    found = copy_of("COPY --chown=$U:$U --chmod=755 --link --exclude=*.md --exclude=a . /x", "ARG U=app")
    assert (found.chown, found.chmod, found.link, found.parents) == ("app:app", "755", True, False)
    assert found.excludes == ("*.md", "a")
    plain = copy_of("COPY --link=false . /x")
    assert (plain.chown, plain.link, plain.checksum) == ("", False, "")


def test_a_copy_from_a_stage_leads_to_the_stage() -> None:
    found = copy_of("COPY --from=build /venv /venv")
    assert found.from_ == "build"
    assert found.from_stage is found.stage.facts.stages[0]
    assert (found.is_from_context, found.takes_all, found.sent) == (False, False, None)
    image = copy_of("COPY --from=ghcr.io/astral-sh/uv:0.5 /uv /bin/")
    assert (image.from_, image.from_stage) == ("ghcr.io/astral-sh/uv:0.5", None)


def test_an_add_tells_urls_from_files() -> None:
    found = copy_of("ADD --checksum=sha256:aa https://h/a.tgz git@github.com:x/y.git local.tar /x/")
    assert found.urls == ("https://h/a.tgz", "git@github.com:x/y.git")
    assert found.sources == ("local.tar",)
    assert (found.is_add, found.checksum) == (True, "sha256:aa")


def test_a_heredoc_is_a_file_of_the_dockerfile_and_not_of_the_context() -> None:
    found = copy_of("COPY <<EOF /etc/pip.conf\n[global]\nEOF")
    assert found.sources == ()
    assert not found.is_from_context
    assert [heredoc.content for heredoc in found.inline_files] == ["[global]\n"]
    assert found.destination == "/etc/pip.conf"


def test_where_a_file_ends_up_is_told() -> None:
    assert copy_of("COPY a/b.txt /x/").target_of("a/b.txt") == "/x/b.txt"
    assert copy_of("COPY a/b.txt /x").target_of("a/b.txt") == "/x"
    found = copy_of("COPY src /app/src")
    assert found.lands("/app/src/x.py")
    assert found.lands("/app")
    assert not found.lands("/app/srcs")
    assert copy_of("COPY . /").lands("/anything")


def test_what_is_sent_is_measured_in_the_context(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_bytes(b"x" * 100)
    (tmp_path / "b.py").write_bytes(b"x" * 10)
    facts = facts_of(
        "FROM scratch\nCOPY src /src\nCOPY . /\nCOPY --from=x / /\n",
        str(tmp_path / "Dockerfile"),
        context_root=tmp_path,
    )
    assert [copy.sent_bytes for copy in facts.copies] == [100, 110, None]


def test_without_a_context_nothing_is_measured() -> None:
    assert copy_of("COPY . /").sent_bytes is None


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("COPY --exclude=*.bin src /a", ["src/a.py", "src/deep/c.bin"]),
        ("COPY --exclude=**/*.bin . /a", ["Dockerfile", "src/a.py"]),
        ("COPY --exclude=deep src/ /a", ["src/a.py", "src/b.bin"]),
        ("COPY --exclude=*.bin src/* /a", ["src/a.py"]),
    ],
)
def test_what_copy_excludes_is_not_sent(line: str, sent: list[str], tmp_path: Path) -> None:
    text = f"FROM python:3.12\n{line}\n"
    for name in ("src/a.py", "src/b.bin", "src/deep/c.bin"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x" * 100)
    (tmp_path / "Dockerfile").write_text(text)
    (copy,) = Facts.of(Source(str(tmp_path / "Dockerfile"), text.encode()), tmp_path).copies
    assert copy.sent
    assert [entry.path for entry in copy.sent.entries] == sent
    assert copy.sent.size_bytes == sum(entry.size_bytes for entry in copy.sent.entries)
