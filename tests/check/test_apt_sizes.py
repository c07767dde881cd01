"""Installed sizes of Debian packages."""

from __future__ import annotations

from wherry.check.apt_sizes import installed, is_measured, recommended
from wherry.check.model import Basis


def test_what_two_packages_share_is_counted_once() -> None:
    gcc, both = installed(["gcc"]), installed(["gcc", "build-essential"])
    assert both.size_bytes == installed(["build-essential"]).size_bytes > gcc.size_bytes > 100_000_000
    assert both.basis is Basis.TABLE
    assert "gcc and 1 more" in both.source


def test_recommended_packages_come_on_top() -> None:
    plain, whole = installed(["git"]), installed(["git"], with_recommended=True)
    extra = recommended(["git"])
    assert extra.size_bytes == whole.size_bytes - plain.size_bytes > 0
    assert "only recommended by git" in extra.source
    assert recommended(["zip"]).size_bytes < recommended(["python3-pip"]).size_bytes


def test_a_package_that_nobody_measured_costs_nothing() -> None:
    assert installed(["made-up"]).basis is Basis.NONE
    assert recommended(["libgomp1"]).basis is Basis.NONE
    assert not is_measured("made-up")
    assert is_measured("ffmpeg")


def test_more_recommended_packages_than_are_written_down_count_nothing() -> None:
    assert installed(["npm"], with_recommended=True) == installed(["npm"])
