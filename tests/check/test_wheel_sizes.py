"""Wheels that were measured one by one."""

from __future__ import annotations

from wherry.check.wheel_sizes import wheel_of, with_requirements


def test_a_wheel_says_its_version_and_both_its_sizes() -> None:
    wheel = wheel_of("opencv-python")
    headless = wheel_of("opencv-python-headless")
    assert wheel is not None
    assert headless is not None
    assert wheel.unpacked_bytes > headless.unpacked_bytes > headless.wheel_bytes > 10_000_000
    assert wheel.source == f"the wheel of opencv-python {wheel.version}"


def test_a_tool_counts_all_it_requires() -> None:
    found = with_requirements("jupyterlab")
    alone = wheel_of("jupyterlab")
    assert found is not None
    assert alone is not None
    assert found.unpacked_bytes > 2 * alone.unpacked_bytes
    assert found.source == "wheels of jupyterlab and all it requires, 91 in November 2026"


def test_what_nobody_measured_has_no_figure() -> None:
    assert wheel_of("made-up") is None
    assert with_requirements("made-up") is None
