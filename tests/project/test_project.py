"""A project is read as its author wrote it down, and what is wrong is said with its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.errors import InputError
from wherry.project.project import Project, read_project


def project(root: Path, files: dict[str, str], path: str = ".") -> Project:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return read_project(root / path)


def refused(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_project(path)
    assert len(caught.value.lines()) <= 3
    return caught.value


FULL = """
[build-system]
requires = ["hatchling"]
[project]
name = "My.Service_App"
version = "1.2"
requires-python = ">=3.11,<3.14"
scripts = { serve = "my_app.cli:main" }
gui-scripts.window = "my_app.gui:run [extra]"
[project.optional-dependencies]
GPU_Extra = []
[project.urls]
"Source Code" = "https://user:secret@git.example/team/app.git"
[dependency-groups]
Dev = ["pytest"]
serve_group = []
[tool.wherry]
extras = ["gpu.extra"]
"""


def test_a_whole_pyproject_is_read(tmp_path: Path) -> None:
    found = project(tmp_path, {"pyproject.toml": FULL})
    assert found.name == "My.Service_App"
    assert found.image_name == "my-service-app"
    assert found.version == "1.2"
    assert found.requires_python is not None
    assert "3.12" in found.requires_python
    assert "3.14" not in found.requires_python
    assert found.has_build_system
    (script,) = found.scripts
    assert (script.name, script.module, script.function) == ("serve", "my_app.cli", "main")
    assert script.where == f"{tmp_path / 'pyproject.toml'}:8"
    assert [script.name for script in found.gui_scripts] == ["window"]
    assert found.groups == ("dev", "serve-group")
    assert found.dev_groups == ("dev",)
    assert found.extras == ("gpu-extra",)
    assert found.source_url == "https://git.example/team/app"


def test_the_path_may_be_the_pyproject_itself(tmp_path: Path) -> None:
    found = project(tmp_path, {"pyproject.toml": "[project]\nname = 'x'\n"}, "pyproject.toml")
    assert found.root == tmp_path.resolve()
    assert found.place("a.py", 3) == f"{tmp_path}/a.py:3"


def test_messages_name_files_from_where_the_user_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.wherry]\nnam = 1\n")
    monkeypatch.chdir(tmp_path)
    assert refused(Path()).where == "pyproject.toml:2"


def test_a_project_of_requirements_alone_has_its_directorys_name(tmp_path: Path) -> None:
    found = project(tmp_path, {"My App/requirements.txt": ""}, "My App")
    assert found.name == "My App"
    assert found.image_name == "my-app"
    assert found.pyproject is None
    assert not found.has_build_system


def test_a_name_without_a_letter_still_names_an_image(tmp_path: Path) -> None:
    assert project(tmp_path, {"___/requirements.txt": ""}, "___").image_name == "app"


def test_the_configured_name_is_the_images(tmp_path: Path) -> None:
    text = "[dependency-groups]\ndev = []\n[tool.wherry]\nname = 'team/y'\ndev-groups = []\n"
    found = project(tmp_path, {"pyproject.toml": text})
    assert found.image_name == "team/y"
    assert found.dev_groups == ()


def test_a_poetry_project_is_understood(tmp_path: Path) -> None:
    text = """
[tool.poetry]
name = "poet"
version = "0.3"
repository = "https://git.example/poet"
[tool.poetry.scripts]
poet = "poet.cli:main"
other = { callable = "poet.cli:other" }
file = { reference = "bin/x.sh", type = "file" }
[tool.poetry.dependencies]
python = "^3.10"
[tool.poetry.extras]
gpu = ["torch"]
[tool.poetry.group.docs.dependencies]
[tool.poetry.dev-dependencies]
[build-system]
requires = ["poetry-core"]
"""
    found = project(tmp_path, {"pyproject.toml": text})
    assert (found.name, found.version, found.extras, found.groups) == (
        "poet",
        "0.3",
        ("gpu",),
        ("docs", "dev"),
    )
    assert [script.name for script in found.scripts] == ["poet", "other"]
    assert str(found.requires_python) == "<4,>=3.10"
    assert found.source_url == "https://git.example/poet"


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        ("^3.10", ["3.10", "3.13"], ["3.9", "4.0"]),
        ("~3.10", ["3.10.4"], ["3.11"]),
        ("~3", ["3.0", "3.13"], ["4.0"]),
        ("3.11", ["3.11.9"], ["3.12"]),
        (">=3.9, <3.13", ["3.12"], ["3.13"]),
        ("*", ["3.7"], []),
    ],
)
def test_poetrys_ranges_of_python_are_translated(
    tmp_path: Path, constraint: str, inside: list[str], outside: list[str]
) -> None:
    text = f"[tool.poetry]\nname = 'x'\n[tool.poetry.dependencies]\npython = '{constraint}'\n"
    requires = project(tmp_path, {"pyproject.toml": text}).requires_python
    assert requires is not None
    assert all(version in requires for version in inside)
    assert not any(version in requires for version in outside)


def test_poetrys_alternatives_are_left_to_the_lock(tmp_path: Path) -> None:
    text = "[tool.poetry.dependencies]\npython = '^3.9 || ^3.11'\n"
    assert project(tmp_path, {"pyproject.toml": text}).requires_python is None
    text = "[tool.poetry.dependencies]\npython = { version = '^3.9' }\n"
    assert project(tmp_path, {"pyproject.toml": text}).requires_python is None


@pytest.mark.parametrize(
    ("text", "is_built"),
    [
        ("[build-system]\nrequires = []\n", True),
        ("[project]\nname = 'x'\n", False),
        ("[tool.uv]\npackage = true\n", True),
        ("[build-system]\nrequires = []\n[tool.uv]\npackage = false\n", False),
        ("[build-system]\nrequires = []\n[tool.poetry]\npackage-mode = false\n", False),
        ("[build-system]\nrequires = []\n[tool.pdm]\ndistribution = false\n", False),
    ],
)
def test_a_wheel_is_built_where_installers_would_build_one(
    tmp_path: Path,
    text: str,
    is_built: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert project(tmp_path, {"pyproject.toml": text}).has_build_system == is_built


def test_older_tables_of_groups_are_groups(tmp_path: Path) -> None:
    text = "[tool.uv]\ndev-dependencies = []\n[tool.pdm.dev-dependencies]\nlint = []\n"
    text += "[tool.wherry]\ngroups = ['lint', 'dev']\n"
    assert project(tmp_path, {"pyproject.toml": text}).groups == ("lint", "dev")


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("[project]\nname = 'x y'\n", "not a project name", 2),
        ("[project]\nname = 'x'\nrequires-python = 'three'\n", "requires-python", 3),
        ("[project]\nversion = 1.2\n", "version must be a string", 2),
        ("[project.scripts]\na = 'no function'\n", "does not name a function", 2),
        ("[project.scripts]\n'a/b' = 'x:y'\n", "does not name a function", 2),
        ("[project]\nscripts = 1\n", "must be a table", 2),
        ("project = 1\n", "must be a table", 1),
        ("tool = 1\n", "must be a table", 1),
        ("[tool]\nwherry = 1\n", "must be a table", 2),
        ("[dependency-groups]\ndev = []\n[tool.wherry]\ngroups = ['dvv']\n", "no dependency group 'dvv'", 4),
        ("[tool.wherry]\ndev-groups = ['dev']\n", "no dependency group 'dev'", 2),
        ("[tool.wherry]\nextras = ['gpu']\n", "no extra 'gpu'", 2),
    ],
)
def test_what_is_wrong_in_a_pyproject_is_said_with_its_line(
    tmp_path: Path, text: str, what: str, line: int
) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    error = refused(tmp_path)
    assert what in error.what
    assert error.where == f"{path}:{line}"


def test_a_group_near_a_declared_one_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[dependency-groups]\nserve = []\n[tool.wherry]\ngroups = ['serv']\n"
    )
    assert refused(tmp_path).mend == "did you mean 'serve'?"


def test_groups_of_a_pipfile_are_not_judged_here(tmp_path: Path) -> None:
    text = "[tool.wherry]\ngroups = ['dev-packages']\n"
    assert project(tmp_path, {"pyproject.toml": text, "Pipfile": ""}).config.groups == ("dev-packages",)


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere").what == "there is no such directory"
    assert "cannot read" in refused(tmp_path / "a\0b").what or "no such" in refused(tmp_path / "a\0b").what


def test_a_directory_without_a_project_is_an_error(tmp_path: Path) -> None:
    assert "no Python project here" in refused(tmp_path).what


def test_another_file_is_not_a_project(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    error = refused(tmp_path / "requirements.txt")
    assert error.mend == f"give its directory: {tmp_path}"


def test_a_loop_of_links_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot read the project" in refused(tmp_path / "loop").what


def test_a_pyproject_that_is_a_directory_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").mkdir()
    assert "cannot be read" in refused(tmp_path).what


def test_a_huge_pyproject_is_refused_and_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "pyproject.toml").open("wb") as stream:
        os.truncate(stream.fileno(), 2**40)
    assert "larger than 4 MiB" in refused(tmp_path).what


WORKSPACE = "[tool.uv.workspace]\nmembers = ['packages/*', '']\nexclude = ['packages/odd']\n"


def test_a_member_knows_its_workspace(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": WORKSPACE,
        "packages/a/pyproject.toml": "",
        "packages/odd/pyproject.toml": "",
        "other/pyproject.toml": "",
    }
    root = project(tmp_path, files)
    assert root.workspace == tmp_path.resolve()
    assert read_project(tmp_path / "packages/a").workspace == tmp_path.resolve()
    assert read_project(tmp_path / "packages/odd").workspace is None
    assert read_project(tmp_path / "other").workspace is None


def test_a_broken_project_above_is_not_this_projects_error(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "= broken",
        "a/pyproject.toml": "",
        "b/c/pyproject.toml": "",
        "b/pyproject.toml": "",
    }
    assert project(tmp_path, files, "a").workspace is None
    assert read_project(tmp_path / "b/c").workspace is None


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("3.11\n", (3, 11)),
        ("cpython-3.12.4\n3.11\n", (3, 12)),
        ("pypy3.10\n", None),
        ("3.13t\n", None),
        ("", None),
    ],
)
def test_the_python_that_people_work_with_is_read_from_python_version(
    text: str, python: tuple[int, int] | None, tmp_path: Path
) -> None:
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / ".python-version").write_text(text)
    assert read_project(tmp_path).python == python


@pytest.mark.parametrize(
    ("pipfile", "python"),
    [
        ('[requires]\npython_version = "3.11"\n', (3, 11)),
        ('[requires]\npython_full_version = "3.12.4"\npython_version = "3.11"\n', (3, 12)),
        ("[requires]\npython_version = 3.11\n", None),
        ("[packages]\n", None),
        ("not toml", None),
    ],
)
def test_the_python_that_a_pipfile_requires_is_what_people_work_with(
    pipfile: str, python: tuple[int, int] | None, tmp_path: Path
) -> None:
    (tmp_path / "Pipfile").write_text(pipfile)
    assert read_project(tmp_path).python == python
    (tmp_path / ".python-version").write_text("3.13\n")
    assert read_project(tmp_path).python == (3, 13)


def test_the_configured_python_goes_before_python_version(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.wherry]\npython = "3.13"\n')
    (tmp_path / ".python-version").write_text("3.11\n")
    assert read_project(tmp_path).python == (3, 13)
