from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Severity

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "FROM python:3.10-slim"
DEVEL = "FROM nvidia/cuda:11.8.0-devel-ubuntu22.04"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            f"{PYTHON}\nRUN pip install torch==2.1.0+cu121 torchaudio==2.1.0+cpu",
            "torchaudio 2.1.0+cpu is installed",
        ),
        (
            f"{PYTHON}\nRUN pip install torch==2.4.0+cu118\nRUN pip install torchvision==0.19.0",
            "torchvision 0.19.0 for CUDA 12.1 is installed beside torch 2.4.0+cu118",
        ),
        (
            f"{PYTHON}\nRUN pip install torch --index-url https://h/whl/cpu && pip install torchvision",
            "torchvision for CUDA is installed beside torch for CPU",
        ),
        (
            f"{PYTHON} AS a\nRUN pip install torch==2.4.0+cpu\nFROM a\nRUN pip install torchvision==0.19.0",
            "torchvision 0.19.0 for CUDA 12.1",
        ),
        (
            f"{PYTHON}\nRUN pip install torch==2.1.0+cpu && pip install pyg-lib -f https://h/torch-2.1.0%2Bcu118.html",
            "pyg-lib is for torch 2.1+cu118",
        ),
        (
            f"{PYTHON}\nRUN pip install torch==2.2.0 https://h/v1/flash_attn-2.5.8+cu122torch2.3cxx11abiFALSE-cp310.whl",
            "flash-attn is for torch 2.3, beside torch 2.2.0",
        ),
        (
            f"{DEVEL}\nRUN pip install torch==2.4.0 && pip install mamba-ssm",
            "mamba-ssm is compiled with CUDA 11.8",
        ),
    ],
)
def test_parts_for_different_cudas_or_torches_are_found(text: str, what: str) -> None:
    finding = verdicts("C3", text)[0]

    assert what in finding.what
    assert finding.severity is Severity.ERROR
    assert finding.related


@pytest.mark.parametrize(
    "text",
    [
        f"{PYTHON}\nRUN pip install torch==2.4.0 torchvision==0.19.0 torchaudio==2.4.0",
        f"{PYTHON}\nRUN pip install torch torchvision",
        f"{PYTHON}\nRUN pip install torch==2.4.0+cu121 torchvision==0.19.0+cu121",
        f"{PYTHON}\nRUN pip install torch==2.4+cpu\nRUN pip install torch==2.4+cu121 torchvision==0.19+cu121",
        f"{PYTHON} AS a\nRUN pip install torch==2.4.0+cpu\n{PYTHON}\nRUN pip install torchvision==0.19.0",
        f"{PYTHON}\nRUN conda install pytorch && pip install torchvision==0.19.0+cpu",
        f"{PYTHON}\nRUN pip install torch==2.1.0+cu118 && pip install x -f https://h/torch-2.1.0+cu118.html",
        f"{PYTHON}\nRUN pip install torch==2.3.1 https://h/v1/flash_attn-2.5.8+cu122torch2.3cxx11abiFALSE-cp310.whl",
        f"{DEVEL}\nRUN pip install torch==2.0.1 && pip install mamba-ssm",
        f"{DEVEL}\nRUN pip install torch && pip install mamba-ssm",
        "FROM nvidia/cuda:11.8.0-runtime-ubuntu22.04\nRUN pip install torch==2.4.0",
        "FROM nvidia/cuda:11.8.0-runtime-ubuntu22.04\nRUN pip install cupy-cuda11x",
        "FROM nvidia/cuda:11.8.0-runtime-ubuntu22.04\nRUN pip install 'cupy-cuda12x[ctk]'",
        f"{PYTHON} AS x\nRUN pip install torch==2.4+cpu torchvision==0.19+cu121\n{PYTHON}\nRUN pip install x",
        f"{PYTHON}\nRUN npm install && pip download torch==2.4+cpu torchvision==0.19+cu121",
    ],
)
def test_parts_that_fit_or_are_not_known_are_left_alone(text: str) -> None:
    assert verdicts("C3", text) == []


def test_a_companion_gets_torchs_tag_where_both_stand_in_one_command() -> None:
    text = f"{PYTHON}\nRUN pip install torch==2.1.0+cpu 'torchvision==0.16.0+cu118'\n"

    assert "'torchvision==0.16.0+cpu'" in fixed(text, verdicts("C3", text)[0])


def test_tags_in_a_file_are_left_to_its_author(tmp_path: Path) -> None:
    files = {"r.txt": "torch==2.1.0+cu121\ntorchvision==0.16.0+cu118\n"}

    finding = verdicts("C3", f"{PYTHON}\nCOPY r.txt ./\nRUN pip install -r r.txt", tmp_path, files)[0]

    assert finding.place.path.endswith("r.txt")
    assert finding.fix is None


def test_tags_in_a_variable_are_left_to_their_author() -> None:
    text = f"{PYTHON}\nARG CU=+cu118\nRUN pip install torch==2.1.0+cu121 torchvision==0.16.0$CU"

    assert [finding.fix for finding in verdicts("C3", text)] == [None]


WHEELS = "https://wheels.example.com/whl"


@pytest.mark.parametrize(
    ("install", "what"),
    [
        (f"torch==2.9.0 --index-url {WHEELS}/cu121", "torch 2.9.0 has no build for CUDA 12.1"),
        (f"torch==2.2.1+cu124 -f {WHEELS}/torch_stable.html", "torch 2.2.1 has no build for CUDA 12.4"),
    ],
)
def test_a_release_that_was_never_built_for_that_cuda_is_not_found(install: str, what: str) -> None:
    (finding,) = verdicts("C3", f"{PYTHON}\nRUN pip install {install}\n")
    assert finding.what == what
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize(
    "install",
    [
        f"torch==2.5.1 --index-url {WHEELS}/cu121",
        f"torch==2.9.0 --index-url {WHEELS}/nightly/cu121",
        f"torch==2.99.0 --index-url {WHEELS}/cu121",
        f"torch==2.9.0 --extra-index-url {WHEELS}/cu121",
        f"torch --index-url {WHEELS}/cu121",
        f"'torch<2.6' --extra-index-url {WHEELS}/cu121",
        f"torch==2.5.1 --extra-index-url {WHEELS}/cu121",
        f"torch --extra-index-url {WHEELS}/cu130",
        f"torch --extra-index-url {WHEELS}/cpu",
    ],
)
def test_releases_that_are_there_or_nobody_knows_of_are_left_alone(install: str) -> None:
    assert not verdicts("C3", f"{PYTHON}\nRUN pip install {install}\n")


def test_the_newest_torch_of_pypi_wins_over_an_extra_index_that_ended_before() -> None:
    install = f"torch --extra-index-url {WHEELS}/cu118 transformers"
    (finding,) = verdicts("C3", f"{PYTHON}\nRUN pip install {install}\n")
    assert finding.what == "PyPI's newest torch is taken, and not that of the index cu118"
    assert finding.fix is None  # transformers is on PyPI alone
    assert not verdicts("C3", f"{PYTHON}\nRUN uv pip install --system {install}\n")  # the first index wins
    assert not verdicts(
        "C3", f"FROM pytorch/pytorch:2.4.0-cuda11.8-cudnn9-runtime\nRUN pip install {install}\n"
    )


def test_python_3_8_gets_no_newer_torch_than_the_index_has() -> None:
    install = f"RUN pip install torch --extra-index-url {WHEELS}/cu121"
    assert not verdicts("C3", f"FROM python:3.8-slim\n{install}\n")


def test_wheels_of_a_list_by_cuda_and_torch_are_not_compiled() -> None:
    wheels = "https://wheels.example.com/mmcv/dist/cu110/torch1.7.0/index.html"
    text = f"FROM pytorch/pytorch:1.7.0-cuda11.0-cudnn8-devel\nRUN pip install mmcv-full -f {wheels}\n"
    assert not verdicts("C9", text)
    other = f"{PYTHON}\nRUN pip install torch==1.8.0+cu111 && pip install mmcv-full -f {wheels}\n"
    assert "mmcv-full is for torch 1.7+cu110" in verdicts("C3", other)[0].what
