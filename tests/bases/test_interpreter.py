"""The interpreter that compiles bytecode is unpacked whole, once, and never outside of its place."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.bases.debs import Deb, File, directory, symlink
from wherry.bases import interpreter as room
from wherry.bases.interpreter import INTERPRETERS, compiler_names, compiler_pins, host_interpreter
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.bases.model import DebianPin
    from wherry.store.store import Store

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")
FILES = {
    "libc6": (
        directory("./lib/x86_64-linux-gnu"),
        File("./lib/x86_64-linux-gnu/libc.so.6", b"libc", mode=0o755),
        symlink("./lib/x86_64-linux-gnu/libm.so", "libm.so.6"),
        symlink("./lib/x86_64-linux-gnu/evil.so", "/etc/passwd"),
        symlink("./usr/lib/x86_64-linux-gnu/up.so", "../../../../etc/passwd"),
        File("./etc/ld.so.conf", b"not needed"),
    ),
    "python3.11-minimal": (
        File("./usr/bin/python3.11", b"python", mode=0o755),
        symlink("./usr/bin/py", "python3.11"),
    ),
    "libpython3.11-minimal": (File("./usr/lib/python3.11/os.py", b"import sys\n"),),
}


def _pins(tmp_path: Path, store: Store, **more: tuple[File, ...]) -> tuple[DebianPin, ...]:
    found = []
    for name in compiler_names("bookworm"):
        version = "3.11.2-6" if "python" in name else "1.0-1"
        files = FILES.get(name, ()) + more.get(name, ())
        pin, path = Deb(name, version, files=files).write(tmp_path)
        store.blobs.add_file(path, Digest.from_hex(pin.sha256))
        found.append(pin)
    return tuple(found)


def test_it_is_started_through_its_own_loader(tmp_path: Path, store: Store) -> None:
    pins = _pins(tmp_path, store)
    found = host_interpreter("bookworm", pins, AMD64, store)
    assert found.version == "3.11.2"
    assert found.argv[0].endswith("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
    assert found.argv[-2].endswith("/usr/bin/python3.11")
    assert "ld-linux-aarch64.so.1" in host_interpreter("bookworm", pins, ARM64, store).argv[0]
    assert host_interpreter("bookworm", pins, AMD64, store) == found
    assert len(list((store.root / INTERPRETERS).iterdir())) == 1


def test_only_what_it_needs_is_unpacked_and_no_link_leads_out(tmp_path: Path, store: Store) -> None:
    host_interpreter("bookworm", _pins(tmp_path, store), AMD64, store)
    (root,) = (store.root / INTERPRETERS).iterdir()
    files = {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()}
    assert files == {
        "usr/bin/python3.11",
        "usr/lib/python3.11/os.py",
        "usr/lib/x86_64-linux-gnu/libc.so.6",
        "usr/lib/x86_64-linux-gnu/libm.so",
    }
    assert (root / "usr/bin/python3.11").stat().st_mode & 0o111
    assert not (root / "usr/lib/python3.11/os.py").stat().st_mode & 0o111


@pytest.mark.parametrize(
    "files",
    [
        (File("./lib/x86_64-linux-gnu/libc.so.6", b"again"),),
        (File("./usr/lib/python3.11/a", b"1"), File("./usr/lib/python3.11/a/b", b"2")),
        (File("./usr/lib/python3.11/../../../../x", b"1"),),
        (File("./dev/sda", kind=tarfile.BLKTYPE),),
    ],
)
def test_a_package_that_means_harm_leaves_nothing(
    tmp_path: Path, store: Store, files: tuple[File, ...]
) -> None:
    pins = _pins(tmp_path, store, zlib1g=files)
    with pytest.raises(InputError):
        host_interpreter("bookworm", pins, AMD64, store)
    assert not (store.root / INTERPRETERS).exists()


def test_a_package_larger_than_any_python_is_refused(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_FILES_LIMIT_BYTES", 3)
    with pytest.raises(InputError, match="far larger"):
        host_interpreter("bookworm", _pins(tmp_path, store), AMD64, store)


def test_a_link_never_replaces_a_file(tmp_path: Path, store: Store) -> None:
    host_interpreter(
        "bookworm", _pins(tmp_path, store, zlib1g=(symlink("./usr/bin/python3.11", "other"),)), AMD64, store
    )
    (root,) = (store.root / INTERPRETERS).iterdir()
    assert (root / "usr/bin/python3.11").read_bytes() == b"python"


def test_a_store_that_cannot_be_written_is_the_worlds_fault(tmp_path: Path, store: Store) -> None:
    pins = _pins(tmp_path, store)
    (store.root / INTERPRETERS).write_text("in the way")
    with pytest.raises(WorldError, match="keep the interpreter"):
        host_interpreter("bookworm", pins, AMD64, store)


def test_its_packages_are_chosen_from_the_bases(tmp_path: Path, store: Store) -> None:
    pins = _pins(tmp_path, store)
    more, _ = Deb("tzdata").write(tmp_path)
    assert compiler_pins("bookworm", [more, *reversed(pins)]) == pins
    with pytest.raises(InputError, match="have no libc6"):
        compiler_pins("bookworm", [pin for pin in pins if pin.name != "libc6"])


def test_a_version_without_a_number_is_refused(tmp_path: Path, store: Store) -> None:
    pin, _ = Deb("python3.11-minimal", "unstable").write(tmp_path)
    with pytest.raises(InputError, match="no Python version"):
        host_interpreter("bookworm", [pin], AMD64, store)
