from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Severity

if TYPE_CHECKING:
    from pathlib import Path

CPU_COMPOSE = {"compose.yaml": "services:\n  a:\n    build: .\n"}
TORCH = "FROM python:3.12-slim\nRUN pip install torch==2.4.0\n"
POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n    - name: a\n      image: team/a:1\n"


@pytest.mark.parametrize(
    ("text", "files", "name", "reason"),
    [
        (TORCH, CPU_COMPOSE, "Dockerfile", "service a asks for no GPU"),
        (TORCH, {"k8s/a.yaml": POD}, "Dockerfile", "container a asks for no GPU"),
        (TORCH, {}, "Dockerfile.cpu", "it is named for the CPU"),
        (TORCH.replace("slim", "slim AS cpu"), {}, "Dockerfile", "it is named for the CPU"),
        (f"{TORCH}ENV CUDA_VISIBLE_DEVICES=-1", {}, "Dockerfile", "CUDA_VISIBLE_DEVICES hides every GPU"),
        (f'{TORCH}CMD ["x", "--device", "cpu"]', {}, "Dockerfile", "its command says --device cpu"),
        (f"{TORCH}CMD x --device=cpu", {}, "Dockerfile", "its command says --device cpu"),
        (
            "FROM public.ecr.aws/lambda/python:3.12\nRUN pip install torch",
            {},
            "Dockerfile",
            "AWS Lambda has no GPUs",
        ),
        (
            TORCH,
            {"compose.yaml": "services:\n  a:\n    build: .\n    environment: [CUDA_VISIBLE_DEVICES=-1]\n"},
            "Dockerfile",
            "service a asks for no GPU",
        ),
    ],
)
def test_it_is_a_warning_with_a_figure_where_something_says_that_there_is_no_gpu(
    tmp_path: Path, text: str, files: dict[str, str], name: str, reason: str
) -> None:
    finding = verdicts("C4", text, tmp_path, files, name)[0]

    assert reason in finding.what
    assert finding.severity is Severity.WARNING
    assert finding.cost.size_bytes > 4_000_000_000


def test_it_is_a_question_without_a_figure_where_nothing_says_either() -> None:
    finding = verdicts("C4", TORCH)[0]

    assert finding.severity is Severity.INFO
    assert finding.cost.size_bytes == 0


@pytest.mark.parametrize(
    ("text", "files", "name"),
    [
        (f"{TORCH}RUN pip install bitsandbytes", CPU_COMPOSE, "Dockerfile"),
        (TORCH.replace("2.4.0", "2.4.0+cu121"), CPU_COMPOSE, "Dockerfile"),
        ("FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nRUN pip install torch", CPU_COMPOSE, "Dockerfile"),
        ("FROM pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime\nRUN pip install timm", {}, "Dockerfile"),
        ("FROM runpod/pytorch:1\nRUN pip install torch", {}, "Dockerfile"),
        (f"{TORCH}ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility", {}, "Dockerfile"),
        (TORCH, {}, "Dockerfile.gpu"),
        (TORCH, {"a.py": "x.cuda()\n"}, "Dockerfile"),
        (TORCH, {"compose.yaml": "services:\n  a:\n    build: .\n    gpus: all\n"}, "Dockerfile"),
        (TORCH, {"k8s/a.yaml": POD + "      resources: {limits: {nvidia.com/gpu: 1}}\n"}, "Dockerfile"),
        (TORCH.replace("torch==2.4.0", "torch --index-url https://h/whl/cpu"), CPU_COMPOSE, "Dockerfile"),
        ("FROM python:3.12-slim\nRUN pip install numpy", CPU_COMPOSE, "Dockerfile"),
        ("FROM python:3.12-slim\nCOPY . .", CPU_COMPOSE, "Dockerfile"),
        (
            "FROM python:3.12 AS a\nRUN pip install torch\nFROM python:3.12\nRUN pip install onnxruntime",
            CPU_COMPOSE,
            "Dockerfile",
        ),
    ],
)
def test_what_speaks_for_a_gpu_or_has_no_cuda_is_left_alone(
    tmp_path: Path, text: str, files: dict[str, str], name: str
) -> None:
    assert verdicts("C4", text, tmp_path, files, name) == []


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install torch", "pip install --index-url https://download.pytorch.org/whl/cpu torch"),
        (
            "pip install -q torch numpy",
            "pip install --extra-index-url https://download.pytorch.org/whl/cpu -q torch numpy",
        ),
        (
            "python -m pip install torch && python -m pip install torchvision",
            (
                "python -m pip install --index-url https://download.pytorch.org/whl/cpu torch"
                " && python -m pip install --index-url https://download.pytorch.org/whl/cpu torchvision"
            ),
        ),
        ("uv pip install torch numpy", "uv pip install --torch-backend=cpu torch numpy"),
    ],
)
def test_every_command_that_installs_torch_is_told(command: str, expected: str) -> None:
    text = f"FROM python:3.12-slim\nRUN {command}\n"

    assert fixed(text, verdicts("C4", text)[0]) == f"FROM python:3.12-slim\nRUN {expected}\n"


@pytest.mark.parametrize(
    "command",
    [
        "pip install -i https://mirror.example.com/simple torch",
        "pip install torch . ",
        "conda install pytorch pytorch-cuda=12.1",
        "uv add torch",
        "pip wheel torch && pip install torch",
    ],
)
def test_a_command_with_an_index_or_a_project_of_its_own_is_left_to_its_author(command: str) -> None:
    assert all(finding.fix is None for finding in verdicts("C4", f"FROM python:3.12-slim\nRUN {command}"))


def test_a_lock_decides_itself(tmp_path: Path) -> None:
    lock = (
        'version = 1\n\n[[package]]\nname = "torch"\nversion = "2.6.0"\n'
        'source = { registry = "https://pypi.org/simple" }\n'
    )
    files = {**CPU_COMPOSE, "uv.lock": lock, "pyproject.toml": '[project]\nname = "a"\nversion = "1"\n'}

    finding = verdicts("C4", "FROM python:3.12-slim\nCOPY . .\nRUN uv sync --locked", tmp_path, files)[0]

    assert finding.place.path.endswith("uv.lock")
    assert finding.fix is None


def test_a_requirement_that_needs_torch_is_named_where_its_file_is_installed(tmp_path: Path) -> None:
    text = "FROM python:3.12-slim\nCOPY r.txt ./\nRUN pip install -r r.txt"

    finding = verdicts("C4", text, tmp_path, {**CPU_COMPOSE, "r.txt": "ultralytics==8.3\n"})[0]

    assert "torch, which ultralytics requires" in finding.what


def test_a_torch_for_rocm_is_no_matter_of_cuda() -> None:
    install = "RUN pip install torch --extra-index-url https://index.example/simple\n"
    assert verdicts("C4", f"FROM ubuntu:24.04\n{install}")
    assert not verdicts("C4", f"FROM ubuntu:24.04\nENV ROCM_VERSION=6.2\n{install}")
    assert not verdicts("C4", f"FROM ubuntu:24.04\nENV TARGET=gfx942\n{install}")


def test_who_asks_conda_for_cuda_wants_it() -> None:
    base = "FROM continuumio/miniconda3:24.9.2-0\n"
    assert not verdicts("C4", f"{base}RUN conda install -y -c pytorch -c nvidia pytorch pytorch-cuda=12.1\n")
