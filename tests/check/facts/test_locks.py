"""Locks are read by their lines, whichever tool wrote them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.check.facts.trees import plant, source_of
from wherry.check.facts.locks import LockFile, parse_lock, read_lock
from wherry.check.facts.pyproject import read_pyproject
from wherry.check.facts.texts import Reader
from wherry.check.facts.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

UV = """version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "1"
source = { virtual = "." }
dependencies = [
    { name = "requests", extra = ["socks"] },
]

[package.optional-dependencies]
gpu = [
    { name = "torch" },
]

[package.dev-dependencies]
dev = [
    { name = "pytest" },
]

[package.metadata]
requires-dist = [
    { name = "requests", extras = ["socks"], specifier = ">=2.30" },
    { name = "torch", marker = "extra == 'gpu'" },
]
provides-extras = ["gpu"]

[package.metadata.requires-dev]
dev = [{ name = "pytest" }]

[[package]]
name = "pluggy"
version = "1.7.0"
source = { registry = "https://pypi.org/simple" }
wheels = [
    { url = "https://h/pluggy-1.7.0-py3-none-any.whl", hash = "sha256:aa", size = 20 },
]

[[package]]
name = "pysocks"
version = "1.0"
source = { registry = "https://pypi.org/simple" }
sdist = { url = "https://h/PySocks-1.0.tar.gz", hash = "sha256:aa", size = 5 }

[[package]]
name = "pytest"
version = "9.0.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [
    { name = "pluggy" },
]

[[package]]
name = "requests"
version = "2.34.2"
source = { registry = "https://pypi.org/simple" }

[package.optional-dependencies]
socks = [
    { name = "pysocks" },
]

[[package]]
name = "fork"
version = "0.1"
source = { git = "https://github.com/x/fork?rev=main#0123456789abcdef0123456789abcdef01234567" }

[[package]]
name = "torch"
version = "2.6.0+cpu"
source = { registry = "https://download.pytorch.org/whl/cpu" }
resolution-markers = [
    "sys_platform == 'linux'",
    "sys_platform == 'win32'",
]
wheels = [
    { url = "https://h/torch-2.6.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl", size = 180000000 },
    { url = "https://h/torch-2.6.0%2Bcpu-cp312-cp312-win_amd64.whl", hash = "sha256:aa" },
]
"""

POETRY = """[[package]]
name = "Torch"
version = "2.6.0+cpu"
description = "x"
groups = ["main"]
markers = "sys_platform == \\"linux\\""
files = [
    {file = "torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl", hash = "sha256:aa"},
]

[package.dependencies]
sympy = ">=1"
Jinja2 = {version = "*", markers = "x"}

[package.source]
type = "legacy"
url = "https://download.pytorch.org/whl/cpu"
reference = "cpu"

[[package]]
name = "pytest"
version = "8.0"
category = "dev"
optional = false

[[package]]
name = "repo"
version = "1"
groups = ["main", "dev"]

[package.source]
type = "git"
url = "https://h/repo.git"
reference = "main"
resolved_reference = "0123456789abcdef"

[[package]]
name = "here"
version = "1"

[package.source]
type = "directory"
url = "../here"

[metadata]
lock-version = "2.1"
python-versions = "^3.11"
content-hash = "{hash}"
"""

PDM = """[metadata]
groups = ["default", "dev"]
content_hash = "sha256:{hash}"

[[metadata.targets]]
requires_python = ">=3.11"

[[package]]
name = "numpy"
version = "2.0"
groups = ["default"]
marker = "python_version > '3'"
dependencies = [
    "a>=1",
    "b; x",
]
files = [
    {file = "numpy-2.0-cp311-cp311-manylinux_2_17_x86_64.whl", hash = "sha256:aa"},
]

[[package]]
name = "black"
version = "24"
groups = ["dev"]
git = "https://h/black"
revision = "abcdef"
"""

PYLOCK = """lock-version = "1.0"
requires-python = ">=3.11"
[[packages]]
name = "numpy"
version = "2.0"
index = "https://pypi.org/simple"
[[packages.wheels]]
name = "numpy-2.0-cp311-cp311-manylinux_2_17_x86_64.whl"
url = "https://h/numpy-2.0-cp311-cp311-manylinux_2_17_x86_64.whl"
size = 77
[[packages.wheels]]
name = "numpy-2.0-cp312-cp312-win_amd64.whl"
url = "https://h/numpy-2.0-cp312-cp312-win_amd64.whl"
[[packages]]
name = "me"
directory = { path = "." }
"""

PYPROJECT = """[project]
name = "app"
requires-python = ">=3.11"
dependencies = ["requests[socks] >= 2.30"]
[project.optional-dependencies]
gpu = ["torch"]
"""


def lock(root: Path, name: str, text: str | bytes) -> LockFile:
    plant(root, {name: text})
    found = read_lock(root / name, Reader())
    assert found is not None
    return found


def test_uv_names_packages_indexes_and_the_project_itself(tmp_path: Path) -> None:
    found = lock(tmp_path, "uv.lock", UV)
    assert (found.kind, found.requires_python) == ("uv.lock", ">=3.11")
    assert found.index_urls == ["https://pypi.org/simple", "https://download.pytorch.org/whl/cpu"]
    (torch,) = found.find("Torch")
    assert (torch.version, torch.index) == ("2.6.0+cpu", "https://download.pytorch.org/whl/cpu")
    assert torch.marker == "(sys_platform == 'linux') or (sys_platform == 'win32')"
    assert found.source.text(torch.text.span) == 'name = "torch"\nversion = "2.6.0+cpu"'
    assert [one.name for one in found.packages if one.local] == ["app"]
    (fork,) = found.find("fork")
    assert fork.git is not None
    assert (fork.git.url, fork.git.is_commit) == ("https://github.com/x/fork", True)
    assert fork.git.ref.startswith("0123456789abcdef")
    assert found.find("none") == []


def test_wheels_are_listed_with_their_sizes(tmp_path: Path) -> None:
    (torch,) = lock(tmp_path, "uv.lock", UV).find("torch")
    assert [(wheel.filename, wheel.size_bytes) for wheel in torch.wheels] == [
        ("torch-2.6.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", 180_000_000),
        ("torch-2.6.0+cpu-cp312-cp312-win_amd64.whl", None),
    ]
    assert torch.has_wheel_for((3, 11)) is True
    assert torch.has_wheel_for((3, 12)) is False
    assert torch.has_wheel_for((3, 11), musl=True) is False
    assert torch.has_wheel_for((3, 11), "aarch64") is False


def test_a_package_without_files_says_nothing_of_wheels(tmp_path: Path) -> None:
    found = lock(tmp_path, "uv.lock", UV)
    assert found.find("requests")[0].has_wheel_for((3, 11)) is None
    assert found.find("pysocks")[0].has_wheel_for((3, 11)) is False
    assert found.find("pysocks")[0].has_sdist


def test_groups_of_uv_are_what_reaches_a_package(tmp_path: Path) -> None:
    found = lock(tmp_path, "uv.lock", UV)
    assert found.groups_of("requests") == {"main"}
    assert found.groups_of("pysocks") == {"main"}
    assert found.groups_of("pluggy") == {"dev"}
    assert found.groups_of("torch") == {"extra:gpu"}
    assert found.groups == {"main", "dev", "extra:gpu"}
    assert [one.name for one in found.only_in_groups({"dev"})] == ["pluggy", "pytest"]
    assert found.find("pytest")[0].requires == ("pluggy",)


def test_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    found = lock(tmp_path, "uv.lock", UV.replace("\n", "\r\n"))
    assert len(found.find("torch")[0].wheels) == 2
    assert found.groups_of("pluggy") == {"dev"}


def test_poetry_has_sources_and_groups_of_two_ages(tmp_path: Path) -> None:
    found = lock(tmp_path, "poetry.lock", POETRY)
    (torch,) = found.find("torch")
    assert (torch.index, torch.marker) == ("https://download.pytorch.org/whl/cpu", 'sys_platform == "linux"')
    assert torch.requires == ("sympy", "jinja2")
    assert torch.has_wheel_for((3, 11))
    assert found.groups_of("torch") == {"main"}
    assert found.groups_of("pytest") == {"dev"}
    assert found.groups_of("repo") == {"main", "dev"}
    (repo,) = found.find("repo")
    assert repo.git is not None
    assert (repo.git.url, repo.git.ref) == ("https://h/repo.git", "0123456789abcdef")
    assert found.find("here")[0].local == "../here"
    assert found.requires_python == "^3.11"


def test_pdm_calls_main_default(tmp_path: Path) -> None:
    found = lock(tmp_path, "pdm.lock", PDM)
    assert found.groups_of("numpy") == {"main"}
    assert [one.name for one in found.only_in_groups({"dev"})] == ["black"]
    assert found.find("numpy")[0].requires == ("a", "b")
    assert found.find("numpy")[0].marker == "python_version > '3'"
    black = found.find("black")[0]
    assert black.git is not None
    assert black.git.ref == "abcdef"
    assert found.requires_python == ">=3.11"


def test_pylock_may_list_wheels_as_tables(tmp_path: Path) -> None:
    found = lock(tmp_path, "pylock.toml", PYLOCK)
    (numpy,) = found.find("numpy")
    assert [(wheel.filename[-10:], wheel.size_bytes) for wheel in numpy.wheels] == [
        ("x86_64.whl", 77),
        ("_amd64.whl", None),
    ]
    assert numpy.index == "https://pypi.org/simple"
    assert found.find("me")[0].local == "."
    assert lock(tmp_path, "pylock.dev.toml", PYLOCK).kind == "pylock.toml"


def test_pipfile_lock_has_categories(tmp_path: Path) -> None:
    data = {
        "_meta": {
            "requires": {"python_version": "3.11"},
            "sources": [{"name": "pypi", "url": "https://pypi.org/simple"}],
        },
        "default": {
            "Requests": {"version": "==2.0", "index": "pypi"},
            "repo": {"git": "https://h/x", "ref": "abc"},
        },
        "develop": {"pytest": {"version": "==8"}, "broken": 1},
    }
    found = lock(tmp_path, "Pipfile.lock", json.dumps(data, indent=4))
    (requests,) = found.find("requests")
    assert (requests.version, requests.index) == ("2.0", "https://pypi.org/simple")
    assert found.source.text(requests.text.span) == '"Requests"'
    assert found.find("repo")[0].git is not None
    assert [one.name for one in found.only_in_groups({"dev"})] == ["pytest"]
    assert found.requires_python == "==3.11.*"


@pytest.mark.parametrize("text", ["{", "[]", '{"_meta": 1, "default": 2}', "[" * 100_000])
def test_a_broken_pipfile_lock_is_empty(tmp_path: Path, text: str) -> None:
    assert lock(tmp_path, "Pipfile.lock", text).packages == ()


def test_conda_lock_is_read_for_linux(tmp_path: Path) -> None:
    text = (
        "version: 1\npackage:\n- name: pytorch\n  version: '2.1'\n  manager: conda\n  platform: linux-64\n"
        "  category: main\n  url: https://h/pytorch.conda\n- name: pytorch\n  version: '2.1'\n"
        "  platform: osx-arm64\n"
        "- name: black\n  version: 24\n  manager: pip\n  platform: linux-64\n  category: dev\n"
    )
    found = lock(tmp_path, "conda-lock.yml", text)
    assert [(one.name, one.version, one.manager) for one in found.packages] == [
        ("pytorch", "2.1", "conda"),
        ("black", "24", "pip"),
    ]
    assert found.groups_of("black") == {"dev"}
    assert found.packages[0].text.place.start.line == 3


def staleness(root: Path, name: str, text: str, pyproject: str) -> str | None:
    found = lock(root, name, text)
    plant(root, {"pyproject.toml": pyproject})
    return found.staleness(read_pyproject(root / "pyproject.toml", Reader()))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("", "", None),
        (">= 2.30", ">=2.30.0", None),
        (">= 2.30", ">=2.31", "the versions of requests that are asked for have changed"),
        (">= 2.30", "broken", None),
        ('"requests', '"numpy", "requests', "numpy is asked for, and the lock was made without it"),
        ('"torch"', "", "torch is locked, and not asked for any more"),
        ('name = "app"', 'name = "other"', None),
        ('name = "app"', 'name = "app"\ndynamic = ["dependencies"]', None),
    ],
)
def test_a_lock_of_uv_knows_what_it_was_made_for(
    tmp_path: Path, old: str, new: str, reason: str | None
) -> None:
    found = staleness(tmp_path, "uv.lock", UV, PYPROJECT.replace(old, new) if old else PYPROJECT)
    if new == "broken":
        assert found is not None
    else:
        assert found == reason


def test_odd_specifiers_are_compared_as_they_are_written(tmp_path: Path) -> None:
    odd = UV.replace('specifier = ">=2.30"', 'specifier = ">=2.x"')
    assert staleness(tmp_path, "uv.lock", odd, PYPROJECT) is not None


def test_poetry_and_pdm_keep_a_hash(tmp_path: Path) -> None:
    from wherry.project.locks.content_hash import pdm_hash, poetry_hash  # noqa: PLC0415 - of this test alone

    plant(tmp_path, {"pyproject.toml": PYPROJECT})
    found = read_pyproject(tmp_path / "pyproject.toml", Reader())
    assert found is not None
    data = found.toml.data
    fresh = POETRY.replace("{hash}", poetry_hash(data, groups=True))
    assert staleness(tmp_path, "poetry.lock", fresh, PYPROJECT) is None
    assert staleness(tmp_path, "poetry.lock", POETRY.replace("{hash}", "0" * 64), PYPROJECT)
    assert staleness(tmp_path, "poetry.lock", POETRY, PYPROJECT) is None
    assert staleness(tmp_path, "pdm.lock", PDM.replace("{hash}", pdm_hash(data)), PYPROJECT) is None
    assert staleness(tmp_path, "pdm.lock", PDM.replace("{hash}", "0" * 64), PYPROJECT)
    assert lock(tmp_path, "poetry.lock", POETRY).staleness(None) is None
    assert lock(tmp_path, "pylock.toml", PYLOCK).staleness(found) is None


def test_pipenv_keeps_a_hash_of_the_pipfile(tmp_path: Path) -> None:
    from wherry.project.locks.content_hash import pipfile_hash  # noqa: PLC0415 - of this test alone

    pipfile: dict[str, object] = {"source": [{"name": "pypi", "url": "https://h"}], "packages": {"a": "*"}}
    text = "[[source]]\nname = 'pypi'\nurl = 'https://h'\n[packages]\na = '*'\n"
    fresh = json.dumps({"_meta": {"hash": {"sha256": pipfile_hash(pipfile)}}})
    assert lock(tmp_path, "Pipfile.lock", fresh).staleness(None) is None  # there is no Pipfile
    plant(tmp_path, {"Pipfile": text})
    assert lock(tmp_path, "Pipfile.lock", fresh).staleness(None) is None
    plant(tmp_path, {"Pipfile": text + "b = '*'\n"})
    assert "Pipfile has changed" in str(lock(tmp_path, "Pipfile.lock", fresh).staleness(None))


def test_no_lock_is_no_lock(tmp_path: Path) -> None:
    assert read_lock(tmp_path / "uv.lock", Reader()) is None


@given(st.text(alphabet='[]package\n"name=versio .{}1,', max_size=300))
def test_any_text_is_read(text: str) -> None:
    from pathlib import Path  # noqa: PLC0415 - a name only

    found = parse_lock(Path("uv.lock"), source_of(text, "uv.lock"), Reader())
    for package in found.packages:
        assert package.wheels is not None
        assert package.requires is not None
        assert isinstance(package.marker, str)
    assert found.groups is not None


@pytest.mark.parametrize(
    ("filename", "python", "musl", "fits"),
    [
        ("a-1-py3-none-any.whl", (3, 12), False, True),
        ("a-1-py2.py3-none-any.whl", (3, 12), True, True),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", (3, 11), False, True),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.whl", (3, 12), False, False),
        ("a-1-cp39-abi3-manylinux_2_17_x86_64.whl", (3, 12), False, True),
        ("a-1-cp313-abi3-manylinux_2_17_x86_64.whl", (3, 12), False, False),
        ("a-1-cp313-cp313t-manylinux_2_17_x86_64.whl", (3, 13), False, False),
        ("a-1-cp311-none-manylinux_2_17_x86_64.whl", (3, 11), False, True),
        ("a-1-cp311-none-manylinux_2_17_x86_64.whl", (3, 12), False, False),
        ("a-1-py310-none-any.whl", (3, 9), False, False),
        ("a-1-py310-none-any.whl", (3, 11), False, True),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", (3, 11), True, True),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", (3, 11), False, False),
        ("a-1-2-cp311-cp311-linux_x86_64.whl", (3, 11), False, True),
        ("a-1-pp310-pypy310_pp73-manylinux_2_17_x86_64.whl", (3, 10), False, False),
        ("a-1-cp27-cp27m-win32.whl", (3, 11), False, False),
        ("nonsense", (3, 11), False, False),
    ],
)
def test_a_wheel_fits_by_its_tags(filename: str, python: tuple[int, int], *, musl: bool, fits: bool) -> None:
    assert Wheel(filename).fits(python, musl=musl) is fits
    assert Wheel(filename).is_pure == filename.endswith("none-any.whl")
