"""What is wrong with a project is said before anything is fetched, and before its base is pinned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.results import BASE
from wherry.build.base import FoundBase
from wherry.build.gather import gather
from wherry.build.image import plan_images
from wherry.build.options import BuildOptions
from wherry.build.workshop import open_workshop
from wherry.errors import InputError
from wherry.progress import SilentProgress
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

LOCK = """
lock-version = "1.0"
created-by = "hand"
[[packages]]
name = "flask"
version = "3.0"
[[packages.wheels]]
url = "http://127.0.0.1:9/flask-3.0-py3-none-any.whl"
hashes = { sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
"""


@pytest.fixture
def options(tmp_path: Path) -> BuildOptions:
    """A project that needs a distribution and says nothing else."""
    project = '[project]\nname = "app"\nversion = "1"\ndependencies = ["flask"]\n'
    (tmp_path / "pyproject.toml").write_text(project)
    return BuildOptions(path=tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def test_a_project_without_a_lock_is_told_so_before_its_base_is_pinned(
    options: BuildOptions, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERRY_DEBIAN_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="the project has no lock"):
        plan_images(options, store, SilentProgress())
    assert not (options.path / "wherry.lock").exists()


def test_what_the_image_runs_is_settled_before_anything_is_fetched(
    options: BuildOptions, store: Store
) -> None:
    (options.path / "pylock.toml").write_text(LOCK)
    workshop = open_workshop(options, store, SilentProgress())
    with pytest.raises(InputError, match="no command found"):
        gather(FoundBase(BASE), workshop, dry=False)
