"""What Dockerfiles of teams, written and read by hand, showed to be wrong, annoying or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts
from wherry.check.model import Safety
from wherry.check.review import Asked, review

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.fix import Mended

UV = "COPY --from=ghcr.io/astral-sh/uv:0.5.11 /uv /bin/uv"
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
