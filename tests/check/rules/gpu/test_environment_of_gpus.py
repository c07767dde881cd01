"""library-path-overwritten, devices-hard-coded, cuda-tag-gone, driver-floor: what ENV and FROM say."""

from __future__ import annotations

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Safety, Severity

CUDA = "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04"
REST = "${LD_LIBRARY_PATH:+:${LD_LIBRARY_PATH}}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ENV LD_LIBRARY_PATH=/x/lib", f"ENV LD_LIBRARY_PATH=/x/lib{REST}"),
        ("ENV LD_LIBRARY_PATH /x/lib", f"ENV LD_LIBRARY_PATH /x/lib{REST}"),
        ('ENV LD_LIBRARY_PATH="/x/lib"', f'ENV LD_LIBRARY_PATH="/x/lib{REST}"'),
        ("ENV LD_LIBRARY_PATH=/x/lib:", "ENV LD_LIBRARY_PATH=/x/lib:${LD_LIBRARY_PATH}"),
        ("ENV LD_LIBRARY_PATH=$CUDA_HOME/lib A=1", f"ENV LD_LIBRARY_PATH=$CUDA_HOME/lib{REST} A=1"),
    ],
)
def test_what_was_searched_is_kept_behind_what_the_author_wrote(line: str, expected: str) -> None:
    text = f"{CUDA}\nENV CUDA_HOME=/usr/local/cuda\n{line}\n"

    finding = verdicts("C10", text)[0]

    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE
    assert fixed(text, finding) == f"{CUDA}\nENV CUDA_HOME=/usr/local/cuda\n{expected}\n"


@pytest.mark.parametrize("value", ["'/x/lib'", '/x/"lib"', "/a\\\n/b"])
def test_a_value_in_other_quotes_is_left_to_its_author(value: str) -> None:
    assert verdicts("C10", f"{CUDA}\nENV LD_LIBRARY_PATH={value}")[0].fix is None


@pytest.mark.parametrize(
    "text",
    [
        f"{CUDA}\nENV LD_LIBRARY_PATH=/x:$LD_LIBRARY_PATH",
        f"{CUDA}\nENV LD_LIBRARY_PATH=${{LD_LIBRARY_PATH}}:/x",
        f"{CUDA}\nENV LD_LIBRARY_PATH=/x:/usr/local/nvidia/lib/:/usr/local/nvidia/lib64",
        f"{CUDA}\nENV LD_LIBRARY_PATH=",
        f"{CUDA}\nARG LD_LIBRARY_PATH=/x",
        f"{CUDA}\nRUN LD_LIBRARY_PATH=/x make",
        f"{CUDA}\nENV LD_LIBRARY_PATH=$UNKNOWN",
        "FROM python:3.12\nENV LD_LIBRARY_PATH=/x",
        "FROM python:3.12\nENV LD_LIBRARY_PATH=/x\nENV LD_LIBRARY_PATH=/y:/x",
    ],
)
def test_a_path_that_loses_nothing_is_left_alone(text: str) -> None:
    assert verdicts("C10", text) == []


def test_a_path_of_an_earlier_stage_is_lost_too() -> None:
    findings = verdicts(
        "C10", "FROM python:3.12 AS a\nENV LD_LIBRARY_PATH=/x\nFROM a\nENV LD_LIBRARY_PATH=/y"
    )

    assert [finding.what for finding in findings] == [
        "LD_LIBRARY_PATH is overwritten: /x is no longer searched"
    ]


@pytest.mark.parametrize(
    "text",
    [
        f"{CUDA}\nENV CUDA_HOME=/usr/local/cuda-12.4",
        f"{CUDA}\nENV CUDA_HOME=/usr/local/cuda",
        f"{CUDA}\nRUN apt-get install -y cuda-toolkit-11-8\nENV CUDA_HOME=/usr/local/cuda-11.8",
        (f"{CUDA}\nCOPY --from=toolkits /cuda-11.8 /usr/local/cuda-11.8\nENV CUDA_HOME=/usr/local/cuda-11.8"),
        f"{CUDA}\nRUN sh cuda_11.8.0_520.61.05_linux.run --silent\nENV CUDA_HOME=/usr/local/cuda-11.8",
        "FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime\nENV CUDA_HOME=/usr/local/cuda-11.8",
        "FROM ubuntu:22.04\nENV CUDA_HOME=/usr/local/cuda-11.8",
    ],
)
def test_a_toolkit_that_is_there_or_comes_is_left_alone(text: str) -> None:
    assert verdicts("C10", text) == []


def test_a_toolkit_in_a_continued_value_is_told_and_left_to_its_author() -> None:
    finding = verdicts("C10", f"{CUDA}\nENV PATH=/usr/local/cuda-11.8/bin:\\\n$PATH")[0]

    assert "PATH names /usr/local/cuda-11.8, and the base has CUDA 12.4" in finding.what
    assert finding.fix is None


@pytest.mark.parametrize(
    ("line", "severity", "has_fix"),
    [
        ("ENV NVIDIA_VISIBLE_DEVICES=all", Severity.INFO, True),  # the base says so too
        ("ENV NVIDIA_VISIBLE_DEVICES=0,1", Severity.WARNING, True),
        ("ENV CUDA_VISIBLE_DEVICES=0", Severity.WARNING, True),
        ("ENV CUDA_VISIBLE_DEVICES=GPU-8932f937 A=1", Severity.WARNING, False),
        ("ENV NVIDIA_DRIVER_CAPABILITIES=all", Severity.INFO, True),
        ("ENV A=1 NVIDIA_DRIVER_CAPABILITIES='all'", Severity.INFO, True),
        ('ENV NVIDIA_DRIVER_CAPABILITIES="a"ll', Severity.INFO, False),
    ],
)
def test_devices_that_are_baked_in_are_found(line: str, severity: Severity, *, has_fix: bool) -> None:
    finding = verdicts("C11", f"{CUDA}\n{line}\n")[0]

    assert finding.severity is severity
    assert (finding.fix is not None) is has_fix


def test_video_keeps_its_capability() -> None:
    text = "FROM python:3.12\nENV NVIDIA_DRIVER_CAPABILITIES=all\nRUN apt-get install -y ffmpeg\n"

    assert "=compute,utility,video\n" in fixed(text, verdicts("C11", text)[0])


@pytest.mark.parametrize(
    "text",
    [
        f"{CUDA}\nENV CUDA_VISIBLE_DEVICES=",
        f"{CUDA}\nENV NVIDIA_VISIBLE_DEVICES=none",
        f"{CUDA}\nENV CUDA_VISIBLE_DEVICES=$DEVICES",
        f"{CUDA}\nARG NVIDIA_VISIBLE_DEVICES=all",
        f"{CUDA}\nENV NVIDIA_DRIVER_CAPABILITIES=all\nRUN apt-get install -y libvulkan1",
        f"{CUDA} AS x\nENV CUDA_VISIBLE_DEVICES=0\nFROM python:3.12",
    ],
)
def test_what_hides_gpus_or_needs_the_display_is_left_alone(text: str) -> None:
    assert verdicts("C11", text) == []


def test_what_opencv_wants_is_no_display() -> None:
    text = f"{CUDA}\nENV NVIDIA_DRIVER_CAPABILITIES=all\nRUN apt-get install -y libgl1 libglib2.0-0"

    assert len(verdicts("C11", text)) == 1


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        ("FROM nvidia/cuda:9.0-base\n", [Severity.ERROR]),
        ("FROM nvidia/cuda:12.1.0-base-ubuntu22.04\n", [Severity.WARNING]),
        ("FROM nvidia/cuda:9.0-base AS a\nFROM a AS b\nFROM b", [Severity.ERROR]),
        ("FROM nvidia/cuda:9.0-base AS unused\nFROM python:3.12", []),
        (CUDA, []),
    ],
)
def test_a_tag_that_is_gone_is_told_once(text: str, severities: list[Severity]) -> None:
    assert [finding.severity for finding in verdicts("C12", text)] == severities


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM nvidia/cuda:11.2.1-base-ubuntu20.04\n", "FROM nvidia/cuda:11.2.2-base-ubuntu20.04\n"),
        (
            "FROM nvidia/cuda:11.7.0-cudnn8-devel-ubuntu18.04\n",
            "FROM nvidia/cuda:11.7.1-cudnn8-devel-ubuntu18.04\n",
        ),
        ("ARG V=12.1\nFROM nvidia/cuda:${V}.0-base-ubuntu22.04\n", None),
        ("ARG V=12.1.0\nFROM x:$V AS y\nFROM nvidia/cuda:${V}-base-ubuntu22.04\n", None),
        ("FROM nvidia/cuda:9.0-base\n", None),
        ("FROM nvidia/cuda:latest\n", None),
    ],
)
def test_the_next_patch_release_is_taken_where_it_is_known(text: str, expected: str | None) -> None:
    (finding,) = verdicts("C12", text)

    assert (finding.fix and fixed(text, finding)) == expected


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("FROM python:3.12\nENV NVIDIA_REQUIRE_CUDA=cuda>=12.4", 1),
        ("FROM python:3.12\nENV NVIDIA_REQUIRE_CUDA=cuda>=12.0", 0),
        ("FROM python:3.12\nENV NVIDIA_REQUIRE_CUDA='cuda>=12.4 brand=tesla,driver>=470'", 0),
        ("FROM python:3.12\nARG NVIDIA_REQUIRE_CUDA=cuda>=12.4", 0),
        ("FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nRUN pip install torch==2.12.1 torchvision==0.27.0", 1),
        ("FROM nvidia/cuda:13.0.0-base-ubuntu22.04\nRUN pip install torch==2.12.1", 0),
        ("FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nRUN pip install torch", 0),
        (
            "FROM nvidia/cuda:12.4.1-base\nENV NVIDIA_REQUIRE_CUDA=cuda>=13.0\nRUN pip install torch==2.12.1",
            0,
        ),
        ("FROM python:3.12\nRUN pip install torch==2.12.1", 0),
    ],
)
def test_a_floor_fits_the_drivers_that_run_it(text: str, count: int) -> None:
    assert len(verdicts("C15", text)) == count


def test_a_floor_in_parts_is_left_to_its_author() -> None:
    text = 'FROM python:3.12\nENV NVIDIA_REQUIRE_CUDA=cuda">="12.4'

    assert [finding.fix for finding in verdicts("C15", text)] == [None]


@pytest.mark.parametrize("name", ["HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"])
def test_devices_of_rocm_are_hard_coded_too(name: str) -> None:
    (finding,) = verdicts("C11", f"FROM rocm/pytorch:latest\nENV {name}=0\n")
    assert finding.what == f"{name}=0 is in the image"
