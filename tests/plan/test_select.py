from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.platform import Platform
from wherry.plan.select import additional, select
from wherry.project.locks.model import DirectorySource, Lock, LockedFile, LockedPackage
from wherry.project.target import Target

BOOKWORM = Target(Platform("linux", "amd64"), (3, 11), "3.11.2", (2, 36))
ARM = Target(Platform("linux", "arm64"), (3, 11), "3.11.2", (2, 36))
TRIXIE = Target(Platform("linux", "amd64"), (3, 13), "3.13.5", (2, 41))


def file(filename: str) -> LockedFile:
    return LockedFile(filename, Digest.of_bytes(filename.encode()))


def package(  # noqa: PLR0913 - a package's facts, each by name
    name: str,
    *tags: str,
    version: str = "1.0",
    sdist: bool = False,
    marker: str = "",
    requires_python: str = "",
    directory: str = "",
) -> LockedPackage:
    stem = f"{name.replace('-', '_')}-{version}"
    return LockedPackage(
        name=canonicalize_name(name),
        version=Version(version),
        wheels=tuple(file(f"{stem}-{tag}.whl") for tag in tags),
        sdist=file(f"{stem}.tar.gz") if sdist else None,
        source=DirectorySource(Path(directory)) if directory else None,
        marker=Marker(marker) if marker else None,
        requires_python=SpecifierSet(requires_python) if requires_python else None,
        where=f"pylock.toml: {name} {version}",
    )


def lock(*packages: LockedPackage, requires_python: str = "", **more: object) -> Lock:
    return Lock(
        path=Path("/project/pylock.toml"),
        kind="pylock.toml",
        digest=Digest.of_bytes(b""),
        packages=packages,
        requires_python=SpecifierSet(requires_python) if requires_python else None,
        **more,  # type: ignore[arg-type] # test shorthand
    )


def chosen_file(locked: LockedPackage, target: Target = BOOKWORM) -> str | None:
    [chosen] = select(lock(locked), target).chosen
    return chosen.file.filename if chosen.file else None


def refused(locked: Lock | LockedPackage, target: Target = BOOKWORM) -> InputError:
    with pytest.raises(InputError) as caught:
        select(locked if isinstance(locked, Lock) else lock(locked), target)
    assert len(caught.value.lines()) <= 3
    return caught.value


def test_the_wheel_with_the_best_tag_is_chosen() -> None:
    locked = package(
        "markupsafe",
        "py3-none-any",
        "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-cp311-manylinux_2_39_x86_64",
        "cp312-cp312-manylinux_2_28_x86_64",
    )
    assert chosen_file(locked) == "markupsafe-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
    assert chosen_file(locked, ARM) == "markupsafe-1.0-py3-none-any.whl"


def test_of_two_builds_the_later_is_chosen() -> None:
    locked = package(
        "odd", "1-py3-none-any", "10b-py3-none-any", "10a-py3-none-any", "py3-none-any", "9-py3-none-any"
    )
    assert chosen_file(locked) == "odd-1.0-10b-py3-none-any.whl"


def test_a_python_bound_wheel_of_an_older_python_fits_by_abi3() -> None:
    assert chosen_file(package("cryptography", "cp39-abi3-manylinux_2_28_x86_64"), TRIXIE)


def test_without_a_fitting_wheel_the_source_is_to_be_built() -> None:
    selection = select(
        lock(package("b", "cp312-cp312-win_amd64", sdist=True), package("a", directory="/project/a")),
        BOOKWORM,
    )
    assert [(chosen.name, chosen.file) for chosen in selection.chosen] == [("a", None), ("b", None)]


def test_markers_are_judged_for_the_target_and_not_for_the_host() -> None:
    locked = lock(
        package("intel", "py3-none-any", marker="platform_machine == 'x86_64'"),
        package("windows", "py3-none-any", marker="sys_platform == 'win32'"),
        package("old", "py3-none-any", marker="python_version < '3.12'"),
    )
    assert [c.name for c in select(locked, BOOKWORM).chosen] == ["intel", "old"]
    assert [c.name for c in select(locked, ARM).chosen] == ["old"]
    assert [c.name for c in select(locked, TRIXIE).chosen] == ["intel"]


def test_markers_may_ask_for_groups_and_extras() -> None:
    packages = (
        package("always", "py3-none-any", marker="'default' in dependency_groups"),
        package("gpu", "py3-none-any", marker="'gpu' in extras and sys_platform == 'linux'"),
        package("old-style", "py3-none-any", marker="extra == 'gpu'"),
    )
    plain = lock(*packages, groups=frozenset({"default"}))
    more = lock(*packages, groups=frozenset({"default"}), extras=frozenset({"gpu"}))
    assert [c.name for c in select(plain, BOOKWORM).chosen] == ["always"]
    assert [c.name for c in select(more, BOOKWORM).chosen] == ["always", "gpu"]


def test_a_marker_that_cannot_be_judged_is_an_error_at_its_place() -> None:
    error = refused(
        package("odd", "py3-none-any", marker="python_version < 'nonsense' or platform_release ~= '1'")
    )
    assert "cannot be judged" in error.what
    assert error.where == "pylock.toml: odd 1.0"


def test_the_locks_python_must_fit_the_target() -> None:
    assert "needs Python >=3.12" in refused(lock(requires_python=">=3.12")).what


def test_a_packages_python_must_fit_the_target() -> None:
    error = refused(package("new", "py3-none-any", requires_python=">=3.12"))
    assert error.what == "new 1.0 needs Python >=3.12; the image has 3.11.2"


def test_a_lock_for_other_environments_is_refused() -> None:
    environments = (Marker("sys_platform == 'win32'"), Marker("platform_machine == 'aarch64'"))
    locked = lock(environments=environments)
    assert select(locked, ARM).chosen == ()
    assert "not made for linux/amd64" in refused(locked).what


def test_one_package_twice_is_ambiguous_unless_markers_part_them() -> None:
    one, two = (
        package("click", "py3-none-any", version="8.0"),
        package("click", "py3-none-any", version="8.1"),
    )
    error = refused(lock(one, two))
    assert error.what == "the lock wants click twice, as 8.0 and as 8.1"
    assert error.where == "pylock.toml: click 8.0 and pylock.toml: click 8.1"
    parted = lock(
        package("click", "py3-none-any", version="8.0", marker="python_version < '3.12'"),
        package("click", "py3-none-any", version="8.1", marker="python_version >= '3.12'"),
    )
    assert [c.title for c in select(parted, TRIXIE).chosen] == ["click 8.1"]


@given(st.permutations(["zope-interface", "attrs", "b", "a-b", "a_c", "a"]))
def test_the_order_of_the_lock_does_not_matter(names: list[str]) -> None:
    selection = select(lock(*(package(name, "py3-none-any") for name in names)), BOOKWORM)
    assert [chosen.name for chosen in selection.chosen] == ["a", "a-b", "a-c", "attrs", "b", "zope-interface"]


@pytest.mark.parametrize(
    ("tags", "target", "says", "mend"),
    [
        (
            ["cp311-cp311-manylinux_2_39_x86_64"],
            BOOKWORM,
            "linux/amd64, Python 3.11, glibc 2.36: its wheels need glibc 2.39",
            'base = "debian:trixie" has 2.41, with Python 3.13',
        ),
        (["py3-none-manylinux_2_38_x86_64"], TRIXIE, "", ""),
        (
            ["cp313-cp313-manylinux_2_50_x86_64"],
            TRIXIE,
            "its wheels need glibc 2.50",
            "a base with glibc 2.50",
        ),
        (
            ["cp313-cp313-manylinux_2_28_x86_64", "cp314-cp314-manylinux_2_28_x86_64"],
            BOOKWORM,
            "its wheels are for Python 3.13, 3.14",
            'base = "debian:trixie" has Python 3.13',
        ),
        (
            ["cp312-cp312-manylinux2014_x86_64"],
            BOOKWORM,
            "its wheels are for Python 3.12",
            "choose a base image with Python 3.12",
        ),
        (
            ["cp311-cp311-win_amd64", "cp311-cp311-macosx_11_0_arm64", "cp311-cp311-musllinux_1_2_x86_64"],
            BOOKWORM,
            "it has wheels only for Windows, macOS, musl Linux x86_64",
            "that has wheels for x86_64, or an sdist",
        ),
        (
            ["cp311-cp311-manylinux2014_x86_64"],
            ARM,
            "it has wheels only for Linux x86_64 cp311-cp311",
            "that has wheels for aarch64",
        ),
        (
            ["pp310-pypy310_pp73-manylinux2014_x86_64", "cp311-cp311t-manylinux2014_x86_64", "py2-none-any"],
            BOOKWORM,
            "its wheels are Linux x86_64 pp310-pypy310_pp73, Linux x86_64 cp311-cp311t, py2-none-any",
            "with wheels for it, or with an sdist",
        ),
        (
            [f"cp3{minor}-cp3{minor}t-linux_x86_64" for minor in range(11, 20)],
            BOOKWORM,
            "and 3 more",
            "lock a version of torch",
        ),
        ([], BOOKWORM, "torch 1.0 has no file for linux/amd64", "lock it for this target"),
    ],
)
def test_a_misfit_says_what_exists_and_what_would_fit(
    tags: list[str], target: Target, says: str, mend: str
) -> None:
    locked = package("torch", *tags)
    if not says:
        assert chosen_file(locked, target)
        return
    error = refused(locked, target)
    assert says in error.what
    assert mend in error.mend
    assert error.where == "pylock.toml: torch 1.0"


def test_glibc_too_old_with_the_right_python_names_the_base_that_has_both() -> None:
    old = Target(Platform("linux", "amd64"), (3, 13), "3.13.0", (2, 31))
    error = refused(package("torch", "cp313-cp313-manylinux_2_34_x86_64"), old)
    assert error.mend == 'a newer glibc: base = "debian:trixie" has 2.41'


def test_a_file_that_is_no_wheel_by_name_is_refused() -> None:
    locked = LockedPackage(canonicalize_name("a"), Version("1"), wheels=(file("a-any.whl"),), where="here")
    assert "is not the name of a wheel" in refused(locked).what


def test_development_adds_to_production() -> None:
    production = select(lock(package("a", "py3-none-any")), BOOKWORM)
    dev = select(lock(package("a", "py3-none-any"), package("pytest", "py3-none-any")), BOOKWORM)
    assert [chosen.name for chosen in additional(dev, production)] == ["pytest"]
    assert additional(production, production) == ()


@pytest.mark.parametrize(
    ("dev", "says"),
    [
        (package("a", "py3-none-any", version="2.0"), "there is a 2.0 in place of a 1.0"),
        (package("a", "1-py3-none-any"), "there is a 1.0 from other files in place of a 1.0"),
        (package("a", sdist=True), "there is a 1.0 from other files in place of a 1.0"),
        (package("b", "py3-none-any"), "there is none at all in place of a 1.0"),
    ],
)
def test_development_may_not_change_production(dev: LockedPackage, says: str) -> None:
    production = select(lock(package("a", "py3-none-any")), BOOKWORM)
    with pytest.raises(InputError) as caught:
        additional(select(lock(dev), BOOKWORM), production)
    assert says in caught.value.what
