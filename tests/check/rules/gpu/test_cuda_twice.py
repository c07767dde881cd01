from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Severity

if TYPE_CHECKING:
    from pathlib import Path

RUNTIME = "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04"


@pytest.mark.parametrize(
    "text",
    [
        f"{RUNTIME}\nRUN pip install torch==2.4.0",
        f"{RUNTIME}\nRUN pip install sentence-transformers",
        f"{RUNTIME}\nRUN pip install 'jax[cuda12]'",
        f"{RUNTIME}\nRUN pip install 'tensorflow[and-cuda]'",
        f"{RUNTIME}\nRUN pip install vllm",
        "FROM nvcr.io/nvidia/cuda:12.4.1-runtime-ubuntu22.04\nRUN uv pip install --system torch",
        (
            f"FROM python:3.10 AS b\nRUN pip wheel -w /wheels torch\n{RUNTIME}\n"
            "RUN --mount=type=bind,from=b,source=/wheels,target=/w pip install /w/*.whl"
        ),
        (
            f"FROM python:3.10 AS b\nRUN pip install torch\nFROM b AS c\n{RUNTIME}\n"
            "COPY --from=c /usr/local/lib/python3.10/site-packages /usr/lib/python3/dist-packages"
        ),
        "FROM nvidia/cudagl:11.4.2-runtime-ubuntu20.04\nRUN pip install stable-baselines3",
    ],
)
def test_wheels_that_bring_cuda_over_a_base_that_has_it_are_found_however_they_get_there(text: str) -> None:
    finding = verdicts("C2", text)[0]

    assert "has CUDA's libraries" in finding.what
    assert finding.cost.size_bytes == 2_010_000_000
    assert "-base-ubuntu" in fixed(text, finding)


@pytest.mark.parametrize(
    "text",
    [
        f"{RUNTIME}\nRUN pip install torch==2.4.0+cpu",
        f"{RUNTIME}\nRUN pip install sentence-transformers --index-url https://h/whl/cpu",
        f"{RUNTIME}\nRUN pip install numpy",
        f"{RUNTIME}\nRUN pip install onnxruntime-gpu",
        f"{RUNTIME}\nRUN pip download torch",
        "FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nRUN pip install torch",
        "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch flash-attn",
        "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch deepspeed",
        f"FROM python:3.10 AS b\nRUN pip install torch\n{RUNTIME}\nCOPY --from=b /m.onnx /m.onnx",
        "FROM nvcr.io/nvidia/tritonserver:24.04-py3\nRUN pip install torch",
        "FROM pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime\nRUN pip install sentence-transformers timm",
    ],
)
def test_images_that_have_cuda_once_are_left_alone(text: str) -> None:
    assert verdicts("C2", text) == []


@pytest.mark.parametrize(
    "lines",
    [
        "RUN pip install torch ctranslate2",
        "RUN pip install torch 'jax[cuda12-local]'",
        "RUN pip install torch && apt-get install -y libnvinfer8",
        "RUN pip install torch && python -c 'import faster_whisper'",
    ],
)
def test_what_takes_cuda_from_the_base_is_named_and_keeps_it(lines: str) -> None:
    finding = verdicts("C2", f"{RUNTIME}\n{lines}")[0]

    assert "takes the base's" in finding.what
    assert finding.severity is Severity.INFO
    assert finding.fix is None


def test_code_that_imports_what_loads_cuda_counts_too(tmp_path: Path) -> None:
    text = f"{RUNTIME}\nRUN pip install torch\nCOPY . ."

    finding = verdicts("C2", text, tmp_path, {"main.py": "import ctranslate2\n"})[0]

    assert finding.fix is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu20.04\nRUN pip install torch",
            "FROM nvidia/cuda:11.8.0-base-ubuntu20.04\n",
        ),
        (
            "ARG T=12.4.1-cudnn-runtime-ubuntu22.04\nFROM nvidia/cuda:$T\nRUN pip install torch",
            "ARG T=12.4.1-base-ubuntu22.04\n",
        ),
    ],
)
def test_cudnn_goes_with_the_flavour(text: str, expected: str) -> None:
    assert expected in fixed(text, verdicts("C2", text)[0])


@pytest.mark.parametrize(
    "text",
    [
        "ARG F=runtime\nFROM nvidia/cuda:12.4.1-cudnn-$F-ubuntu22.04\nRUN pip install torch",
        f"{RUNTIME} AS b\nRUN make\nFROM b AS c\nRUN make\n{RUNTIME}\nRUN pip install torch\n".replace(
            f"{RUNTIME}\nRUN pip", "FROM b\nRUN pip"
        ),
    ],
)
def test_a_flavour_that_others_need_or_that_does_not_exist_is_not_written(text: str) -> None:
    assert all(finding.fix is None for finding in verdicts("C2", text))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime\nRUN pip install torch==2.4.0",
            "torch 2.4.0 takes the place of torch 2.1.0",
        ),
        (
            "FROM nvcr.io/nvidia/pytorch:24.05-py3\nRUN pip install torch==2.3.0",
            "torch 2.3.0 takes the place of torch of nvcr.io/nvidia/pytorch:24.05-py3",
        ),
    ],
)
def test_a_framework_in_another_version_than_the_bases_is_there_twice(text: str, what: str) -> None:
    findings = verdicts("C2", text)

    assert what in findings[0].what
    assert findings[0].fix is None


@pytest.mark.parametrize(
    "text",
    [
        "FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime\nRUN pip install torch==2.1.0+cu121 torchaudio",
        "FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime\nRUN pip install torch",
        "FROM pytorch/pytorch\nRUN pip install torch==2.4.0",
        "FROM rocm/pytorch:latest\nRUN pip install torch==2.4.0",
        "FROM pytorch/pytorch:2.1.0-cuda12.1-cudnn8-devel AS x\nRUN pip install torch==2.4.0\nFROM scratch",
    ],
)
def test_the_version_that_is_there_or_is_not_known_is_not_another(text: str) -> None:
    assert verdicts("C2", text) == []


APT = "apt-get update && apt-get install -y"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (f"RUN {APT} python3 python3-pip\nRUN pip3 install torch\n", "RUN pip3 install torch\n"),
        (
            f"RUN {APT} git python3-pip ffmpeg && rm -rf /x\nRUN pip install torch && mkdir /m\n",
            f"RUN {APT} git ffmpeg && rm -rf /x\nRUN pip install torch && mkdir /m\n",
        ),
        (
            f"# Py\nRUN {APT} python3-pip \\\n  && apt-get clean\nCOPY . /a\nRUN pip install torch\nCMD a\n",
            "COPY . /a\nRUN pip install torch\nCMD a\n",
        ),
        (
            "RUN apt-get update\nRUN apt-get install -y python3 && pip install torch\n",
            "RUN apt-get update\nRUN pip install torch\n",
        ),
    ],
)
def test_an_image_of_python_takes_the_place_of_one_that_python_was_put_into(
    lines: str, expected: str
) -> None:
    text = f"FROM nvidia/cuda:12.4.1-runtime-ubuntu24.04\n{lines}"

    after = fixed(text, verdicts("C2", text)[0])

    head, _, rest = after.partition("compute,utility\n")
    assert head.startswith("FROM python:3.12-slim-bookworm\nENV LD_LIBRARY_PATH=")
    assert rest == expected


@pytest.mark.parametrize(
    "lines",
    [
        "RUN apt-get install -y python3 libopencv-dev",
        "RUN apt-get install -y python3=3.10.6-1",
        "RUN apt-get install -y python3 $MORE",
        "RUN apt-get install -y python3 && apt-get upgrade -y",
        "RUN apt-get install -y python3.11",
        "RUN apt-get install -y git",
        "RUN apt-get install -y python3 && ln -s /usr/bin/python3 /usr/bin/python",
        "RUN apt-get install -y python3 && curl https://h/x | sh",
        "RUN apt-get install -y python3 && conda install -y numpy",
        "RUN apt-get install -y \\\n    # for pip\n    python3 \\\n    git",
        "RUN --mount=type=cache,target=/var/cache/apt apt-get install -y python3",
        "RUN apt-get install -y python3\nUSER 1000",
        "RUN apt-get install -y python3\nENV CUDA_HOME=/usr/local/cuda-12.4",
    ],
)
def test_where_a_command_is_not_sure_to_do_the_same_the_base_stays_ubuntu(lines: str) -> None:
    text = f"{RUNTIME}\n{lines}\nRUN pip install torch\n"

    assert fixed(text, verdicts("C2", text)[0]).startswith("FROM nvidia/cuda:12.4.1-base-ubuntu22.04\n")


@pytest.mark.parametrize(
    "head",
    [
        "ARG V=12.4.1\nFROM nvidia/cuda:$V-runtime-ubuntu22.04",
        "FROM nvidia/cuda:12.4.1-runtime-ubi9",
        f"FROM python:3.12 AS x\n{RUNTIME}",
        f"{RUNTIME} AS x\nFROM x",
    ],
)
def test_a_base_in_parts_or_below_other_stages_stays(head: str) -> None:
    text = f"{head}\nRUN apt-get install -y python3\nRUN pip install torch\n"

    assert "python:3.10-slim" not in fixed(text, verdicts("C2", text)[0])


def test_a_torch_of_no_known_version_has_no_figure() -> None:
    (finding,) = verdicts("C2", "FROM nvcr.io/nvidia/pytorch:24.04-py3\nRUN pip install torch==2.4.0\n")
    assert finding.cost.size_bytes == 0


BASE = "FROM pytorch/pytorch:2.2.2-cuda12.1-cudnn8-runtime"
POETRY = """
    [tool.poetry]
    name = "service"
    version = "1"
    [tool.poetry.dependencies]
    torch = "^2.2"
"""


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        ("RUN poetry install", 1),
        ("RUN poetry config virtualenvs.create false && poetry install", 0),
        ("ENV POETRY_VIRTUALENVS_CREATE=false\nRUN poetry install", 0),
        ("RUN python -m venv --system-site-packages .venv && poetry install", 0),
        ("RUN uv sync", 1),
        ("ENV UV_PROJECT_ENVIRONMENT=/opt/conda\nRUN uv sync", 0),
    ],
)
def test_an_environment_that_does_not_see_the_base_has_a_torch_of_its_own(
    steps: str, count: int, tmp_path: Path
) -> None:
    text = f"{BASE}\nWORKDIR /app\nCOPY . .\n{steps}\n"
    findings = verdicts("C2", text, tmp_path, {"pyproject.toml": POETRY})
    assert len(findings) == count
    assert all("goes into an environment of its own" in finding.what for finding in findings)


def test_a_torch_of_conda_is_beside_that_of_a_base_of_any_version(tmp_path: Path) -> None:
    environment = "name: ml\ndependencies:\n  - pytorch=1.11.0\n  - cudatoolkit=11.3\n"
    text = "FROM pytorch/pytorch\nCOPY environment.yaml /\nRUN conda env create -f /environment.yaml\n"
    (finding,) = verdicts("C2", text, tmp_path, {"environment.yaml": environment})
    assert finding.what == "torch 1.11.0 goes into an environment of its own, beside torch of pytorch/pytorch"
    assert finding.cost.size_bytes == 0
