"""Rules on minutes and on what a build takes: G11, G12, G13, G14."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.bytes.cases import fixed, verdicts
from wherry.check.model import Severity

if TYPE_CHECKING:
    from pathlib import Path

SLIM = "FROM python:3.12-slim\n"
DEVEL = "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n"
UBUNTU = "FROM ubuntu:22.04\n"


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ("RUN pip install a\nRUN pip install b\nRUN pip install c", 3),
        ("RUN pip install a && pip install b\nRUN pip install -q c d", 3),
        ("RUN pip install a\nRUN pip install b", 0),
        ("RUN pip install a\nENV X=1\nRUN pip install b\nRUN pip install c", 0),
        ("RUN pip install a\nRUN pip install -r r.txt\nRUN pip install c\nRUN pip install d", 0),
        ("RUN pip install a\nRUN pip install --no-deps b\nRUN pip install c", 0),
        ("RUN pip install a\nRUN pip install . b\nRUN pip install c", 0),
        ("RUN pip install a\nRUN pip3 install b\nRUN /v/bin/pip install c", 0),
        ("RUN pip install -U pip\nRUN pip install a\nRUN pip install b", 0),
        ("RUN if x; then pip install a; fi\nRUN pip install b\nRUN pip install c", 0),
        ("RUN pip install a && pip install b && pip install c\nRUN uv sync\nRUN pip install d", 3),
    ],
)
def test_calls_in_a_row_are_counted(lines: str, count: int) -> None:
    found = verdicts("G11", f"{SLIM}{lines}\n")
    assert [one.what.partition(" ")[0] for one in found] == ([str(count)] if count else [])


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (
            "RUN pip install a==1 && pip install b && pip install 'c[d]>=1' e && ls",
            "RUN pip install a==1 b 'c[d]>=1' e && ls",
        ),
        (
            "RUN pip install -q a \\\n && pip install -q b \\\n && pip install -q c",
            "RUN pip install -q a \\\n b \\\n c",
        ),
    ],
)
def test_calls_of_one_run_become_one(line: str, after: str) -> None:
    (finding,) = verdicts("G11", f"{SLIM}{line}\n")
    assert fixed(f"{SLIM}{line}\n", finding) == f"{SLIM}{after}\n"


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install a; pip install b; pip install c",
        "RUN pip install a && ls && pip install b && pip install c",
        "RUN pip install a && pip install -U b && pip install c",
        "RUN pip install a && pip install b -q && pip install c",
        "RUN pip install a && pip install b > log && pip install c",
        "RUN pip install a && \\\n # why\n pip install b && pip install c",
    ],
)
def test_calls_that_are_not_the_same_are_only_said(line: str) -> None:
    (finding,) = verdicts("G11", f"{SLIM}{line}\n")
    assert finding.fix is None


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install flash-attn",
        "RUN pip wheel git+https://h/x#egg=vllm",
        "ENV TORCH_CUDA_ARCH_LIST=9.0\nRUN pip install .",
        "ENV FORCE_CUDA=1\nRUN python setup.py install",
        'RUN pip install --global-option="--cuda_ext" ./',
    ],
)
def test_extensions_are_compiled_with_a_number_of_jobs(line: str) -> None:
    (finding,) = verdicts("G12", f"{DEVEL}{line}\n")
    assert "ARG MAX_JOBS=4\nRUN" in fixed(f"{DEVEL}{line}\n", finding)


@pytest.mark.parametrize(
    "line",
    [
        "ENV MAX_JOBS=8\nRUN pip install flash-attn",
        "ARG MAX_JOBS=8\nRUN pip install flash-attn",
        "RUN MAX_JOBS=8 pip install flash-attn",
        "RUN export MAX_JOBS=8 && pip install flash-attn",
        "RUN pip install https://h/flash_attn-2-cp310-cp310-linux_x86_64.whl",
        "RUN pip install --find-links https://h flash-attn",
        "RUN pip install vllm .",
        "RUN pip install torch-scatter",  # its setup.py does without ninja: one job
        "RUN pip install git+https://git.example.com/x/natten",  # by cmake and make, with jobs of its own
        "RUN cmake --build x -j4",
        "RUN cmake --build x --parallel",
        "RUN cmake --build x",  # nobody knows with what it was configured
        "RUN cmake -G Ninja -B x && cmake --build x",
        "RUN cmake -GNinja -Bx && cmake --build x",
        "ENV CMAKE_GENERATOR=Ninja\nRUN cmake -B x && cmake --build x",
        "ENV CMAKE_BUILD_PARALLEL_LEVEL=8\nRUN cmake -B x && cmake --build x",
        "RUN cmake -B x && cmake --build x -- -j4",
        "RUN cmake -B x && cmake --build --preset fast",
    ],
)
def test_jobs_that_are_said_or_not_needed_are_left_alone(line: str) -> None:
    assert not verdicts("G12", f"{DEVEL}{line}\n")


def test_cmake_in_a_directory_of_its_own_is_told_by_it() -> None:
    line = "RUN mkdir b && cd b && cmake .. && cmake --build . --target install\n"
    (finding,) = verdicts("G12", DEVEL + line)
    assert fixed(DEVEL + line, finding).endswith('--target install --parallel "$(nproc)"\n')
    (finding,) = verdicts("G12", DEVEL + "RUN cmake -B b && cmake --build b > log\n")
    assert finding.fix is None


def test_stages_that_nothing_needs_say_nothing() -> None:
    assert not verdicts("G12", f"{DEVEL}RUN pip install flash-attn\n\n{SLIM}RUN true\n")
    assert not verdicts("G10", f"{DEVEL}RUN pip install flash-attn\n\n{SLIM}RUN true\n")


LARGE = "x" * 2_100_000
LIMIT = {"max-mb": 1}


def test_what_copy_takes_is_named_by_its_largest_parts(tmp_path: Path) -> None:
    files = {"sounds/a.wave": LARGE, "b.bin": "x" * 10_000, "src/a.py": "1"}
    (finding,) = verdicts("G13", f"{SLIM}COPY . .\n", tmp_path, files, options=LIMIT)
    assert finding.what == "this takes 2 MB of context, most of it sounds 2 MB, b.bin 10.0 kB, src 0.0 kB"
    assert finding.severity is Severity.WARNING
    assert finding.fix is None


def test_what_other_rules_speak_of_is_not_counted(tmp_path: Path) -> None:
    files = {".venv/pyvenv.cfg": "", ".venv/lib/x": LARGE, "a.safetensors": LARGE, "mlruns/1/x": LARGE}
    assert not verdicts("G13", f"{SLIM}COPY . .\n", tmp_path, files, options=LIMIT)
    assert not verdicts("G13", f"{SLIM}COPY . .\n", tmp_path, {"a/b": LARGE})  # below the default
    assert not verdicts("G13", f"{SLIM}COPY . .\n")


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ("COPY src src", True),
        ("COPY sounds/ /s", False),
        ("COPY s* /s", False),
        ("RUN --mount=type=bind,target=/c ls", False),
        ("RUN --mount=type=bind,source=src,target=/c ls", True),
        ("COPY --from=build / /", True),
    ],
)
def test_what_nothing_takes_may_be_left_out(line: str, is_found: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a verdict
    files = {"sounds/a.wave": LARGE, "src/a.py": "1", ".dockerignore": "x"}
    text = f"FROM debian AS build\n{SLIM}{line}\n"
    found = verdicts("G13", text, tmp_path, files, options=LIMIT)
    assert [one.fix.edits[0].text for one in found if one.fix] == (["\n/sounds\n"] if is_found else [])


def test_names_that_a_pattern_would_misread_are_not_written(tmp_path: Path) -> None:
    (finding,) = verdicts("G13", f"{SLIM}COPY src .\n", tmp_path, {"a[b]/c": LARGE}, options=LIMIT)
    assert finding.fix is None


@pytest.mark.parametrize(
    ("line", "is_fixed"),
    [
        ("RUN apt-get install -y cuda-toolkit-12-4", True),
        ("RUN apt-get install -y cuda", True),
        ("RUN apt-get install -y nvidia-cuda-toolkit", False),
        ("RUN dnf install -y cuda-toolkit", False),
        ("RUN apt-get install -y nsight-systems-2024.1", False),
        ("RUN apt-get install -y cuda-12-4 | tee log", False),
    ],
)
def test_packages_of_packages_of_cuda(line: str, is_fixed: bool) -> None:  # noqa: FBT001 - a verdict
    (finding,) = verdicts("G14", f"{UBUNTU}{line}\n")
    assert bool(finding.fix) is is_fixed


@pytest.mark.parametrize(
    "line",
    [
        "RUN apt-get install -y cuda-nvcc-12-4 libcublas-12-4",
        "RUN apt-get install -y cuda-toolkit-12-4-config-common",
        "RUN apt-get install -y cuda-toolkit-12-4 && rm -rf /opt/nvidia/nsight-compute",
        "RUN apt-get install -y cuda && find /usr/local/cuda -name '*.a' -delete",
        "RUN pip install cuda",
    ],
)
def test_what_is_needed_of_cuda_is_left_alone(line: str) -> None:
    assert not verdicts("G14", f"{UBUNTU}{line}\n")


@pytest.mark.parametrize(
    ("base", "source", "is_found"),
    [
        ("nvidia/cuda:12.4.1-devel-ubuntu22.04", "/usr/local/cuda-12.4", True),
        ("nvidia/cuda:12.4.1-devel-ubuntu22.04", "/usr/local/cuda/lib64/libcudart.so.12", False),
        ("nvidia/cuda:12.4.1-runtime-ubuntu22.04", "/usr/local/cuda", False),
        ("nvidia/cuda:12.4.1-devel-ubuntu22.04", "/usr", False),
    ],
)
def test_cuda_that_is_copied_whole(base: str, source: str, is_found: bool) -> None:  # noqa: FBT001 - a verdict
    text = f"FROM {base} AS build\n\n{SLIM}COPY --from=build {source} {source}\n"
    assert bool(verdicts("G14", text)) is is_found
