from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.facts.dockerfiles import facts_of

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts import Facts

UV_LOCK = """
version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
dependencies = [
    { name = "torch" },
]

[[package]]
name = "torch"
version = "2.6.0"
source = { registry = "https://download.pytorch.org/whl/cu124" }
"""


def facts_in(directory: Path, text: str, **files: str) -> Facts:
    for name, content in files.items():
        path = directory / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(content)
    return facts_of(f"FROM python:3.12\n{text}\n", str(directory / "Dockerfile"), context_root=directory)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("pip install torch==2.6.0", ("torch", "2.6.0", "cuda", (12, 4))),
        ("pip install torch", ("torch", "", "cuda", None)),
        ("pip install torch --index-url https://download.pytorch.org/whl/cpu", ("torch", "", "cpu", None)),
        ("pip install torch==2.4.0+cu121 -f https://x", ("torch", "2.4.0+cu121", "cuda", (12, 1))),
        (
            "UV_INDEX_URL=https://download.pytorch.org/whl/cu118 uv pip install torch",
            ("torch", "", "cuda", (11, 8)),
        ),
        ("uv pip install --torch-backend=cpu torch", ("torch", "", "cpu", None)),
        ("UV_TORCH_BACKEND=cu126 uv pip install torch", ("torch", "", "cuda", (12, 6))),
        ("conda install pytorch=2.4 pytorch-cuda=12.1 -c pytorch", ("torch", "2.4", "cuda", (12, 1))),
        ("conda install pytorch cpuonly -c pytorch", ("torch", "", "cpu", None)),
        ("conda install pytorch -c pytorch", ("torch", "", "unknown", None)),
    ],
)
def test_a_framework_on_a_command_line_is_known_with_its_build(
    command: str, expected: tuple[str, str, str, tuple[int, int] | None]
) -> None:
    facts = facts_of(f"FROM python:3.12\nRUN {command}\n")
    (found,) = facts.frameworks
    framework = found.framework
    assert (framework.name, framework.version, framework.build, framework.cuda) == expected
    assert found.stage is facts.stages[0]
    assert framework.text is not None
    assert "torch" in facts.text(framework.text.span)


def test_what_is_no_framework_or_only_removed_brings_none() -> None:
    commands = "pip install numpy; pip uninstall -y torch; conda install numpy; apt-get install torch"
    facts = facts_of(f"FROM x\nRUN {commands}\n")
    assert facts.frameworks == ()


def test_a_requirements_file_is_read_where_a_copy_put_it(tmp_path: Path) -> None:
    facts = facts_in(
        tmp_path,
        "WORKDIR /app\nCOPY deps/gpu.txt requirements.txt\nRUN pip install -r requirements.txt -r nope.txt",
        deps__gpu_DOT_txt="torch==2.6.0\nnumpy\n",
    )
    inputs = facts.installs[0].inputs
    assert [file.path.name for file in inputs.files] == ["gpu.txt"]
    assert [framework.name for framework in inputs.frameworks] == ["torch"]
    assert inputs is facts.installs[0].inputs
    assert (inputs.lock, inputs.environments) == (None, ())


def test_a_sync_goes_by_the_lock_of_its_directory(tmp_path: Path) -> None:
    facts = facts_in(
        tmp_path,
        "WORKDIR /app\nCOPY backend/pyproject.toml backend/uv.lock ./\nRUN uv sync --locked",
        backend__uv_DOT_lock=UV_LOCK,
        backend__pyproject_DOT_toml='[project]\nname = "app"\nversion = "0"\n',
    )
    inputs = facts.installs[0].inputs
    assert inputs.lock is not None
    assert inputs.lock.path == tmp_path / "backend/uv.lock"
    assert inputs.pyproject is not None
    (framework,) = inputs.frameworks
    assert (framework.name, framework.version, framework.cuda) == ("torch", "2.6.0", (12, 4))


def test_a_project_that_is_installed_brings_what_it_asks_for(tmp_path: Path) -> None:
    project = '[project]\nname = "app"\nversion = "0"\ndependencies = ["torch==2.6.0"]\n'
    facts = facts_in(
        tmp_path,
        "COPY . /app\nRUN pip install /app\nRUN cd /app && pip install -e .[gpu]\nRUN pip install x",
        pyproject_DOT_toml=project,
    )
    first, second, third = facts.installs
    assert [framework.name for framework in first.inputs.frameworks] == ["torch"]
    assert [framework.name for framework in second.inputs.frameworks] == ["torch"]
    assert third.inputs.pyproject is None
    assert third.inputs.frameworks == ()


def test_an_environment_file_is_read_for_conda(tmp_path: Path) -> None:
    facts = facts_in(
        tmp_path,
        "COPY env.yml /tmp/env.yml\nRUN conda env create -f /tmp/env.yml",
        env_DOT_yml="dependencies:\n  - pytorch=2.4\n  - pytorch-cuda=12.1\n",
    )
    inputs = facts.installs[0].inputs
    assert len(inputs.environments) == 1
    assert inputs.files == ()
    (framework,) = inputs.frameworks
    assert (framework.build, framework.cuda, framework.carries) == ("cuda", (12, 1), "wheels")
    assert inputs.project is None


def test_a_directory_nobody_knows_leads_to_nothing(tmp_path: Path) -> None:
    facts = facts_in(
        tmp_path,
        "COPY . /app\nRUN cd $WHERE && pip install -r requirements.txt",
        requirements_DOT_txt="torch",
    )
    assert facts.installs[0].inputs.files == ()


def test_a_script_of_the_context_that_a_run_starts_is_read(tmp_path: Path) -> None:
    code = "from huggingface_hub import snapshot_download\nsnapshot_download('a/b')\n"
    facts = facts_in(
        tmp_path,
        "WORKDIR /app\nCOPY tools tools\nRUN python tools/get.py; python nope.py; python -c 'x'; python",
        tools__get_DOT_py=code,
    )
    ((call, script),) = facts.runs[0].scripts
    assert call.arguments[0].text == "tools/get.py"
    assert [(found.kind, found.source) for found in script.downloads] == [("huggingface", "a/b")]
    assert facts_of("FROM x\nRUN python a.py\n").runs[0].scripts == ()


def test_the_index_of_the_command_holds_for_the_file_it_installs(tmp_path: Path) -> None:
    command = "pip install -r requirements.txt --extra-index-url https://download.pytorch.org/whl/cpu"
    files = {"requirements_DOT_txt": "torch==2.6.0\n"}
    facts = facts_in(tmp_path, f"COPY requirements.txt ./\nRUN {command}", **files)

    assert [(one.framework.name, one.framework.build) for one in facts.frameworks] == [("torch", "cpu")]


def test_what_the_base_has_is_not_fetched_again() -> None:
    base = "FROM pytorch/pytorch:2.4.0-cuda12.1-cudnn9-runtime"

    def fetched(command: str) -> list[str]:
        (install,) = facts_of(f"{base}\nRUN {command}\n").installs
        return [one.name for one in install.inputs.fetched]

    assert fetched("pip install torch torchvision") == []
    assert fetched("pip install torch==2.4.0+cu121") == []
    assert fetched("pip install torch==2.5.1") == ["torch"]
    assert fetched("pip install --upgrade torch") == ["torch"]
    assert fetched("conda install pytorch") == ["torch"]


def test_builds_that_nobody_measured_have_no_figure() -> None:
    from wherry.check.facts.installed import heaviest  # noqa: PLC0415 - the one test of it

    (install,) = facts_of("FROM ubuntu\nRUN pip install torch --index-url https://h/whl/rocm6.4\n").installs
    assert heaviest([install]) is None
