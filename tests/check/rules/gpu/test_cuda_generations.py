from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import verdicts

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "FROM python:3.11-slim"
LOCK = """
version = 1

[[package]]
name = "nvidia-cublas-cu11"
version = "11.10.3.66"
source = { registry = "https://h/simple" }

[[package]]
name = "torch"
version = "2.4.0"
source = { registry = "https://h/simple" }
"""
ANOTHER_TORCH = """
[[package]]
name = "torch"
version = "2.4.0+cu118"
source = { registry = "https://h/whl/cu118" }
"""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            f"{PYTHON}\nRUN pip install torch==2.4.0 nvidia-cudnn-cu11",
            "nvidia-cudnn-cu11 brings CUDA 11, beside CUDA 12 of torch 2.4.0",
        ),
        (
            f"{PYTHON}\nRUN pip install 'cupy-cuda11x[ctk]' cudf-cu12",
            "cupy-cuda11x brings CUDA 11, beside CUDA 12 of cudf-cu12",
        ),
        (
            f"{PYTHON}\nRUN pip install torch==2.12.1 'jax-cuda12-plugin[with-cuda]'",
            "jax-cuda12-plugin brings CUDA 12",
        ),
        (
            "FROM tensorflow/tensorflow:2.13.0-gpu\nRUN pip install torch",
            "beside CUDA 12 or newer of torch",
        ),
    ],
)
def test_two_generations_in_one_environment_are_found(text: str, what: str) -> None:
    finding = verdicts("C5", text)[0]

    assert what in finding.what
    assert finding.cost.size_bytes == 2_500_000_000


@pytest.mark.parametrize(
    "text",
    [
        f"{PYTHON}\nRUN pip install torch==2.4.0 nvidia-cudnn-cu12 cupy-cuda12x",
        f"{PYTHON}\nRUN pip install torch cupy-cuda11x",
        f"{PYTHON}\nRUN pip install torch==2.4.0 cupy-cuda13x jax-cuda13-plugin",
        f"{PYTHON}\nRUN pip install torch==2.4.0 xgboost nvidia-nccl-cu13",
        f"{PYTHON}\nRUN pip install torch==2.4.0+cpu nvidia-cudnn-cu11 numpy",
        f"{PYTHON} AS a\nRUN pip install cupy-cuda11x torch==2.0.1\n{PYTHON}\nRUN pip install torch==2.4.0",
        "FROM tensorflow/tensorflow:2.19.0-gpu\nRUN pip install torch",
        "FROM nvidia/cuda:11.8.0-runtime-ubuntu22.04\nRUN pip install torch==2.4.0",
    ],
)
def test_one_generation_or_one_that_is_not_known_is_left_alone(text: str) -> None:
    assert verdicts("C5", text) == []


def test_a_lock_with_two_generations_is_found(tmp_path: Path) -> None:
    files = {"uv.lock": LOCK, "pyproject.toml": '[project]\nname = "a"\nversion = "1"\n'}

    findings = verdicts("C5", f"{PYTHON}\nCOPY . .\nRUN uv sync", tmp_path, files)

    assert [finding.place.path.rpartition("/")[2] for finding in findings] == ["uv.lock"]


def test_a_lock_with_several_torches_to_choose_from_is_not_one_environment(tmp_path: Path) -> None:
    files = {"uv.lock": LOCK + ANOTHER_TORCH, "pyproject.toml": '[project]\nname = "a"\nversion = "1"\n'}

    assert verdicts("C5", f"{PYTHON}\nCOPY . .\nRUN uv sync", tmp_path, files) == []
