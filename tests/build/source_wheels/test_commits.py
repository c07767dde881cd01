"""A commit of a repository becomes a wheel; nothing of the repository runs that was not asked for."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.build.source_wheels.trees import (
    listing,
    make_sdist,
    make_tree,
    names,
    of_directory,
    package,
)
from tests.programs import require_program
from wherry.build.sources.repository import find_repository
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.project.locks.model import GitSource, LockedFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    require_program("git")
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "A")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "a@index.example")
    root = make_tree(tmp_path / "repository")
    make_tree(root / "sub" / "inner", "inner")
    return root, commit(root)


def commit(root: Path) -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=root, check=True, capture_output=True, text=True
        ).stdout.strip()

    if not (root / ".git").exists():
        git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "x", "--allow-empty")
    return git("rev-parse", "HEAD")


def test_a_commit_is_checked_out_and_built_once(
    repository: tuple[Path, str], build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    root, head = repository
    make_tree(root, settings="def files(): return {'later.py': ''}")
    commit(root)
    chosen = package(source=GitSource(f"file://{root}", head))
    first = build(chosen)
    assert "demo.py" in names(first)
    no_uv()
    assert build(package(source=GitSource("https://index.example/gone", head))) == first


def test_a_subdirectory_of_a_commit_is_built(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, head = repository
    url = f"file://{root}"
    assert "inner.py" in names(build(package("inner", source=GitSource(url, head, "sub/inner"))))
    with pytest.raises(InputError, match="no directory"):
        build(package("inner", source=GitSource(url, head, "sub/none")))
    with pytest.raises(InputError, match="no directory"):
        build(package("inner", source=GitSource(url, head, "../../..")))


def test_hooks_of_the_users_templates_and_of_the_repository_do_not_run(
    repository: tuple[Path, str],
    tmp_path: Path,
    build: Callable[..., LockedFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, head = repository
    hook = tmp_path / "template" / "hooks" / "post-checkout"
    hook.parent.mkdir(parents=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[init]\ntemplateDir = {tmp_path}/template\n[core]\nhooksPath = {hook.parent}\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    build(package(source=GitSource(f"file://{root}", head)))
    assert not (tmp_path / "ran").exists()


def test_a_commit_that_is_not_in_the_repository_is_refused(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    with pytest.raises(InputError, match=r"no commit 0123456789ab"):
        build(package(source=GitSource(f"file://{root}", "0123456789abcdef" * 2 + "01234567")))


def test_a_repository_that_is_not_there_is_a_world_error(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, head = repository
    with pytest.raises(WorldError, match="git could not fetch"):
        build(package(source=GitSource(f"file://{root}-gone", head)))


def test_git_over_the_network_is_refused_offline(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    with pytest.raises(WorldError, match="the network must not be used"):
        build(package(source=GitSource("https://index.example/x", repository[1])))


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c touch% /tmp/x", "-uupload", "/etc", "https://--upload-pack=x", "fd::17", "git@host::x"],
)
def test_an_address_that_could_run_a_program_is_refused(build: Callable[..., LockedFile], url: str) -> None:
    with pytest.raises(InputError, match="an address that wherry does not open"):
        build(package(source=GitSource(url, "0" * 40)))


@pytest.mark.parametrize("name", ["main", "abc123", "-" * 40])
def test_what_is_no_full_commit_is_refused(build: Callable[..., LockedFile], name: str) -> None:
    with pytest.raises(InputError, match=r"no full commit hash"):
        build(package(source=GitSource("https://index.example/x", name)))


def test_a_submodule_is_not_fetched_from_this_disk(
    repository: tuple[Path, str], tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    secret = make_tree(tmp_path / "secret")
    commit(secret)
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(secret), "stolen"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    head = commit(root)
    with pytest.raises(WorldError, match="git could not submodule"):
        build(package(source=GitSource(f"file://{root}", head)))


SCM = """
def version():
    import subprocess
    run = lambda *a: subprocess.run(["git", *a], check=True, capture_output=True, text=True).stdout.strip()
    described = run("describe", "--tags", "--long", "--dirty", "--match", "v*")
    return described.removeprefix("v").replace("-0-g", "+g").replace("-dirty", ".dirty")
VERSION = version()
"""


def asks_git(tree: Path, inner: str = "") -> Path:
    """A stand-in for setuptools-scm that needs no index: the word is what wherry goes by."""
    make_tree(tree, settings=SCM)
    (tree / "setup.cfg").write_text(f"# setuptools_scm {inner}\n")
    return tree


def test_a_version_made_of_git_is_what_git_says_of_the_users_tree(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    tree = asks_git(root / "sub" / "versioned")
    (tree / "left.ckpt").write_bytes(bytes(2 << 20))  # tracked, and not copied
    head = commit(root)
    subprocess.run(["git", "tag", "v1.5"], cwd=root, check=True)
    (root / "settings.py").write_text("# a change elsewhere in the repository is not this directory's\n")
    chosen = of_directory(tree, version=None)

    before = listing(root / ".git")
    first = build(chosen)
    assert listing(root / ".git") == before
    assert first.filename == f"demo-1.5+g{head[:7]}-py3-none-any.whl"

    (tree / "settings.py").write_text((tree / "settings.py").read_text() + "\n")
    assert ".dirty-" in build(chosen).filename

    commit(root)
    subprocess.run(["git", "tag", "v1.6"], cwd=root, check=True)
    assert build(chosen).filename.startswith("demo-1.6+g")


def test_a_commit_is_fetched_with_its_tags_where_the_version_is_made_of_them(
    repository: tuple[Path, str], build: Callable[..., LockedFile]
) -> None:
    root, _ = repository
    asks_git(root)
    head = commit(root)
    subprocess.run(["git", "tag", "v2.5"], cwd=root, check=True)
    (root / "later").write_text("")
    commit(root)
    built = build(package(version=None, source=GitSource(f"file://{root}", head)))
    assert built.filename == f"demo-2.5+g{head[:7]}-py3-none-any.whl"


def test_the_locked_version_stands_in_where_there_is_no_git_to_ask(
    tmp_path: Path, build: Callable[..., LockedFile]
) -> None:
    settings = 'import os\nVERSION = os.environ["SETUPTOOLS_SCM_PRETEND_VERSION_FOR_DEMO"]'
    tree = make_tree(tmp_path / "demo", settings=settings)
    (tree / "setup.cfg").write_text("# setuptools_scm\n")
    assert build(of_directory(tree, version="7.1")).filename == "demo-7.1-py3-none-any.whl"
    sdist = make_sdist(tree, tmp_path / "links")
    assert build(package(version="7.2", sdist=sdist)).filename == "demo-7.2-py3-none-any.whl"
    with pytest.raises(InputError, match="KeyError"):
        build(of_directory(tree, version=None))


def test_a_hostile_sdist_is_refused_before_anything_runs(
    tmp_path: Path, build: Callable[..., LockedFile], no_uv: Callable[[], None]
) -> None:
    path = tmp_path / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("demo-1.0/../../../escaped")
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    no_uv()
    with pytest.raises(InputError, match="outside its directory"):
        build(package(sdist=LockedFile(path.name, Digest.of_file(path), path=path)))


def test_without_git_a_commit_is_a_world_error_and_a_directory_has_no_repository(
    repository: tuple[Path, str],
    build: Callable[..., LockedFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root, head = repository
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(WorldError, match="git is not installed"):
        build(package(source=GitSource(f"file://{root}", head)))
    assert find_repository(root) is None


def test_a_git_server_that_hangs_is_given_up(
    repository: tuple[Path, str], build: Callable[..., LockedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, head = repository

    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("git", 1)

    monkeypatch.setattr("wherry.build.sources.git.subprocess.run", hang)
    with pytest.raises(WorldError, match="git did not init within"):
        build(package(source=GitSource(f"file://{root}", head)))
