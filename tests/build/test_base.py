"""What lies underneath: the suite that fits, pinned for everyone, renewed when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wherry.build.base import default_base, find_base
from wherry.build.lock import lock_project
from wherry.build.options import BuildOptions
from wherry.build.workshop import open_workshop
from wherry.errors import InputError, WorldError
from wherry.oci.platform import Platform
from wherry.progress import SilentProgress
from wherry.project.project import read_project
from wherry.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.build.workshop import Workshop

AMD64 = Platform.parse("linux/amd64")


class Notes(SilentProgress):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def project(root: Path, requires_python: str = ">=3.11", table: str = "") -> Path:
    root.mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "app"\nversion = "1"\nrequires-python = "{requires_python}"\n'
        f'[tool.wherry]\ncommand = ["python"]\n{table}'
    )
    return root


def workshop(root: Path, store: Store, *, base: str | None = None, offline: bool = False) -> Workshop:
    return open_workshop(BuildOptions(root, base=base, offline=offline), store, Notes())


@pytest.mark.parametrize(
    ("requires_python", "table", "python_version", "base"),
    [
        (">=3.11", "", "", "debian:trixie"),
        (">=3.11,<3.12", "", "", "debian:bookworm"),
        (">=3.11", "", "3.11", "debian:bookworm"),
        (">=3.11", "", "3.12", "debian:trixie"),  # no suite has it: the newest that is allowed
        (">=3.13", "", "3.11", "debian:trixie"),
        (">=3.11", 'python = "3.11"', "", "debian:bookworm"),
        (">=3.11", 'python = "3.11"', "3.13", "debian:bookworm"),
        (">=3.11.3,<3.14", "", "", "debian:trixie"),
    ],
)
def test_the_suite_whose_python_fits_is_the_default(
    requires_python: str, table: str, python_version: str, base: str, tmp_path: Path
) -> None:
    root = project(tmp_path / "p", requires_python, table)
    if python_version:
        (root / ".python-version").write_text(python_version)
    assert default_base(read_project(root)) == base


@pytest.mark.parametrize(
    ("requires_python", "table", "asked"),
    [("==3.12.*", "", "requires-python ==3.12.*"), (">=3.11", 'python = "3.12"', "Python 3.12")],
)
def test_a_python_that_no_suite_has_is_an_error_that_says_what_they_have(
    requires_python: str, table: str, asked: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        default_base(read_project(project(tmp_path / "p", requires_python, table)))
    assert caught.value.what == (
        f"no Debian base fits {asked}: debian:bookworm has Python 3.11, debian:trixie has Python 3.13"
    )


def test_without_network_and_without_pins_the_error_says_to_lock(tmp_path: Path, store: Store) -> None:
    with pytest.raises(WorldError) as caught:
        find_base(AMD64, workshop(project(tmp_path / "p"), store, offline=True))
    assert "wherry lock" in caught.value.mend


def test_an_image_base_cannot_take_system_packages(tmp_path: Path, store: Store) -> None:
    root = project(tmp_path / "p", table='base = "oci:base"\nsystem-packages = ["libgl1"]')
    with pytest.raises(InputError, match="system-packages need a Debian base"):
        find_base(AMD64, workshop(root, store))


@pytest.fixture(scope="module")
def shared(cache_dir: Path) -> Store:
    """The run's store: Debian's lists are fetched once."""
    return Store.open(cache_dir)


@pytest.mark.debian
def test_the_first_look_pins_the_base_and_later_ones_ask_no_mirror(tmp_path: Path, shared: Store) -> None:
    root = project(tmp_path / "p", "==3.11.*")
    first = workshop(root, shared)
    found = find_base(AMD64, first)
    assert found.base.name == "debian:bookworm"
    assert {"libc6", "python3.11-minimal"} <= {pin.name for pin in found.host_packages}
    assert any("pinned debian:bookworm" in line for line in first.progress.lines)  # type: ignore[attr-defined]
    pinned = (root / "wherry.lock").read_bytes()
    again = find_base(AMD64, workshop(root, shared, offline=True))
    assert again == found
    assert (root / "wherry.lock").read_bytes() == pinned


@pytest.mark.debian
def test_a_base_tried_on_the_command_line_does_not_replace_the_committed_one(
    tmp_path: Path, shared: Store
) -> None:
    root = project(tmp_path / "p")
    find_base(AMD64, workshop(root, shared))
    pinned = (root / "wherry.lock").read_bytes()
    tried = find_base(AMD64, workshop(root, shared, base="debian:bookworm"))
    assert tried.base.name == "debian:bookworm"
    assert (root / "wherry.lock").read_bytes() == pinned


@pytest.mark.debian
def test_other_system_packages_are_pinned_anew(tmp_path: Path, shared: Store) -> None:
    root = project(tmp_path / "p")
    assert find_base(AMD64, workshop(root, shared)).base.system_packages == ()
    project(root, table='system-packages = ["libgomp1"]')
    found = find_base(AMD64, workshop(root, shared))
    assert [pin.name for pin in found.base.system_packages] == ["libgomp1"]
    assert "libgomp1" in (root / "wherry.lock").read_text()


@pytest.mark.debian
def test_a_base_whose_very_python_is_not_allowed_is_refused(tmp_path: Path, shared: Store) -> None:
    root = project(tmp_path / "p", "!=3.13.5,>=3.13", 'base = "debian:bookworm"')
    with pytest.raises(InputError, match=r"the project wants Python .*, and debian:bookworm has 3\.11"):
        find_base(AMD64, workshop(root, shared))


@pytest.mark.debian
def test_lock_pins_what_is_not_pinned_and_upgrade_says_what_changed(tmp_path: Path, shared: Store) -> None:
    root = project(tmp_path / "p")
    options = BuildOptions(root)
    (root / "requirements.txt").write_text("")
    first = lock_project(options, shared, SilentProgress(), upgrade_base=False)
    assert any(line.startswith("pinned debian:trixie in wherry.lock") for line in first)
    second = lock_project(options, shared, SilentProgress(), upgrade_base=False)
    assert any("is pinned in wherry.lock: 'wherry lock --upgrade base' renews it" in line for line in second)
    lock = root / "wherry.lock"
    assert lock_project(options, shared, SilentProgress(), upgrade_base=True)[1:] == ["  nothing changed"]
    assert lock.exists()
