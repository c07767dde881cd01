"""A project is copied with all that it is built from, so that a second build has what the first had."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from wherry.build.elsewhere import copy_elsewhere
from wherry.build.options import BuildOptions
from wherry.build.workshop import Workshop, open_workshop
from wherry.oci.platform import Platform
from wherry.progress import SilentProgress
from wherry.project.target import Target
from wherry.store.store import Store

TARGET = Target(Platform.parse("linux/amd64"), (3, 11), "3.11.2", (2, 36))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose service depends on a directory beside it, with its lock in the service."""
    root = tmp_path / "repository"
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (root / "huge").mkdir()
    (root / "huge" / "data.bin").write_bytes(b"x")
    for name in ("library", "service"):
        (root / name).mkdir()
        (root / name / "pyproject.toml").write_text(f'[project]\nname = "{name}"\nversion = "1"\n')
    lock = """
        lock-version = "1.0"
        created-by = "hand"
        [[packages]]
        name = "library"
        directory = { path = "../library" }
    """
    (root / "service" / "pylock.toml").write_text(dedent(lock))
    return root


def workshop(project: Path, tmp_path: Path) -> Workshop:
    return open_workshop(BuildOptions(path=project), Store.open(tmp_path / "store"), SilentProgress())


def test_directories_it_depends_on_lie_beside_it_again_and_nothing_else_does(
    repository: Path, tmp_path: Path
) -> None:
    copy = copy_elsewhere(workshop(repository / "service", tmp_path), TARGET, tmp_path / "elsewhere")
    assert copy == tmp_path / "elsewhere" / "repository" / "service"
    assert (copy / "pylock.toml").is_file()
    assert (copy.parent / "library" / "pyproject.toml").is_file()
    assert (copy.parent / ".git").read_text() == f"gitdir: {repository / '.git'}\n"
    assert sorted(path.name for path in copy.parent.iterdir()) == [".git", "library", "service"]


def test_a_workspace_comes_along_for_its_lock(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    (root / "app").mkdir(parents=True)
    workspace = '[project]\nname = "all"\nversion = "1"\n[tool.uv.workspace]\nmembers = ["app"]\n'
    (root / "pyproject.toml").write_text(workspace)
    (root / "app" / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.11"\n'
    )
    lock = """
        version = 1
        revision = 3
        requires-python = ">=3.11"
        [manifest]
        members = ["all", "app"]
        [[package]]
        name = "all"
        version = "1"
        source = { virtual = "." }
        [[package]]
        name = "app"
        version = "1"
        source = { virtual = "app" }
    """
    (root / "uv.lock").write_text(dedent(lock))
    copy = copy_elsewhere(workshop(root / "app", tmp_path), TARGET, tmp_path / "elsewhere")
    assert copy == tmp_path / "elsewhere" / "workspace" / "app"
    assert (copy.parent / "uv.lock").is_file()


def test_a_copied_project_has_the_same_files_links_and_modes_but_no_virtual_environment(
    repository: Path, tmp_path: Path
) -> None:
    source = repository / "service"
    (source / "pkg").mkdir()
    (source / "pkg" / "run.sh").write_text("#!/bin/sh\n")
    (source / "pkg" / "run.sh").chmod(0o755)
    (source / "link").symlink_to("pkg/run.sh")
    (source / ".venv").mkdir()
    (source / ".venv" / "pyvenv.cfg").touch()
    copy = copy_elsewhere(workshop(source, tmp_path), TARGET, tmp_path / "elsewhere")
    assert (copy / "link").readlink() == Path("pkg/run.sh")
    assert (copy / "pkg" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert not (copy / ".venv").exists()


def test_a_file_that_a_requirements_file_includes_is_copied_to_its_place(tmp_path: Path) -> None:
    service = tmp_path / "all" / "service"
    service.mkdir(parents=True)
    (service / "requirements.txt").write_text("-c ../constraints.txt\n")
    (service.parent / "constraints.txt").write_text("idna==3\n")
    copy = copy_elsewhere(workshop(service, tmp_path), TARGET, tmp_path / "elsewhere")
    assert (copy.parent / "constraints.txt").read_text() == "idna==3\n"
