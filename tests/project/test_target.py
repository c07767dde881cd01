from __future__ import annotations

import platform
import sys

import pytest
from packaging import tags
from packaging._manylinux import _get_glibc_version

from wherry.oci.platform import Platform
from wherry.project.target import Target

HOST_IS_OURS = sys.platform == "linux" and platform.machine() in {"x86_64", "aarch64"}


def target(
    architecture: str = "amd64", python: tuple[int, int] = (3, 11), glibc: tuple[int, int] = (2, 36)
) -> Target:
    return Target(Platform("linux", architecture), python, f"{python[0]}.{python[1]}.2", glibc)


@pytest.mark.skipif(not HOST_IS_OURS, reason="wherry has no target like this machine")
def test_a_target_like_this_machine_takes_what_this_interpreter_takes() -> None:
    glibc = _get_glibc_version()
    if glibc < (2, 17) or sys.implementation.name != "cpython":
        pytest.skip("the interpreter is not one of glibc")
    here = Target(Platform.of_host(), sys.version_info[:2], platform.python_version(), (glibc[0], glibc[1]))
    machine = platform.machine()
    # What we never build for, and say so: another machine's tags (32-bit on 64), musl.
    theirs = [
        str(tag) for tag in tags.sys_tags() if tag.platform == "any" or tag.platform.endswith(f"_{machine}")
    ]
    assert [str(tag) for tag in here.tags] == [tag for tag in theirs if "musllinux" not in tag]


def test_a_target_takes_wheels_up_to_its_glibc_and_no_newer() -> None:
    platforms = {tag.platform for tag in target(glibc=(2, 36)).tags}
    assert {"manylinux_2_36_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"} <= platforms
    assert "manylinux_2_37_x86_64" not in platforms


def test_an_arm_target_takes_no_intel_wheel() -> None:
    platforms = {tag.platform for tag in target("arm64").tags}
    assert "manylinux_2_17_aarch64" in platforms
    assert "manylinux2014_aarch64" in platforms
    assert not [name for name in platforms if "x86_64" in name or "2010" in name or "_2_16_" in name]


def test_a_target_takes_abi3_of_older_pythons_and_no_free_threaded_wheel() -> None:
    names = {f"{tag.interpreter}-{tag.abi}" for tag in target(python=(3, 13)).tags}
    assert {"cp313-cp313", "cp39-abi3", "py3-none", "cp313-none"} <= names
    assert not [name for name in names if name.endswith("t")]


def test_markers_are_judged_for_the_target() -> None:
    environment = target("arm64", (3, 13)).marker_environment
    assert environment["platform_machine"] == "aarch64"
    assert environment["python_version"] == "3.13"
    assert environment["python_full_version"] == "3.13.2"
    assert environment["sys_platform"] == "linux"
