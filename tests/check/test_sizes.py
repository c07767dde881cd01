"""Sizes that are shipped."""

from __future__ import annotations

import pytest

from wherry.check.model import Basis
from wherry.check.sizes import apt_lists, closure_of


@pytest.mark.parametrize(
    ("version", "measured"),
    [
        ("2.8.0", "2.8.0"),
        ("2.9.0", "2.9.1"),
        ("2.16.0", "2.15.0"),
        ("1.13.1", "2.0.1"),
        ("", "2.15.0"),
        ("2.x", "2.15.0"),
    ],
)
def test_a_version_is_given_the_figure_of_the_one_measured_below_it(version: str, measured: str) -> None:
    found = closure_of("torch", version)
    assert found is not None
    assert found.version == measured
    assert found.source == f"wheels of torch {measured} and all they require"


def test_a_cpu_build_is_another_closure() -> None:
    gpu, cpu = closure_of("torch", build="cuda"), closure_of("torch", build="cpu")
    assert gpu is not None
    assert cpu is not None
    assert cpu.wheel_bytes < gpu.wheel_bytes / 10


def test_what_was_not_measured_has_no_figure() -> None:
    assert closure_of("numpy") is None
    assert apt_lists("jammy").basis is Basis.NONE


def test_lists_of_debian_12_were_measured() -> None:
    assert apt_lists("bookworm").size_bytes > 10_000_000
