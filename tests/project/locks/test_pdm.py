"""The fixtures are what PDM 2.25 wrote for the pyproject file beside them: plain, with static addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError
from wherry.oci.platform import Platform
from wherry.plan.select import select
from wherry.project.locks import pdm
from wherry.project.locks.content_hash import pdm_hash
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, DirectorySource, GitSource, Lock
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wherry.project.locks.pins import Lookup

BOOKWORM = Target(Platform("linux", "amd64"), (3, 11), "3.11.2", (2, 36))
SHA = "a" * 64
COMMIT = "c" * 40
HEAD = '[metadata]\nlock_version = "4.5.0"\nstrategy = ["inherit_metadata"]\ngroups = ["default", "gpu"]\n'


def read(root: Path, lookup: Lookup, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> Lock:
    return pdm.read_pdm(read_document(root / "pdm.lock"), Choice(root, groups, extras), lookup)


def read_text(root: Path, lookup: Lookup, text: str, **choice: tuple[str, ...]) -> Lock:
    (root / "pdm.lock").write_text(text, "utf-8")
    (root / "pyproject.toml").write_text('[project]\nname = "p"\n')
    return read(root, lookup, **choice)


def installed(lock: Lock) -> list[str]:
    return [chosen.name for chosen in select(lock, BOOKWORM).chosen]


@pytest.fixture
def real(root: Path, copy: Callable[..., Path]) -> Path:
    copy("pdm-lock.toml", "pdm.lock")
    copy("pdm-pyproject.toml", "pyproject.toml")
    return root


def test_production_is_the_default_group_and_others_add_to_it(real: Path, lookup: Lookup) -> None:
    lock = read(real, lookup)
    assert installed(lock) == ["click", "h11", "markupsafe", "uvicorn"]
    assert str(lock.requires_python) == "~=3.11"
    assert installed(read(real, lookup, groups=("dev",))) == [
        "click",
        "h11",
        "iniconfig",
        "markupsafe",
        "uvicorn",
    ]
    assert "pluggy" in installed(read(real, lookup, groups=("Docs",)))
    assert "sniffio" in installed(read(real, lookup, extras=("gpu",)))
    with pytest.raises(InputError, match="no group 'nope'; it has default, dev, docs, gpu"):
        read(real, lookup, groups=("nope",))


def test_static_addresses_are_kept(real: Path, lookup: Lookup, copy: Callable[..., Path]) -> None:
    copy("pdm-static-lock.toml", "pdm.lock")
    by_name = {str(package.name): package for package in read(real, lookup).packages}
    click = by_name["click"]
    assert click.wheels[0].filename == "click-8.5.1-py3-none-any.whl"
    assert (click.wheels[0].url or "").startswith("https://index.example/")


def test_a_changed_project_makes_the_lock_stale(real: Path, lookup: Lookup) -> None:
    path = real / "pyproject.toml"
    path.write_text(path.read_text().replace("click>=8", "click>=8.1"))
    with pytest.raises(InputError) as caught:
        read(real, lookup)
    assert caught.value.what == "pdm.lock is stale: pyproject.toml has changed since"
    assert caught.value.mend == "run: pdm lock"


def test_pdms_own_hash_is_ours(root: Path) -> None:
    """What PDM 2.25 says of a project with everything that its hash takes in."""
    (root / "pyproject.toml").write_text(
        '[project]\nname = "p"\ndependencies=["a"]\n[dependency-groups]\ndev = ["a"]\n'
        '[tool.pdm.dev-dependencies]\nDev_x=["b"]\n[tool.pdm.resolution]\nexcludes=["z"]\n'
        '[[tool.pdm.source]]\nname="s"\nurl="https://index.example/simple"\n'
    )
    found = pdm_hash(read_document(root / "pyproject.toml").toml())
    assert found == "fdbb22f23de6388d311873f9cb73f00a36b32e54fe2f1adfb317aab2a76406e4"
    for odd in ({"project": 3, "tool": 3}, {"tool": {"pdm": 3}, "dependency-groups": {"a": 3}}):
        assert len(pdm_hash(odd)) == 64


def entry(name: str, more: str) -> str:
    return f'[[package]]\nname = "{name}"\ngroups = ["default"]\n{more}\n'


def test_every_kind_of_source_is_understood(root: Path, lookup: Lookup) -> None:
    (root / "lib").mkdir()
    file = f'files = [{{file = "x", hash = "sha256:{SHA}"}}]'
    text = HEAD + "".join(
        [
            entry("a", f'git = "https://u:p@index.example/g.git"\nrevision = "{COMMIT}"\nsubdirectory = "s"'),
            entry("b", 'path = "./lib"\neditable = true'),
            entry("c", f'version = "1"\nurl = "https://index.example/c-1-py3-none-any.whl"\n{file}'),
            entry("d", f'version = "1"\npath = "./w/d-1.tar.gz"\n{file}'),
            entry("e", 'path = "."'),
        ]
    )
    by_name = {str(package.name): package for package in read_text(root, lookup, text).packages}
    assert by_name["a"].source == GitSource("https://index.example/g.git", COMMIT, "s")
    assert by_name["b"].source == DirectorySource(root / "lib", editable=True)
    assert by_name["c"].wheels[0].url == "https://index.example/c-1-py3-none-any.whl"
    assert by_name["d"].sdist is not None
    assert by_name["d"].sdist.path == root / "w/d-1.tar.gz"
    assert "e" not in by_name


def test_a_package_with_and_without_extras_is_one(root: Path, lookup: Lookup) -> None:
    file = f'files = [{{file = "a-1-py3-none-any.whl", hash = "sha256:{SHA}"}}]\nversion = "1"'
    text = (
        HEAD
        + entry("a", f"marker = \"sys_platform == 'win32'\"\n{file}")
        + entry("a", f'extras = ["x"]\n{file}')
    )
    text += entry("a", f"marker = \"sys_platform == 'linux'\"\n{file}")
    [package] = read_text(root, lookup, text).packages
    assert package.marker is None
    assert len(package.wheels) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = [", "is not TOML"),
        ("", "missing required field `metadata`"),
        (HEAD.replace("4.5", "5.0"), "lock_version '5.0.0'; wherry reads 4"),
        (HEAD.replace("inherit_metadata", "cross_platform"), "which package belongs to which group"),
        (HEAD + entry("a", ""), "a has no version"),
        (HEAD + entry("a", 'version = "1"'), "a 1 has no files with hashes"),
        (HEAD + entry("a", 'version = "x"'), "is not a version"),
        (HEAD + entry("a", 'version = "1"\nrequires_python = "x"'), "is not a version specifier"),
    ],
)
def test_a_broken_lock_is_refused_in_words(root: Path, lookup: Lookup, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        read_text(root, lookup, text)
    assert says in caught.value.what
