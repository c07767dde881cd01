"""The fixtures are what Poetry 2.5 and Poetry 1.8 wrote for the pyproject files beside them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from wherry.errors import InputError
from wherry.oci.platform import Platform
from wherry.plan.select import select
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, DirectorySource, GitSource, Lock
from wherry.project.locks.poetry import read_poetry
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wherry.project.locks.pins import Lookup

BOOKWORM = Target(Platform("linux", "amd64"), (3, 11), "3.11.2", (2, 36))
TRIXIE = Target(Platform("linux", "amd64"), (3, 13), "3.13.5", (2, 41))
SHA = "a" * 64
COMMIT = "c" * 40
HEAD = (
    '[metadata]\nlock-version = "2.1"\npython-versions = "^3.11"\ncontent-hash = ""\n[extras]\ngpu = ["a"]\n'
)


@pytest.fixture
def two(root: Path, copy: Callable[..., Path]) -> Path:
    copy("po-lock.toml", "poetry.lock")
    copy("po-pyproject.toml", "pyproject.toml")
    (root.parent / "polib").mkdir()
    return root


@pytest.fixture
def one(root: Path, copy: Callable[..., Path]) -> Path:
    copy("po1-lock.toml", "poetry.lock")
    copy("po1-pyproject.toml", "pyproject.toml")
    return root


def read(root: Path, lookup: Lookup, *, groups: tuple[str, ...] = (), extras: tuple[str, ...] = ()) -> Lock:
    return read_poetry(read_document(root / "poetry.lock"), Choice(root, groups, extras), lookup)


def read_text(root: Path, lookup: Lookup, text: str, pyproject: str = "", **choice: tuple[str, ...]) -> Lock:
    (root / "poetry.lock").write_text(text, "utf-8")
    (root / "pyproject.toml").write_text(pyproject, "utf-8")
    return read(root, lookup, **choice)


def refused(root: Path, lookup: Lookup, text: str, pyproject: str = "", **choice: tuple[str, ...]) -> str:
    with pytest.raises(InputError) as caught:
        read_text(root, lookup, text, pyproject, **choice)
    assert len(caught.value.lines()) <= 3
    return caught.value.what


def installed(lock: Lock, target: Target = BOOKWORM) -> list[str]:
    return [chosen.name for chosen in select(lock, target).chosen]


def test_production_is_the_main_group(two: Path, lookup: Lookup) -> None:
    lock = read(two, lookup)
    assert installed(lock) == ["click", "h11", "idna", "markupsafe", "po-lib", "uvicorn"]
    assert installed(lock, TRIXIE) == ["click", "idna", "markupsafe", "po-lib"]
    by_name = {str(package.name): package for package in lock.packages}
    assert by_name["po-lib"].source == DirectorySource(two.parent / "polib", editable=True)
    click = by_name["click"]
    assert click.wheels[0].filename == "click-8.5.1-py3-none-any.whl"
    assert click.wheels[0].url is None, "where it lies is not in the lock"
    assert str(click.requires_python) == ">=3.10"
    assert lock.inputs == (two / "pyproject.toml",)


def test_groups_and_extras_add_their_packages(two: Path, lookup: Lookup) -> None:
    production = installed(read(two, lookup))
    assert set(installed(read(two, lookup, groups=("dev",)))) - set(production) == {"iniconfig"}
    docs = read(two, lookup, groups=("Docs",))
    assert set(installed(docs)) - set(production) == {"pluggy"}, "colorama is for Windows alone"
    assert set(installed(read(two, lookup, extras=("gpu",)))) - set(production) == {"sniffio"}
    with pytest.raises(InputError, match="has no group 'nope'; it has dev, docs, main"):
        read(two, lookup, groups=("nope",))
    with pytest.raises(InputError, match="has no extra 'nope'; it has gpu"):
        read(two, lookup, extras=("nope",))


def test_a_poetry_1_lock_is_worked_out_over_its_dependencies(one: Path, lookup: Lookup) -> None:
    lock = read(one, lookup)
    expected = ["anyio", "click", "h11", "httptools", "idna", "python-dotenv", "pyyaml", "typing-extensions"]
    assert installed(lock) == [*expected, "uvicorn", "uvloop", "watchfiles", "websockets"]
    assert installed(lock, TRIXIE) == ["click"], "all else is asked for by uvicorn, below Python 3.13"
    assert "iniconfig" in installed(read(one, lookup, groups=("dev",)))
    assert "sniffio" in installed(read(one, lookup, extras=("gpu",)))


@pytest.mark.parametrize("fixture", ["one", "two"])
def test_a_changed_project_makes_the_lock_stale(
    fixture: str, request: pytest.FixtureRequest, lookup: Lookup
) -> None:
    root: Path = request.getfixturevalue(fixture)
    path = root / "pyproject.toml"
    path.write_text(path.read_text().replace("iniconfig", "iniconfig2"))
    with pytest.raises(InputError) as caught:
        read(root, lookup)
    assert caught.value.what == "poetry.lock is stale: pyproject.toml has changed since"
    assert caught.value.mend == "run: poetry lock"


def test_what_a_lock_does_not_depend_on_may_change(two: Path, lookup: Lookup) -> None:
    path = two / "pyproject.toml"
    path.write_text(path.read_text() + '\n[tool.wherry]\nports = ["8000"]\n')
    assert read(two, lookup).packages


@pytest.mark.parametrize(
    "content_hash",
    [
        "94e6acece1642e89cb61db066a838a3588de425d17de3d64c3b747bf0d1d7196",
        "115cf985d932e9bf5f540555bbdd75decbb62cac81e399375fc19f6277f8c1d8",  # before Poetry knew groups
    ],
)
def test_poetrys_own_hashes_of_a_project_with_dependency_groups_are_fresh(
    root: Path, lookup: Lookup, content_hash: str
) -> None:
    pyproject = '[project]\nname = "p"\n[dependency-groups]\ndev = ["a"]\n'
    text = HEAD.replace('content-hash = ""', f'content-hash = "{content_hash}"')
    assert read_text(root, lookup, text, pyproject).packages == ()
    if content_hash.startswith("94"):
        assert "stale" in refused(root, lookup, text, pyproject.replace('"a"', '"b"'))


def test_every_kind_of_source_is_understood(root: Path, lookup: Lookup) -> None:
    (root / "lib").mkdir()
    sources = [
        f'type = "git"\nurl = "https://u@index.example/g"\nresolved_reference = "{COMMIT}"\nsubdirectory="s"',
        'type = "directory"\nurl = "lib"',
        'type = "url"\nurl = "https://index.example/c-1-py3-none-any.whl"',
        'type = "file"\nurl = "w/d-1.tar.gz"',
        'type = "directory"\nurl = "."',
    ]
    text = "".join(
        f'[[package]]\nname = "{name}"\nversion = "1"\ngroups = ["main"]\n'
        f'files = [{{file = "x", hash = "sha256:{SHA}"}}]\n[package.source]\n{source}\n'
        for name, source in zip("abcde", sources, strict=True)
    )
    by_name = {str(package.name): package for package in read_text(root, lookup, text + HEAD).packages}
    assert by_name["a"].source == GitSource("https://index.example/g", COMMIT, "s")
    assert by_name["b"].source == DirectorySource(root / "lib")
    assert by_name["c"].wheels[0].url == "https://index.example/c-1-py3-none-any.whl"
    assert by_name["d"].sdist is not None
    assert by_name["d"].sdist.path == root / "w/d-1.tar.gz"
    assert "e" not in by_name, "the project itself"


def entry(
    name: str, more: str = "", files: str = f'{{file = "NAME-1-py3-none-any.whl", hash = "sha256:{SHA}"}}'
) -> str:
    files = files.replace("NAME", name)
    return f'[[package]]\nname = "{name}"\nversion = "1"\nfiles = [{files}]\n{more}\n'


def test_a_package_of_several_groups_is_wanted_where_one_of_them_wants_it(root: Path, lookup: Lookup) -> None:
    markers = "markers = {main = \"sys_platform == 'win32'\", dev = \"sys_platform == 'linux'\"}"
    text = entry("a", f'groups = ["main", "dev"]\n{markers}') + entry("b", 'groups = ["main"]') + HEAD
    assert installed(read_text(root, lookup, text)) == ["b"]
    assert installed(read_text(root, lookup, text, groups=("dev",))) == ["a", "b"]


def test_a_package_listed_twice_is_one(root: Path, lookup: Lookup) -> None:
    text = (
        entry("a", 'groups = ["main"]\nmarkers = "sys_platform == \'win32\'"')
        + entry("A", 'groups = ["main"]')
        + HEAD
    )
    [package] = read_text(root, lookup, text).packages
    assert package.marker is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = [", "poetry.lock is not TOML"),
        ("", "missing required field `metadata`"),
        ("package = 3\n" + HEAD, "Expected `array`, got `int` - at `$.package`"),
        (HEAD.replace("2.1", "3.0"), "lock-version '3.0'; wherry reads 2.0 and 2.1"),
        (HEAD.replace("2.1", "1.1"), "lock-version '1.1'"),
        (entry("a", 'groups = ["main"]', files="") + HEAD, "a 1 has no files with hashes"),
        (entry("a", 'groups = ["main"]', files='{file="a", hash="md5:0"}') + HEAD, "no SHA-256"),
        (
            entry("a", 'groups = ["main"]', files=f'{{file="a/b", hash="sha256:{SHA}"}}') + HEAD,
            "not the name of a file",
        ),
        (entry("a", 'groups = ["main"]\n[package.source]\ntype = "hg"') + HEAD, "comes from 'hg'"),
        (entry("a", 'groups = ["main"]\nmarkers = "nonsense"') + HEAD, "not an environment marker"),
        (entry("a b", 'groups = ["main"]') + HEAD, "not a package name"),
        (
            entry(
                "a",
                'groups = ["main"]\n[package.source]\ntype = "url"\nurl = "https://index.example/a.whl"',
                files="",
            )
            + HEAD,
            "is one file and has 0 hashes",
        ),
    ],
)
def test_a_broken_lock_is_refused_in_words(root: Path, lookup: Lookup, text: str, says: str) -> None:
    assert says in refused(root, lookup, text)


def old(*packages: str, extras: str = "") -> str:
    return "\n".join(packages) + f'\n[metadata]\nlock-version = "2.0"\n[extras]\n{extras}\n'


def asks(name: str, **dependencies: str) -> str:
    lines = "\n".join(f"{key} = {value}" for key, value in dependencies.items())
    return entry(name, f"[package.dependencies]\n{lines}")


def project(lines: str, more: str = "") -> str:
    return f'[tool.poetry]\nname = "p"\n[tool.poetry.dependencies]\npython = "^3.11"\n{lines}\n{more}'


def test_ways_to_a_package_are_alternatives(root: Path, lookup: Lookup) -> None:
    text = old(
        asks("a", c="{version = '*', markers = \"python_version < '3.12'\"}"),
        asks("b", c="[{version = '*', markers = \"sys_platform == 'win32'\"}]"),
        entry("c"),
        entry("unreached"),
    )
    lock = read_text(root, lookup, text, project('a = "*"\nb = "*"'))
    assert installed(lock) == ["a", "b", "c"]
    assert installed(lock, TRIXIE) == ["a", "b"]


def test_a_circle_of_dependencies_ends(root: Path, lookup: Lookup) -> None:
    text = old(asks("a", b='"*"'), asks("b", a='"*"', a_="3"))
    assert installed(read_text(root, lookup, text, project('a = "*"'))) == ["a", "b"]


def test_of_two_versions_the_constraint_chooses(root: Path, lookup: Lookup) -> None:
    newer = entry("a").replace('version = "1"', 'version = "2"').replace("a-1-", "a-2-")
    text = old(entry("a"), newer, asks("b", a='">=2"'))
    lock = read_text(root, lookup, text, project('b = "*"'))
    assert [str(package.version) for package in lock.packages] == ["2", "1"] or len(lock.packages) == 2
    both = read_text(root, lookup, text, project('a = "^1"'))
    assert len(both.packages) == 2, "Poetry's own operators choose nothing: the packages' markers would"


def test_extras_of_a_package_bring_its_optional_dependencies(root: Path, lookup: Lookup) -> None:
    optional = "{version = '*', optional = true, markers = \"extra == 'x' and sys_platform == 'linux'\"}"
    text = old(asks("a", b=optional), entry("b"))
    assert installed(read_text(root, lookup, text, project('a = "*"'))) == ["a"]
    assert installed(read_text(root, lookup, text, project('a = {version = "*", extras = ["x", "y"]}'))) == [
        "a",
        "b",
    ]


def test_old_development_dependencies_are_the_group_dev(root: Path, lookup: Lookup) -> None:
    text = old(entry("a"), entry("b"))
    pyproject = project('a = "*"', '[tool.poetry.dev-dependencies]\nb = {version = "*", python = "<3.12"}')
    assert installed(read_text(root, lookup, text, pyproject)) == ["a"]
    assert installed(read_text(root, lookup, text, pyproject, groups=("dev",))) == ["a", "b"]
    assert installed(read_text(root, lookup, text, project('a = {python = "^3.11"}'))) == ["a"]
    assert installed(read_text(root, lookup, text, "[tool]\npoetry = 3")) == []


def test_dependencies_too_entangled_are_refused(root: Path, lookup: Lookup) -> None:
    names = [f"n{number}" for number in range(12)]
    packages = [
        asks(name, **{to: f"{{version = '*', markers = \"python_version != '3.{number}{index}'\"}}"})
        + "".join(
            f"{other} = {{version = '*', markers = \"python_version != '4.{number}{index}'\"}}\n"
            for index, other in enumerate(names)
            if other not in {name, to}
        )
        for number, (name, to) in enumerate(itertools.pairwise([*names, "n0"]))
        for index in [number]
    ]
    assert "too entangled" in refused(root, lookup, old(*packages), project('n0 = "*"'))
