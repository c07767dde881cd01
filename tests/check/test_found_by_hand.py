"""What Dockerfiles of teams, written and read by hand, showed to be wrong, annoying or missing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.masking import masked
from wherry.check.model import Safety
from wherry.check.review import Asked, review
from wherry.check.settings import read_settings
from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.fix import Mended

UV = "COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv"
WARM = "COPY <<EOF /warm.py\nimport hub\nhf_hub_download('a/b')\nEOF\nRUN python /warm.py"
CLI = 'CMD ["python", "-m", "app"]'


def fix_all(folder: Path, allowed: Safety) -> Mended:
    """What the fixes make of the Dockerfile in *folder*."""
    return review(Asked((folder / "Dockerfile",), allowed=allowed)).mended[0]


def test_a_lock_that_does_not_keep_what_was_asked_for_is_not_called_stale(tmp_path: Path) -> None:
    text = f"""
        FROM python:3.12-slim
        {UV}
        WORKDIR /app
        COPY pyproject.toml uv.lock ./
        RUN uv sync --locked --no-dev --no-install-project
        """
    project = '[project]\nname = "emb"\nversion = "1"\ndependencies = ["fastapi"]\n'
    lock = """
        version = 1

        [[package]]
        name = "emb"
        version = "1"
        source = { virtual = "." }
        dependencies = [{ name = "fastapi" }]
        """
    assert not verdicts("F14", text, tmp_path, {"pyproject.toml": project, "uv.lock": lock})


def test_tritons_sdk_asks_a_server_and_needs_no_gpu(tmp_path: Path) -> None:
    compose = "services:\n  client:\n    build: .\n"
    text = 'FROM nvcr.io/nvidia/tritonserver:24.08-py3{}\nCMD ["perf_analyzer"]\n'
    assert not verdicts("C13", text.format("-sdk"), tmp_path, {"compose.yaml": compose})
    assert verdicts("C13", text.format(""), tmp_path, {"compose.yaml": compose})


def test_a_dockerfile_that_ci_does_not_build_is_not_said_to_go_unscanned(tmp_path: Path) -> None:
    ci = """
        on: push
        jobs:
          images:
            steps:
              - run: docker build -f docker/api/Dockerfile -t registry.example/api:1 .
        """
    files = {".github/workflows/ci.yml": ci}
    text = f"FROM python:3.12-slim\n{CLI}\n"
    assert verdicts("H14", text, tmp_path, files, "docker/api/Dockerfile")
    assert not verdicts("H14", text, tmp_path, files, "docker/trainer/Dockerfile")


def test_a_base_that_nobody_knows_may_have_a_gpus_torch(tmp_path: Path) -> None:
    text = "FROM {}\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\n" + CLI + "\n"
    files = {"requirements.txt": "torch==2.5.1\n"}
    assert not verdicts("C4", text.format("registry.example/team/ml-base:2024.11"), tmp_path, files)
    assert verdicts("C4", text.format("python:3.12-slim"), tmp_path, files)


def test_what_conda_leaves_to_pip_may_be_compiled(tmp_path: Path) -> None:
    text = """
        FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu20.04
        COPY environment.yml /tmp/
        RUN conda env create -f /tmp/environment.yml
        CMD ["python", "train.py"]
        """
    environment = "dependencies:\n  - python=3.9\n  - pip:\n      - {}\n"
    (one,) = verdicts("C1", text, tmp_path, {"environment.yml": environment.format("mmcv-full")})
    assert "mmcv-full is compiled" in one.what
    assert one.fix is None
    (one,) = verdicts("C1", text, tmp_path, {"environment.yml": environment.format("some-package-of-ours")})
    assert one.fix is not None
    assert one.fix.safety is Safety.UNSAFE


def test_the_environment_of_conda_that_is_not_here_may_compile(tmp_path: Path) -> None:
    text = """
        FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu20.04
        RUN conda env create -f /elsewhere/environment.yml
        CMD ["python", "train.py"]
        """
    (one,) = verdicts("C1", text, tmp_path, {"train.py": "print(1)\n"})
    assert one.fix is not None
    assert one.fix.safety is Safety.UNSAFE


def test_a_secret_that_is_copied_by_name_is_not_left_out_behind_its_back(tmp_path: Path) -> None:
    files = {"id_rsa": "-----BEGIN OPENSSH PRIVATE KEY-----\nxxxx\n-----END OPENSSH PRIVATE KEY-----\n"}
    (named,) = verdicts("E6", "FROM debian:12\nCOPY ./id_rsa /root/.ssh/\n", tmp_path, files)
    assert named.fix is None
    (beside,) = verdicts("E6", "FROM debian:12\nCOPY . /app/\n", tmp_path, files)
    assert beside.fix is not None


def test_the_smaller_base_is_taken_though_compilers_are_spoken_of_then(tmp_path: Path) -> None:
    (tmp_path / "serve.py").write_text("import fastapi\n")
    (tmp_path / "Dockerfile").write_text(
        "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends build-essential python3-pip"
        " && rm -rf /var/lib/apt/lists/*\n"
        "RUN pip install --no-cache-dir fastapi==0.115.6\n"
        "COPY serve.py ./\n"
        "USER 1000\n"
        'CMD ["python3", "serve.py"]\n'
    )
    assert "C1" in [one.rule for one in fix_all(tmp_path, Safety.SAFE).applied]


@pytest.mark.parametrize("place", ["$HOME/app", "/home/user/app", "/home/user", "/tmp", "/srv"])
def test_a_file_that_is_copied_to_a_directory_that_is_there_lies_in_it(tmp_path: Path, place: str) -> None:
    text = f"""
        FROM python:3.10-slim
        ENV HOME=/home/user
        WORKDIR $HOME/app
        COPY requirements.txt {place}
        WORKDIR {place}
        RUN pip install --no-cache-dir -r requirements.txt
        """
    (one,) = verdicts("F3", text, tmp_path, {"requirements.txt": "torch\n"})
    assert "torch" in one.what


def test_a_database_of_examples_has_no_secret_password(tmp_path: Path) -> None:
    compose = (
        "services:\n  web:\n    build: .\n    environment:\n      DB: postgresql://{}@postgres/airflow\n"
    )
    text = "FROM python:3.12-slim\n"
    assert not verdicts("E8", text, tmp_path, {"compose.yaml": compose.format("airflow:airflow")})
    assert verdicts("E8", text, tmp_path, {"compose.yaml": compose.format("airflow:Tr4gg8kw02")})
    assert verdicts("E8", text, tmp_path, {"compose.yaml": compose.format("flow:airflow7")})


@pytest.mark.parametrize(
    ("lines", "is_found"),
    [
        ('SHELL ["/bin/bash", "-c"]\nCMD python serve.py', False),
        ('SHELL ["/bin/bash", "-c"]\nCMD cd /app && python serve.py $OPTIONS', False),
        ('SHELL ["/bin/bash", "-c"]\nCMD migrate; python serve.py', True),
        ('SHELL ["/bin/bash", "-c"]\nCMD if true; then python serve.py; fi', True),
        ("CMD python serve.py", True),
        ("CMD bash", False),
        ("CMD /bin/bash -l", False),
        ("CMD bash start.sh", True),
    ],
)
def test_a_shell_that_becomes_the_program_is_in_nobodys_way(lines: str, is_found: bool) -> None:  # noqa: FBT001 - of a table
    assert bool(verdicts("H3", f"FROM debian:12\n{lines}\n")) is is_found


def test_who_works_in_a_shell_may_be_root() -> None:
    assert not verdicts("H1", "FROM debian:12\nCMD bash\n")
    assert verdicts("H1", 'FROM debian:12\nCMD ["bash", "serve.sh"]\n')


@pytest.mark.parametrize(
    "line",
    [
        "RUN python -c \"from transformers import AutoModel; AutoModel.from_pretrained('google/bert')\"",
        "RUN pip install --user torch",
        "COPY settings.json /root/.config/app/settings.json",
        WARM,
    ],
)
def test_what_lies_in_roots_home_is_not_taken_from_the_program(tmp_path: Path, line: str) -> None:
    (one,) = verdicts("H1", f"FROM python:3.12\n{line}\n{CLI}\n", tmp_path, {"settings.json": "{}"})
    assert one.fix is None


def test_what_builds_wheels_in_a_stage_that_does_not_ship_may_be_new() -> None:
    text = """
        FROM python:3.12 AS build
        RUN pip install torch==2.4.0 packaging ninja
        {}
        """
    assert not verdicts("F2", text.format("FROM python:3.12-slim"))
    assert verdicts("F2", text.format(CLI))


def test_what_people_work_with_may_be_new(tmp_path: Path) -> None:
    text = "FROM python:3.12\nRUN pip install ipykernel\n"
    assert not verdicts("F2", text, tmp_path, name=".devcontainer/Dockerfile")


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ('app.run(host="0.0.0.0", debug=True)', True),
        ('if __name__ == "__main__":\n    app.run("0.0.0.0", 80, debug = True)', True),
        ('# app.run(host="0.0.0.0", debug=True)', False),
        ("app.run(debug=False)", False),
        ("app.run()\nlog(debug=True)", False),
    ],
)
def test_a_debugger_that_the_code_turns_on_is_seen(tmp_path: Path, code: str, is_found: bool) -> None:  # noqa: FBT001 - of a table
    text = 'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["python", "main.py"]\n'
    assert bool(verdicts("H6", text, tmp_path, {"main.py": f"{code}\n"})) is is_found


@pytest.mark.parametrize(
    "command", ["flask run", "flask --app x run -h ::", "python manage.py runserver 0:8"]
)
def test_servers_to_develop_with_are_known(command: str) -> None:
    assert verdicts("H6", f"FROM python:3.12\nCMD {command}\n")


def test_a_script_that_the_dockerfile_writes_itself_is_read(tmp_path: Path) -> None:
    text = (
        "FROM python:3.12\n"
        "COPY <<-'PY' /app/warm.py\n"
        "\tfrom transformers import AutoModel\n"
        '\tAutoModel.from_pretrained("google/bert")\n'
        "PY\n"
        "RUN python3 /app/warm.py\n"
    )
    (one,) = verdicts("D2", text, tmp_path)
    assert "google/bert" in one.what
    assert not verdicts("D2", text.replace("/app/warm.py\n", "/app/cold.py\n", 1), tmp_path)


def test_the_project_is_missed_in_stages_on_top_too(tmp_path: Path) -> None:
    text = """
        FROM python:3.11-slim AS base
        WORKDIR /app
        COPY pyproject.toml poetry.lock ./
        RUN poetry install

        FROM base AS prod
        COPY churn churn
        """
    files = {
        "pyproject.toml": '[tool.poetry]\nname = "churn"\nversion = "1"\ndescription = ""\nauthors = []\n'
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n',
        "poetry.lock": "",
        "churn/__init__.py": "",
    }
    (one,) = verdicts("B2", text, tmp_path, files)
    assert one.fix is None


@pytest.mark.parametrize(
    ("body", "is_found"),
    [
        ("apt-get update\napt-get install -y git", True),
        ("set -eux\napt-get update\napt-get install -y git", False),
        ("#!/bin/bash -e\napt-get update\napt-get install -y git", False),
        ("#!/bin/bash\npip install torch\necho done", True),
        ("apt-get update && apt-get install -y git", False),
        ("pip install torch || exit 1\necho done", False),
        ("echo begin\npip install torch", False),
        ("#!/usr/bin/env python\nimport torch\nprint(1)", False),
    ],
)
def test_a_here_document_that_goes_on_after_a_failure_is_seen(body: str, is_found: bool) -> None:  # noqa: FBT001 - of a table
    assert bool(verdicts("H11", f"FROM python:3.12\nRUN <<EOF\n{body}\nEOF\n")) is is_found


def test_the_first_line_of_a_here_document_stays_the_first() -> None:
    text = "FROM python:3.12\nRUN <<EOF\n#!/bin/bash\npip install torch\necho done\nEOF\n"
    (one,) = verdicts("H11", text)
    assert "#!/bin/bash\nset -e\npip" in fixed(text, one)
    indented = "FROM python:3.12\nRUN <<-EOF\n\tpip install torch\n\techo done\nEOF\n"
    (one,) = verdicts("H11", indented)
    assert "<<-EOF\nset -e\n\tpip" in fixed(indented, one)


def test_what_tests_of_another_stage_need_is_not_taken_from_it(tmp_path: Path) -> None:
    text = """
        FROM python:3.11-slim AS base
        WORKDIR /app
        COPY pyproject.toml poetry.lock ./
        RUN poetry install --no-root
        {}
        FROM base AS prod
        COPY churn churn
        """
    project = '[tool.poetry]\nname = "c"\n[tool.poetry.group.dev.dependencies]\npytest = "^8"\n'
    files = {"pyproject.toml": project, "poetry.lock": "", "churn/__init__.py": ""}
    (alone,) = verdicts("G9", text.format(""), tmp_path, files)
    assert alone.fix is not None
    (shared,) = verdicts("G9", text.format("FROM base AS test\n        RUN pytest\n"), tmp_path, files)
    assert shared.fix is None


def test_a_package_of_a_list_is_pointed_at_in_the_list(tmp_path: Path) -> None:
    text = f"FROM python:3.12\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt\n{CLI}\n"
    files = {"compose.yaml": "services:\n  api:\n    build: .\n", "requirements.txt": "xgboost==2.1.3\n"}
    (one,) = verdicts("C4", text, tmp_path, files)
    assert one.place.path.endswith("requirements.txt")


@pytest.mark.parametrize(("rule", "setting"), [("D1", "policy"), ("D2", "policy"), ("G1", "mend")])
def test_a_setting_with_few_values_has_no_other(tmp_path: Path, rule: str, setting: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(f'[tool.wherry.check.{rule}]\n{setting} = "perhaps"\n')
    with pytest.raises(InputError, match="is not one of"):
        read_settings(path)


def test_a_dockerfile_that_cannot_be_read_keeps_nobody_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.Dockerfile", "b.Dockerfile"):
        (tmp_path / name).write_text("FROM python:3.12\nRUN pip install torch\n")

    def read(path: Path, limit_bytes: int) -> bytes:
        if path.name == "a.Dockerfile":
            raise PermissionError(13, "Permission denied")
        return path.read_bytes()[:limit_bytes]

    monkeypatch.setattr("wherry.check.review.read_bounded", read)
    reviewed = review(Asked((tmp_path,)))
    assert [one.where for one in reviewed.broken] == [str(tmp_path / "a.Dockerfile")]
    assert [one.path for one in reviewed.judgements] == [str(tmp_path / "b.Dockerfile")]


def test_what_is_broken_is_said_to_the_quiet_too(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FORM python\n")
    done = subprocess.run(
        [sys.executable, "-m", "wherry", "check", "--quiet"], cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"there is no instruction 'FORM'" in done.stdout


@pytest.mark.parametrize("closed", ["<&-", "2>&-"])
def test_a_closed_channel_is_no_defect_of_ours(tmp_path: Path, closed: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.12-slim\n")
    line = f"exec {shlex.quote(sys.executable)} -m wherry check {'-' if '<' in closed else ''} {closed}"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == (2 if "<" in closed else 0)


def test_an_image_to_build_on_says_not_who_runs_it() -> None:
    assert not verdicts("H1", f"FROM python:3.12-slim\nONBUILD COPY . /app\n{CLI}\n")


def test_what_people_develop_in_may_have_what_they_need() -> None:
    text = """
        FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04
        RUN echo "dev ALL=(ALL) NOPASSWD:ALL" > /etc/sudoers.d/dev
        RUN pip install torch==2.5.1 ipython
        CMD ["serve"]
        """
    for code in ("C2", "H7", "F2"):
        assert verdicts(code, text)
        assert not verdicts(code, text, name="Dockerfile.dev")


def test_the_address_behind_pips_user_is_no_password() -> None:
    line = "RUN pip install --user 'git+https://git.example.com/team/tools'"
    assert masked(line) == line
    assert masked("RUN curl --user team:Zx81-kilo https://files.example") != line
    assert "Zx81-kilo" not in masked("RUN curl --user team:Zx81-kilo https://files.example")


def test_packages_that_are_named_behind_the_source_are_dependencies_too(tmp_path: Path) -> None:
    text = """
        FROM python:3.12-slim
        COPY . /app
        RUN pip install --no-cache-dir {} && python /app/more.py
        """
    files = {"app.py": "import spacy\n"}
    (one,) = verdicts("B1", text.format("spacy==3.7.5 pandas==2.2.3"), tmp_path, files)
    assert one.fix is None
    assert verdicts("B1", text.format("torch==2.4.1"), tmp_path, files)
    assert not verdicts("B1", text.format("--upgrade pip"), tmp_path, files)


def test_tests_and_notebooks_that_go_along_are_named_and_left_to_their_author(tmp_path: Path) -> None:
    files = {"app.py": "", "tests/test_a.py": "", "notebooks/a.ipynb": "{}", "notebooks/b.ipynb": "{}"}
    (one,) = verdicts("B11", f"FROM python:3.12\nCOPY . .\n{CLI}\n", tmp_path, files)
    assert one.what.endswith("; tests, notebooks go along")
    assert one.fix is not None
    assert "tests" not in one.fix.edits[0].text
    (tested,) = verdicts("B11", f"FROM python:3.12\nCOPY . .\nRUN pytest\n{CLI}\n", tmp_path, files)
    assert "along" not in tested.what


@pytest.mark.parametrize(
    ("base", "packages", "wanted"),
    [
        ("ubuntu:22.04", "git python3", "-y ca-certificates git python3"),
        (
            "ubuntu:22.04",
            "\\\n    git \\\n    python3",
            "-y \\\n    ca-certificates \\\n    git \\\n    python3",
        ),
        ("python:3.12-slim", "git python3", "-y git python3"),
        ("ubuntu:22.04", "git ca-certificates", "-y git ca-certificates"),
        ("ubuntu:22.04", "ffmpeg", "-y ffmpeg"),
    ],
)
def test_what_fetches_keeps_the_certificates_that_were_only_recommended(
    base: str, packages: str, wanted: str
) -> None:
    text = f"FROM {base}\nRUN apt-get update && apt-get install -y {packages}\n"
    (one,) = verdicts("G15", text)
    assert f"--no-install-recommends {wanted}\n" in fixed(text, one)


def test_pipenv_that_is_told_to_install_for_development_is_taken_at_its_word(tmp_path: Path) -> None:
    text = "FROM python:3.12\nCOPY Pipfile Pipfile.lock ./\nRUN pipenv install --deploy --dev\n"
    (one,) = verdicts("G9", text, tmp_path, {"Pipfile": "", "Pipfile.lock": "{}"})
    assert "if there are any" not in one.what
