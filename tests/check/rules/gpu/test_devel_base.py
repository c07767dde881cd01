from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.said import fixed, verdicts
from wherry.check.model import Safety, Severity

if TYPE_CHECKING:
    from pathlib import Path

DEVEL = "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04"
END = 'CMD ["python3", "-m", "server"]'
SERVER = {"server.py": "import fastapi\n"}
LOCK = """
version = 1
requires-python = ">=3.10"

[[package]]
name = "webrtcvad"
version = "2.0.10"
source = { registry = "https://index.example.com/simple" }
wheels = [{ url = "https://files.example.com/webrtcvad-2.0.10-cp310-cp310-manylinux_2_17_x86_64.whl" }]
"""


@pytest.mark.parametrize(
    ("lines", "files", "safety"),
    [
        ("RUN pip install fastapi uvicorn[standard] torch==2.4.0", SERVER, Safety.SAFE),
        ("RUN pip install some-package-of-ours", SERVER, Safety.UNSAFE),
        ("RUN pip install $PACKAGES", SERVER, Safety.UNSAFE),
        ("RUN pip install --only-binary=:all: some-package", SERVER, Safety.SAFE),
        ("RUN pip install https://wheels.example.com/x-1-cp310-cp310-linux_x86_64.whl", SERVER, Safety.SAFE),
        ("RUN pip install git+https://git.example.com/numpy", SERVER, Safety.UNSAFE),
        ("COPY r.txt ./\nRUN pip install -r r.txt", {**SERVER, "r.txt": "numpy==2.1\ntqdm\n"}, Safety.SAFE),
        (
            "COPY r.txt ./\nRUN pip install -r r.txt",
            {**SERVER, "r.txt": "ours @ git+https://h/x\n"},
            Safety.UNSAFE,
        ),
        ("RUN pip install -r missing.txt", SERVER, Safety.UNSAFE),
        ("COPY x.sh ./\nRUN bash x.sh", SERVER, Safety.UNSAFE),
        ("RUN ./install.sh", SERVER, Safety.UNSAFE),
        ("RUN bash /tmp/Miniconda3-py310.sh -b && conda install -y numpy", SERVER, Safety.SAFE),
        ("RUN sh -c 'echo a'", SERVER, Safety.SAFE),
        (
            "COPY . .\nRUN pip install .",
            {
                **SERVER,
                "pyproject.toml": '[build-system]\nrequires=["hatchling"]\nbuild-backend="hatchling.build"\n',
            },
            Safety.SAFE,
        ),
        (
            "COPY . .\nRUN pip install .",
            {
                **SERVER,
                "pyproject.toml": '[build-system]\nrequires=[]\nbuild-backend="setuptools.build_meta"\n',
            },
            Safety.SAFE,
        ),
        ("COPY . .\nRUN pip install .", {**SERVER, "setup.py": "setup()"}, Safety.SAFE),
        ("RUN pip install .", SERVER, Safety.UNSAFE),
        (
            "COPY . .\nRUN uv sync --locked",
            {
                **SERVER,
                "uv.lock": LOCK,
                "pyproject.toml": '[project]\nname="x"\nversion="1"\ndependencies=["webrtcvad"]\n',
            },
            Safety.SAFE,
        ),
        ("RUN pip install torch", {"server.py": "import triton\n"}, Safety.UNSAFE),
        ("RUN pip install torch", {"server.py": "import torch\ntorch.compile(f)\n"}, Safety.UNSAFE),
        ("RUN apt-get install -y gcc && pip install torch", {"server.py": "import triton\n"}, Safety.SAFE),
        ("RUN apt-get install -y gcc && pip install torch && apt-get purge -y gcc", {}, Safety.UNSAFE),
    ],
)
def test_the_fix_is_safe_where_nothing_is_known_to_compile_and_nothing_unknown_may(
    tmp_path: Path, lines: str, files: dict[str, str], safety: Safety
) -> None:
    text = f"{DEVEL}\n{lines}\n{END}\n"

    finding = verdicts("C1", text, tmp_path, files)[0]

    assert finding.fix is not None
    assert finding.fix.safety is safety
    assert fixed(text, finding).startswith("FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\n")


@pytest.mark.parametrize(
    "lines",
    [
        "RUN cmake -B build && make -C build",
        "RUN pip install flash-attn==2.6.3",
        "RUN git clone https://git.example.com/x/apex /opt/apex && cd /opt/apex && pip install .",
        "ENV FORCE_CUDA=1\nRUN pip install ./ops",
        "COPY . .\nRUN pip install .",
        "RUN python setup.py bdist_wheel",
        "RUN python setup.py install",
        "RUN pyenv install 3.11",
    ],
)
def test_what_compiles_in_the_stage_that_ships_is_named_and_left_to_its_author(
    tmp_path: Path, lines: str
) -> None:
    setup = "from torch.utils.cpp_extension import CUDAExtension\nsetup(ext_modules=[])\n"

    finding = verdicts("C1", f"{DEVEL}\n{lines}\n{END}\n", tmp_path, {"setup.py": setup})[0]

    assert "is compiled in the stage that ships" in finding.what
    assert finding.fix is None
    assert len(finding.related) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{DEVEL}\nRUN pip install deepspeed\n{END}", "Dockerfile"),
        (f'{DEVEL}\nCMD ["nvcc", "x.cu"]', "Dockerfile"),
        (f"{DEVEL} AS dev\n{END}", "Dockerfile"),
        (f"{DEVEL} AS wheel-builder\n{END}", "Dockerfile"),
        (f"{DEVEL}\n{END}", "Dockerfile.dev"),
        (f"{DEVEL}\n{END}", "build.Dockerfile"),
        (f"{DEVEL}\n{END}", ".devcontainer/Dockerfile"),
        (f"{DEVEL}\nRUN make", "Dockerfile"),
        (f"FROM nvcr.io/nvidia/pytorch:24.05-py3\n{END}", "Dockerfile"),
        (f"FROM nvidia/cuda:12.4.1-base-ubuntu22.04\n{END}", "Dockerfile"),
        (f"{DEVEL} AS kernels\nRUN make\nFROM python:3.12-slim\n{END}", "Dockerfile"),
    ],
)
def test_images_that_need_a_compiler_or_are_made_to_compile_are_left_alone(text: str, name: str) -> None:
    assert verdicts("C1", text, name=name) == []


def test_code_that_compiles_extensions_when_it_runs_needs_the_compiler(tmp_path: Path) -> None:
    code = {"ops.py": "from torch.utils.cpp_extension import load\n"}

    assert verdicts("C1", f"{DEVEL}\nRUN pip install torch\n{END}", tmp_path, code) == []


@pytest.mark.parametrize(
    "head",
    [
        f"{DEVEL}@sha256:{'0' * 64}",
        "ARG TAG=12.4.1-devel-ubuntu22.04\nFROM nvidia/cuda:$TAG AS x\nFROM nvidia/cuda:$TAG",
        "ARG T=12.4.1-devel-ubuntu22.04\nARG B=nvidia/cuda:$T\nFROM nvidia/cuda:$T AS x\nFROM ${B}",
        "ARG TAG=12.4.1-devel-ubuntu22.04\nFROM nvidia/cuda:$TAG\nARG TAG\nRUN echo $TAG",
        f"{DEVEL} AS root\nFROM root AS kernels\nRUN make\nFROM root",
        "FROM rocm/dev-ubuntu-22.04:6.0",
    ],
)
def test_a_tag_that_stands_in_no_one_place_or_for_others_too_is_not_edited(head: str) -> None:
    finding = verdicts("C1", f"{head}\n{END}\n")[0]

    assert finding.fix is None


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("ARG F=devel\nFROM nvidia/cuda:12.4.1-${F}-ubuntu22.04", "ARG F=runtime\n"),
        ("ARG V=12.4.1\nARG B=nvidia/cuda:${V}-devel-ubi9\nFROM $B", "ARG B=nvidia/cuda:${V}-runtime-ubi9\n"),
        ('ARG B="nvidia/cuda:12.4.1-devel-ubi9"\nFROM $B', 'ARG B="nvidia/cuda:12.4.1-runtime-ubi9"\n'),
        (
            "FROM pytorch/pytorch:2.4.0-cuda12.1-cudnn9-devel",
            "FROM pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime\n",
        ),
    ],
)
def test_the_word_is_changed_where_it_stands(head: str, expected: str) -> None:
    text = f"{head}\n{END}\n"

    assert expected in fixed(text, verdicts("C1", text)[0])


@pytest.mark.parametrize(
    ("end", "severities"),
    [
        (END, [Severity.WARNING]),
        ("CMD bash run.sh", [Severity.WARNING]),
        ("COPY . /app", [Severity.WARNING]),
        ("COPY . /app\nRUN pip install flash-attn", [Severity.WARNING]),
        ("CMD bash", [Severity.INFO]),
        ('CMD ["/bin/bash"]', [Severity.INFO]),
        ("RUN pip install torch", [Severity.INFO]),
        ("RUN pip install flash-attn\nCMD bash", []),
    ],
)
def test_an_image_to_work_in_is_only_mentioned(end: str, severities: list[Severity]) -> None:
    assert [finding.severity for finding in verdicts("C1", f"{DEVEL}\n{end}")] == severities


@pytest.mark.parametrize(
    "step",
    [
        "RUN nvcc --version",
        "ENV TORCH_CUDA_ARCH_LIST=8.0\nRUN pip install git+https://git.example.com/org/kernels",
        "RUN pip install git+https://git.example.com/org/kernels --global-option=--force_cuda",
    ],
)
def test_what_calls_the_toolkit_keeps_it(step: str) -> None:
    findings = verdicts("C1", f"{DEVEL}\n{step}\n{END}\n")
    assert [finding.fix for finding in findings] == [None] * len(findings)


@pytest.mark.parametrize(
    "package", ["libcusparse-dev-12-4", "cuda-nvcc-12-4", "libnccl-dev", "libcudnn9-dev-cuda-12"]
)
def test_who_installs_parts_of_the_toolkit_may_want_the_rest(package: str, tmp_path: Path) -> None:
    text = f"{DEVEL}\nRUN apt-get install -y {package}\nCOPY . /app\n{END}\n"
    (finding,) = verdicts("C1", text, tmp_path, SERVER)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE


@pytest.mark.parametrize(
    "taken",
    [
        "FROM gcc AS b\nCOPY --from=a /usr/local/cuda/include /inc",
        "FROM gcc AS b\nRUN --mount=type=bind,from=a,target=/a make -C /a",
        "FROM a AS c\nFROM gcc AS b\nCOPY --from=c / /all",
    ],
)
def test_a_toolkit_that_another_stage_takes_stays(taken: str, tmp_path: Path) -> None:
    text = (
        f"{DEVEL} AS a\nRUN pip install numpy\n{taken}\nFROM a\nCOPY --from=b /inc /inc\nCOPY . /app\n{END}\n"
    )
    (finding,) = verdicts("C1", text, tmp_path, SERVER)
    assert finding.fix is None


def test_wheels_that_may_not_fit_may_be_compiled(tmp_path: Path) -> None:
    index = "--extra-index-url https://wheels.example/llama-cpp-python/whl/cu124"
    text = (
        f"{DEVEL}\nCOPY . /app\nRUN apt-get install -y gcc && pip install llama-cpp-python {index}\n{END}\n"
    )
    (finding,) = verdicts("C1", text, tmp_path, SERVER)
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE
    told = text.replace("&& pip", "&& CMAKE_ARGS=-DGGML_CUDA=on pip")
    (finding,) = verdicts("C1", told, tmp_path, SERVER)
    assert finding.fix is None
