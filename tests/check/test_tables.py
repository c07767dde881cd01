"""What the tables say agrees with itself, and a sample of it with the package index."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from typing import Final

import pytest

from tests.programs import require_program
from wherry.check import apt_sizes, sizes, wheel_sizes
from wherry.check.facts import base_tables
from wherry.check.facts.downloads import WEIGHT_SUFFIXES
from wherry.check.facts.frameworks import CUDA_BUILDS, DEFAULT_CUDA, framework_of
from wherry.check.facts.installs import normalise
from wherry.check.facts.secrets import _MORE_FORMS
from wherry.check.facts.weight_files import _SUFFIXES
from wherry.check.rules.bytes import _asked, all_extras, compile_jobs, unused_companion
from wherry.check.rules.gpu import _packages, arch_list_missing, cuda_wheels_for_cpu, driver_floor
from wherry.check.rules.multi_stage import _tools, build_tools_shipped, foreign_environment
from wherry.check.rules.runtime import read_only_root

DISTRIBUTIONS: Final = {
    "built with nvcc": _packages.BUILT_WITH_NVCC,
    "compiles at run time": _packages.COMPILES_AT_RUN_TIME,
    "needs torch": _packages.NEEDS_TORCH,
    "wheels": _packages.COMES_AS_WHEELS,
    "of their own architectures": arch_list_missing._OF_THEIR_OWN,
    "compiled": _asked.COMPILED.keys(),
    "for glibc alone": _asked.NOT_FOR_MUSL,
    "jobs": compile_jobs._FROM_GIT,
    "extras": all_extras._LARGE,
    "companions": unused_companion._ALONE,
    "compilers at run time": build_tools_shipped._COMPILING,
    "caches": read_only_root._CACHES.keys(),
    "wheel sizes": wheel_sizes._WHEELS.keys() | wheel_sizes._WITH_REQUIREMENTS.keys(),
}
DEBIAN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+.-]+")  # Debian policy 5.6.1


@pytest.mark.parametrize("table", DISTRIBUTIONS)
def test_distributions_have_normalised_names(table: str) -> None:
    assert [name for name in DISTRIBUTIONS[table] if name != normalise(name)] == []


def test_a_distribution_is_named_once_among_those_with_wheels() -> None:
    names = _packages._WHEELS.split()
    assert sorted(set(names)) == sorted(names)


def test_what_comes_as_a_wheel_is_not_compiled() -> None:
    compiled = {*_packages.BUILT_WITH_NVCC, *_packages.COMPILES_AT_RUN_TIME, *_asked.COMPILED}
    assert _packages.COMES_AS_WHEELS & compiled == set()


def test_what_chooses_its_architectures_or_takes_jobs_is_compiled() -> None:
    assert arch_list_missing._OF_THEIR_OWN <= _packages.BUILT_WITH_NVCC
    assert _packages._SOURCE_ALONE & _asked.COMPILED.keys() >= compile_jobs._EXTENSIONS
    assert _asked.COMPILED.keys() >= _asked.FOR_MINUTES


def test_frameworks_through_torch_require_torch() -> None:
    for name in ("vllm", "sglang", "lmdeploy", "unsloth", "bitsandbytes"):
        found = framework_of(name)
        assert found is not None
        assert found.carries == "wheels"


def test_a_newer_cuda_needs_a_newer_driver() -> None:
    drivers = driver_floor._DRIVERS
    assert [*drivers.values()] == sorted(set(drivers.values()))
    assert [*drivers] == sorted(drivers)
    assert {cuda[0] for cuda in DEFAULT_CUDA.values()} <= drivers.keys()
    assert {month.cuda[0] for month in base_tables._NGC.values()} <= drivers.keys()


@pytest.mark.parametrize(
    "table",
    [
        DEFAULT_CUDA,
        base_tables.TENSORFLOW_CUDA,
        {(int(name[:2]), int(name[3:])): month.cuda for name, month in base_tables._NGC.items()},
    ],
    ids=["torch", "tensorflow", "ngc"],
)
def test_a_newer_release_has_no_older_cuda(table: dict[tuple[int, int], tuple[int, int]]) -> None:
    assert list(table) == sorted(table)
    assert all(older <= newer for older, newer in pairwise(table.values()))


def test_every_month_of_the_framework_containers_is_there() -> None:
    months = [tuple(map(int, month.split("."))) for month in base_tables._NGC]
    assert all((b[0] - a[0]) * 12 + b[1] - a[1] == 1 for a, b in pairwise(months))


def test_what_is_the_default_of_torch_is_one_of_its_builds() -> None:
    assert all(DEFAULT_CUDA[torch] in builds for torch, builds in CUDA_BUILDS.items())


def test_every_suite_has_a_python_and_a_glibc_that_grow() -> None:
    glibc = foreign_environment._GLIBC
    for names in (base_tables.DEBIAN_NUMBERS.values(), base_tables.UBUNTU_NAMES.values()):
        known = [name for name in names if name in glibc]
        assert len(known) >= len(names) - 1
        assert [base_tables.SUITES[name] for name in known] == sorted(base_tables.SUITES[n] for n in known)
        assert [glibc[name] for name in known] == sorted(glibc[name] for name in known)


def test_families_have_a_package_manager_where_they_have_a_system() -> None:
    beginnings = tuple(name for name, _ in base_tables.PACKAGE_MANAGERS)
    distros = {family.distro for family in base_tables.FAMILIES.values() if family.distro}
    assert [distro for distro in distros if not distro.startswith(beginnings)] == []


def test_what_is_unpacked_is_larger_and_all_of_it_larger_than_the_part() -> None:
    for measured in sizes._CLOSURES.values():
        assert all(one.unpacked_bytes > one.wheel_bytes > 0 for one in measured)
        versions = [sizes._numbers(one.version) for one in measured]
        assert versions == sorted(versions)
        alone = wheel_sizes.wheel_of(measured[-1].name)
        assert alone is None or alone.unpacked_bytes <= measured[-1].unpacked_bytes
    for name in wheel_sizes._WHEELS:
        wheel = wheel_sizes.wheel_of(name)
        assert wheel is not None
        assert wheel.unpacked_bytes > wheel.wheel_bytes > 0


def test_what_a_build_for_the_cpu_saves_is_the_difference_of_what_was_measured() -> None:
    def unpacked(name: str) -> int:
        measured = wheel_sizes.wheel_of(name)
        assert measured is not None
        return measured.unpacked_bytes

    saved = {name: cost.size_bytes for name, (_, cost) in cuda_wheels_for_cpu._WITHOUT_CUDA.items()}
    xgboost = unpacked("xgboost") + unpacked("nvidia-nccl-cu12") - unpacked("xgboost-cpu")
    assert saved["xgboost"] == pytest.approx(xgboost, abs=sizes.MB)
    assert saved["tensorflow"] == pytest.approx(
        unpacked("tensorflow") - unpacked("tensorflow-cpu"), abs=sizes.MB
    )


def test_debian_packages_have_names_that_debian_allows() -> None:
    names = {*_tools._RUNTIME, *_tools._RUNTIME.values(), *apt_sizes._data()[1]} - {""}
    assert [name for name in names if not DEBIAN_NAME.fullmatch(name)] == []
    assert _tools._OF_ALPINE.keys() <= _tools._RUNTIME.keys()  # else the name is Alpine's alone


def test_every_list_of_debian_packages_names_sizes_that_are_there() -> None:
    kib, closures = apt_sizes._data()
    numbers = {n for lists in closures.values() for text in lists for n in apt_sizes._numbers(text)}
    assert max(numbers) < len(kib)
    assert min(numbers) >= 0


def test_the_form_of_a_secret_has_what_it_is_searched_by() -> None:
    assert [
        kind for kind, probe, form in _MORE_FORMS if re.escape(probe) not in form and probe not in form
    ] == []


def test_what_an_address_ends_in_is_what_a_file_ends_in() -> None:
    assert set(WEIGHT_SUFFIXES) - _SUFFIXES.keys() == {
        ".weights"
    }  # Darknet's: as a file's name it says little


def compiled(requirement: str, *options: str) -> tuple[str, str]:
    """What uv resolves for CPython 3.12 on 64-bit x86 Linux, and what it says where it cannot."""
    command = [
        require_program("uv"),
        "pip",
        "compile",
        "-",
        "--quiet",
        "--no-header",
        "--no-annotate",
        *options,
    ]
    command += ["--python-version", "3.12", "--python-platform", "x86_64-manylinux_2_35"]
    done = subprocess.run(command, input=requirement, capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


@pytest.mark.index
@pytest.mark.parametrize("name", ["flash-attn", "transformer-engine-torch"])
def test_the_index_has_no_wheel_of_what_is_compiled(name: str) -> None:
    _, said = compiled(name, "--no-deps", "--only-binary", ":all:")
    assert "Wheels are required" in said


@pytest.mark.index
def test_the_index_has_wheels_of_what_comes_as_a_wheel() -> None:
    names = ["faster-whisper", "onnxruntime-gpu", "tensorflow-cpu", "torch", "xgboost"]
    assert _packages.COMES_AS_WHEELS.issuperset(names)
    found, said = compiled("\n".join(names), "--no-deps", "--only-binary", ":all:")
    assert [line.partition("==")[0] for line in found.splitlines()] == names, said


@pytest.mark.index
@pytest.mark.parametrize(
    ("requirement", "brings"),
    [
        ("torch==2.11.0", "nvidia-cuda-runtime==13.0"),
        ("jax-cuda12-plugin", ""),
        ("torchcodec", ""),
    ],
)
def test_the_index_brings_cuda_with_what_is_said_to_bring_it(requirement: str, brings: str) -> None:
    found, said = compiled(requirement)
    assert "==" in found, said
    assert brings in found
    assert brings or "nvidia-" not in found
