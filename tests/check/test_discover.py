"""Which files are Dockerfiles, and which directory each is built from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.check.discover import find_dockerfiles, is_dockerfile_name
from wherry.check.facts.context_root import context_root
from wherry.errors import InputError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def lay(*names: str) -> None:
    """Empty files; a name that ends with a slash is a directory."""
    for name in names:
        path = Path(name)
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def found(*paths: str) -> list[str]:
    return [str(path) for path in find_dockerfiles(Path(path) for path in paths)]


@pytest.mark.parametrize(
    "name",
    [
        *("Dockerfile", "dockerfile", "Containerfile", "DOCKERFILE"),
        *("Dockerfile.gpu", "Dockerfile-cpu", "Dockerfile_cuda", "Dockerfile.py3.12", "Dockerfile.cu12.4"),
        *("train.Dockerfile", "train.dockerfile", "my app.Dockerfile", "ü+x.containerfile", ".Dockerfile"),
        *("Dockerfile.ubuntu 22", "Dockerfile.prod", "Dockerfile.test", "Dockerfile.rust"),
    ],
)
def test_names_of_dockerfiles(name: str) -> None:
    assert is_dockerfile_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("Dockerfile.dockerignore", "train.Dockerfile.dockerignore", ".dockerignore", ".containerignore"),
        *("Dockerfile.md", "dockerfile.go", "dockerfile_parser.py", "Dockerfile.j2", "Dockerfile.in"),
        *("Dockerfile.tmpl", "Dockerfile~", "Dockerfile.swp", "Dockerfile.orig", "dockerfile.vim"),
        *("Dockerfiles", "MyDockerfile", "dockerfile2", "Dockerfilegpu", "Dockerfile.YAML", ""),
    ],
)
def test_names_of_what_is_none(name: str) -> None:
    assert not is_dockerfile_name(name)


def test_below_a_directory_they_are_found_by_name_and_without_what_others_brought() -> None:
    lay("b/Dockerfile", "Dockerfile.gpu", "Dockerfile", "a/x.Dockerfile", "a/Dockerfile.md", "README.md")
    lay(".git/Dockerfile", "node_modules/p/Dockerfile", ".venv/lib/Dockerfile", ".devcontainer/Dockerfile")
    lay("Containerfile/", "venv/site-packages/x/Dockerfile")

    assert found(".") == [
        "Dockerfile",
        "Dockerfile.gpu",
        ".devcontainer/Dockerfile",
        "a/x.Dockerfile",
        "b/Dockerfile",
    ]


def test_a_file_that_is_named_is_checked_whatever_it_is_called() -> None:
    lay("build.txt", "Dockerfile.md")

    assert found("build.txt", "Dockerfile.md") == ["build.txt", "Dockerfile.md"]


def test_each_file_is_found_once_by_the_first_name_it_has() -> None:
    lay("a/Dockerfile")
    Path("a/Dockerfile.link").symlink_to("Dockerfile")
    Path("b").symlink_to("a")

    assert found("a/Dockerfile", "./a/../a/Dockerfile", "b/Dockerfile", "a") == ["a/Dockerfile"]
    assert found("a/Dockerfile.link", "a") == ["a/Dockerfile.link"]


def test_links_that_lead_in_circles_or_nowhere_end() -> None:
    lay("a/Dockerfile")
    Path("a/again").symlink_to("..")
    Path("a/nowhere.Dockerfile").symlink_to("gone")
    Path("a/itself.Dockerfile").symlink_to("itself.Dockerfile")

    assert found(".") == ["a/Dockerfile"]


def test_pipes_below_a_directory_are_passed_over() -> None:
    lay("Dockerfile")
    os.mkfifo("pipe.Dockerfile")

    assert found(".") == ["Dockerfile"]


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("gone", "no such file or directory"),
        ("Dockerfile/x", "not a directory"),
        ("x" * 5000, "file name too long"),
        ("a\0b", "there is no such file"),
        ("loop", "too many levels of symbolic links"),
    ],
)
def test_what_is_not_there_is_told(name: str, what: str) -> None:
    lay("Dockerfile")
    Path("loop").symlink_to("loop")

    with pytest.raises(InputError, match=f"cannot be checked: {what}") as error:
        find_dockerfiles([Path(name)])
    assert error.value.where == name


def test_what_an_editor_has_need_not_be_on_the_disk() -> None:
    assert find_dockerfiles([Path("new.Dockerfile")], {"new.Dockerfile"}) == [Path("new.Dockerfile")]


@pytest.mark.parametrize(
    ("dockerfile", "sources", "context"),
    [
        ("Dockerfile", ["app.py"], "."),
        ("docker/Dockerfile", ["app.py"], "."),
        ("docker/Dockerfile", ["entry.sh"], "docker"),
        ("docker/Dockerfile", ["entry.sh", "app.py", "src"], "."),  # most of what it copies
        ("docker/Dockerfile", ["entry.sh", "app.py"], "docker"),  # as many: the nearer one
        ("docker/Dockerfile", ["."], "docker"),
        ("docker/Dockerfile", [], "docker"),
        ("docker/Dockerfile", ["gone"], "docker"),
        ("docker/gpu/Dockerfile", ["docker/entry.sh"], "."),
        ("docker/gpu/Dockerfile", ["/docker/entry.sh", "$SRC", "*.py", "./"], "."),
        ("docker/gpu/Dockerfile", ["entry.sh"], "docker"),
        ("docker/Dockerfile", ["a\0b"], "docker"),
    ],
)
def test_the_context_has_most_of_what_is_copied(dockerfile: str, sources: list[str], context: str) -> None:
    lay(".git/", "app.py", "src/x", "docker/entry.sh", dockerfile)

    assert context_root(Path(dockerfile), sources) == Path(context)


def test_the_context_is_named_as_the_user_would(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lay(".git/", "app.py", "docker/gpu/Dockerfile")

    assert context_root(tmp_path / "docker/gpu/Dockerfile", ["app.py"]) == tmp_path
    monkeypatch.chdir("docker/gpu")
    assert str(context_root(Path("Dockerfile"), ["app.py"])) == "../.."


def test_the_context_lies_in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    lay("app.py", "repository/.git/", "repository/docker/Dockerfile")
    monkeypatch.chdir("repository")

    assert context_root(Path("docker/Dockerfile"), ["app.py"]) == Path("docker")


def test_outside_of_a_repository_the_context_is_the_files_own_directory() -> None:
    lay("app.py", "docker/Dockerfile")

    assert context_root(Path("docker/Dockerfile"), ["app.py"]) == Path("docker")


def test_a_hundred_thousand_sources_are_not_all_looked_for() -> None:
    lay(".git/", "docker/Dockerfile")

    assert context_root(Path("docker/Dockerfile"), [f"s{n}" for n in range(100_000)]) == Path("docker")


def test_a_directory_without_a_dockerfile_is_an_error_that_names_what_is_looked_for() -> None:
    lay("src/main.py", "src/Dockerfile.md", "src/node_modules/p/Dockerfile")

    with pytest.raises(InputError, match="there is no Dockerfile in this directory or below it") as error:
        find_dockerfiles([Path("src")])
    assert error.value.where == "src"
    assert "Containerfile" in error.value.mend


def test_each_directory_that_is_named_has_one() -> None:
    lay("a/Dockerfile", "b/main.py")

    with pytest.raises(InputError) as error:
        find_dockerfiles([Path("a"), Path("b")])
    assert error.value.where == "b"


def test_a_link_that_leads_nowhere_is_told_with_where_it_leads() -> None:
    lay("a/")
    Path("a/Dockerfile").symlink_to("../gone")

    with pytest.raises(InputError, match=r"the link leads to \.\./gone, which is not there"):
        find_dockerfiles([Path("a/Dockerfile")])
    with pytest.raises(InputError, match=r"no Dockerfile but a link that leads to \.\./gone") as error:
        find_dockerfiles([Path("a")])
    assert error.value.where == "a/Dockerfile"


def test_a_directory_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lay("a/b/")

    def refuse(path: str) -> os._ScandirIterator[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match="not all could be searched: permission denied") as error:
        find_dockerfiles([Path("a")])
    assert error.value.where == "a"
