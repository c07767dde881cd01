"""An image as a base: what its newest layers leave standing, and a clear word where it does not fit."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.handmade import Entry, directory, name_image, put_image, symlink
from wherry.bases import image_scan
from wherry.bases.image import base_from_layout, debian_image, image_facts
from wherry.bases.image_base import installed_packages
from wherry.bases.model import WantedPython
from wherry.digest import Digest
from wherry.errors import InputError
from wherry.oci.image import StoreSource, read_image
from wherry.oci.layout import write_layout
from wherry.oci.model import Config
from wherry.oci.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from wherry.bases.image_scan import ImageFacts
    from wherry.store.store import Store

AMD64 = Platform.parse("linux/amd64")
LIBC = b"\x7fELF...GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.\nCopyright"
STATUS = b"""\
Package: libc6
Status: install ok installed
Version: 2.36-9
Provides: libc6-2.36, libc (= 2.36)

Package: gone
Status: deinstall ok config-files
Version: 1

Package: broken
Status: install ok installed
"""


def program(path: str, version: str) -> Entry:
    return Entry(path, b"\x7fELF" + bytes(100) + b"alloc\0" + version.encode() + b"\0strict", mode=0o755)


DEBIAN = [
    directory("usr/bin"),
    symlink("lib", "usr/lib"),
    Entry("usr/lib/x86_64-linux-gnu/libc.so.6", LIBC, mode=0o755),
    program("usr/bin/python3.11", "3.11.2"),
    symlink("usr/bin/python3", "python3.11"),
    Entry("var/lib/dpkg/status", STATUS),
    Entry("etc/ld.so.cache", b"cache"),
    Entry("etc/os-release", b'PRETTY_NAME="Debian"\nVERSION_CODENAME=bookworm\n'),
]


def _facts(store: Store, *layers: Iterable[Entry]) -> ImageFacts:
    root = put_image(store, [list(layer) for layer in layers], architecture="amd64")
    source = StoreSource(store, root)
    return image_facts(source, read_image(source, root, AMD64), store)


def _named(store: Store, layers: Sequence[Iterable[Entry]], config: Config | None = None) -> None:
    name_image(store, "base", put_image(store, layers, config=config, architecture="amd64"))


def test_an_images_facts_are_found(store: Store) -> None:
    config = Config(env=("PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8"), user="7")
    _named(store, [DEBIAN], config)
    base = base_from_layout("base", AMD64, store)
    assert (base.python, base.python_full_version, base.interpreter) == (
        (3, 11),
        "3.11.2",
        "/usr/bin/python3.11",
    )
    assert base.glibc == (2, 36)
    assert base.user == "7"
    assert base.env[1] == "LANG=C.UTF-8"
    assert len(base.layers) == len(base.history) == 1
    assert base.layers[0].digest in store.blobs


def test_an_image_in_a_directory_comes_into_the_store(store: Store, tmp_path: Path) -> None:
    other = type(store).open(tmp_path / "other")
    root = put_image(other, [DEBIAN], architecture="amd64")
    write_layout(tmp_path / "layout", StoreSource(other, root), root, ref_name="v1")
    base = base_from_layout(f"oci:{tmp_path}/layout:v1", AMD64, store)
    assert base.digest == root.digest
    assert all(layer.digest in store.blobs for layer in base.layers)


def test_packages_links_and_directories_are_known(store: Store) -> None:
    facts = _facts(store, DEBIAN)
    assert facts.codename == "bookworm"
    assert facts.links["lib"] == "usr/lib"
    assert "usr/bin" in facts.directories
    assert facts.ld_cache == b"cache"
    (libc6,) = installed_packages(facts.packages)
    assert (libc6.name, libc6.version) == ("libc6", "2.36-9")
    assert [str(relation) for relation in libc6.provides] == ["libc6-2.36", "libc (= 2.36)"]


def test_packages_of_an_image_without_dpkg_are_known_too(store: Store) -> None:
    facts = _facts(store, [Entry("var/lib/dpkg/status.d/tzdata", b"Package: tzdata\nVersion: 1\n")])
    assert [p.name for p in facts.packages] == ["tzdata"]


def test_what_debian_packages_are_resolved_over_is_known(store: Store) -> None:
    _named(store, [DEBIAN])
    found = debian_image("base", AMD64, store)
    assert (found.suite, [p.name for p in found.installed]) == ("bookworm", ["libc6"])
    assert found.digest == base_from_layout("base", AMD64, store).digest


@pytest.mark.parametrize(
    ("newer", "why"),
    [
        (
            Entry("etc/os-release", b"VERSION_CODENAME=noble\n"),
            "Debian bookworm or trixie, and this is 'noble'",
        ),
        (Entry("etc/os-release", b"ID=alpine\n"), "no release that its os-release names"),
        (Entry("etc/.wh.os-release"), "no release that its os-release names"),
        (Entry("var/lib/dpkg/.wh.status"), "/var/lib/dpkg there tells nothing"),
    ],
)
def test_an_image_that_debian_packages_cannot_be_laid_over_says_why(
    store: Store, newer: Entry, why: str
) -> None:
    _named(store, [DEBIAN, [newer]])
    with pytest.raises(InputError, match=why) as caught:
        debian_image("base", AMD64, store)
    assert "debian:trixie" in caught.value.mend


def test_facts_are_remembered_by_the_manifest(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _facts(store, DEBIAN)
    monkeypatch.setattr("wherry.bases.image.scan_image", None)
    assert _facts(store, DEBIAN) == first


def test_the_python_that_path_finds_first_is_taken(store: Store) -> None:
    layer = [
        *DEBIAN,
        program("usr/local/bin/python3.12", "3.12.7"),
        program("opt/x/bin/python3.13", "3.13.1"),
    ]
    _named(store, [layer], Config(env=("PATH=/usr/local/bin:/usr/bin",)))
    assert base_from_layout("base", AMD64, store).python_full_version == "3.12.7"
    assert (
        base_from_layout("base", AMD64, store, python=WantedPython((3, 11))).interpreter
        == "/usr/bin/python3.11"
    )
    assert (
        base_from_layout("base", AMD64, store, python=WantedPython((3, 13))).interpreter
        == "/opt/x/bin/python3.13"
    )


def test_a_base_without_the_wanted_python_says_which_it_has(store: Store) -> None:
    _named(store, [DEBIAN])
    with pytest.raises(InputError, match=r"no Python 3\.13; it has 3\.11\.2 \(/usr/bin/python3\.11\)"):
        base_from_layout("base", AMD64, store, python=WantedPython((3, 13)))
    _named(store, [[directory("usr")]])
    with pytest.raises(InputError, match="no Python; it has none at all"):
        base_from_layout("base", AMD64, store)


def test_a_base_without_glibc_is_refused(store: Store) -> None:
    _named(store, [[program("usr/bin/python3.11", "3.11.2")]])
    with pytest.raises(InputError, match="no glibc"):
        base_from_layout("base", AMD64, store)


def test_the_version_may_stand_in_pythons_library(store: Store) -> None:
    starter = Entry("usr/local/bin/python3.12", b"\x7fELF small", mode=0o755)
    library = program("usr/local/lib/libpython3.12.so.1.0", "3.12.9")
    assert [p.version for p in _facts(store, [starter, library]).pythons] == ["3.12.9"]
    (alone,) = _facts(store, [starter]).pythons
    assert alone.version == ""
    assert _facts(store, [starter, program("elsewhere/libpython3.12.so.1.0", "3.12.9")]).pythons == (alone,)


def test_a_version_that_is_not_certain_is_none(store: Store) -> None:
    both = Entry("usr/bin/python3.11", b"a\x003.11.2\0b\x003.11.3\0")
    assert _facts(store, [both]).pythons[0].version == ""


def test_a_string_over_the_border_of_two_blocks_is_found(store: Store) -> None:
    size = (1 << 20) - 3
    found = _facts(store, [Entry("usr/bin/python3.11", bytes(size) + b"3.11.2\0")])
    assert found.pythons[0].version == "3.11.2"


@pytest.mark.parametrize(
    "newer",
    [
        [Entry("usr/bin/.wh.python3.11")],
        [Entry("usr/.wh.bin")],
        [Entry("usr/bin/.wh..wh..opq")],
        [Entry("usr/bin", b"now a file")],
        [symlink("usr/bin/python3.11", "/elsewhere")],
    ],
    ids=["deleted", "directory deleted", "opaque", "directory replaced", "replaced"],
)
def test_what_a_newer_layer_hides_is_not_there(store: Store, newer: list[Entry]) -> None:
    assert len(_facts(store, DEBIAN).pythons) == 1
    assert _facts(store, DEBIAN, newer).pythons == ()


def test_what_a_newer_layer_has_counts(store: Store) -> None:
    newer = [
        Entry("usr/bin/.wh..wh..opq"),
        program("usr/bin/python3.12", "3.12.1"),
        Entry("etc/os-release", b"VERSION_CODENAME=trixie\n"),
    ]
    facts = _facts(store, DEBIAN, newer)
    assert [p.version for p in facts.pythons] == ["3.12.1"]
    assert facts.codename == "trixie"


def test_a_layer_with_a_path_that_leads_out_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="leads out"):
        _facts(store, [Entry("../etc/passwd")])


def test_a_layer_that_is_not_the_one_named_is_refused(store: Store) -> None:
    root = put_image(store, [DEBIAN], architecture="amd64", diff_ids=(Digest.of_bytes(b"other"),))
    source = StoreSource(store, root)
    with pytest.raises(InputError, match="not the one"):
        image_facts(source, read_image(source, root, AMD64), store)


def test_limits_hold(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_scan, "STATUS_LIMIT_BYTES", 10)
    with pytest.raises(InputError, match="status file is too large"):
        _facts(store, DEBIAN)
    monkeypatch.setattr(image_scan, "ENTRIES_LIMIT", 2)
    with pytest.raises(InputError, match="too many files"):
        _facts(store, [Entry("a"), Entry("b"), Entry("c")])


def test_members_of_odd_kinds_are_passed_over(store: Store) -> None:
    odd = [Entry("dev/null", kind=tarfile.CHRTYPE), Entry("usr/bin/python3.11", kind=tarfile.FIFOTYPE)]
    assert _facts(store, odd).pythons == ()
