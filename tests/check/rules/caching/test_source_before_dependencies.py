"""B1 moves the source below an install only where nothing else can tell the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Safety

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"requirements.txt": "torch==2.4.1\n", "app/main.py": "print('ready')\n"}
INSTALL = "RUN pip install --no-cache-dir -r requirements.txt"
PROJECT = """
[project]
name = "service"
version = "1"
dependencies = ["torch"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
"""


def _of(steps: str) -> str:
    lines = ["FROM python:3.12-slim", "WORKDIR /app", *(line.strip() for line in steps.strip().splitlines())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "between",
    [
        "RUN useradd --create-home app",
        "RUN mkdir -p /var/log/app && chmod 755 /var/log/app",
        "RUN apt-get update && apt-get install -y git && rm -rf /var/lib/apt/lists/*",
        "ENV PYTHONUNBUFFERED=1",
        "ARG TARGETARCH",
        "USER 1000",
        "LABEL team=ml",
        "COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv",
        "RUN python -m venv /opt/venv",
        "RUN pip config set global.timeout 60",
        "RUN pip cache purge",
        "EXPOSE 8000",
        "RUN echo built > /etc/built",
        'SHELL ["/bin/bash", "-c"]',
    ],
)
def test_the_source_passes_what_keeps_off_it(between: str, tmp_path: Path) -> None:
    text = _of(f"COPY . .\n{between}\n{INSTALL}")
    (finding,) = verdicts("B1", text, tmp_path, FILES)
    assert fixed(text, finding) == _of(f"COPY requirements.txt ./\n{between}\n{INSTALL}\nCOPY . .")
    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE


@pytest.mark.parametrize(
    "between",
    [
        "RUN ./setup.sh",
        "RUN python manage.py collectstatic",
        "RUN make -C native",
        "RUN chmod +x entrypoint.sh",
        "RUN mv config.prod.toml config.toml",
        "RUN sed -i s/a/b/ /app/config.toml",
        "RUN cd app && ls",
        "RUN . ./env.sh",
        "RUN uv run prepare",
        "RUN poetry config --local virtualenvs.in-project true",
        "RUN cat /app/version > /etc/version",
        "RUN echo debug > settings.ini",
        "RUN mkdir $TARGET",
        "RUN pip install ./lib",
        "RUN useradd --home /app app",
        "RUN export V=$(cat version)",
        "COPY config.prod.toml config.toml",
        "COPY --from=node:22 /srv/static ./static",
        "WORKDIR /srv",
        "VOLUME /app",
        "ONBUILD RUN echo later",
        'RUN ["./setup.sh"]',
        "RUN if true; then fi",
    ],
)
def test_the_source_stays_above_what_may_need_it(between: str, tmp_path: Path) -> None:
    (finding,) = verdicts("B1", _of(f"COPY . .\n{between}\n{INSTALL}"), tmp_path, FILES)
    assert finding.fix is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("-e .\n", "the project itself"),
        ("./lib\n", "a package of the source"),
        ("-r missing.txt\n", "a list that is not there"),
        ("--find-links ./wheels\ntorch\n", "a directory of the source"),
        ("=== torch ===\n", "a line that nobody understands"),
    ],
)
def test_a_list_that_needs_more_than_lists_stays_below_the_source(
    content: str, reason: str, tmp_path: Path
) -> None:
    files = {**FILES, "requirements.txt": content}
    (finding,) = verdicts("B1", _of(f"COPY . .\n{INSTALL}"), tmp_path, files)
    assert finding.fix is None, reason


@pytest.mark.parametrize(
    "install",
    [
        "RUN pip install --find-links wheels -r requirements.txt",
        "RUN pip install $EXTRA -r requirements.txt",
        "RUN pip install -r ${LIST}",
        "RUN pip install -r requirements.txt --config-settings x=y ./native",
        "RUN uv sync --directory backend",
        "RUN pip install -r requirements.txt --target app",
        "RUN uv run pip install -r requirements.txt",
    ],
)
def test_an_install_that_may_read_more_is_not_moved(install: str, tmp_path: Path) -> None:
    text = _of(f"ARG LIST=requirements.txt\nCOPY . .\n{install}")
    found = verdicts("B1", text, tmp_path, FILES)
    assert all(finding.fix is None for finding in found)


def test_constraints_are_copied_with_the_list(tmp_path: Path) -> None:
    files = {**FILES, "constraints/base.txt": "numpy<2\n"}
    text = _of("COPY . .\nRUN pip install -r requirements.txt -c constraints/base.txt")
    (finding,) = verdicts("B1", text, tmp_path, files)
    assert fixed(text, finding) == _of(
        """COPY requirements.txt ./
        COPY constraints/base.txt constraints/
        RUN pip install -r requirements.txt -c constraints/base.txt
        COPY . ."""
    )


def test_several_copies_of_the_source_move_together(tmp_path: Path) -> None:
    files = {**FILES, "lib/x.py": "", "app/requirements.txt": "torch\n"}
    text = _of("COPY app ./app\nENV A=1\nCOPY lib ./lib\nRUN pip install -r app/requirements.txt\nCMD app")
    (finding,) = verdicts("B1", text, tmp_path, files)
    assert len(finding.related) == 2
    assert fixed(text, finding) == _of(
        """COPY app/requirements.txt ./app/
        ENV A=1
        RUN pip install -r app/requirements.txt
        COPY app ./app
        COPY lib ./lib
        CMD app"""
    )


def test_a_list_that_is_copied_anyway_is_not_copied_twice(tmp_path: Path) -> None:
    text = _of(f"COPY . .\nCOPY requirements.txt ./\n{INSTALL}")
    (finding,) = verdicts("B1", text, tmp_path, FILES)
    assert fixed(text, finding) == _of(f"COPY requirements.txt ./\n{INSTALL}\nCOPY . .")


def test_a_list_of_the_same_name_that_is_another_file_is_not_taken_for_it(tmp_path: Path) -> None:
    files = {**FILES, "ci.txt": "pytest\n"}
    text = _of(f"COPY ci.txt requirements.txt\nCOPY . .\n{INSTALL}")
    (finding,) = verdicts("B1", text, tmp_path, files)
    assert fixed(text, finding) == _of(
        f"COPY ci.txt requirements.txt\nCOPY requirements.txt ./\n{INSTALL}\nCOPY . ."
    )


def test_a_list_from_another_stage_is_there_already(tmp_path: Path) -> None:
    text = """
        FROM python:3.12 AS lists
        RUN echo torch > /requirements.txt
        FROM python:3.12-slim
        WORKDIR /app
        COPY --from=lists /requirements.txt ./requirements.txt
        COPY app .
        RUN pip install -r requirements.txt
        """
    (finding,) = verdicts("B1", text, tmp_path, {"app/main.py": ""})
    assert finding.fix is not None
    assert finding.fix.title == "copy the source below the install"
    assert finding.fix.safety is Safety.UNSAFE  # nobody has read the list


@pytest.mark.parametrize(
    ("beside", "is_moved"),
    [
        ({}, True),
        ({".venv/pyvenv.cfg": ""}, False),
        ({".venv/pyvenv.cfg": "", ".dockerignore": ".venv\n"}, True),
    ],
)
def test_an_environment_of_the_context_would_be_written_over(
    beside: dict[str, str], tmp_path: Path, *, is_moved: bool
) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": "version = 1\n", "app/main.py": "", **beside}
    (finding,) = verdicts("B1", _of("COPY . .\nRUN uv sync --locked"), tmp_path, files)
    assert (finding.fix is not None) is is_moved


@pytest.mark.parametrize(
    "extra",
    [
        '[tool.uv.sources]\nlib = { path = "lib" }\n',
        '[tool.uv.workspace]\nmembers = ["packages/*"]\n',
    ],
)
def test_a_project_of_several_packages_is_left_alone(extra: str, tmp_path: Path) -> None:
    files = {"pyproject.toml": f"{PROJECT}\n{extra}", "uv.lock": "version = 1\n"}
    (finding,) = verdicts("B1", _of("COPY . .\nRUN uv sync --locked"), tmp_path, files)
    assert finding.fix is None


def test_a_project_whose_dependencies_are_computed_is_left_alone(tmp_path: Path) -> None:
    project = PROJECT.replace('dependencies = ["torch"]', 'dynamic = ["dependencies"]')
    files = {"pyproject.toml": project, "uv.lock": "version = 1\n"}
    (finding,) = verdicts("B1", _of("COPY . .\nRUN uv sync --locked"), tmp_path, files)
    assert finding.fix is None


def test_a_project_that_is_no_package_is_installed_once(tmp_path: Path) -> None:
    project = PROJECT.partition("[build-system]")[0]
    text = _of("COPY . .\nRUN uv sync --locked")
    (finding,) = verdicts("B1", text, tmp_path, {"pyproject.toml": project, "uv.lock": "version = 1\n"})
    assert fixed(text, finding) == _of("COPY pyproject.toml uv.lock ./\nRUN uv sync --locked\nCOPY . .")


@pytest.mark.parametrize(
    "run",
    [
        "RUN cd backend && uv sync --locked",
        "RUN set -e; uv sync --locked",
        "RUN uv sync --locked > /tmp/log",
    ],
)
def test_an_install_that_could_not_be_repeated_is_not_cut_in_two(run: str, tmp_path: Path) -> None:
    files = {"pyproject.toml": PROJECT, "uv.lock": "version = 1\n"}
    found = verdicts("B1", _of(f"COPY . .\n{run}"), tmp_path, files)
    assert all(finding.fix is None for finding in found)


def test_the_second_install_has_the_environment_and_mounts_of_the_first(tmp_path: Path) -> None:
    run = "RUN --mount=type=cache,target=/c UV_CACHE_DIR=/c uv sync"
    text = f"FROM python:3.12\nWORKDIR /app\nCOPY . .\n{run} \\\n      --locked \\\n      --no-dev\n"
    (finding,) = verdicts("B1", text, tmp_path, {"pyproject.toml": PROJECT, "uv.lock": "version = 1\n"})
    assert fixed(text, finding).endswith(
        f"--no-dev --no-install-project\nCOPY . .\n{run} --locked --no-dev\n"
    )


def test_uv_takes_its_settings_from_the_project_it_stands_in(tmp_path: Path) -> None:
    text = _of("COPY . .\nRUN uv pip install --system -r requirements.txt")
    files = {**FILES, "pyproject.toml": '[tool.uv]\nindex-url = "https://index.example.com/simple"\n'}
    (finding,) = verdicts("B1", text, tmp_path, files)
    assert "COPY requirements.txt pyproject.toml ./\n" in fixed(text, finding)


def test_the_dependencies_of_a_pyproject_are_a_list(tmp_path: Path) -> None:
    text = _of("COPY . .\nRUN uv pip install --system -r pyproject.toml")
    (finding,) = verdicts("B1", text, tmp_path, {"pyproject.toml": PROJECT})
    assert "COPY pyproject.toml ./\n" in fixed(text, finding)
    dynamic = PROJECT.replace('dependencies = ["torch"]', 'dynamic = ["dependencies"]')
    (finding,) = verdicts("B1", text, tmp_path, {"pyproject.toml": dynamic})
    assert finding.fix is None


@pytest.mark.parametrize(
    ("install", "files", "copied"),
    [
        (
            "pipenv install --system --deploy",
            {"Pipfile": "[packages]\n", "Pipfile.lock": "{}"},
            "Pipfile Pipfile.lock",
        ),
        (
            "conda env update -f environment.yml",
            {"environment.yml": "dependencies:\n- python\n"},
            "environment.yml",
        ),
        ("pdm sync", {"pyproject.toml": PROJECT, "pdm.lock": ""}, "pyproject.toml pdm.lock"),
        ("npm ci", {"package.json": "{}", "package-lock.json": "{}"}, "package.json package-lock.json"),
        ("uv pip sync requirements.txt", {"requirements.txt": "torch\n"}, "requirements.txt"),
    ],
)
def test_each_manager_has_lists_of_its_own(
    install: str, files: dict[str, str], copied: str, tmp_path: Path
) -> None:
    text = _of(f"COPY . .\nRUN {install}")
    (finding,) = verdicts("B1", text, tmp_path, files)
    assert f"COPY {copied} ./\n" in fixed(text, finding)


@pytest.mark.parametrize(
    ("install", "files"),
    [
        ("pipenv sync --system", {"Pipfile": '[packages]\nlib = {path = "lib"}\n', "Pipfile.lock": "{}"}),
        (
            "conda env update -f environment.yml",
            {"environment.yml": "dependencies:\n- pip:\n  - -r more.txt\n"},
        ),
        ("npm ci", {"package.json": '{"scripts": {"postinstall": "node build.js"}}'}),
        ("npm ci", {"package.json": '{"workspaces": ["a"]}'}),
        ("python setup.py install", {"setup.py": ""}),
        ("uv add --script x.py torch", {}),
        ("poetry add torch", {"pyproject.toml": PROJECT}),
    ],
)
def test_lists_that_reach_into_the_source_are_left_alone(
    install: str, files: dict[str, str], tmp_path: Path
) -> None:
    found = verdicts("B1", _of(f"COPY . .\nRUN {install}"), tmp_path, files)
    assert all(finding.fix is None for finding in found)


@pytest.mark.parametrize("install", ["poetry install", "npm ci", "conda env create -f environment.yml"])
def test_what_is_not_there_to_be_looked_into_is_moved_only_when_asked(install: str, tmp_path: Path) -> None:
    (finding,) = verdicts("B1", _of(f"COPY . .\nRUN {install}"), tmp_path)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE


def test_a_file_on_stdin_is_judged_without_its_neighbours() -> None:
    (finding,) = verdicts("B1", _of(f"COPY . .\n{INSTALL}"))
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE


@pytest.mark.parametrize(
    "steps",
    [
        f"COPY requirements.txt ./\n{INSTALL}\nCOPY . .",
        f"COPY requirements.txt app/\n{INSTALL}",
        "COPY . .\nRUN pip install --upgrade pip\nRUN ./install.sh",
        "COPY . .\nRUN python app/main.py",
        f"COPY requirements.txt ./\n{INSTALL}\nCOPY . .\nRUN pip install --no-deps .",
        "RUN pip install numpy==2.1.3 torch==2.4.1\nCOPY . .\nRUN pip install .",
        "COPY . .\nRUN pip install --no-deps .",
        f"COPY conf ./conf\n{INSTALL}",
    ],
)
def test_what_is_in_order_or_has_no_order_is_left_alone(steps: str, tmp_path: Path) -> None:
    files = {**FILES, "pyproject.toml": PROJECT, "conf/server.ini": ""}
    assert not verdicts("B1", _of(steps), tmp_path, files)


def test_a_project_without_dependencies_may_be_installed_with_its_source(tmp_path: Path) -> None:
    project = PROJECT.replace('"torch"', "")
    assert not verdicts("B1", _of("COPY . .\nRUN pip install ."), tmp_path, {"pyproject.toml": project})


def test_a_stage_that_nobody_builds_is_left_alone(tmp_path: Path) -> None:
    text = f"FROM python:3.12 AS tests\nCOPY . .\n{INSTALL}\nFROM python:3.12-slim\nCOPY app /app\n"
    assert not verdicts("B1", text, tmp_path, FILES)


def test_names_with_blanks_are_nobodys_to_copy(tmp_path: Path) -> None:
    files = {"my list.txt": "torch\n"}
    (finding,) = verdicts("B1", _of('COPY . .\nRUN pip install -r "my list.txt"'), tmp_path, files)
    assert finding.fix is None


def test_packages_named_on_the_command_line_are_installed_again_too(tmp_path: Path) -> None:
    text = _of("COPY . .\nRUN pip install torch==2.4.1 numpy scipy pandas")
    (finding,) = verdicts("B1", text, tmp_path, FILES)
    assert finding.what == "the source is copied before pip installs torch, numpy and 2 more"
    assert fixed(text, finding) == _of("RUN pip install torch==2.4.1 numpy scipy pandas\nCOPY . .")


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("ENV PIP_CONSTRAINT=/app/limits.txt", "limits.txt"),
        ("ENV PIP_CONFIG_FILE=pip.conf", "pip.conf"),
        ("ENV PIP_FIND_LINKS='https://h/x ./wheels'", "wheels/a.whl"),
        ("ENV SSL_CERT_FILE=/app/certs/ca.pem", "certs/ca.pem"),
        ("ENV HOME=/app", ".pip/pip.conf"),
    ],
)
def test_what_variables_send_pip_to_is_there_when_it_runs(setting: str, path: str, tmp_path: Path) -> None:
    text = _of(f"{setting}\nCOPY . .\n{INSTALL}")
    findings = verdicts("B1", text, tmp_path, {**FILES, path: "x"})
    assert [finding.fix for finding in findings] == [None] * len(findings)


@pytest.mark.parametrize(
    "setting",
    [
        "ENV PIP_CACHE_DIR=/app/.cache",
        "ENV PIP_NO_CACHE_DIR=1",
        "ENV PIP_INDEX_URL=https://index.example/simple",
        "ENV UV_PROJECT_ENVIRONMENT=/app/.venv",
    ],
)
def test_settings_that_name_no_file_of_the_source_are_no_hindrance(setting: str, tmp_path: Path) -> None:
    (finding,) = verdicts("B1", _of(f"{setting}\nCOPY . .\n{INSTALL}"), tmp_path, FILES)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE


def test_a_copy_that_leaves_something_out_stays(tmp_path: Path) -> None:
    steps = f"RUN echo scipy > requirements.txt\nCOPY --exclude=requirements.txt . .\n{INSTALL}"
    assert all(finding.fix is None for finding in verdicts("B1", _of(steps), tmp_path, FILES))


def test_windows_is_not_judged_as_linux(tmp_path: Path) -> None:
    text = f"FROM mcr.microsoft.com/windows/servercore:ltsc2022\nWORKDIR C:/app\nCOPY . .\n{INSTALL}\n"
    assert not verdicts("B1", text, tmp_path, FILES)
    assert not verdicts("B1", text.replace("servercore:ltsc2022", "nanoserver:1809"), tmp_path, FILES)


def test_what_cannot_move_is_told_beside_what_can(tmp_path: Path) -> None:
    steps = "COPY . .\nRUN pip install torch==2.4.1\nRUN pip install ."
    movable, kept = verdicts("B1", _of(steps), tmp_path, {"setup.py": "setup()", "app/main.py": ""})
    assert movable.fix is not None
    assert kept.fix is None
    assert "the project" in kept.what


def test_what_only_the_system_would_gain_is_not_said_where_the_rest_stays(tmp_path: Path) -> None:
    steps = "COPY . .\nRUN apt-get update && apt-get install -y git\nRUN conda env create -f environment.yml"
    environment = "name: x\ndependencies:\n  - numpy\n  - pip:\n    - -e .\n"
    (finding,) = verdicts("B1", _of(steps), tmp_path, {"environment.yml": environment, "app/main.py": ""})
    assert finding.what == "the source is copied before conda installs environment.yml"
    assert finding.fix is None


def test_a_list_is_copied_to_where_the_base_begins(tmp_path: Path) -> None:
    text = f"FROM nvcr.io/nvidia/pytorch:24.05-py3\nCOPY . /workspace\n{INSTALL}\n"
    (finding,) = verdicts("B1", text, tmp_path, FILES)
    after = fixed(text, finding).splitlines()
    assert after[1:] == ["COPY requirements.txt /workspace/", INSTALL, "COPY . /workspace"]


def test_nothing_moves_where_only_the_base_knows_the_directory(tmp_path: Path) -> None:
    text = f"FROM registry.example/team/base:1\nCOPY . /srv\n{INSTALL}\n"
    assert all(finding.fix is None for finding in verdicts("B1", text, tmp_path, FILES))
    (finding,) = verdicts("B1", text.replace("COPY . /srv", "COPY . ."), tmp_path, FILES)
    assert finding.fix is not None
