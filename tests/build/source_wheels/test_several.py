"""Archives, several sources at once, and trees that need each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.build.source_wheels.trees import (
    HOST,
    Notes,
    listing,
    make_sdist,
    make_tree,
    names,
    of_directory,
    package,
)
from wherry.build.source_wheels import (
    build_project_wheel,
    build_source_wheels,
    find_project_wheel,
    find_source_wheels,
)
from wherry.errors import InputError, WorldError
from wherry.progress import SilentProgress
from wherry.project.project import read_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wherry.fetch.fetcher import Fetcher
    from wherry.project.locks.model import LockedFile
    from wherry.store.store import Store


def test_an_sdist_is_fetched_unpacked_and_built(
    tmp_path: Path, store: Store, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    sdist = make_sdist(make_tree(tmp_path / "demo"), tmp_path / "links")
    first = build(package(sdist=sdist))
    assert sdist.digest in store.blobs
    assert "demo.py" in names(first)
    no_uv()
    assert build(package(sdist=sdist)) == first


def test_a_project_below_the_top_of_an_archive_is_built(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    make_tree(tmp_path / "repository" / "pkgs" / "demo")
    sdist = make_sdist(tmp_path / "repository", tmp_path / "links")
    assert "demo.py" in names(build(package(sdist=sdist, subdirectory="pkgs/demo")))
    with pytest.raises(InputError, match="has no directory 'pkgs/none'"):
        build(package(sdist=sdist, subdirectory="pkgs/none"))
    with pytest.raises(InputError, match="has no directory"):
        build(package(sdist=sdist, subdirectory="../.."))


def test_an_sdist_with_another_hash_is_refused(tmp_path: Path, build: Callable[..., LockedFile]) -> None:
    sdist = make_sdist(make_tree(tmp_path / "demo"), tmp_path / "links")
    assert sdist.path is not None
    sdist.path.write_bytes(sdist.path.read_bytes() + b"x")
    with pytest.raises((InputError, WorldError)):
        build(package(sdist=sdist))


def test_a_package_with_no_wheel_and_no_source_is_refused(build: Callable[..., LockedFile]) -> None:
    with pytest.raises(InputError, match=r"neither a wheel for .* nor a source"):
        build(package())


def test_a_source_without_anything_to_build_is_refused(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    (tmp_path / "demo").mkdir()
    with pytest.raises(InputError, match=r"neither pyproject\.toml nor setup\.py"):
        build(of_directory(tmp_path / "demo"))
    with pytest.raises(InputError, match=r"neither pyproject\.toml nor setup\.py"):
        build(of_directory(tmp_path / "nowhere"))


def test_several_are_built_at_once_and_the_first_failure_ends_the_others(
    tmp_path: Path, store: Store, fetcher: Fetcher
) -> None:
    endless = make_tree(tmp_path / "endless", "endless", settings="import time\ntime.sleep(600)")
    broken = make_tree(
        tmp_path / "broken", "broken", settings="import time\ntime.sleep(1)\nraise ValueError('no')"
    )
    with pytest.raises(InputError, match="ValueError: no"):
        build_source_wheels(
            [of_directory(endless, "endless"), of_directory(broken, "broken")],
            target=HOST,
            store=store,
            fetcher=fetcher,
            progress=SilentProgress(),
        )


def test_all_of_several_are_built(tmp_path: Path, store: Store, fetcher: Fetcher) -> None:
    chosen = [of_directory(make_tree(tmp_path / name, name), name) for name in ("one", "two", "three")]
    surroundings = {"target": HOST, "store": store, "fetcher": fetcher, "progress": SilentProgress()}
    assert find_source_wheels(chosen, **surroundings) == {}  # type: ignore[arg-type]  # a test's shorthand
    built = build_source_wheels(chosen, **surroundings)  # type: ignore[arg-type]  # the same
    assert sorted(built) == ["one", "three", "two"]
    assert find_source_wheels(chosen, **surroundings) == built  # type: ignore[arg-type]  # the same
    assert build_source_wheels([], **surroundings) == {}  # type: ignore[arg-type]  # the same


def test_a_local_build_requirement_is_built_first_and_is_part_of_the_source(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    helper = make_tree(tmp_path / "helper", "helper", version="3.0")
    tree = make_tree(
        tmp_path / "demo",
        settings="import helper\nVALUE = helper.X\ndef files(): return {'demo.py': str(VALUE)}",
        pyproject='[tool.uv.sources]\nhelper = { path = "../helper" }\n',
    )
    file = tree / "pyproject.toml"
    file.write_text(file.read_text().replace("requires = []", 'requires = ["helper"]'))
    before = listing(tmp_path / "helper")
    first = build(of_directory(tree))
    assert listing(tmp_path / "helper") == before
    make_tree(helper, "helper", version="3.0", settings="def files(): return {'helper.py': 'X = 5'}")
    assert build(of_directory(tree)).digest != first.digest


def test_a_workspace_member_may_be_required_by_a_build(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    make_tree(
        tmp_path / "packages" / "helper", "helper", pyproject='[project]\nname = "helper"\nversion = "1.0"\n'
    )
    tree = make_tree(
        tmp_path / "packages" / "demo",
        settings="import helper",
        pyproject="[tool.uv.sources]\nhelper = { workspace = true }\n",
    )
    file = tree / "pyproject.toml"
    file.write_text(file.read_text().replace("requires = []", 'requires = ["helper"]'))
    assert "demo.py" in names(build(of_directory(tree)))


def test_trees_that_require_each_other_to_build_are_refused(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        tree = make_tree(
            tmp_path / name, name, pyproject=f'[tool.uv.sources]\n{other} = [{{ path = "../{other}" }}]\n'
        )
        file = tree / "pyproject.toml"
        file.write_text(file.read_text().replace("requires = []", f'requires = ["{other}"]'))
    with pytest.raises(InputError, match=r"cyclic path dependency.*one -> two -> one") as refused:
        build(of_directory(tmp_path / "one", "one"))
    assert len(refused.value.lines()) == 3


def test_trees_that_only_depend_on_each_other_when_installed_are_built(
    tmp_path: Path, store: Store, fetcher: Fetcher
) -> None:
    for name, other in (("one", "two"), ("two", "one")):
        make_tree(
            tmp_path / name,
            name,
            pyproject=f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = ["{other}"]\n'
            f'[tool.uv.sources]\n{other} = {{ path = "../{other}" }}\n',
        )
    chosen = [of_directory(tmp_path / name, name) for name in ("one", "two")]
    built = build_source_wheels(chosen, target=HOST, store=store, fetcher=fetcher, progress=SilentProgress())
    assert len(built) == 2


def test_the_projects_own_wheel_is_built_once(
    tmp_path: Path, store: Store, fetcher: Fetcher, no_uv: Callable[[], None]
) -> None:
    make_tree(tmp_path / "demo", pyproject='[project]\nname = "demo"\nversion = "1.0"\n')
    project = read_project(tmp_path / "demo")
    assert project.has_build_system
    notes = Notes()
    assert find_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes) is None
    first = build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes)
    no_uv()
    assert build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes) == first
    assert find_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes) == first
    assert notes.lines == []


@pytest.mark.parametrize(
    ("version", "says"),
    [("2.0", r"the source of demo 2\.0 builds demo 1\.0"), ("not a version", "does not build")],
)
def test_a_project_that_states_another_version_than_its_backend_makes_is_refused(
    tmp_path: Path, store: Store, fetcher: Fetcher, version: str, says: str
) -> None:
    make_tree(tmp_path / "demo", pyproject=f'[project]\nname = "demo"\nversion = "{version}"\n')
    project = read_project(tmp_path / "demo")
    with pytest.raises(InputError, match=says):
        build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=SilentProgress())


def test_model_files_are_left_out_of_a_projects_wheel_unless_they_are_named(
    tmp_path: Path, store: Store, fetcher: Fetcher
) -> None:
    everything = (
        "def files():\n    import os\n    return {'demo/' + n: 'x' for n in os.listdir('.') if 'model' in n}"
    )
    tree = make_tree(tmp_path / "demo", settings=everything)
    (tree / "model.safetensors").write_bytes(bytes(2 << 20))
    notes = Notes()

    def build() -> list[str]:
        project = read_project(tree)
        wheel = build_project_wheel(project, target=HOST, store=store, fetcher=fetcher, progress=notes)
        return [name for name in names(wheel) if "model" in name]

    assert build() == []
    assert "model.safetensors" in notes.lines[0]
    make_tree(tree, settings=everything, pyproject='[tool.wherry]\ninclude = ["model.safetensors"]\n')
    assert build() == ["demo/model.safetensors"]
