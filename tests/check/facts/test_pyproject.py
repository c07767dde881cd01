"""What pyproject.toml asks for, and where it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.check.facts.trees import plant
from wherry.check.facts.pyproject import Pyproject, read_pyproject, read_python_version
from wherry.check.facts.texts import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.check.facts.requirement import Requirement


def pyproject(root: Path, text: str) -> Pyproject:
    plant(root, {"pyproject.toml": text})
    found = read_pyproject(root / "pyproject.toml", Reader())
    assert found is not None
    return found


def names(listed: tuple[Requirement, ...]) -> list[str]:
    return [one.name for one in listed]


def test_dependencies_have_their_places(tmp_path: Path) -> None:
    found = pyproject(
        tmp_path,
        '# été\n[project]\nname = "app"\nrequires-python = ">=3.11"\ndependencies = [\n'
        '  "torch[x]>=2.6", # ü\n'
        "  'numpy==1.26.4',\n  7,\n  \"no requirement\",\n]\n",
    )
    assert names(found.dependencies) == ["torch", "numpy"]
    assert [found.source.text(one.text.span) for one in found.dependencies] == [
        "torch[x]>=2.6",
        "numpy==1.26.4",
    ]
    assert found.dependencies[1].place.start.line == 7
    assert found.requires_python is not None
    assert found.source.text(found.requires_python.span) == '">=3.11"'
    assert found.name == "app"


def test_groups_with_includes_and_extras(tmp_path: Path) -> None:
    found = pyproject(
        tmp_path,
        '[project.optional-dependencies]\nGPU = ["onnxruntime-gpu"]\n[dependency-groups]\n'
        'dev = [{include-group = "Test"}, "ruff"]\n'
        'test = ["pytest", {include-group = "dev"}, {include-group = "none"}]\n',
    )
    assert names(found.extras["gpu"]) == ["onnxruntime-gpu"]
    assert names(found.groups["dev"]) == ["ruff", "pytest"]
    assert names(found.groups["test"]) == ["pytest", "ruff"]
    assert found.default_groups == ("dev",)
    assert sorted(one.name for one in found.all_requirements) == ["onnxruntime-gpu", "pytest", "ruff"]


@pytest.mark.parametrize(
    ("said", "groups"),
    [('default-groups = "all"', ("dev", "docs")), ('default-groups = ["docs"]', ("docs",)), ("", ("dev",))],
)
def test_uv_says_which_groups_it_installs(tmp_path: Path, said: str, groups: tuple[str, ...]) -> None:
    found = pyproject(tmp_path, f'[tool.uv]\n{said}\n[dependency-groups]\ndev = ["a"]\ndocs = ["b"]\n')
    assert found.default_groups == groups
    assert found.manager == "uv"


def test_poetry_has_its_own_words(tmp_path: Path) -> None:
    found = pyproject(
        tmp_path,
        "[tool.poetry]\nname = 'old'\n[tool.poetry.dependencies]\npython = '^3.10'\n"
        "flask = '^2.0'\nexact = '1.2.3'\n"
        "torch = {version = '2.6.0', source = 'cpu', markers = \"sys_platform == 'linux'\", extras = ['x']}\n"
        "repo = {git = 'https://h/x', rev = 'abcdef1234'}\nlocal = {path = '../x'}\n"
        "many = [{version = '1', python = '3.10'}, {version = '2', source = 'cpu'}]\nany = '*'\n"
        "[tool.poetry.extras]\nweb = ['flask', 'missing']\n"
        "[tool.poetry.group.dev.dependencies]\npytest = '*'\n[tool.poetry.group.docs]\noptional = true\n"
        "[tool.poetry.group.docs.dependencies]\nmkdocs = '*'\n[tool.poetry.dev-dependencies]\nblack = '*'\n"
        "[[tool.poetry.source]]\nname = 'cpu'\nurl = 'https://download.pytorch.org/whl/cpu'\n"
        "priority = 'explicit'\n"
        "[build-system]\nrequires = ['poetry-core']\nbuild-backend = 'poetry.core.masonry.api'\n",
    )
    by_name = {one.name: one for one in found.dependencies}
    assert by_name["flask"].specifier == "^2.0"
    assert by_name["exact"].pinned == "1.2.3"
    assert by_name["torch"].pinned == "2.6.0"
    assert by_name["any"].specifier == ""
    assert by_name["repo"].git is not None
    assert by_name["repo"].is_pinned
    assert by_name["local"].path == "../x"
    assert found.source.text(by_name["flask"].text.span) == "flask = '^2.0'"
    assert found.source.text(by_name["flask"].name_span) == "flask"
    assert names(found.extras["web"]) == ["flask"]
    assert names(found.groups["dev"]) == ["pytest", "black"]
    assert found.default_groups == ("dev",)
    assert found.sources["torch"][0].index == "cpu"
    assert len(found.sources["many"]) == 1
    assert found.indexes[0].is_explicit
    assert (found.manager, found.name, found.is_package) == ("poetry", "old", True)
    assert found.requires_python is not None
    assert found.requires_python.value == "^3.10"


def test_sources_and_indexes_of_uv(tmp_path: Path) -> None:
    found = pyproject(
        tmp_path,
        "[tool.uv]\ndev-dependencies = ['pytest']\nextra-index-url = ['https://u:hunter2222@h/simple']\n"
        "index-url = 'https://mirror/simple'\npackage = false\n"
        "[tool.uv.sources]\n"
        "torch = [{index = 'gpu', marker = \"sys_platform == 'linux'\"}, {url = 'https://h/x.whl'}]\n"
        "pkg = {git = 'https://h/p', tag = 'v1'}\n[[tool.uv.index]]\nname = 'gpu'\n"
        "url = 'https://h/whl/cu128'\n"
        "explicit = true\n[build-system]\nrequires = []\n",
    )
    assert [source.index or source.url for source in found.sources["torch"]] == ["gpu", "https://h/x.whl"]
    assert found.sources["pkg"][0].ref == "v1"
    assert "torch =" in found.source.text(found.sources["torch"][0].span)
    assert [(one.name, one.url.value, one.is_explicit, one.is_default) for one in found.indexes] == [
        ("gpu", "https://h/whl/cu128", True, False),
        ("", "https://mirror/simple", False, True),
        ("", "https://****@h/simple", False, False),
    ]
    assert found.indexes[2].has_credentials
    assert names(found.groups["dev"]) == ["pytest"]
    assert (found.is_package, found.has_build_system) == (False, True)


def test_pdm_and_rye_have_development_dependencies(tmp_path: Path) -> None:
    found = pyproject(
        tmp_path, "[tool.pdm.dev-dependencies]\nlint = ['ruff']\n[[tool.pdm.source]]\nurl = 'https://h'\n"
    )
    assert names(found.groups["lint"]) == ["ruff"]
    assert (found.default_groups, found.manager) == (("lint",), "pdm")
    assert found.indexes[0].url.value == "https://h"
    rye = pyproject(tmp_path / "rye", "[tool.rye]\ndev-dependencies = ['ruff']\n")
    assert (rye.manager, names(rye.groups["dev"])) == ("rye", ["ruff"])


@pytest.mark.parametrize(
    "text",
    [
        "project = 1\n[tool]\nuv = 2\npoetry = 3\n",
        "[project]\ndependencies = 'torch'\noptional-dependencies = []\nname = 1\n",
        "[dependency-groups]\ndev = 1\n[tool.uv]\nsources = {torch = 1}\nindex = [1, {url = 2}]\n",
        "[tool.poetry.dependencies]\na = []\nb = [1]\n[tool.poetry]\ngroup = {dev = 1}\nextras = {a = [1]}\n",
        "",
    ],
)
def test_wrong_types_are_absent(tmp_path: Path, text: str) -> None:
    found = pyproject(tmp_path, text)
    assert found.dependencies == () or all(one.specifier == "" for one in found.dependencies)


def test_what_is_no_toml_is_noted(tmp_path: Path) -> None:
    reader = Reader()
    plant(tmp_path, {"a.toml": "x =", "b.toml": b"\xff", "c.toml": "a = " + "[" * 5000, "d.toml": 2_000_000})
    assert [read_pyproject(tmp_path / f"{name}.toml", reader) for name in "abcde"] == [None] * 5
    assert [note.path[-6:] for note in reader.notes] == ["a.toml", "b.toml", "c.toml", "d.toml"]


def test_a_byte_order_mark_does_not_move_places(tmp_path: Path) -> None:
    found = pyproject(tmp_path, '\ufeff[project]\ndependencies = ["""torch""", "b\\u0041"]\n')
    assert [one.name for one in found.dependencies] == ["torch", "b"] or names(found.dependencies)[
        0
    ] == "torch"


def test_the_python_version_is_the_first_line_that_says_one(tmp_path: Path) -> None:
    plant(tmp_path, {".python-version": "# pyenv\n\n3.12.1\n3.11\n"})
    found = read_python_version(tmp_path, Reader())
    assert found is not None
    assert (found.value, found.place.start.line) == ("3.12.1", 3)
    plant(tmp_path / "a", {".python-version": "# nothing\n"})
    assert read_python_version(tmp_path / "a", Reader()) is None
    assert read_python_version(tmp_path / "b", Reader()) is None


def test_dynamic_dependencies_are_said_to_be(tmp_path: Path) -> None:
    assert pyproject(tmp_path, "[project]\ndynamic = ['dependencies']\n").is_dynamic


def test_values_and_tables_have_places(tmp_path: Path) -> None:
    toml = pyproject(tmp_path, "[tool.x]\na = '''m'''\nb = 12 # c\n'q=r' = 'v'\nt = {u = 1}\n").toml
    text = toml.source.text
    assert text(toml.span("tool", "x")) == "[tool.x]"
    assert text(toml.span("tool", "x", "a")) == "'''m'''"
    assert text(toml.span("tool", "x", "b")) == "12"
    assert text(toml.span("tool", "x", "q=r")) == "'v'"
    assert text(toml.line_span("tool", "x", "b")) == "b = 12"
    assert toml.span("nowhere").start == toml.line_span("nowhere").end == 0
    assert toml.get("tool", "x", "a", "b") is None
    assert toml.texts("tool", "x", "t") == []
    assert toml.inner("tool", "x", "a").data == b"m"


def test_a_chain_of_groups_without_end_ends(tmp_path: Path) -> None:
    chain = "".join(f"g{n} = [{{include-group = 'g{n + 1}'}}, 'p{n}']\n" for n in range(500))
    found = pyproject(tmp_path, f"[dependency-groups]\n{chain}")
    assert len(found.groups) == 100
    assert len(found.groups["g0"]) == 100
