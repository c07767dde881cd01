from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.project.locks.cycles import _circle, require_acyclic
from wherry.project.locks.model import DirectorySource, Lock, LockedPackage

if TYPE_CHECKING:
    from pathlib import Path


def lock_of(root: Path, **projects: str) -> Lock:
    packages = []
    for name, text in projects.items():
        directory = root / name
        directory.mkdir()
        if text:
            (directory / "pyproject.toml").write_text(text)
        packages.append(LockedPackage(canonicalize_name(name), None, source=DirectorySource(directory)))
    packages.append(LockedPackage(canonicalize_name("plain"), None))
    return Lock(root / "uv.lock", "uv.lock", Digest.of_bytes(b""), tuple(packages))


def project(name: str, *dependencies: str, more: str = "") -> str:
    return f'[project]\nname = "{name}"\ndependencies = {list(dependencies)}\n{more}'


def test_directories_that_depend_in_one_direction_are_fine(root: Path) -> None:
    (root / "pyproject.toml").write_text(project("App", "a", "b"))
    lock = lock_of(root, a=project("a", "b>=1", "plain", "???"), b=project("b"), c="", d="[tool]\npoetry=3")
    expected = {root / "a/pyproject.toml", root / "b/pyproject.toml", root / "d/pyproject.toml"}
    assert set(require_acyclic(lock, root)) == expected | {root / "pyproject.toml"}
    assert require_acyclic(Lock(root / "x", "uv.lock", Digest.of_bytes(b"")), root) == ()


@pytest.mark.parametrize(
    ("projects", "says"),
    [
        ({"a": project("a", "b"), "b": project("b", "a")}, "a -> b -> a"),
        ({"a": project("a", "a @ file:///here")}, "a -> a"),
        ({"a": project("a", "app")}, "a -> app -> a"),
        ({"a": project("a", more='[build-system]\nrequires = ["b"]'), "b": project("b", "a")}, "a -> b -> a"),
        ({"a": '[tool.poetry.dependencies]\nB = {path = "../b"}', "b": project("b", "a")}, "a -> b -> a"),
    ],
)
def test_a_circle_is_named(root: Path, projects: dict[str, str], says: str) -> None:
    (root / "pyproject.toml").write_text(project("App", "a"))
    with pytest.raises(InputError) as caught:
        require_acyclic(lock_of(root, **projects), root)
    assert caught.value.what == f"path dependencies form a circle: {says}"


def test_an_extra_that_names_its_own_project_is_no_circle(root: Path) -> None:
    require_acyclic(lock_of(root, a=project("a", "a[x]")), root)


@given(st.dictionaries(st.integers(0, 7), st.lists(st.integers(0, 7), max_size=4), max_size=8))
def test_a_circle_is_found_exactly_where_there_is_one(numbers: dict[int, list[int]]) -> None:
    edges = {str(name): [str(to) for to in targets if to in numbers] for name, targets in numbers.items()}
    circle = _circle(edges)
    remaining = dict(edges)
    while free := [name for name, targets in remaining.items() if not set(targets) & remaining.keys()]:
        for name in free:
            del remaining[name]
    assert bool(circle) == bool(remaining)
    for one, following in pairwise(circle):
        assert following in edges[one]
