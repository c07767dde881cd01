"""A2 to A5, A7 to A11: what stages take from one another, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Safety, Severity

if TYPE_CHECKING:
    from pathlib import Path

VENV = "RUN python -m venv /v && /v/bin/pip install numpy"


def _two(first: str, second: str, *, make: str = VENV, copy: str = "COPY --from=build /v /v") -> str:
    return f"FROM {first} AS build\n{make}\nFROM {second}\n{copy}\n"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("python:3.12", "python:3.12-slim"),
        ("python:3.12-bookworm", "python:3.12-slim-bookworm"),
        ("python:3.12-slim-bullseye", "python:3.12-slim-bookworm"),
        ("ghcr.io/astral-sh/uv:python3.12-bookworm", "python:3.12-slim-bookworm"),
        ("somebody/base:1", "python:3.12-alpine"),
        ("pytorch/pytorch:2.4.0-cuda12.1-cudnn9-devel", "pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime"),
        ("ghcr.io/astral-sh/uv:bookworm-slim", "debian:bookworm-slim"),
        ("python:3.12", "scratch"),
    ],
)
def test_an_environment_that_runs_where_it_is_copied_is_left_alone(first: str, second: str) -> None:
    assert not verdicts("A2", _two(first, second))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (_two("python:3.12", "python:3.11"), "Python 3.12"),
        (_two("python:3.12-alpine3.20", "python:3.12-slim"), "alpine3.20"),
        (
            _two(
                "python:3.12-slim",
                "ubuntu:24.04",
                copy="RUN apt-get install -y python3\nCOPY --from=build /v /v",
            ),
            "interpreter",
        ),
        (_two("python:3.12-bookworm", "python:3.12-slim-bullseye", make=f"RUN make\n{VENV}"), "compiled"),
        (_two("python:3.12", "python:3.12", copy="COPY --from=build /v /w"), "/w"),
        (_two("python:3.12", "python:3.12", make="RUN virtualenv /v", copy="COPY --from=build /v /w"), "/w"),
        (_two("python:3.12", "python:3.12", make="RUN uv venv /v", copy="COPY --from=build /v /w"), "/w"),
        (
            _two(
                "python:3.12",
                "python:3.12",
                make="WORKDIR /app\nRUN uv sync",
                copy="COPY --from=build /app/.venv /venv",
            ),
            "/venv",
        ),
        (_two("python:3.12", "python:3.11", copy="COPY --from=build /root/.local /root/.local"), "3.11"),
    ],
)
def test_what_differs_is_said(text: str, word: str) -> None:
    (finding,) = verdicts("A2", text)
    assert word in finding.what
    assert finding.fix is None


@pytest.mark.parametrize(
    "text",
    [
        _two(
            "python:3.12", "python:3.12", make="RUN uv venv --relocatable /v", copy="COPY --from=build /v /w"
        ),
        _two("python:3.12", "python:3.11", copy="COPY --from=build /etc/a /v /x/"),
        _two("python:3.12", "python:3.11", copy="COPY --from=build /data /data"),
        _two("python:3.12", "python:3.11", copy="COPY --from=python:3.10 /v /v"),
        "FROM python:3.12 AS build\n"
        + VENV
        + "\nFROM python:3.11 AS x\nCOPY --from=build /v /v\nFROM python:3.11\n",
    ],
)
def test_what_is_no_environment_or_not_built_is_left_alone(text: str) -> None:
    assert not verdicts("A2", text)


@pytest.mark.parametrize("source", ["/", "/usr", "/usr/", "/./etc", "//"])
def test_a_whole_root_is_copied_by_any_of_its_names(source: str) -> None:
    assert len(verdicts("A3", f"FROM a AS b\nFROM c\nCOPY --from=b {source} /x/\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "FROM a AS b\nFROM c\nCOPY --from=b /usr/local /usr/local\n",
        "FROM a AS b\nFROM c\nCOPY --from=b --exclude=usr / /\n",
        "FROM a AS b\nFROM scratch\nCOPY --from=b / /\n",
        "FROM a\nCOPY / /\n",
    ],
)
def test_less_than_a_root_may_be_copied(text: str) -> None:
    assert not verdicts("A3", text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FROM a AS builder\nFROM c\nCOPY --from=bulder /a /a\n", 1),
        ("FROM a AS builder\nFROM c\nCOPY --from=builders /a /a\n", 1),
        ("FROM a AS build-1\nFROM b AS build-2\nFROM c\nCOPY --from=build-3 /a /a\n", 0),
        ("FROM a AS builder\nFROM c\nCOPY --from=nginx /a /a\n", 0),
        ("FROM a AS pythons\nFROM c\nCOPY --from=python /a /a\n", 0),
        ("FROM a AS builder\nFROM c\nCOPY --from=bulder:1 /a /a\n", 0),
        ("FROM a AS builder\nFROM c\nCOPY --from=0 /a /a\n", 0),
        ("FROM a AS builder\nFROM c\nCOPY --from=7 /a /a\n", 1),
        ("FROM a AS builder\nFROM c AS x\nCOPY --from=X /a /a\n", 1),
        ("FROM a AS builder\nFROM c\nRUN --mount=from=bulder,target=/a true\n", 1),
    ],
)
def test_a_stage_is_missed_where_a_name_is_almost_one(text: str, count: int) -> None:
    assert len(verdicts("A4", text)) == count


def test_only_the_name_is_changed() -> None:
    text = 'FROM a AS wheel\nFROM c\nRUN --mount=target=/whel,"from=whel",source=/whel true\n'
    (finding,) = verdicts("A4", text)
    assert fixed(text, finding) == text.replace("from=whel", "from=wheel")
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE  # a builder may be given a context of that name


def test_a_name_that_an_image_has_is_no_slip_of_the_pen() -> None:
    mount = "RUN --mount=type=bind,from=debian,target=/d ls /d"
    assert not verdicts("A4", f"FROM python:3.12 AS debians\nFROM python:3.12-slim\n{mount}\n")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FROM a\nFROM b\n", 1),
        ("FROM a AS x\nFROM b\n", 0),
        ("FROM a\nFROM b\nCOPY --from=0 /a /a\n", 0),
        ("FROM a\n", 0),
    ],
)
def test_a_stage_without_a_name_must_be_used(text: str, count: int) -> None:
    assert len(verdicts("A5", text)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FROM a AS x\nFROM b AS X\n", 1),
        ("FROM a AS x\nFROM b AS y\n", 0),
        ("FROM a AS Context\nFROM b\n", 1),
        ("FROM a\nFROM b\n", 0),
    ],
)
def test_a_name_means_one_stage(text: str, count: int) -> None:
    assert len(verdicts("A10", text)) == count


@pytest.mark.parametrize(
    ("dev", "shipped", "word"),
    [
        ("python:3.11", "python:3.12", "Python 3.11"),
        ("nvidia/cuda:12.1.1-devel-ubuntu22.04", "nvidia/cuda:12.4.1-runtime-ubuntu22.04", "CUDA 12.1"),
        ("debian:bullseye", "debian:bookworm", "bullseye"),
        ("python:3.12", "python:3.12-slim", ""),
        ("debian", "debian:bookworm", "debian"),
    ],
)
def test_where_development_differs_from_what_ships_is_said(dev: str, shipped: str, word: str) -> None:
    found = verdicts("A7", f"FROM {dev} AS dev\nRUN true\nFROM {shipped} AS production\nRUN true\n")
    assert [word in finding.what for finding in found] == ([True] if word and word != "debian" else [])


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.11 AS dev\nFROM python:3.12 AS test\n",
        "FROM python:3.11 AS devbuild\nFROM python:3.12\n",
        "FROM python:3.11 AS dev\nRUN true\nFROM python:3.12\nCOPY --from=dev /a /a\n",
        "FROM python:3.12 AS base\nFROM base AS dev\nFROM base\n",
        (
            "FROM python:3.12 AS dev\nRUN poetry install\nFROM python:3.12 AS r\nRUN poetry export -o r.txt\n"
            "FROM python:3.12\nRUN pip install -r r.txt\n"
        ),
    ],
)
def test_stages_that_share_or_are_not_compared_are_left_alone(text: str) -> None:
    assert not verdicts("A7", text)


STAGES = "FROM a AS base\nFROM base AS dev\nFROM base AS runtime\n"
WORKFLOW = """
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: docker build --target {target} -t registry.example.com/api:{tag} .
"""
MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: api}
spec:
  containers:
    - name: api
      image: registry.example.com/api:dev
"""


def test_ci_may_name_a_stage_that_is_not_there(tmp_path: Path) -> None:
    files = {".github/workflows/ci.yml": WORKFLOW.format(target="prod", tag="1")}
    (finding,) = verdicts("A8", STAGES, tmp_path, files)
    assert finding.severity is Severity.ERROR
    assert finding.what == "CI builds stage prod, which is not in Dockerfile"


def test_a_manifest_that_runs_the_stage_for_development_is_said(tmp_path: Path) -> None:
    files = {".github/workflows/ci.yml": WORKFLOW.format(target="dev", tag="dev"), "k8s/pod.yaml": MANIFEST}
    (finding,) = verdicts("A8", STAGES, tmp_path, files)
    assert "Kubernetes runs registry.example.com/api:dev" in finding.what


@pytest.mark.parametrize(
    "files",
    [
        {".github/workflows/ci.yml": WORKFLOW.format(target="$TARGET", tag="1")},
        {".github/workflows/ci.yml": WORKFLOW.format(target="prod", tag="1").replace(" .\n", " other\n")},
        {"compose.yaml": "services:\n  a:\n    build:\n      context: .\n      target: ${STAGE}\n"},
        {".github/workflows/ci.yml": WORKFLOW.format(target="runtime", tag="dev"), "k8s/pod.yaml": MANIFEST},
        {"compose.yaml": "services:\n  a:\n    build: .\n    image: registry.example.com/a\n"},
    ],
)
def test_what_is_not_known_or_right_is_left_alone(files: dict[str, str], tmp_path: Path) -> None:
    assert not verdicts("A8", STAGES, tmp_path, files)


def test_nothing_stands_around_stdin() -> None:
    assert not verdicts("A8", STAGES)


MADE = "FROM python:3.12 AS build\nRUN pip wheel -w /wheels numpy\nFROM python:3.12-slim\n"


@pytest.mark.parametrize(
    ("steps", "has_fix"),
    [
        ("COPY --from=build /wheels /wheels\nRUN pip install /wheels/*.whl", True),
        ("COPY --from=build --chown=1 /wheels /wheels\nRUN pip install /wheels/*.whl && rm -r /wheels", True),
        ("COPY --from=build /wheels /wheels\nRUN pip install /wheels/*.whl\nRUN rm -rf /wheels", False),
        (
            "COPY --from=build /wheels /wheels\nRUN pip install /wheels/a.whl\nRUN pip install /wheels/b.whl",
            False,
        ),
        ("COPY --from=build /wheels /wheels\nRUN pip install /wheels/*.whl && rm -rf /wheels /tmp", False),
        ("COPY --from=build /wheels /more /wheels/\nRUN pip install /wheels/*.whl", False),
        ("ADD wheels /wheels\nRUN pip install /wheels/*.whl", False),
        ('COPY --from=build /wheels /wheels\nRUN ["pip", "install", "/wheels/a.whl"]', False),
        ("COPY --exclude=a wheels /wheels\nRUN pip install /wheels/*.whl", False),
        ("COPY a.whl /tmp/\nRUN pip install /tmp/a.whl", True),
    ],
)
def test_wheels_are_mounted_where_nobody_else_asks_for_them(steps: str, *, has_fix: bool) -> None:
    (finding,) = verdicts("A9", f"{MADE}{steps}\n")
    assert (finding.fix is not None) is has_fix


def test_a_wheel_of_its_own_is_mounted_at_its_own_path() -> None:
    text = f"{MADE}COPY dist/a.whl /tmp/\nRUN pip install /tmp/a.whl\n"
    (finding,) = verdicts("A9", text)
    assert "--mount=type=bind,source=dist/a.whl,target=/tmp/a.whl" in fixed(text, finding)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE


@pytest.mark.parametrize(
    "steps",
    [
        "COPY --from=build /wheels /wheels\nRUN pip install numpy",
        "RUN pip install /wheels/*.whl\nCOPY --from=build /wheels /wheels",
        "RUN pip wheel -w /w numpy && pip install /w/*.whl && rm -rf /w",
        "RUN --mount=type=cache,target=/w pip wheel -w /w numpy",
        "COPY --from=build /wheels /wheels\nRUN pip install --find-links https://x.example.com numpy",
    ],
)
def test_wheels_that_do_not_stay_are_left_alone(steps: str) -> None:
    assert not verdicts("A9", f"{MADE}{steps}\n")


def test_the_bytes_of_wheels_from_the_context_are_counted(tmp_path: Path) -> None:
    text = "FROM python:3.12\nCOPY dist /dist\nRUN pip install /dist/*.whl\n"
    (finding,) = verdicts("A9", text, tmp_path, {"dist/a.whl": "x" * 500})
    assert finding.cost.size_bytes == 500


def test_an_environment_of_another_interpreter_finds_none_where_conda_is() -> None:
    made = "WORKDIR /app\nRUN uv sync --locked"
    copy = "COPY --from=build /app/.venv /app/.venv"
    bases = "ghcr.io/astral-sh/uv:python3.11-bookworm-slim", "pytorch/pytorch:2.6.0-cuda12.4-cudnn9-runtime"
    (finding,) = verdicts("A2", _two(*bases, make=made, copy=copy))
    assert finding.what == f"/app/.venv points at the interpreter of {bases[0]}"
