from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError
from wherry.project.locks.detect import ORDER, find_lock

if TYPE_CHECKING:
    from pathlib import Path


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("")


def test_one_order_decides_between_locks_and_the_rest_is_noted(root: Path) -> None:
    touch(root, *ORDER)
    for position, name in enumerate(ORDER[:-1]):
        found = find_lock(root)
        assert found is not None
        assert found.path == root / name
        assert found.others == ORDER[position + 1 :]
        assert found.notes[0].startswith(f"{name} is read; ")
        (root / name).unlink()
    found = find_lock(root)
    assert found is not None
    assert (found.path.name, found.notes) == (ORDER[-1], ())


def test_a_requirements_lock_is_of_the_kind_of_a_requirements_file(root: Path) -> None:
    touch(root, "requirements.lock", "requirements.txt")
    found = find_lock(root)
    assert found is not None
    assert (found.path.name, found.kind) == ("requirements.lock", "requirements.txt")
    assert found.notes == ("requirements.lock is read; requirements.txt beside it is not",)


def test_a_single_named_pylock_is_read_and_several_are_ambiguous(root: Path) -> None:
    touch(root, "pylock.prod.toml", "pylock.a.b.toml")
    found = find_lock(root)
    assert found is not None
    assert found.path.name == "pylock.prod.toml"
    touch(root, "pylock.dev.toml")
    with pytest.raises(
        InputError, match=r"several locks and no pylock\.toml: pylock\.dev\.toml, pylock\.prod"
    ):
        find_lock(root)


def test_a_workspace_member_has_the_lock_of_its_workspace(root: Path) -> None:
    touch(root, "uv.lock", "pyproject.toml", "libs/one/pyproject.toml", "libs/two/README")
    found = find_lock(root / "libs/one")
    assert found is not None
    assert found.path == root / "uv.lock"
    assert find_lock(root / "libs/two") is None, "not a project of Python"


def test_a_lock_beyond_the_repository_is_not_this_projects(root: Path) -> None:
    above = root.parent.parent
    touch(above, "uv.lock", "pyproject.toml")
    touch(root, "pyproject.toml")
    assert find_lock(root) is None


@pytest.mark.parametrize("name", ["environment.yml", "environment.yaml", "pixi.toml"])
def test_an_environment_of_conda_is_refused_with_what_to_run(root: Path, name: str) -> None:
    touch(root, name)
    with pytest.raises(InputError) as caught:
        find_lock(root)
    assert caught.value.what.startswith(f"{name} is conda's")
    assert "wherry lock" in caught.value.mend
    touch(root, "requirements.txt")
    assert find_lock(root) is not None


def test_a_directory_named_like_a_lock_is_none(root: Path) -> None:
    (root / "uv.lock").mkdir()
    assert find_lock(root) is None
