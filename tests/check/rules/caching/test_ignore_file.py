"""B11 and B12: what a build takes that it should not, and what it cannot take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts
from wherry.check.model import Basis, Severity

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.model import Finding

COPY_ALL = "FROM python:3.12-slim\nCOPY . /app\n"


def _written(finding: Finding) -> list[str]:
    """The lines that the fix adds."""
    assert finding.fix is not None
    return finding.fix.edits[0].text.split()


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("app/__pycache__/a.pyc", "**/__pycache__"),
        (".mypy_cache/x.json", ".mypy_cache"),
        ("sub/.pytest_cache/x", "**/.pytest_cache"),
        (".env", ".env"),
        ("deploy/.env", "deploy/.env"),
        ("id_rsa", "id_rsa"),
    ],
)
def test_what_lies_there_is_left_out_by_its_own_pattern(path: str, pattern: str, tmp_path: Path) -> None:
    (finding,) = verdicts("B11", COPY_ALL, tmp_path, {path: "x", ".dockerignore": ".git\n"})
    assert _written(finding) == [pattern]
    assert finding.severity is Severity.WARNING


def test_the_bytes_are_those_of_the_files(tmp_path: Path) -> None:
    files = {"__pycache__/a.pyc": "x" * 1000, ".env": "y" * 24, ".dockerignore": ".git"}
    (finding,) = verdicts("B11", COPY_ALL, tmp_path, files)
    assert finding.cost.size_bytes == 1024
    assert finding.cost.basis is Basis.MEASURED
    assert finding.what == "the build takes __pycache__, .env: .dockerignore does not leave it out"
    assert finding.fix is not None
    assert finding.fix.edits[0].text == "\n.env\n**/__pycache__\n"  # the file did not end its last line


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("RUN set -a && . ./.env && ./build.sh", ".env"),
        ("COPY .env /srv/.env", ".env"),
        ("RUN --mount=type=bind,source=.env,target=/env ./build.sh", ".env"),
        ('CMD ["uvicorn", "--env-file=.env", "app:app"]', ".env"),
        ("RUN --mount=type=bind,source=.git,target=.git ./version.sh", ".git/HEAD"),
        ("RUN git describe --tags > version", ".git/HEAD"),
    ],
)
def test_what_the_dockerfile_names_itself_is_wanted(step: str, path: str, tmp_path: Path) -> None:
    found = verdicts("B11", f"{COPY_ALL}{step}\n", tmp_path, {path: "x", ".dockerignore": "*.log\n"})
    assert all(path.partition("/")[0] not in _written(finding) for finding in found)


@pytest.mark.parametrize("step", ["RUN rm -rf /app/.git", "RUN git clone https://git.example.com/a.git", ""])
def test_what_is_only_removed_is_not_wanted(step: str, tmp_path: Path) -> None:
    (finding,) = verdicts("B11", f"{COPY_ALL}{step}\n", tmp_path, {".dockerignore": "*.log\n"})
    assert _written(finding) == [".git"]


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": '[build-system]\nrequires = ["setuptools-scm"]\n'},
        {"versioneer.py": ""},
    ],
)
def test_a_version_made_of_tags_needs_the_repository(files: dict[str, str], tmp_path: Path) -> None:
    assert not verdicts("B11", COPY_ALL, tmp_path, {**files, ".dockerignore": "*.log\n"})


def test_an_environment_is_wanted_where_nothing_is_installed(tmp_path: Path) -> None:
    files = {".venv/pyvenv.cfg": "", ".dockerignore": ".git\n"}
    assert not verdicts("B11", COPY_ALL, tmp_path, files)
    (finding,) = verdicts(
        "B11", f"{COPY_ALL}RUN python -m venv .venv && pip install numpy\n", tmp_path, files
    )
    assert _written(finding) == [".venv"]


def test_node_modules_are_wanted_where_nothing_installs_them(tmp_path: Path) -> None:
    files = {"node_modules/a/index.js": "", ".dockerignore": ".git\n"}
    assert not verdicts("B11", COPY_ALL, tmp_path, files)
    (finding,) = verdicts("B11", f"{COPY_ALL}RUN npm ci\n", tmp_path, files)
    assert _written(finding) == ["node_modules"]


def test_what_the_ignore_file_takes_back_is_wanted(tmp_path: Path) -> None:
    files = {".env": "x", ".dockerignore": "*\n!app\n!.env\n!.git\n"}
    assert not verdicts("B11", COPY_ALL, tmp_path, files)


def test_what_another_dockerfile_copies_is_wanted(tmp_path: Path) -> None:
    files = {".env": "x", ".dockerignore": ".git\n", "worker.Dockerfile": "FROM a\nCOPY .env /\n"}
    assert not verdicts("B11", COPY_ALL, tmp_path, files)


def test_names_that_are_patterns_are_left_to_people(tmp_path: Path) -> None:
    assert not verdicts("B11", COPY_ALL, tmp_path, {"[a]/.env": "x", ".dockerignore": ".git\n"})


def test_a_clean_directory_without_an_ignore_file_is_worth_a_word(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    text = "FROM python:3.12-slim\nCOPY . /app\n"
    (finding,) = verdicts("B11", text, tmp_path, {"service/main.py": ""}, name="service/Dockerfile")
    assert finding.severity is Severity.INFO
    assert "**/__pycache__" in _written(finding)


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12-slim\nCOPY main.py /app/\n",
        "FROM python:3.12-slim\nCOPY --exclude=.env . /app\n",
        "FROM python:3.12-slim AS other\nCOPY . /app\nFROM python:3.12-slim\nRUN true\n",
        "FROM python:3.12-slim\nCOPY src /app\n",
    ],
)
def test_what_no_copy_takes_is_not_the_matter(text: str, tmp_path: Path) -> None:
    files = {".env": "x", "src/main.py": "", "main.py": "", ".dockerignore": ".git\n"}
    assert not verdicts("B11", text, tmp_path, files)


def test_a_directory_that_is_named_counts_with_what_lies_in_it(tmp_path: Path) -> None:
    files = {"src/.env": "x", "src/main.py": "", ".dockerignore": ".git\n"}
    (finding,) = verdicts("B11", "FROM python:3.12-slim\nCOPY src /app\n", tmp_path, files)
    assert _written(finding) == ["src/.env"]


def test_nothing_is_said_of_stdin() -> None:
    assert not verdicts("B11", COPY_ALL)
    assert not verdicts("B12", "FROM a\nCOPY a /\n")


def test_the_line_that_leaves_a_file_out_is_named(tmp_path: Path) -> None:
    files = {"models/a.bin": "x", ".dockerignore": "*.log\nmodels\n"}
    (finding,) = verdicts("B12", "FROM a\nCOPY models/a.bin /\n", tmp_path, files)
    assert finding.related[0].start.line == 2
    assert finding.what == "models/a.bin is copied, and .dockerignore leaves it out"


@pytest.mark.parametrize("copy", ["COPY a*.txt /", "COPY --from=x a.txt /", "COPY . /", "COPY gone.txt /"])
def test_only_files_that_are_there_and_named_are_missed(copy: str, tmp_path: Path) -> None:
    files = {"a.txt": "", ".dockerignore": "*.txt\n"}
    assert not verdicts("B12", f"FROM a AS x\nFROM b\n{copy}\n", tmp_path, files)


@pytest.mark.parametrize(
    ("steps", "files"),
    [
        ("RUN make version", {"Makefile": "version:\n\tgit describe --tags > VERSION\n"}),
        ("RUN ./build.sh", {"build.sh": "#!/bin/sh\nREV=$(git rev-parse HEAD)\n"}),
        ("RUN bash scripts/a.sh", {"scripts/a.sh": "git log -1\n"}),
        ("RUN npm run build", {"package.json": '{"scripts": {"build": "git describe > v"}}'}),
        ("WORKDIR /app\nRUN python stamp.py", {"stamp.py": "import subprocess\nrun(['git', 'describe'])\n"}),
        ("RUN go build ./...", {}),
    ],
)
def test_the_repository_stays_for_programs_that_look_into_it(
    steps: str, files: dict[str, str], tmp_path: Path
) -> None:
    findings = verdicts("B11", f"{COPY_ALL}{steps}\n", tmp_path, {".git/HEAD": "x", **files})
    assert all(".git" not in _written(finding) for finding in findings)


@pytest.mark.parametrize(
    ("steps", "files"),
    [
        ("RUN make all", {"Makefile": "all:\n\tpip install git+https://h/x.git\n"}),
        ("RUN ./build.sh", {"build.sh": "curl https://github.com/x/y.git\n"}),
    ],
)
def test_programs_that_only_name_a_repository_do_not_look_into_this_one(
    steps: str, files: dict[str, str], tmp_path: Path
) -> None:
    (finding,) = verdicts("B11", f"{COPY_ALL}{steps}\n", tmp_path, {".git/HEAD": "x", **files})
    assert ".git" in _written(finding)


def test_code_that_is_there_as_byte_code_alone_is_not_left_out(tmp_path: Path) -> None:
    (finding,) = verdicts("B11", COPY_ALL, tmp_path, {"app/__main__.pyc": "x"})
    assert "**/*.py[cod]" not in _written(finding)
    beside = {"app/__main__.py": "x"}
    (finding,) = verdicts("B11", COPY_ALL, tmp_path, beside)
    assert "**/*.py[cod]" in _written(finding)


def test_an_environment_file_that_the_code_loads_stays(tmp_path: Path) -> None:
    files = {".env": "A=1", "app.py": "from dotenv import load_dotenv\nload_dotenv()\n", ".git/HEAD": "x"}
    (finding,) = verdicts("B11", COPY_ALL, tmp_path, files)
    assert ".env" not in _written(finding)
