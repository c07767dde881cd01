"""Rules on bases and packages: G7, G8, G9, G10, G17, G18, G19, G20, G21."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.rules.bytes.cases import fixed, verdicts
from wherry.check.fix import edited
from wherry.check.model import Basis, Safety, Severity

if TYPE_CHECKING:
    from pathlib import Path

SLIM = "FROM python:3.12-slim\n"
INSTALL = "COPY requirements.txt ./\nRUN pip install -r requirements.txt\n"
LOCK = """\
version = 1
requires-python = ">=3.12"

[[package]]
name = "app"
version = "1"
source = { editable = "." }
dependencies = [{ name = "fastlib" }]

[[package]]
name = "fastlib"
version = "2.0"
source = { registry = "https://index.example.com/simple" }
sdist = { url = "https://files.example.com/fastlib-2.0.tar.gz" }
wheels = [{ url = "https://files.example.com/fastlib-2.0-cp312-cp312-manylinux_2_28_x86_64.whl" }]
"""
PYPROJECT = '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.12"\ndependencies = ["fastlib"]\n'
SYNC = "COPY pyproject.toml uv.lock ./\nRUN uv sync --no-dev\n"


@pytest.mark.parametrize(
    ("base", "slim"),
    [
        ("python:3.12", "python:3.12-slim"),
        ("python:3.12.7-bullseye", "python:3.12.7-slim-bullseye"),
        ("docker.io/library/python:3", "docker.io/library/python:3-slim"),
    ],
)
def test_the_slim_variant_of_the_same_tag(base: str, slim: str) -> None:
    text = f"FROM {base} AS app\nRUN pip install numpy\n"
    (finding,) = verdicts("G7", text)
    assert fixed(text, finding) == f"FROM {slim} AS app\nRUN pip install numpy\n"
    assert finding.cost.basis is Basis.TABLE


@pytest.mark.parametrize(
    "text",
    [
        "ARG V=3.12\nFROM python:${V}\nRUN pip install numpy\n",
        "FROM python:3.12@sha256:" + "0" * 64 + "\nRUN pip install numpy\n",
        "FROM python\nRUN pip install numpy\n",
    ],
)
def test_a_tag_that_does_not_stand_there_is_not_rewritten(text: str) -> None:
    (finding,) = verdicts("G7", text)
    assert finding.fix is None


@pytest.mark.parametrize(
    "lines",
    [
        "RUN curl -O https://h/x",
        "RUN git clone https://h/x",
        "RUN gcc x.c",
        "RUN pip install psycopg2",
        "RUN pip install $PACKAGES",
        "RUN pip install -r requirements.txt",  # it is not here
        "RUN pip install 'x @ git+https://h/x'",
        "RUN uv sync",
        'CMD ["wget", "https://h"]',
        'SHELL ["pwsh", "-c"]\nRUN x',
        "RUN apt-get install -y gcc && pip install git+https://h/x",
    ],
)
def test_what_slim_lacks_keeps_the_full_image(lines: str) -> None:
    assert not verdicts("G7", f"FROM python:3.12\n{lines}\n")


@pytest.mark.parametrize(
    "lines",
    [
        "RUN apt-get install -y git && git clone https://h/x",
        "RUN apt-get install -y build-essential && make && pip install psycopg2",
        "RUN apt-get install -y openssh-client && ssh-keyscan h",
        "RUN apt-get install -y gcc git && pip install git+https://h/x",
    ],
)
def test_what_apt_brings_needs_no_full_image(lines: str) -> None:
    assert verdicts("G7", f"FROM python:3.12\n{lines}\n")


@pytest.mark.parametrize("base", ["python:3.12-slim", "python:3.12-alpine", "ours/python:3.12", "debian:12"])
def test_other_bases_are_left_alone(base: str) -> None:
    assert not verdicts("G7", f"FROM {base}\nRUN pip install numpy\n")


@pytest.mark.parametrize(("python", "is_found"), [("3.12", True), ("3.13", False)])
def test_a_lock_tells_whether_slim_suffices(python: str, is_found: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a verdict
    text = f"FROM python:{python}\nWORKDIR /app\n{SYNC}"
    found = verdicts("G7", text, tmp_path, {"uv.lock": LOCK, "pyproject.toml": PYPROJECT})
    assert bool(found) is is_found


@pytest.mark.parametrize(
    ("lines", "is_found"),
    [
        ("RUN pip install numpy", True),
        ("RUN conda install numpy\nRUN pip install x", False),
        ("ENV PATH=/opt/conda/envs/a/bin:$PATH\nRUN pip install x", False),
        ('RUN pip install x\nENTRYPOINT ["conda", "run", "x"]', False),
        ("RUN bash setup.sh && pip install x", False),
        ("RUN echo a", False),
    ],
)
def test_conda_that_nothing_names_is_not_needed(lines: str, is_found: bool) -> None:  # noqa: FBT001 - a verdict
    assert bool(verdicts("G17", f"FROM continuumio/miniconda3\n{lines}\n")) is is_found


@pytest.mark.parametrize(
    ("written", "renamed"),
    [
        ("opencv-python", "opencv-python-headless"),
        ("OpenCV-Python>=4 # seeing", "opencv-python-headless>=4 # seeing"),
        ("opencv-contrib-python==4.10.0.84", "opencv-contrib-python-headless==4.10.0.84"),
    ],
)
def test_opencv_is_renamed_in_the_requirements(written: str, renamed: str, tmp_path: Path) -> None:
    (finding,) = verdicts("G8", SLIM + INSTALL, tmp_path, {"requirements.txt": f"numpy\n{written}\n"})
    assert finding.fix is not None
    made = edited(f"numpy\n{written}\n".encode(), finding.fix.edits)
    assert made == f"numpy\n{renamed}\n".encode()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("RUN pip install opencv-python-headless", "Dockerfile"),
        ("RUN pip install opencv_python", "Dockerfile.dev"),
        ("RUN pip install ./opencv_python-4.1-cp312-cp312-linux_x86_64.whl", "Dockerfile"),
        ("RUN pip uninstall -y opencv-python", "Dockerfile"),
    ],
)
def test_opencv_without_windows_or_for_people_is_left_alone(line: str, name: str) -> None:
    assert not verdicts("G8", f"{SLIM}{line}\n", name=name)


def test_opencv_spelt_in_another_way_is_only_said_and_mesa_is_counted() -> None:
    (finding,) = verdicts("G8", f"{SLIM}RUN apt-get install -y libgl1\nRUN pip install opencv_python\n")
    assert finding.fix is None
    assert finding.cost.size_bytes > 200_000_000
    assert len(finding.related) == 2


def test_opencv_that_another_package_requires_is_left_alone(tmp_path: Path) -> None:
    lock = LOCK.replace("fastlib", "opencv-python") + (
        '\n[[package]]\nname = "vision"\nversion = "1"\n'
        'source = { registry = "https://index.example.com/simple" }\n'
        'dependencies = [{ name = "opencv-python" }]\n'
    )
    files = {"uv.lock": lock, "pyproject.toml": PYPROJECT.replace("fastlib", "opencv-python")}
    assert not verdicts("G8", f"{SLIM}WORKDIR /app\n{SYNC}", tmp_path, files)


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("RUN uv sync --frozen", "RUN uv sync --no-dev --frozen"),
        ("RUN poetry install", "RUN poetry install --only main"),
        (
            "RUN pip install poetry==1.1.13 && poetry install",
            "RUN pip install poetry==1.1.13 && poetry install --no-dev",
        ),
        (
            "ENV POETRY_VERSION=1.1.0\nRUN poetry install",
            "ENV POETRY_VERSION=1.1.0\nRUN poetry install --no-dev",
        ),
        ("RUN pdm sync", "RUN pdm sync --prod"),
        ("RUN pipenv install --deploy --dev", "RUN pipenv install --deploy"),
        ('RUN pip install ".[dev]"', 'RUN pip install "."'),
        ("RUN pip install -e '.[gpu, tests]'", "RUN pip install -e '.[gpu]'"),
        ("RUN uv pip install /app[test,gpu]", "RUN uv pip install /app[gpu]"),
    ],
)
def test_production_is_asked_for(line: str, after: str) -> None:
    (finding,) = verdicts("G9", f"{SLIM}{line}\n")
    assert fixed(f"{SLIM}{line}\n", finding) == f"{SLIM}{after}\n"
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE  # nobody knows what is in the group


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("RUN uv sync --no-dev", "Dockerfile"),
        ("ENV UV_NO_DEV=1\nRUN uv sync", "Dockerfile"),
        ("RUN poetry install --only main", "Dockerfile"),
        ("RUN poetry install --without dev", "Dockerfile"),
        ("RUN pipenv install --deploy", "Dockerfile"),
        ("RUN pip install .[gpu]", "Dockerfile"),
        ("RUN pip install -r requirements.txt", "Dockerfile"),
        ("RUN uv sync", "Dockerfile.dev"),
        ("RUN uv sync", "docker-test/ci.Dockerfile"),
        ("RUN uv export -o r.txt", "Dockerfile"),
    ],
)
def test_what_brings_no_development_is_left_alone(line: str, name: str) -> None:
    assert not verdicts("G9", f"{SLIM}{line}\n", name=name)


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install -r requirements-dev.txt",
        "RUN pip install -r requirements/test.txt",
        "RUN poetry install --with docs",
        "RUN uv sync --no-dev --group lint",
        'RUN ["uv", "sync"]',
    ],
)
def test_development_that_cannot_be_taken_out_is_only_said(line: str) -> None:
    (finding,) = verdicts("G9", f"{SLIM}{line}\n")
    assert finding.fix is None


def test_a_group_of_tools_is_safe_to_leave_out_unless_the_file_runs_one(tmp_path: Path) -> None:
    project = PYPROJECT + '\n[dependency-groups]\ndev = ["pytest", "ruff", "types-requests"]\n'
    text = f"{SLIM}WORKDIR /app\nCOPY pyproject.toml uv.lock ./\nRUN uv sync\n"
    files = {"uv.lock": LOCK, "pyproject.toml": project}
    for line, safety in (
        ("", Safety.SAFE),
        ("RUN pytest\n", Safety.UNSAFE),
        ('CMD ["pytest"]\n', Safety.UNSAFE),
    ):
        (finding,) = verdicts("G9", text + line, tmp_path, files)
        assert finding.fix is not None
        assert finding.fix.safety is safety
        assert finding.related
    (finding,) = verdicts("G9", text, tmp_path, {**files, "app.py": "import types_requests\n"})
    assert finding.fix is not None
    assert finding.fix.safety is Safety.UNSAFE


def test_a_list_for_development_that_is_here_is_weighed(tmp_path: Path) -> None:
    text = f"{SLIM}COPY requirements-dev.txt ./\nRUN pip install -r requirements-dev.txt\n"
    (finding,) = verdicts("G9", text, tmp_path, {"requirements-dev.txt": "mypy\npytest\n"})
    assert "mypy" in finding.cost.source


def test_all_default_groups_are_left_out_where_there_are_more(tmp_path: Path) -> None:
    project = PYPROJECT + (
        '\n[dependency-groups]\ndev = ["pytest"]\nlint = ["ruff"]\n\n[tool.uv]\ndefault-groups = "all"\n'
    )
    text = f"{SLIM}WORKDIR /app\nCOPY pyproject.toml uv.lock ./\nRUN uv sync\n"
    (finding,) = verdicts("G9", text, tmp_path, {"uv.lock": LOCK, "pyproject.toml": project})
    assert "--no-default-groups" in fixed(text, finding)


@pytest.mark.parametrize(("source", "is_found"), [("/app/.venv", True), ("/app/dist", False)])
def test_an_environment_that_is_copied_ships(source: str, is_found: bool) -> None:  # noqa: FBT001 - a verdict
    text = (
        f"FROM python:3.12 AS build\nWORKDIR /app\nRUN uv sync\n\n{SLIM}COPY --from=build {source} {source}\n"
    )
    assert bool(verdicts("G9", text)) is is_found


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("RUN pip install torch flash-attn", Severity.WARNING),
        ("RUN pip install mysqlclient==2.2", Severity.INFO),
        ("RUN uv pip install --system dlib", Severity.WARNING),
        ("RUN pip install torch-cluster", Severity.WARNING),
    ],
)
def test_a_package_that_has_no_wheel_is_compiled(line: str, severity: Severity) -> None:
    (finding,) = verdicts("G10", f"{SLIM}{line}\n")
    assert finding.severity is severity


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip wheel flash-attn",
        "RUN pip install --extra-index-url https://h flash-attn",
        "ENV PIP_FIND_LINKS=https://h\nRUN pip install flash-attn",
        "RUN pip install https://h/flash_attn-2.7-cp312-cp312-linux_x86_64.whl",
        "RUN pip install psycopg2-binary",
        "RUN pip install torch",
        "RUN conda install flash-attn",
    ],
)
def test_a_package_that_has_a_wheel_somewhere_is_left_alone(line: str) -> None:
    assert not verdicts("G10", f"{SLIM}{line}\n")


def test_requirements_that_name_an_index_of_wheels_are_left_alone(tmp_path: Path) -> None:
    listed = "--find-links https://wheels.example.com/\nflash-attn\n"
    assert not verdicts("G10", SLIM + INSTALL, tmp_path, {"requirements.txt": listed})
    (finding,) = verdicts("G10", SLIM + INSTALL, tmp_path, {"requirements.txt": "flash-attn\n"})
    assert finding.place.path.endswith("requirements.txt")
    assert finding.related


@pytest.mark.parametrize(
    ("base", "is_found"),
    [
        ("python:3.12-slim", False),
        ("python:3.13-slim", True),
        ("python:3.12-alpine", True),
        ("debian:12", False),
    ],
)
def test_a_lock_tells_what_has_a_wheel(base: str, is_found: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a verdict
    files = {"uv.lock": LOCK, "pyproject.toml": PYPROJECT}
    found = verdicts("G10", f"FROM {base}\nWORKDIR /app\n{SYNC}", tmp_path, files)
    assert bool(found) is is_found


def test_musl_has_no_wheels_of_the_frameworks() -> None:
    (finding,) = verdicts("G10", "FROM python:3.12-alpine\nRUN pip install torch numpy\n")
    assert finding.what == "torch has no wheel for Alpine, only for glibc"
    (finding,) = verdicts("G10", "FROM python:3.12-alpine\nRUN pip install scikit-learn scipy pandas\n")
    assert finding.what == "scikit-learn has no wheel for Alpine, only for glibc"


@pytest.mark.parametrize(
    ("code", "severity", "what"),
    [
        ("import torch\n", Severity.WARNING, "nothing imports tensorflow"),
        ("import tensorflow\n", Severity.WARNING, "nothing imports torch"),
        ("import json\n", Severity.INFO, "both installed"),
    ],
)
def test_of_two_frameworks_the_unused_is_named(
    code: str, severity: Severity, what: str, tmp_path: Path
) -> None:
    text = f"{SLIM}RUN pip install torch tensorflow\nCOPY a.py ./\n"
    (finding,) = verdicts("G18", text, tmp_path, {"a.py": code})
    assert what in finding.what
    assert finding.severity is severity
    assert finding.cost.size_bytes > 500_000_000


@pytest.mark.parametrize(
    "line",
    ["RUN pip install torch", "RUN pip install tensorboard torch", "RUN pip uninstall -y tensorflow torch"],
)
def test_one_framework_is_left_alone(line: str) -> None:
    assert not verdicts("G18", f"{SLIM}{line}\n")


def test_a_companion_is_unused_only_where_that_is_certain(tmp_path: Path) -> None:
    line = "RUN pip install torch torchvision\n"
    files = {"a.py": "import torch\n"}
    (finding,) = verdicts("G19", SLIM + line, tmp_path, files)
    assert fixed(SLIM + line, finding) == f"{SLIM}RUN pip install torch\n"
    for other in (
        "RUN pip install torch torchvision ultralytics\n",
        "RUN pip install torch torchvision $MORE\n",
        "RUN pip install torch torchvision -r gone.txt\n",
        "RUN pip install torch\n",
    ):
        assert not verdicts("G19", SLIM + other, tmp_path, files)
    assert not verdicts("G19", SLIM + line, tmp_path, {"a.py": "import json\n"})
    assert not verdicts("G19", SLIM + line)


@pytest.mark.parametrize(
    "line",
    [
        "RUN pip install torchvision",
        'RUN ["pip", "install", "torch", "torchvision"]',
        'RUN pip install torch "torchvision"&& true',
    ],
)
def test_a_companion_that_cannot_be_cut_out_is_only_said(line: str, tmp_path: Path) -> None:
    (finding,) = verdicts("G19", f"{SLIM}{line}\n", tmp_path, {"a.py": "import torch\n"})
    assert finding.fix is None


def test_a_companion_in_the_requirements_is_only_said(tmp_path: Path) -> None:
    files = {"a.py": "import torch\n", "requirements.txt": "torch\ntorchaudio\ntorchvision\n"}
    (finding,) = verdicts("G19", SLIM + INSTALL, tmp_path, files)
    assert finding.fix is None
    assert len(finding.related) == 1


@pytest.mark.parametrize(
    ("line", "name", "is_found"),
    [
        ("RUN pip install 'ray[all]'", "Dockerfile", True),
        ("RUN pip install 'unstructured[all-docs,x]'", "Dockerfile", True),
        ("RUN pip install 'ray[serve]'", "Dockerfile", False),
        ("RUN pip install 'fastapi[all]'", "Dockerfile", False),
        ("RUN pip install 'ray[all]'", "Dockerfile.test", False),
        ("RUN apt-get install ray", "Dockerfile", False),
    ],
)
def test_all_extras_of_large_packages(line: str, name: str, is_found: bool) -> None:  # noqa: FBT001 - a verdict
    assert bool(verdicts("G20", f"{SLIM}{line}\n", name=name)) is is_found


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", "RUN pip install torch==2.4.1"),
        ("nvcr.io/nvidia/pytorch:24.05-py3", "RUN pip install torch==2.3.0"),
        ("python:3.12-slim", "RUN pip install torch==2.6.0\nRUN pip install torch==2.7.1"),
        ("rocm/pytorch:latest", "RUN pip uninstall -y torch"),
    ],
)
def test_two_versions_are_both_stored(base: str, line: str) -> None:
    (finding,) = verdicts("G21", f"FROM {base}\n{line}\n")
    assert finding.related


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", "RUN pip install torch==2.1.0"),
        ("pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", "RUN pip install torch==2.1.0+cu121"),
        ("pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", "RUN pip install 'torch>=2'"),
        ("pytorch/pytorch:latest", "RUN pip install torch==2.4.1"),
        ("python:3.12-slim", "RUN pip install torch==2.6.0 && pip install torch==2.7.1"),
        ("python:3.12-slim", "RUN pip install torch==2.6.0\nRUN pip uninstall -y torch"),
        ("python:3.12-slim", "RUN pip install torch==2.6.0\nRUN if x; then pip install torch==2.7.1; fi"),
        ("python:3.12-slim", "RUN pip install torch==2.*\nRUN pip install torch==$V"),
        (
            "pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime",
            "RUN pip install ./torch-2.4-cp310-cp310-linux_x86_64.whl",
        ),
    ],
)
def test_one_version_or_one_layer_is_left_alone(base: str, line: str) -> None:
    assert not verdicts("G21", f"FROM {base}\n{line}\n")


def test_no_figure_is_given_of_what_was_not_measured() -> None:
    (finding,) = verdicts("G21", f"{SLIM}RUN pip install obscure==1\nRUN pip install obscure==2\n")
    assert finding.cost.basis is Basis.NONE


@pytest.mark.parametrize(
    ("base", "count"),
    [
        ("runpod/pytorch:2.1.2-py3.10-cuda12.1.1-devel-ubuntu22.04", 0),  # it may be the very one
        ("nvcr.io/nvidia/pytorch:24.05-py3", 1),  # a build of its own, never that of the index
        ("pytorch/pytorch:2.5.0-cuda12.4-cudnn9-runtime", 1),
    ],
)
def test_what_the_base_has_is_replaced_where_its_version_is_told(base: str, count: int) -> None:
    assert len(verdicts("G21", f"FROM {base}\nRUN pip install torch==2.1.2\n")) == count


TOOLS_APART = {
    "pyproject.toml": '[project]\nname = "a"\nversion = "1"\n[dependency-groups]\ndev = ["ruff", "pytest"]\n'
}


@pytest.mark.parametrize(
    ("after", "compose", "is_safe"),
    [
        ('CMD ["python", "a.py"]', "", True),
        ('RUN ./check.sh\nCMD ["python", "a.py"]', "", False),
        ('RUN make lint\nCMD ["python", "a.py"]', "", False),
        ('RUN bash ci/all\nCMD ["python", "a.py"]', "", False),
        ('CMD ["./start.sh"]', "", False),
        ('CMD ["python", "a.py"]', "services: {test: {build: ., command: pytest -q}}", False),
        ('CMD ["python", "a.py"]', "services: {api: {build: ., command: python a.py}}", True),
    ],
)
def test_tools_that_a_script_may_call_are_not_taken_away_unseen(
    after: str,
    compose: str,
    is_safe: bool,  # noqa: FBT001 - the verdict
    tmp_path: Path,
) -> None:
    text = f"FROM python:3.12-slim\nWORKDIR /a\nCOPY . .\nRUN uv sync --locked\n{after}\n"
    files = {**TOOLS_APART, "a.py": "print()", **({"compose.yaml": compose} if compose else {})}
    (finding,) = verdicts("G9", text, tmp_path, files)
    assert finding.fix
    assert (finding.fix.safety is Safety.SAFE) is is_safe


def test_two_steps_that_install_for_development_are_one_finding() -> None:
    text = "FROM python:3.12-slim\nRUN poetry install --no-root\nCOPY . .\nRUN poetry install\n"
    (finding,) = verdicts("G9", text)
    assert len(finding.related) == 1
    assert fixed(text, finding).count("--only main") == 2
