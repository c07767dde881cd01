"""redundant-cuda-packages and driver-in-image: what of an install command goes, and what stays."""

from __future__ import annotations

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Safety

DEVEL = "FROM nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04"
RUNTIME = "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04"


@pytest.mark.parametrize(
    ("base", "packages", "left"),
    [
        (DEVEL, "git cuda-nvcc-12-4 libcublas-dev-12-4", "git"),
        (DEVEL, "libcudnn9-dev-cuda-12 git", "git"),
        (RUNTIME, "libnccl2 git libcublas-12-4 curl", "git curl"),
        ("FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu20.04", "git libcudnn8", "git"),
        ("FROM nvidia/cuda:12.4.1-runtime-ubi9", "git libnpp-12-4", "git"),
    ],
)
def test_what_the_base_has_is_left_out(base: str, packages: str, left: str) -> None:
    manager = "dnf" if "ubi" in base else "apt-get"
    text = f"{base}\nRUN {manager} install -y {packages} && true\n"

    assert fixed(text, verdicts("C6", text)[0]) == f"{base}\nRUN {manager} install -y {left} && true\n"


@pytest.mark.parametrize(
    ("base", "packages"),
    [
        (RUNTIME, "cuda-nvcc-12-4 libcublas-dev-12-4 libnccl-dev"),  # runtime has none of them
        (RUNTIME, "libcudnn9-cuda-12"),
        (DEVEL, "libcublas-12-5 cuda-libraries-11-8"),  # of another CUDA
        (DEVEL, "libnccl2=2.20.5-1+cuda12.4"),
        (DEVEL, "libcudnn8"),  # another generation
        (DEVEL, "libcudnn9-cuda-11"),
        ("FROM nvidia/cuda:12.4.1-base-ubuntu22.04", "libcublas-12-4"),
        ("FROM ubuntu:22.04", "libcublas-12-4 nvidia-cuda-toolkit"),
    ],
)
def test_what_the_base_has_not_stays(base: str, packages: str) -> None:
    assert verdicts("C6", f"{base}\nRUN apt-get install -y {packages}") == []


@pytest.mark.parametrize("packages", ["libnccl2 $MORE", "libnccl2 \\\n    # for the cluster\n    git"])
def test_what_cannot_be_taken_out_cleanly_is_left_to_its_author(packages: str) -> None:
    text = f"{RUNTIME}\nRUN apt-get install -y git {packages}"

    finding = verdicts("C6", text)[0]

    assert finding.fix is None or "# for the cluster" in fixed(text, finding)


def test_a_comment_before_what_goes_is_not_lost() -> None:
    text = f"{RUNTIME}\nRUN apt-get install -y \\\n    # for the cluster\n    libnccl2 \\\n    git\n"

    assert verdicts("C6", text)[0].fix is None


def test_the_only_command_of_a_run_is_not_taken_out() -> None:
    assert verdicts("C6", f"{RUNTIME}\nRUN apt-get install -y libnccl2")[0].fix is None


@pytest.mark.parametrize(
    "command",
    [
        "apt-get install -y nvidia-cuda-toolkit",
        "apt-get install -y cuda-toolkit-12-4",
        "conda install -y cudatoolkit=11.8",
        "mamba install -y numpy cudnn",
    ],
)
def test_another_toolkit_is_told_and_left_to_its_author(command: str) -> None:
    finding = verdicts("C6", f"{RUNTIME}\nRUN {command}")[0]

    assert "puts another CUDA beside that of nvidia/cuda:12.4.1" in finding.what
    assert finding.fix is None


def test_a_stage_that_nothing_needs_is_not_judged() -> None:
    text = f"{RUNTIME} AS x\nRUN apt-get install -y libnccl2\nFROM {RUNTIME.split()[1]}"

    assert verdicts("C6", text) == []


@pytest.mark.parametrize(
    ("packages", "safety"),
    [
        ("git nvidia-docker2", Safety.SAFE),
        ("git libnvidia-container-tools", Safety.SAFE),
        ("git nvidia-driver-535", Safety.UNSAFE),
        ("git cuda-drivers", Safety.UNSAFE),
        ("git libnvidia-compute-535", Safety.UNSAFE),
        ("git nvidia-utils-535", Safety.UNSAFE),
        ("git libcuda1", Safety.UNSAFE),
    ],
)
def test_what_belongs_to_the_host_is_left_out(packages: str, safety: Safety) -> None:
    text = f"FROM ubuntu:22.04\nRUN apt-get install -y {packages}\n"

    finding = verdicts("C7", text)[0]

    assert finding.fix is not None
    assert finding.fix.safety is safety
    assert fixed(text, finding) == "FROM ubuntu:22.04\nRUN apt-get install -y git\n"


@pytest.mark.parametrize(
    "command",
    [
        "apt-get install -y cuda",
        "apt-get install -y git cuda-12-4",
        "apt-get install -y cuda-runtime-12-4",
        "sh ./NVIDIA-Linux-x86_64-535.183.01.run --silent",
        "./NVIDIA-Linux-x86_64-535.183.01.run",
        "apt-get install -y nvidia-driver-535",
    ],
)
def test_the_hosts_driver_is_told_where_it_comes_with_other_things(command: str) -> None:
    findings = verdicts("C7", f"FROM ubuntu:22.04\nRUN {command}")

    assert [finding.fix for finding in findings] == [None]


@pytest.mark.parametrize(
    "text",
    [
        "FROM ubuntu:22.04\nRUN apt-get install -y cuda-toolkit-12-4 libnvidia-ml-dev nvidia-cuda-toolkit",
        "FROM ubuntu:22.04\nRUN chmod +x NVIDIA-Linux-x86_64-535.183.01.run",
        "FROM docker:27-dind\nRUN apk add nvidia-container-toolkit",
        "FROM ubuntu:22.04\nRUN apt-get install -y docker.io nvidia-container-toolkit",
        "FROM ubuntu AS a\nRUN apt-get install -y libnvidia-compute-535\nFROM scratch\nCOPY --from=a /x /x",
        "FROM ubuntu:22.04\nRUN apt-get remove -y nvidia-driver-535",
        "FROM ubuntu:22.04\nRUN curl -O https://h/NVIDIA-Linux-x86_64-535.run",
    ],
)
def test_what_is_no_driver_or_has_its_place_is_left_alone(text: str) -> None:
    assert verdicts("C7", text) == []


def test_a_toolkit_for_containers_that_is_called_has_its_place() -> None:
    install = "RUN apt-get update && apt-get install -y nvidia-container-toolkit"
    assert not verdicts("C7", f"FROM ubuntu:22.04\n{install} && nvidia-ctk runtime configure\n")
    assert not verdicts("C7", f"FROM ubuntu:22.04\n{install}\nRUN nvidia-ctk cdi generate\n")
    (held,) = verdicts("C7", f"FROM ubuntu:22.04\n{install} && apt-mark hold nvidia-container-toolkit\n")
    assert held.fix is None
