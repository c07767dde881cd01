"""A1 and A6: what ships that should not, and the stage it goes to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Safety

if TYPE_CHECKING:
    from pathlib import Path

APT = "RUN apt-get update && apt-get install -y --no-install-recommends gcc && rm -rf /var/lib/apt/lists/*"
PIP = "RUN pip install --no-cache-dir hdbscan==0.8.40"
SLIM = "FROM python:3.12-slim"
END = 'CMD ["python", "-m", "server"]'


def _of(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("name", "is_tool"),
    [
        ("build-essential", True),
        ("g++-12", True),
        ("gcc-c++", True),
        ("python3-dev", True),
        ("openblas-devel", True),
        ("linux-headers-generic", True),
        ("cmake", True),
        ("cuda-nvcc-12-4", True),
        ("libgomp1", False),
        ("git", False),
        ("curl", False),
        ("ffmpeg", False),
        ("devscripts", False),
        ("gcc-12-base", False),
        ("libgcc-s1", False),
    ],
)
def test_what_is_there_to_build_with_is_known_by_name(name: str, *, is_tool: bool) -> None:
    text = _of("FROM ubuntu:24.04", f"RUN apt-get update && apt-get install -y {name}", END)
    assert bool(verdicts("A1", text)) is is_tool


@pytest.mark.parametrize(
    "lines",
    [
        ("FROM nvidia/cuda:12.4.1-devel-ubuntu22.04", APT, END),
        ("FROM mcr.microsoft.com/devcontainers/python:3.12", APT),
        ("FROM quay.io/jupyter/base-notebook:2024-11-19", "USER root", APT),
        (f"{SLIM} AS builder", APT),
        (f"{SLIM} AS dev", APT, END),
        (SLIM, "RUN apt-get update && apt-get install -y gcc && pip install a && apt-get purge -y gcc", END),
        (SLIM, APT, "RUN pip install vllm==0.6.4", END),
        (f"{SLIM} AS build", APT, SLIM, END),
    ],
)
def test_tools_that_are_needed_or_do_not_ship_are_left_alone(lines: tuple[str, ...]) -> None:
    assert not verdicts("A1", _of(*lines))


@pytest.mark.parametrize("name", ["builder.Dockerfile", "Dockerfile.dev", ".devcontainer/Dockerfile"])
def test_a_file_may_say_what_it_is_for(name: str, tmp_path: Path) -> None:
    assert not verdicts("A1", _of(SLIM, APT, END), tmp_path, name=name)


@pytest.mark.parametrize(
    "code",
    [
        "import torch\nmodel = torch.compile(model)\n",
        "import triton\n",
        "from torch.utils import cpp_extension\n",
    ],
)
def test_code_that_compiles_when_it_runs_keeps_its_compiler(code: str, tmp_path: Path) -> None:
    assert not verdicts("A1", _of(SLIM, APT, PIP, "COPY a.py /", END), tmp_path, {"a.py": code})


def test_a_list_may_bring_what_compiles_when_it_runs(tmp_path: Path) -> None:
    text = _of(SLIM, APT, "COPY requirements.txt ./", "RUN pip install -r requirements.txt", END)
    assert not verdicts("A1", text, tmp_path, {"requirements.txt": "deepspeed==0.15.4\n"})
    assert verdicts("A1", text, tmp_path, {"requirements.txt": "hdbscan==0.8.40\n"})


@pytest.mark.parametrize(
    "lines",
    [
        ("FROM python:3.12", APT, PIP, END),
        ("FROM ubuntu:24.04", APT, PIP, END),
        (f"{SLIM} AS base", APT, PIP, "FROM base", END),
        (f"{SLIM} AS first", "FROM first", APT, PIP, END),
        (SLIM, APT, "RUN uv pip install --system hdbscan", END),
        (SLIM, APT, "RUN pip install --user hdbscan", END),
        (SLIM, APT, "RUN /opt/bin/pip install hdbscan", END),
        (SLIM, APT, "RUN if true; then pip install hdbscan; fi", END),
        (SLIM, APT, "USER app", PIP, END),
        (SLIM, APT, "COPY --from=node:22 /a /a", PIP, END),
        (SLIM, APT, "RUN ./configure", PIP, END),
        (SLIM, APT, "RUN make", PIP, END),
        (SLIM, APT, 'RUN ["mkdir", "/a"]', PIP, END),
        (SLIM, APT, "RUN python -m venv /a && true", PIP, END),
        (SLIM, APT, "RUN python -m venv /a", PIP, END),
        (SLIM, APT, "RUN python -m venv /a /b", PIP, END),
        (SLIM, APT, PIP, "RUN gcc -o /a a.c", END),
        (SLIM, "RUN apt-get install -y gcc && pip install a && curl a", PIP, END),
        (SLIM, "RUN apt-get update && apt-get install -y libunheard-dev", PIP, END),
        (SLIM, "RUN apt-get update && apt-get install -y gcc $MORE", PIP, END),
        (SLIM, "RUN apt-get update && apt-get install -y gcc && apt-get install -y curl", PIP, END),
        (SLIM, "VOLUME /a", APT, PIP, END),
        (SLIM, APT, END),
    ],
)
def test_what_is_not_understood_is_not_cut(lines: tuple[str, ...]) -> None:
    (finding,) = verdicts("A1", _of(*lines))
    assert finding.fix is None


def test_names_of_stages_that_are_taken_are_not_given_again() -> None:
    text = _of("FROM alpine:3.20 AS build", "FROM alpine:3.20 AS builder", SLIM, APT, PIP, END)
    (finding,) = verdicts("A1", text)
    assert "FROM python:3.12-slim AS dependencies\n" in fixed(text, finding)
    taken = _of("FROM alpine:3.20 AS dependencies") + text
    (finding,) = verdicts("A1", taken)
    assert finding.fix is None


def test_alpine_has_libraries_of_other_names() -> None:
    text = _of("FROM python:3.12-alpine", "RUN apk add --no-cache build-base postgresql-dev", PIP, END)
    (finding,) = verdicts("A1", text)
    after = fixed(text, finding)
    assert "RUN apk add --no-cache libstdc++ libpq\n" in after
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE


@pytest.mark.parametrize(
    ("base", "installed", "stays"),
    [
        ("python:3.12-slim", "apt-get install -y g++ libpq-dev", "apt-get install -y libpq5"),
        ("python:3.12-alpine", "apk add g++ libpq-dev", "apk add libstdc++ libpq"),
        ("python:3.12-slim", "apt-get install -y gcc freetds-dev", "apt-get install -y libsybdb5"),
        ("python:3.12-alpine", "apk add gcc freetds-dev libxslt-dev", "apk add freetds libxslt"),
    ],
)
def test_a_name_that_debian_and_alpine_share_stands_for_each_ones_own_library(
    base: str, installed: str, stays: str
) -> None:
    text = _of(f"FROM {base}", f"RUN {installed}", PIP, END)
    (finding,) = verdicts("A1", text)
    assert f"RUN {stays}\n" in fixed(text, finding)


def test_a_run_that_installs_nothing_but_tools_is_not_repeated() -> None:
    after = fixed(_of(SLIM, APT, PIP, END), verdicts("A1", _of(SLIM, APT, PIP, END))[0])
    assert after.count("apt-get") == 2
    assert after.index("FROM python:3.12-slim\n") > after.rindex("apt-get")


def test_the_second_stage_has_the_settings_and_files_of_the_first(tmp_path: Path) -> None:
    text = _of(
        SLIM,
        "ARG MODE=prod",
        "# where it lives",
        "WORKDIR /srv",
        "COPY server.ini requirements.txt ./",
        APT,
        "RUN pip install --no-cache-dir -r requirements.txt",
        END,
    )
    (finding,) = verdicts("A1", text, tmp_path, {"requirements.txt": "hdbscan\n", "server.ini": ""})
    second = fixed(text, finding).partition("\n\nFROM")[2]
    for line in (
        "ARG MODE=prod",
        "# where it lives\nWORKDIR /srv",
        "COPY server.ini requirements.txt ./",
        END,
    ):
        assert line in second


@pytest.mark.parametrize(
    "lines",
    [
        (SLIM, "RUN pip install pytest==8.3.4", 'CMD ["pytest"]'),
        (SLIM, "RUN pip install pytest && pytest", END),
        (SLIM, "RUN pip install black && python -m black .", END),
        (f"{SLIM} AS test", "RUN pip install pytest", END),
        ("FROM quay.io/jupyter/base-notebook:2024-11-19", "RUN pip install black"),
        (SLIM, "RUN pip install jupyterlab", 'CMD ["start-notebook.sh"]'),
        (SLIM, "RUN pip install numpy", END),
        (f"{SLIM} AS dev", "RUN pip install pytest", SLIM, END),
        (SLIM, "RUN pip uninstall -y pytest", END),
    ],
)
def test_tools_that_are_used_or_do_not_ship_are_no_matter(lines: tuple[str, ...]) -> None:
    assert not verdicts("A6", _of(*lines))


def test_lists_for_development_are_another_rules(tmp_path: Path) -> None:
    text = _of(SLIM, "COPY requirements-dev.txt ./", "RUN pip install -r requirements-dev.txt", END)
    assert not verdicts("A6", text, tmp_path, {"requirements-dev.txt": "pytest\n"})


@pytest.mark.parametrize(
    "lines",
    [
        (SLIM, "RUN uv pip install --system pytest", END),
        (SLIM, "RUN if true; then pip install pytest; fi", END),
        (SLIM, "RUN PIP_INDEX_URL=x pip install pytest", END),
        (SLIM, 'RUN ["pip", "install", "pytest"]', END),
        (SLIM, "RUN <<EOF\npip install pytest\nEOF", END),
        (f"{SLIM} AS a", "RUN pip install pytest", "FROM a", END),
        (SLIM, "RUN pip install pytest", "ONBUILD RUN true", END),
        (SLIM, "RUN echo a | pip install pytest", END),
        ("FROM a AS dev", "FROM a AS development", SLIM, "RUN pip install pytest", END),
    ],
)
def test_tools_that_are_not_plainly_installed_stay(lines: tuple[str, ...]) -> None:
    (finding,) = verdicts("A6", _of(*lines))
    assert finding.fix is None


def test_a_command_of_several_loses_the_tools_alone() -> None:
    text = _of(SLIM, "RUN pip install numpy && pip install pytest && pip install black scipy", END)
    (finding,) = verdicts("A6", text)
    after = fixed(text, finding)
    assert "RUN pip install numpy && pip install scipy\n" in after
    assert "FROM runtime AS dev\nRUN pip install pytest\nRUN pip install black\n\nFROM runtime\n" in after


def test_a_list_beside_a_tool_stays_where_it_is(tmp_path: Path) -> None:
    text = _of(SLIM, "COPY requirements.txt ./", "RUN pip install -r requirements.txt pytest", END)
    (finding,) = verdicts("A6", text, tmp_path, {"requirements.txt": "numpy\n"})
    after = fixed(text, finding)
    assert "RUN pip install -r requirements.txt\n" in after
    assert "AS dev\nRUN pip install pytest\n" in after


def test_what_was_measured_has_a_figure() -> None:
    (finding,) = verdicts("A6", _of(SLIM, "RUN pip install jupyterlab pytest==8.3.4", END))
    assert finding.cost.size_bytes == 139_900_000
    (finding,) = verdicts("A6", _of(SLIM, "RUN pip install isort", END))
    assert not finding.cost.size_bytes


def test_a_stage_that_compose_names_by_number_is_not_cut(tmp_path: Path) -> None:
    text = _of(SLIM, APT, PIP, END)
    compose = "services:\n  app:\n    build:\n      context: .\n      target: '0'\n"
    (finding,) = verdicts("A1", text, tmp_path, {"compose.yaml": compose})
    assert finding.fix is None
    (finding,) = verdicts("A1", text, tmp_path, {"compose.yaml": compose.replace("      target: '0'\n", "")})
    assert finding.fix is not None


def test_a_compiler_that_a_declared_dependency_calls_is_wanted(tmp_path: Path) -> None:
    pyproject = """
        [project]
        name = "service"
        version = "1"
        dependencies = ["fastapi"]
        [project.optional-dependencies]
        gpu = ["vllm>=0.6"]
    """
    text = _of(SLIM, APT, "COPY pyproject.toml /app/", "WORKDIR /app", "RUN uv sync --extra gpu", END)
    assert not verdicts("A1", text, tmp_path, {"pyproject.toml": pyproject})
    assert verdicts("A1", text, tmp_path, {"pyproject.toml": pyproject.replace("vllm", "numpy")})


def test_tools_that_an_environment_of_conda_lists_are_found(tmp_path: Path) -> None:
    environment = "name: base\ndependencies:\n  - numpy=2.1\n  - pytest\n  - pip:\n    - black==24.1\n"
    steps = (
        "FROM condaforge/miniforge3:24.9.2-0",
        "COPY environment.yml /",
        "RUN conda env update -f /environment.yml",
    )
    (finding,) = verdicts("A6", _of(*steps, END), tmp_path, {"environment.yml": environment})
    assert finding.what == "pytest, black are installed in the stage that ships"
    assert finding.fix is None


def test_a_comment_goes_along_with_the_install_it_speaks_of() -> None:
    text = _of(SLIM, PIP, "# for the tests", "RUN pip install pytest", END)
    (finding,) = verdicts("A6", text)
    after = fixed(text, finding)
    assert "FROM runtime AS dev\n# for the tests\nRUN pip install pytest\n" in after
    assert after.count("# for the tests") == 1


def test_a_stage_of_unit_tests_may_have_what_they_need() -> None:
    assert not verdicts("A6", _of(f"{SLIM} AS ut", "RUN pip install pytest", END))


def test_notebooks_whose_port_is_open_are_there_on_purpose() -> None:
    install = "RUN pip install jupyterlab"
    assert not verdicts("A6", _of(SLIM, install, "EXPOSE 8888"))
    assert verdicts("A6", _of(SLIM, install, "EXPOSE 8000"))


def test_a_tool_that_a_variable_names_for_another_is_used() -> None:
    install = "RUN pip install jupyter pyspark"
    assert not verdicts("A6", _of(SLIM, 'ENV PYSPARK_DRIVER_PYTHON="jupyter"', install, 'CMD ["pyspark"]'))


@pytest.mark.parametrize("behind", [True, False])
def test_what_installs_by_lists_of_an_earlier_run_is_not_cut_off_them(*, behind: bool) -> None:
    lists = "RUN apt-get update && apt-get install -y --no-install-recommends gcc"
    more = "RUN apt-get install -y --no-install-recommends ffmpeg"
    steps = (PIP, more) if behind else (more, PIP)
    (finding,) = verdicts("A1", _of(SLIM, lists, *steps, END))
    assert finding.fix is None
    own = more.replace("RUN ", "RUN apt-get update && ")
    (finding,) = verdicts("A1", _of(SLIM, lists, *(own if one == more else one for one in steps), END))
    assert finding.fix is not None
