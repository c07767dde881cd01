from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.layers.paths import _problem, directories_of, path_problem


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc/passwd", "absolute"),
        ("C:/x", "absolute"),
        ("C:x", "absolute"),
        ("../x", "leads out"),
        ("a/../../x", "leads out"),
        ("a/..", "leads out"),
        ("a//b", "shortest"),
        ("./a", "shortest"),
        ("a/.", "shortest"),
        ("a/", "shortest"),
        ("", "shortest"),
        ("a\\b", "backslash"),
        ("a\0b", "NUL"),
        (".wh.a", ".wh."),
        ("a/.wh..wh..opq", ".wh."),
        ("a/" + "b" * 256, "longer"),
        ("é" * 128, "longer"),
        ("/".join(["a" * 200] * 21), "longer"),
        ("a\udc80b", "UTF-8"),
    ],
)
def test_a_path_that_no_layer_may_have_is_told_why(path: str, why: str) -> None:
    assert why in (path_problem(path) or "")


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "a/b.py",
        "script (dev).tmpl",
        "..a/b",
        "a..",
        "a/.hidden",
        "a.wh.b",
        "a/x:y",
        "é/ü",
        "b" * 255,
        "a" + "/b" * 200,
    ],
)
def test_a_path_that_pip_would_install_is_fine(path: str) -> None:
    assert path_problem(path) is None


@given(st.text(alphabet=st.sampled_from("ab.:/\\\0wh C-é"), max_size=24))
def test_the_quick_look_and_the_rules_agree(path: str) -> None:
    assert (path_problem(path) is None) == (_problem(path) is None)


def test_directories_are_named_from_the_prefix_down() -> None:
    found = directories_of(["opt/venv/lib/a.py", "opt/venv/lib/x/y/z.py"], "opt/venv")
    assert found == {"opt/venv", "opt/venv/lib", "opt/venv/lib/x", "opt/venv/lib/x/y"}
