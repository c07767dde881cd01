"""Any lock is read or refused: only InputError (or WorldError, of the index) leaves a reader."""

from __future__ import annotations

import copy as copying
import json
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.errors import WherryError
from wherry.oci.platform import Platform
from wherry.plan.select import select
from wherry.project.locks import uv_lock
from wherry.project.locks.document import read_document
from wherry.project.locks.model import Choice, Lock
from wherry.project.locks.pdm import read_pdm
from wherry.project.locks.pipfile import read_pipfile
from wherry.project.locks.poetry import read_poetry
from wherry.project.locks.pylock import read_pylock
from wherry.project.locks.requirements import read_requirements
from wherry.project.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.project.locks.document import Document
    from wherry.project.locks.pins import Lookup

FIXTURES = Path(__file__).parent / "fixtures"
BOOKWORM = Target(Platform("linux", "amd64"), (3, 11), "3.11.2", (2, 36))
SHA = "a" * 64
PYLOCK = {
    "lock-version": "1.0",
    "created-by": "x",
    "requires-python": ">=3.11",
    "environments": ["sys_platform == 'linux'"],
    "extras": ["x"],
    "dependency-groups": ["dev"],
    "default-groups": ["dev"],
    "packages": [
        {
            "name": "a",
            "version": "1",
            "marker": "'dev' in dependency_groups",
            "requires-python": ">=3",
            "wheels": [
                {"url": "https://index.example/a-1-py3-none-any.whl", "size": 1, "hashes": {"sha256": SHA}}
            ],
            "sdist": {"path": "a-1.tar.gz", "hashes": {"sha256": SHA}},
        },
        {"name": "b", "vcs": {"type": "git", "url": "https://index.example/b", "commit-id": "c" * 40}},
        {"name": "c", "directory": {"path": ".", "editable": True, "subdirectory": "x"}},
        {"name": "d", "archive": {"url": "https://index.example/d.zip", "hashes": {"sha256": SHA}}},
    ],
    "tool": {"wherry": {"inputs": {"requirements.in": "x"}}},
}


@dataclass(frozen=True)
class Format:
    name: str
    value: dict[str, Any]
    manifest: tuple[str, str]
    read: Callable[[Document, Choice, Lookup], object]


def _tables(name: str) -> dict[str, Any]:
    return tomllib.loads((FIXTURES / name).read_text("utf-8"))


def _text(name: str) -> str:
    return (FIXTURES / name).read_text("utf-8")


FORMATS = [
    Format("pylock.toml", PYLOCK, ("requirements.in", ""), lambda d, c, _: read_pylock(d, c)),
    Format(
        "poetry.lock", _tables("po-lock.toml"), ("pyproject.toml", _text("po-pyproject.toml")), read_poetry
    ),
    Format(
        "poetry.lock", _tables("po1-lock.toml"), ("pyproject.toml", _text("po1-pyproject.toml")), read_poetry
    ),
    Format("pdm.lock", _tables("pdm-lock.toml"), ("pyproject.toml", _text("pdm-pyproject.toml")), read_pdm),
    Format("Pipfile.lock", json.loads(_text("pipenv-lock.json")), ("Pipfile", ""), read_pipfile),
    Format(
        "uv.lock",
        _tables("uv-workspace-lock.toml"),
        ("pyproject.toml", _text("uv-workspace-pyproject.toml")),
        lambda d, _c, _l: list(uv_lock._differences(d)),
    ),
]

WORDS = st.sampled_from(
    [
        "",
        "*",
        "a",
        "..",
        "../..",
        "/",
        "main",
        "extra == 'x'",
        "sha256:0",
        f"sha256:{SHA}",
        "==1",
        "1",
        "file://x",
    ]
)
LEAVES = st.one_of(
    st.booleans(), st.integers(-(2**40), 2**70), st.floats(allow_nan=False), st.text(max_size=12), WORDS
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=3)),
    max_leaves=6,
)


def mutated(value: Any, data: st.DataObject) -> Any:  # noqa: ANN401 - anything that TOML holds
    """*value* with one or two of its parts, anywhere, replaced, taken out or doubled."""
    value = copying.deepcopy(value)
    for _ in range(data.draw(st.integers(1, 2))):
        parent: Any = None
        key: Any = None
        place = value
        while isinstance(place, dict | list) and place and (parent is None or data.draw(st.integers(0, 4))):
            parent = place
            keys = sorted(place) if isinstance(place, dict) else range(len(place))
            key = data.draw(st.sampled_from(keys))
            place = place[key]
        if parent is None:
            break
        action = data.draw(st.sampled_from(["replace", "remove", "double"]))
        if action == "remove":
            del parent[key]
        elif action == "double" and isinstance(parent, list):
            parent.append(copying.deepcopy(parent[key]))
        else:
            parent[key] = data.draw(VALUES)
    return value


def toml(value: Any) -> str:  # noqa: ANN401 - anything that TOML holds
    """*value* as an inline TOML value. Strings as JSON has them, which TOML understands."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return repr(value)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_lock_with_anything_anywhere_is_read_or_refused(
    form: Format, root: Path, lookup: Lookup, data: st.DataObject
) -> None:
    value = mutated(form.value, data)
    text = "\n".join(f"{toml(str(key))} = {toml(item)}" for key, item in value.items())
    if form.name == "Pipfile.lock":
        text = json.dumps(value)
    (root / form.name).write_text(text, "utf-8")
    (root / form.manifest[0]).write_text(form.manifest[1], "utf-8")
    (root.parent / "polib").mkdir(exist_ok=True)
    with suppress(WherryError):
        read = form.read(read_document(root / form.name), Choice(root), lookup)
        if isinstance(read, Lock):
            select(read, BOOKWORM)


LINES = st.one_of(
    st.sampled_from(
        [
            f"a==1 --hash=sha256:{SHA}",
            f"a==1 ; extra == 'x' --hash=sha256:{SHA}",
            "-e .",
            "-r requirements.txt",
            "-c requirements.txt",
            "--find-links .",
            "a @ git+https://index.example/a@" + "c" * 40,
            "git+ssh://git@index.example/a#egg=a",
            "./a-1-py3-none-any.whl",
            "https://[::1/a.whl",
            "file://x",
            "\\",
            "#",
        ]
    ),
    st.text(max_size=40),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, max_size=5), noise=st.binary(max_size=8))
def test_a_requirements_file_with_any_lines_is_read_or_refused(
    root: Path, lookup: Lookup, lines: list[str], noise: bytes
) -> None:
    path = root / "requirements.txt"
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass") + noise)
    with suppress(WherryError):
        read_requirements(read_document(path), Choice(root), lookup)


@given(content=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_lock_or_refused(root: Path, lookup: Lookup, content: bytes) -> None:
    for form in FORMATS:
        (root / form.name).write_bytes(content)
        (root / form.manifest[0]).write_text(form.manifest[1], "utf-8")
        with suppress(WherryError):
            form.read(read_document(root / form.name), Choice(root), lookup)
