"""A directory as a Python project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.check.facts.trees import plant
from wherry.check.facts.context import Context
from wherry.check.facts.project import ProjectFacts
from wherry.check.facts.texts import Reader

if TYPE_CHECKING:
    from pathlib import Path

LOCK = (
    '[[package]]\nname = "torch"\nversion = "2.6.0+cpu"\n\n[[package]]\n'
    'name = "torchvision"\nversion = "0.21.0+cpu"\n'
)


def project(root: Path, files: dict[str, str | bytes | int]) -> ProjectFacts:
    return ProjectFacts(plant(root, files), Reader(), Context(root))


def test_every_form_of_asking_is_found(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        {
            "requirements.txt": "torch==2.6.0\n",
            "requirements-dev.txt": "pytest\n",
            "requirements/prod.txt": "flask\n",
            "constraints.txt": "numpy==2\n",
            "notes.txt": "x\n",
            "pyproject.toml": "[project]\ndependencies = ['httpx']\n",
            ".python-version": "3.12\n",
            "environment.yml": "dependencies: [python=3.11, {pip: [rich]}]\n",
            "app.py": "import torch\n",
            "setup.py": "",
        },
    )
    assert [file.path.name for file in found.requirements] == [
        "requirements.txt",
        "constraints.txt",
        "requirements-dev.txt",
        "prod.txt",
    ]
    assert found.main_requirements is found.requirements[0]
    assert found.packages == {"torch", "pytest", "flask", "numpy", "httpx", "rich"}
    assert str(found.python_version) == "3.12"
    assert found.imports is not None
    assert found.imports.imports("torch")
    assert found.has("setup.py")
    assert not found.has("no\0thing")
    assert found.torch is not None
    assert found.torch.build == "cuda"
    assert found.lock is None


def test_a_lock_comes_before_requirements(tmp_path: Path) -> None:
    found = project(
        tmp_path, {"requirements.txt": "torch==2.6.0\ntorchaudio\n", "uv.lock": LOCK, "poetry.lock": LOCK}
    )
    assert [lock.kind for lock in found.locks] == ["uv.lock", "poetry.lock"]
    assert found.torch is not None
    assert found.torch.build == "cpu"
    assert sorted(found.companions) == ["torchaudio", "torchvision"]
    assert {one.name: one.build for one in found.frameworks}["torch"] == "cpu"


def test_torch_may_be_asked_for_elsewhere(tmp_path: Path) -> None:
    by_pyproject = project(
        tmp_path / "a", {"pyproject.toml": "[project]\ndependencies = ['torch', 'vllm']\n"}
    )
    assert by_pyproject.torch is not None
    assert [one.name for one in by_pyproject.frameworks] == ["torch", "vllm"]
    by_conda = project(tmp_path / "b", {"environment.yml": "dependencies: [pytorch, cpuonly]\n"})
    assert by_conda.torch is not None
    assert by_conda.torch.build == "cpu"
    assert project(tmp_path / "c", {"a": ""}).torch is None


def test_the_lock_of_a_workspace_stands_above(tmp_path: Path) -> None:
    plant(tmp_path, {".git/HEAD": "", "uv.lock": LOCK, "pyproject.toml": "[tool.uv.workspace]\n"})
    found = project(tmp_path / "api", {"pyproject.toml": "[project]\nname = 'api'\n"})
    assert [lock.path for lock in found.locks] == [tmp_path / "uv.lock"]


def test_the_only_requirements_are_the_main_ones(tmp_path: Path) -> None:
    one = project(tmp_path / "a", {"requirements-prod.txt": "a\n"})
    assert one.main_requirements is not None
    several = project(tmp_path / "b", {"requirements-a.txt": "a\n", "requirements-b.txt": "b\n"})
    assert several.main_requirements is None
    assert project(tmp_path / "c", {"x": ""}).main_requirements is None


def test_files_and_directories_are_named_as_a_dockerfile_does(tmp_path: Path) -> None:
    found = project(tmp_path, {"backend/requirements.txt": "flask\n"})
    assert found.requirement_file("/backend/../backend/requirements.txt") is not None
    assert found.requirement_file("none.txt") is None
    assert found.requirement_file("no\0ne.txt") is None
    below = found.below("./backend/")
    assert below.packages == {"flask"}
    assert found.below("backend") is below
    assert found.below(".") is found
    assert found.below("../..") is found
    assert below.imports is None


def test_a_directory_that_is_not_there_asks_for_nothing(tmp_path: Path) -> None:
    found = ProjectFacts(tmp_path / "none", Reader())
    assert (found.requirements, found.pyproject, found.python_version, found.locks) == ((), None, None, ())
    assert found.conda == ()
