"""Which files around a Dockerfile may concern it, and from where it is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.check.facts.trees import plant, source_of
from wherry.check.facts import repository
from wherry.check.facts.compose import read_compose
from wherry.check.facts.context_root import context_root
from wherry.check.facts.repository import repository_root, surroundings, yaml_files
from wherry.check.facts.texts import Reader


def test_the_repository_begins_where_git_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, {".git/HEAD": "x", "a/b/Dockerfile": "FROM x"})
    assert repository_root(tmp_path / "a" / "b") == tmp_path
    assert surroundings(tmp_path / "a") == [tmp_path / "a", tmp_path]
    monkeypatch.chdir(tmp_path / "a" / "b")
    assert repository_root(Path()) == Path("../..")
    assert surroundings(Path()) == [Path(), Path(".."), Path("../..")]
    monkeypatch.chdir(tmp_path)
    assert surroundings(Path("a/b")) == [Path("a/b"), Path("a"), Path()]


def test_outside_of_a_repository_nothing_above_counts(tmp_path: Path) -> None:
    plant(tmp_path, {"a/x.yml": "a: 1", "y.yml": "b: 1"})
    if repository_root(tmp_path) is None:
        assert yaml_files(tmp_path / "a") == [tmp_path / "a" / "x.yml"]
    assert repository_root(Path("/")) in {None, Path("/")}


def test_telling_directories_are_looked_into_and_others_are_not(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            ".git/x.yml": "",
            "compose.yml": "",
            "k8s/deep/er/app.yaml": "",
            "src/not.yml": "",
            ".github/workflows/ci.yml": "",
            "api/Dockerfile": "",
            "api/near.yaml": "",
            "k8s/notes.txt": "",
            "k8s/node_modules/no.yml": "",
        },
    )
    (tmp_path / "deploy").symlink_to(tmp_path / "src")
    found = [path.relative_to(tmp_path).as_posix() for path in yaml_files(tmp_path / "api")]
    assert found == ["api/near.yaml", "compose.yml", ".github/workflows/ci.yml", "k8s/deep/er/app.yaml"]


def test_a_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert yaml_files(tmp_path / "none") == []


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    plant(tmp_path, {f"k8s/{number}.yml": "" for number in range(1200)})
    assert len(yaml_files(tmp_path)) == 1000


@pytest.mark.parametrize(
    ("sources", "directory"),
    [
        (["app.py"], "docker"),
        (["."], "docker"),
        ([], "docker"),
        (["src/main.py", "requirements.txt"], "."),
        (["src/*.py", "requirements.txt"], "."),
        (["nowhere"], "docker"),
    ],
)
def test_a_dockerfile_is_built_where_its_files_are(
    tmp_path: Path, sources: list[str], directory: str
) -> None:
    plant(
        tmp_path,
        {
            ".git/HEAD": "",
            "docker/Dockerfile": "",
            "docker/app.py": "",
            "src/main.py": "",
            "requirements.txt": "",
        },
    )
    assert context_root(tmp_path / "docker" / "Dockerfile", sources) == tmp_path / directory


def test_a_compose_service_decides(tmp_path: Path) -> None:
    text = "services: {other: {build: .}, app: {build: {context: .., dockerfile: docker/Dockerfile}}}"
    services = read_compose(source_of(text, str(tmp_path / "docker" / "compose.yml")), Reader())
    assert context_root(tmp_path / "docker" / "Dockerfile", ["."], services) == tmp_path / "docker"
    assert context_root(tmp_path / "docker" / "Dockerfile", ["."], services[1:]) == tmp_path


def test_directories_of_many_names_and_many_levels_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, {f"{number}.yml": "" for number in range(20)})
    monkeypatch.setattr(repository, "_MOST_NAMES", 7)
    assert len(yaml_files(tmp_path)) <= 7
    deep = tmp_path.joinpath(*["d"] * 20)
    assert repository_root(deep) is None
    assert surroundings(deep) == [deep]


def test_the_top_of_the_disk_ends_the_way_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert len(surroundings(Path())) == 1
    assert len(surroundings(Path("/usr"))) <= 2


def test_a_directory_is_looked_into_once(tmp_path: Path) -> None:
    plant(tmp_path, {".git/HEAD": "", "docker/compose.yml": "", "docker/gpu/Dockerfile": ""})
    found = yaml_files(tmp_path / "docker" / "gpu")
    assert found == [tmp_path / "docker" / "compose.yml"]
