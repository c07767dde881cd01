from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.check.facts.bases import base_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

ECR = "763104351884.dkr.ecr.us-east-1.amazonaws.com"
CASES: list[tuple[str, Mapping[str, Any]]] = [
    (
        "python:3.12-slim",
        {"family": "python", "flavour": "slim", "python": (3, 12), "package_manager": "apt"},
    ),
    ("python:3.12-slim", {"distro": "debian", "distro_python": None, "has_compiler": False}),
    ("python:3.12.4", {"flavour": "full", "has_compiler": True, "version": "3.12.4"}),
    ("python:3.12-slim-bookworm", {"distro": "bookworm", "distro_python": (3, 11)}),
    ("python:3.11.9-alpine3.20", {"flavour": "alpine", "distro": "alpine3.20", "package_manager": "apk"}),
    ("python:3", {"python": None, "version": "3"}),
    (
        "pytorch/pytorch:2.4.0-cuda12.1-cudnn9-devel",
        {"family": "pytorch", "flavour": "devel", "cuda": (12, 1), "has_cudnn": True, "has_nvcc": True},
    ),
    (
        "pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime",
        {"has_nvcc": False, "frameworks": frozenset({"torch"})},
    ),
    ("pytorch/pytorch", {"flavour": "runtime", "tag": ""}),
    (
        "nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04",
        {"family": "cuda", "cuda": (12, 4), "has_cudnn": True, "distro": "ubuntu22.04", "has_compiler": True},
    ),
    ("nvidia/cuda:12.4.1-base-ubuntu22.04", {"flavour": "base", "has_cudnn": False, "has_nvcc": False}),
    ("nvcr.io/nvidia/cuda:12.2.0-runtime-ubi8", {"distro": "ubi8", "package_manager": "dnf"}),
    (
        "nvcr.io/nvidia/pytorch:24.05-py3",
        {"family": "nvidia", "cuda": (12, 4), "python": (3, 10), "distro": "ubuntu22.04", "flavour": "devel"},
    ),
    ("nvcr.io/nvidia/tritonserver:24.05-py3", {"flavour": "", "has_nvcc": False, "cuda": (12, 4)}),
    ("nvcr.io/nvidia/pytorch:19.01-py3", {"cuda": None, "python": None}),
    ("nvcr.io/nvidia/pytorch:26.08-py3", {"cuda": (13, 4), "python": (3, 12), "distro": "ubuntu24.04"}),
    # numbered in the same way, and not by the same months
    ("nvcr.io/nvidia/nemo:24.07", {"cuda": None, "python": None, "distro": "ubuntu"}),
    ("nvcr.io/nvidia/tritonserver:26.07-trtllm-python-py3", {"cuda": None, "distro": "ubuntu"}),
    ("ubuntu:26.04", {"distro": "ubuntu26.04", "distro_python": (3, 14)}),
    ("ubuntu:resolute", {"distro": "ubuntu26.04"}),
    (
        "rocm/pytorch:rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2",
        {"family": "rocm", "python": (3, 10), "cuda": None, "distro": "ubuntu22.04"},
    ),
    ("rocm/dev-ubuntu-22.04:6.1", {"flavour": "devel", "distro": "ubuntu22.04"}),
    ("tensorflow/tensorflow:2.16.1-gpu", {"family": "tensorflow", "cuda": (12, 3)}),
    ("tensorflow/tensorflow:2.16.1", {"cuda": None}),
    ("tensorflow/tensorflow:2.99.0-gpu", {"cuda": None}),
    ("continuumio/miniconda3:24.5.0-0", {"family": "conda", "flavour": "full", "distro": "debian"}),
    ("mambaorg/micromamba:1.5-jammy-cuda-12.3.1", {"user": "mambauser", "cuda": (12, 3)}),
    ("mambaorg/micromamba:1.5.8", {"user": "mambauser", "flavour": ""}),
    ("condaforge/miniforge3:24.3.0-0", {"family": "conda", "package_manager": "apt"}),
    (
        "quay.io/jupyter/pytorch-notebook:python-3.12",
        {"family": "jupyter", "user": "jovyan", "python": (3, 12)},
    ),
    (
        "ghcr.io/astral-sh/uv:python3.12-bookworm-slim",
        {"family": "uv", "python": (3, 12), "distro": "bookworm", "flavour": "slim"},
    ),
    ("ghcr.io/astral-sh/uv:0.5-python3.13-alpine", {"python": (3, 13), "version": "0.5"}),
    ("huggingface/transformers-pytorch-gpu:4.41.2", {"family": "huggingface", "cuda": None}),
    ("vllm/vllm-openai:v0.6.3", {"family": "vllm", "version": "0.6.3"}),
    (
        f"{ECR}/pytorch-training:2.2.0-gpu-py310-cu121-ubuntu20.04-sagemaker",
        {"family": "sagemaker", "python": (3, 10), "cuda": (12, 1), "frameworks": frozenset({"torch"})},
    ),
    (f"{ECR}/huggingface-pytorch-inference:2.1.0-gpu-py310-cu118", {"cuda": (11, 8)}),
    (f"{ECR}/tensorflow-inference:2.16.1-gpu", {"frameworks": frozenset({"tensorflow"})}),
    (f"{ECR}/our-app:1", {"family": ""}),
    ("public.ecr.aws/lambda/python:3.12", {"python": (3, 12), "distro": "amazonlinux2023"}),
    ("public.ecr.aws/lambda/python:3.11", {"distro": "amazonlinux2", "package_manager": "yum"}),
    (
        "gcr.io/distroless/python3-debian12:nonroot",
        {"family": "distroless", "user": "nonroot", "python": (3, 11), "package_manager": ""},
    ),
    ("gcr.io/distroless/python3-debian12", {"user": ""}),
    ("gcr.io/distroless/cc-debian12", {"python": None, "distro": "bookworm"}),
    ("debian:12.5-slim", {"distro": "bookworm", "distro_python": (3, 11), "flavour": "slim"}),
    ("debian", {"distro": "debian"}),
    ("ubuntu:22.04", {"distro": "ubuntu22.04", "distro_python": (3, 10), "python": None}),
    ("ubuntu:noble-20240801", {"distro": "ubuntu24.04"}),
    ("alpine:3.20.1", {"distro": "alpine3.20"}),
    ("rockylinux:9", {"distro": "rockylinux9", "package_manager": "dnf"}),
    ("amazonlinux:2023", {"distro": "amazonlinux2023", "package_manager": "dnf"}),
    ("registry.access.redhat.com/ubi9/python-311:1-77", {"distro": "ubi9", "python": (3, 11)}),
    ("registry.access.redhat.com/ubi9-minimal", {"flavour": "minimal"}),
    ("runpod/pytorch:2.1.0-py3.10-cuda11.8.0-devel-ubuntu22.04", {"cuda": (11, 8), "has_nvcc": True}),
    ("nvcr.io/nvidia/l4t-ml:r35.2.1-py3", {"family": "nvidia", "distro": "ubuntu"}),
    ("scratch", {"is_scratch": True, "package_manager": "", "is_floating": False}),
    ("registry.corp/team/app:1.2", {"family": "", "is_known": False, "is_floating": False}),
    ("", {"repository": "", "is_floating": False, "is_gpu": False}),
]


@pytest.mark.parametrize(("reference", "expected"), CASES, ids=[reference for reference, _ in CASES])
def test_a_base_is_what_its_tag_and_its_makers_documents_say(
    reference: str, expected: Mapping[str, Any]
) -> None:
    found = base_facts(reference)
    assert {name: getattr(found, name) for name in expected} == dict(expected)


@pytest.mark.parametrize(
    "reference",
    [
        "docker.io/library/python:3.11-slim",
        "index.docker.io/library/python:3.11-slim",
        "public.ecr.aws/docker/library/python:3.11-slim",
        "mirror.gcr.io/library/python:3.11-slim",
        "localhost:5000/library/python:3.11-slim",
        "123.dkr.ecr.eu-west-1.amazonaws.com/docker-hub/library/python:3.11-slim",
    ],
)
def test_a_mirror_of_docker_hub_is_read_as_what_it_mirrors(reference: str) -> None:
    found = base_facts(reference)
    assert (found.registry, found.repository, found.tag) == ("docker.io", "python", "3.11-slim")
    assert found.is_mirror == ("docker.io/" not in reference)


def test_a_private_copy_of_nvidia_cuda_is_cuda_but_its_tags_are_its_owners() -> None:
    found = base_facts("harbor.corp/hub/nvidia/cuda:10.2-devel-ubuntu18.04")
    assert (found.family, found.cuda, found.is_mirror, found.fate) == ("cuda", (10, 2), True, None)


@pytest.mark.parametrize(
    "reference",
    [
        "nvidia/cuda:12.1.0-base-ubuntu22.04",
        "nvcr.io/nvidia/pytorch:19.01-py3",
        "rocm/pytorch:latest",
        "vllm/vllm-openai",
        "tensorflow/tensorflow:latest-gpu",
        "quay.io/jupyter/pytorch-notebook:cuda12-latest",
        "huggingface/transformers-pytorch-gpu",
        "corp/trainer-gpu:7",
    ],
)
def test_an_image_made_for_a_gpu_is_known_as_one(reference: str) -> None:
    assert base_facts(reference).is_gpu


def test_only_bases_above_the_base_flavour_bring_the_math_libraries() -> None:
    assert base_facts("nvidia/cuda:12.4.1-runtime-ubuntu22.04").has_math_libraries
    assert not base_facts("nvidia/cuda:12.4.1-base-ubuntu22.04").has_math_libraries
    assert not base_facts("rocm/pytorch:latest").has_math_libraries
    assert not base_facts("python:3.12").has_math_libraries


@pytest.mark.parametrize(
    ("reference", "is_gone"),
    [
        ("nvidia/cuda", True),
        ("nvidia/cuda:latest", True),
        ("nvidia/cuda:10.2-cudnn7-devel-ubuntu18.04", True),
        ("nvidia/cuda:11.8.0-cudnn8-devel-centos7", True),
        ("nvidia/cuda:12.1.0-devel-ubuntu22.04", False),
        ("nvidia/cuda:12.4.1-devel-ubuntu22.04", None),
        ("nvidia/cuda:latest@sha256:aa", None),
        ("pytorch/pytorch:latest", None),
    ],
)
def test_the_fate_of_a_cuda_tag_is_told_only_where_someone_saw_it(
    reference: str,
    is_gone: bool | None,  # noqa: FBT001 - a column of the table
) -> None:
    fate = base_facts(reference).fate
    assert (fate.is_gone if fate else None) == is_gone


@pytest.mark.parametrize(
    ("reference", "is_floating"),
    [
        ("python", True),
        ("python:latest", True),
        ("python:slim", True),
        ("debian:bookworm-slim", False),
        ("ubuntu:jammy", False),
        ("python:3.12", False),
        ("python@sha256:aa", False),
        ("tensorflow/tensorflow:latest-gpu", True),
    ],
)
def test_a_tag_floats_when_it_names_no_release(
    reference: str,
    is_floating: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert base_facts(reference).is_floating == is_floating


@given(st.text(max_size=60))
def test_no_reference_is_a_failure(reference: str) -> None:
    assert base_facts(reference).reference == reference


@given(st.text(alphabet="abcpython3.12-:/@_cudnvidialatest", max_size=80))
def test_no_nearly_good_reference_is_a_failure(reference: str) -> None:
    found = base_facts(reference)
    assert found.is_floating in {True, False}
    assert found.is_gpu in {True, False}


@pytest.mark.parametrize(
    ("reference", "workdir"),
    [
        ("python:3.12-slim", "/"),
        ("nvidia/cuda:12.4.1-base-ubuntu22.04", "/"),
        ("pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime", "/workspace"),
        ("nvcr.io/nvidia/pytorch:24.05-py3", "/workspace"),
        ("mambaorg/micromamba:2", "/tmp"),
        ("registry.example/team/base:1", ""),
    ],
)
def test_images_begin_where_their_own_dockerfile_says(reference: str, workdir: str) -> None:
    assert base_facts(reference).workdir == workdir
