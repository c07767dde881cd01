"""Every key of a TOML text is found on its line, however it is written."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.project.key_lines import key_lines
from wherry.project.toml_file import Node, TomlFile

if TYPE_CHECKING:
    from pathlib import Path

TEXT = '''\
# a comment with [brackets] and = signs
title = "a \\" quoted ] string" # [not.a.table]
[tool.wherry]
name = "x"
env.ONE = "1"
env."a.b" = '2'
'literal key' = 3
ports = [
  8000, # first
  # between
  "53/udp",
]
budgets = { max-image = "1GB", nested.deep = [1, { x = 2 }] }
long = """
[fake]
key = 1
"""
raw = \'\'\'
[fake2]
\'\'\'
[[tool.many]]
a = 1
[[tool.many]]
a = 2
[tool.many.sub]
b = 1
[tool . "quoted.header"]
c = 2026-01-01T00:00:00Z
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 2),
        (("tool",), 3),
        (("tool", "wherry"), 3),
        (("tool", "wherry", "name"), 4),
        (("tool", "wherry", "env"), 5),
        (("tool", "wherry", "env", "ONE"), 5),
        (("tool", "wherry", "env", "a.b"), 6),
        (("tool", "wherry", "literal key"), 7),
        (("tool", "wherry", "ports"), 8),
        (("tool", "wherry", "ports", 0), 9),
        (("tool", "wherry", "ports", 1), 11),
        (("tool", "wherry", "budgets", "max-image"), 13),
        (("tool", "wherry", "budgets", "nested", "deep", 1, "x"), 13),
        (("tool", "wherry", "long"), 14),
        (("tool", "wherry", "raw"), 18),
        (("tool", "many", 0), 21),
        (("tool", "many", 0, "a"), 22),
        (("tool", "many", 1, "a"), 24),
        (("tool", "many", 1, "sub", "b"), 26),
        (("tool", "quoted.header", "c"), 28),
    ],
)
def test_a_key_is_found_on_its_line(path: tuple[str | int, ...], line: int) -> None:
    assert key_lines(TEXT)[path] == line


def test_text_inside_strings_and_comments_is_no_key() -> None:
    assert not [path for path in key_lines(TEXT) if path[0] in {"fake", "fake2", "not"}]


def test_windows_line_ends_count_as_one() -> None:
    assert key_lines("a = 1\r\n[b]\r\nc = [\r\n1]\r\n")[("b", "c", 0)] == 4


def test_a_text_that_is_not_toml_ends_the_walk() -> None:
    assert key_lines("a = 1\n= = =\n")[("a",)] == 1
    assert key_lines("a = [1, 2") == {("a",): 1, ("a", 0): 1, ("a", 1): 1}
    assert ("a",) in key_lines("a = {b = 1")


def test_values_nested_too_deeply_to_walk_lose_their_lines_only() -> None:
    assert key_lines("a = 1\nb = " + "[" * 100_000)[("a",)] == 1


_key = st.sampled_from(["a", "b-c", '"q.r"', "'l'", '"\\u0041"'])
_value = st.recursive(
    st.sampled_from(
        [
            "1",
            "1.5",
            "true",
            '"s ] } # ="',
            "'l'",
            '"""m\n[x]\n"""',
            "'''n\n'''",
            "1979-05-27",
            '""',
            '""""q""""',
        ]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ",\n# c ]\n".join(items) + "\n]"),
        st.lists(inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"k{i} = {v}" for i, v in enumerate(items)) + "}"
        ),
    ),
    max_leaves=6,
)
_section = st.tuples(
    st.sampled_from(["[{}]", "[[{}]]"]), st.integers(0, 3), st.dictionaries(_key, _value, max_size=3)
)


def _paths(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    pairs: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    return [found for key, inner in pairs for found in ((*path, key), *_paths(inner, (*path, key)))]


@settings(max_examples=300)
@given(st.lists(_section, max_size=4))
def test_every_value_of_any_document_has_a_line_that_holds_its_key(
    sections: list[tuple[str, int, dict[str, str]]],
) -> None:
    text = ""
    for header, number, pairs in sections:
        text += header.format(f"s{number}") + "\n"
        text += "".join(f"{key} = {value}\n" for key, value in pairs.items())
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    for path in _paths(data):
        assert path in lines
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        if isinstance(path[-1], str) and key.isidentifier() and key != "A":
            assert key in text.splitlines()[lines[path] - 1]


def read(path: Path, content: bytes) -> Node:
    path.write_bytes(content)
    return TomlFile.read(path).root


@pytest.mark.parametrize(
    ("content", "what", "line"),
    [
        (b"a = 1\nb = \n", "not valid TOML", ":2"),
        (b"a = 1\na = 2\n", "not valid TOML", ":2"),
        (b"a = [1,\n", "not valid TOML", ""),
        (b"a = '\xff'\n", "not UTF-8", ":1"),
        (b"\n\na = '\xff'\n", "not UTF-8", ":3"),
        (b"a = " + b"[" * 5000, "nests values too deeply", ""),
        (b"a = " + b"9" * 5000, "not valid TOML", ""),
        (b"#" * (4 * 1024 * 1024 + 1), "larger than 4 MiB", ""),
    ],
)
def test_a_file_that_is_no_toml_is_an_error_with_its_place(
    tmp_path: Path, content: bytes, what: str, line: str
) -> None:
    path = tmp_path / "pyproject.toml"
    with pytest.raises(InputError, match=what) as caught:
        read(path, content)
    assert caught.value.where == f"{path}{line}"


def test_a_value_of_another_type_is_named_with_its_path_and_line(tmp_path: Path) -> None:
    root = read(tmp_path / "p.toml", b"[tool.wherry]\nports = [\n1,\n{x = true}]\nday = 2026-01-01\n")
    table = root.get("tool", "wherry")
    assert table is not None
    ports = table.get("ports")
    assert ports is not None
    with pytest.raises(InputError, match=r"ports\[1\]\.x must be a string, not a boolean") as caught:
        dict(ports.elements()[1].items())["x"].text()
    assert caught.value.where.endswith("p.toml:4")
    with pytest.raises(InputError, match="day must be a list of strings, not a date or time"):
        dict(table.items())["day"].texts()
    with pytest.raises(InputError, match="must be a table, not a list"):
        table.get("ports", "below")
    assert root.get("nothing", "here") is None
    assert root.where.endswith("p.toml:1")
