"""Paths that two distributions both own."""

from __future__ import annotations

import pytest

from wherry.errors import InputError
from wherry.plan.conflicts import shared_paths


def test_two_wheels_owning_one_path_with_different_bytes_are_named_in_the_error() -> None:
    with pytest.raises(InputError) as caught:
        shared_paths([("opencv", [("cv2/a.py", "1")]), ("opencv-headless", [("cv2/a.py", "2")])])
    assert "opencv and opencv-headless both own cv2/a.py" in caught.value.what
    assert caught.value.exit_code == 2


def test_equal_namespace_files_are_allowed_but_the_two_are_kept_apart() -> None:
    found = shared_paths(
        [("nvidia-a", [("nvidia/__init__.py", "e3b0")]), ("nvidia-b", [("nvidia/__init__.py", "e3b0")])]
    )
    assert found == {frozenset(("nvidia-a", "nvidia-b"))}


def test_a_file_where_another_wheel_has_a_directory_is_a_conflict() -> None:
    with pytest.raises(InputError, match="a and b both own pkg"):
        shared_paths([("a", [("pkg", "1")]), ("b", [("pkg/sub/module.py", "2")])])


def test_wheels_with_paths_of_their_own_share_nothing() -> None:
    assert shared_paths([("a", [("a/x.py", "1")]), ("b", [("b/x.py", "1"), ("b/y.py", "1")])]) == frozenset()
