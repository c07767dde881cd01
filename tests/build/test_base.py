"""What lies underneath: the suite that fits, pinned for everyone, renewed when asked."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, put_image, put_index
from wherry.bases.image import base_from_layout
from wherry.bases.model import DebianPin
from wherry.bases.pins import Pins, PlatformPins, read_pins, write_pins
from wherry.build.base import default_base, find_base
from wherry.build.base_pins import resolve_pins
from wherry.build.lock import lock_project
from wherry.build.options import BuildOptions
from wherry.build.workshop import open_workshop
from wherry.errors import InputError, WorldError
from wherry.oci.image import StoreSource
from wherry.oci.layout import write_layout
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


def image(
    root: Path, *more: Entry, codename: str = "bookworm", architectures: tuple[str, ...] = ("amd64",)
) -> Path:
    """A project beside an image base made by hand, of which libgomp1 is wanted; *more* is in its layer."""
    made = Store.open(root / "made")
    layer = [
        Entry("etc/os-release", f"VERSION_CODENAME={codename}\n".encode()),
        Entry("usr/bin/python3.11", b"\x7fELF\x003.11.9\0", mode=0o755),
        Entry("usr/lib/libc.so.6", b"GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36."),
        Entry("var/lib/dpkg/status.d/libc6", b"Package: libc6\nVersion: 2.36-9+deb12u1\n"),
        *more,
    ]
    index = put_index(made, [put_image(made, [layer], architecture=name) for name in architectures])
    shutil.rmtree(root / "base", ignore_errors=True)
    write_layout(root / "base", StoreSource(made, index), index)
    return project(root / "p", "==3.11.*", 'base = "oci:../base"\nsystem-packages = ["libgomp1"]')


def pin(root: Path, store: Store, asked: str = "libgomp1") -> DebianPin:
    """A wherry.lock as if the image had been pinned once, with one package."""
    found = base_from_layout(f"oci:{root.parent}/base", AMD64, store)
    package = DebianPin("libgomp1", "1", "amd64", "pool/main/g/libgomp1_1_amd64.deb", "0" * 64, 1)
    pinned = PlatformPins(digest=str(found.digest), system_packages=(package,))
    pins = Pins("oci:../base", {"linux/amd64": pinned}, system_packages=(asked,))
    write_pins(root / "wherry.lock", pins)
    return package


def test_a_pinned_image_has_its_system_packages_without_network(tmp_path: Path, store: Store) -> None:
    root = image(tmp_path)
    package = pin(root, store)
    found = find_base(AMD64, workshop(root, store, offline=True)).base
    assert (found.name, found.packages, found.system_packages) == ("oci:../base", (), (package,))
    assert len(found.layers) == 1


def test_an_image_is_the_pinned_one_wherever_it_lies(tmp_path: Path, store: Store) -> None:
    root = image(tmp_path)
    package = pin(root, store)
    elsewhere = (tmp_path / "base").rename(tmp_path / "elsewhere")
    found = find_base(AMD64, workshop(root, store, base=f"oci:{elsewhere}", offline=True)).base
    assert found.system_packages == (package,)


def test_an_image_without_system_packages_needs_no_pins(tmp_path: Path, store: Store) -> None:
    root = image(tmp_path)
    project(root, "==3.11.*", 'base = "oci:../base"')
    assert find_base(AMD64, workshop(root, store, offline=True)).base.system_packages == ()
    assert not (root / "wherry.lock").exists()


@pytest.mark.parametrize("change", ["never pinned", "another image", "other packages"])
def test_an_image_that_is_not_pinned_as_it_is_now_needs_network(
    tmp_path: Path, store: Store, change: str
) -> None:
    root = image(tmp_path)
    if change != "never pinned":
        pin(root, store, "libgl1" if change == "other packages" else "libgomp1")
    if change == "another image":
        image(tmp_path, Entry("new"))
    with pytest.raises(WorldError, match="is not pinned, and without network it cannot be"):
        find_base(AMD64, workshop(root, store, offline=True))


def test_system_packages_over_an_image_that_is_not_debians_are_refused(tmp_path: Path, store: Store) -> None:
    root = image(tmp_path, codename="noble")
    with pytest.raises(InputError, match="Debian bookworm or trixie, and this is 'noble'"):
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
    assert any(line.startswith("pinned debian:trixie in wherry.lock") for line in first.words)
    assert not first.is_upgrade
    second = lock_project(options, shared, SilentProgress(), upgrade_base=False)
    assert "debian:trixie is pinned in wherry.lock: 'wherry lock --upgrade base' renews it" in second.words
    lock = root / "wherry.lock"
    third = lock_project(options, shared, SilentProgress(), upgrade_base=True)
    assert (third.is_upgrade, third.changes) == (True, ())
    assert lock.exists()


@pytest.mark.debian
def test_an_image_is_pinned_with_what_it_lacks_for_every_platform_it_is_for(
    tmp_path: Path, shared: Store
) -> None:
    root = image(tmp_path, architectures=("amd64", "arm64"))
    first = workshop(root, shared)
    found = find_base(AMD64, first).base
    assert [pin.name for pin in found.system_packages] == ["gcc-12-base", "libgomp1"]  # libc6 is there
    assert any("pinned oci:../base in" in line for line in first.progress.lines)  # type: ignore[attr-defined]
    pins = read_pins(root / "wherry.lock")
    assert pins is not None
    assert pins.platforms.keys() == {"linux/amd64", "linux/arm64"}
    assert pins.platforms["linux/amd64"].digest == found.digest
    assert not any(platform.packages for platform in pins.platforms.values())
    assert find_base(AMD64, workshop(root, shared, offline=True)).base == found


@pytest.mark.debian
def test_another_image_is_pinned_anew(tmp_path: Path, shared: Store) -> None:
    root = image(tmp_path)
    before = find_base(AMD64, workshop(root, shared)).base
    pinned = (root / "wherry.lock").read_text()
    has_it = Entry("var/lib/dpkg/status.d/gcc-12-base", b"Package: gcc-12-base\nVersion: 12.2.0-14+deb12u1\n")
    image(tmp_path, has_it)
    after = find_base(AMD64, workshop(root, shared)).base
    assert [pin.name for pin in after.system_packages] == ["libgomp1"]
    assert str(before.digest) in pinned
    assert str(after.digest) in (root / "wherry.lock").read_text()


@pytest.mark.debian
def test_what_is_missing_of_other_platforms_does_not_matter(tmp_path: Path, shared: Store) -> None:
    root = image(tmp_path, architectures=("amd64", "arm64"))
    pins = resolve_pins("oci:../base", workshop(root, shared), [AMD64])
    (tmp_path / "base/blobs/sha256" / pins.platforms["linux/arm64"].digest.removeprefix("sha256:")).unlink()
    assert resolve_pins("oci:../base", workshop(root, shared), [AMD64]).platforms.keys() == {"linux/amd64"}


def test_an_image_without_system_packages_has_nothing_to_pin(tmp_path: Path, store: Store) -> None:
    root = project(tmp_path / "p", table='base = "oci:base"')
    locked = lock_project(BuildOptions(root), store, SilentProgress(), upgrade_base=True)
    assert locked.words == ["oci:base is an image on this disk: there is nothing to pin"]
    assert not (root / "wherry.lock").exists()
