"""gpu-at-build and arch-list-missing: a build has no GPU to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Severity

if TYPE_CHECKING:
    from pathlib import Path

DEVEL = "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04"


@pytest.mark.parametrize(
    ("commands", "severity"),
    [
        ("nvidia-smi", Severity.WARNING),
        ("apt-get update && nvidia-smi -L", Severity.WARNING),
        ("python -c 'import torch; torch.cuda.get_device_name(0)'", Severity.WARNING),
        ("python -c 'import torch; print(torch.cuda.is_available())'", Severity.INFO),
        ("python -c 'from torch import cuda; assert cuda.is_available()'", Severity.WARNING),
    ],
)
def test_asking_for_a_gpu_in_a_build_is_found(commands: str, severity: Severity) -> None:
    findings = verdicts("C8", f"FROM python:3.12\nRUN {commands}")

    assert [finding.severity for finding in findings] == [severity]


@pytest.mark.parametrize(
    "text",
    [
        "FROM python:3.12\nRUN nvidia-smi || true",
        "FROM python:3.12\nRUN if nvidia-smi; then make gpu; fi",
        "FROM python:3.12\nRUN command -v nvidia-smi || echo none",
        "FROM python:3.12\nRUN test -e /dev/nvidia0 && nvidia-smi || true",
        "FROM python:3.12\nRUN python -c 'import jax; jax.devices()'",
        "FROM python:3.12\nRUN echo nvidia-smi",
        "FROM python:3.12\nCMD nvidia-smi",
        "FROM python:3.12 AS unused\nRUN nvidia-smi\nFROM python:3.12",
    ],
)
def test_what_expects_that_there_is_none_is_left_alone(text: str) -> None:
    assert verdicts("C8", text) == []


@pytest.mark.parametrize(
    ("head", "architectures"),
    [
        (DEVEL, "8.0;8.6;8.9;9.0"),
        ("FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-devel", "8.0;8.6;8.9;9.0"),
        ("FROM nvidia/cuda:11.3.1-devel-ubuntu20.04", "7.0;7.5;8.0;8.6"),
        ("FROM nvidia/cuda:10.2-devel-ubuntu18.04", "6.0;6.1;7.0;7.5"),
    ],
)
def test_the_architectures_are_those_that_the_compiler_knows(head: str, architectures: str) -> None:
    text = f"{head}\nRUN pip install grouped-gemm\n"

    assert fixed(text, verdicts("C9", text)[0]) == (
        f'{head}\nARG TORCH_CUDA_ARCH_LIST="{architectures}"\nRUN pip install grouped-gemm\n'
    )


@pytest.mark.parametrize(
    "lines",
    [
        "RUN pip wheel -w /w torch-scatter",
        "RUN pip install git+https://git.example.com/x/detectron2#egg=detectron2",
        "RUN pip install 'vllm @ git+https://git.example.com/x/vllm'",
        "RUN git clone https://git.example.com/x/mmcv && pip install -e mmcv",
        "RUN pip install mmcv && pip install pytorch3d",
    ],
)
def test_what_compiles_against_torch_is_found_once_for_each_run(lines: str) -> None:
    assert len(verdicts("C9", f"{DEVEL}\nRUN pip install torch\n{lines}")) == 1


def test_only_the_first_of_a_stage_is_told(tmp_path: Path) -> None:
    text = f"{DEVEL}\nCOPY . .\nRUN pip install .\nRUN pip install grouped-gemm"

    findings = verdicts("C9", text, tmp_path, {"setup.py": "CUDAExtension()\n"})

    assert [finding.what for finding in findings] == [
        "the project is compiled for CUDA, and TORCH_CUDA_ARCH_LIST is not set"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{DEVEL}\nENV TORCH_CUDA_ARCH_LIST=9.0\nRUN pip install grouped-gemm",
        f"{DEVEL}\nARG TORCH_CUDA_ARCH_LIST=9.0\nRUN pip install grouped-gemm",
        f"{DEVEL}\nRUN TORCH_CUDA_ARCH_LIST=9.0 pip install grouped-gemm",
        f"{DEVEL}\nRUN export TORCH_CUDA_ARCH_LIST=9.0 && pip install grouped-gemm",
        f"{DEVEL}\nRUN pip install flash-attn vllm xformers llama-cpp-python",
        f"{DEVEL}\nRUN pip install mamba-ssm causal-conv1d natten 'transformer-engine[pytorch]'",
        f"{DEVEL}\nRUN git clone https://git.example.com/x/tiny-cuda-nn && pip install tiny-cuda-nn",
        f"{DEVEL}\nRUN pip install https://h/grouped_gemm-0.3.0+cu122torch2.4-cp310-cp310-linux_x86_64.whl",
        f"{DEVEL}\nRUN apt-get install -y cmake && pip download grouped-gemm",
        "FROM python:3.12\nRUN pip install detectron2",
        f"{DEVEL} AS unused\nRUN pip install grouped-gemm\nFROM python:3.12",
    ],
)
def test_what_says_its_architectures_or_compiles_nothing_is_left_alone(text: str) -> None:
    assert verdicts("C9", text) == []


def test_a_compiler_older_than_all_that_are_known_gets_no_list() -> None:
    assert (
        verdicts("C9", "FROM nvidia/cuda:9.2-devel-ubuntu16.04\nRUN pip install grouped-gemm")[0].fix is None
    )


def test_the_list_that_the_base_sets_is_not_missed() -> None:
    build = "RUN pip install --no-build-isolation pytorch3d\n"
    assert not verdicts("C9", f"FROM nvcr.io/nvidia/pytorch:24.04-py3\n{build}")
    assert verdicts("C9", f"FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n{build}")
