"""The loader's cache is, byte for byte, what ldconfig writes over the same libraries."""

from __future__ import annotations

import io
import struct
import subprocess
from functools import cmp_to_key
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bases.debs import make_elf
from tests.programs import require_program
from wherry.layers.elf import read_shared_object
from wherry.layers.ld_cache import (
    CacheEntry,
    Candidate,
    LibraryDirectory,
    compare_names,
    is_library_name,
    make_ld_cache,
    read_ld_cache,
)

if TYPE_CHECKING:
    from pathlib import Path

NAMES: Final = st.text(alphabet="ab.-01279", min_size=1, max_size=12)


def _candidate(name: str, soname: str, *, link: bool = False, machine: str = "x86_64") -> Candidate:
    shared = read_shared_object(io.BytesIO(make_elf(soname, machine)))
    assert shared is not None
    return Candidate(name, is_link=link, shared=shared)


def _generator(cache: bytes) -> str:
    (start,) = struct.unpack_from("<I", cache, 32)
    (count,) = struct.unpack_from("<I", cache, start + 4)
    for i in range(count):
        tag, _, offset, size = struct.unpack_from("<IIII", cache, start + 8 + 16 * i)
        if tag == 0:
            return cache[offset : offset + size].decode()
    return ""


def test_the_cache_is_what_ldconfig_writes(tmp_path: Path) -> None:
    ldconfig = require_program("ldconfig")
    files = {
        "usr/lib/libz.so.1.2.13": "libz.so.1",
        "usr/lib/libz.so.1.3": "libz.so.1",
        "usr/lib/libz.so.1.10": "libz.so.1",
        "usr/lib/libabc.so.2": "libabc.so.2",
        "usr/lib/libabc.so.10": "libabc.so.10",
        "usr/lib/libreal-1.2.so": "libreal.so.1",
        "usr/lib/libnoname.so": "",
        "usr/lib/ld-linux-x86-64.so.2": "ld-linux-x86-64.so.2",
        "usr/lib/plugin.so": "plugin.so",
        "usr/lib/glibc-hwcaps/x86-64-v2/libz.so.1.2.13": "libz.so.1",
        "usr/lib/glibc-hwcaps/x86-64-v3/libz.so.1.3": "libz.so.1",
        "usr/lib/glibc-hwcaps/x86-64-v3/libabc.so.2": "libabc.so.2",
        "usr/local/lib/libz.so.1": "libz.so.1",
        "usr/local/lib/libarm.so.1": "",
    }
    links = {
        "usr/lib/libz.so": "libz.so.1.2.13",  # the one ld(1) uses
        "usr/lib/libabc.so.2.0": "libabc.so.2",
        "usr/lib/libother.so.1": "libabc.so.10",
    }
    folders: dict[str, list[Candidate]] = {}
    for path, soname in files.items():
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        machine = "aarch64" if "libarm" in path else "x86_64"
        place.write_bytes(make_elf(soname, machine))
        folders.setdefault(path.rpartition("/")[0], []).append(
            _candidate(place.name, soname, machine=machine)
        )
    for path, target in links.items():
        (tmp_path / path).symlink_to(target)
        soname = files[f"usr/lib/{target}"]
        folders["usr/lib"].append(_candidate(path.rpartition("/")[2], soname, link=True))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/ld.so.conf").write_text("/usr/local/lib\n/usr/lib\n")
    subprocess.run([ldconfig, "-r", tmp_path], check=True, capture_output=True)
    real = (tmp_path / "etc/ld.so.cache").read_bytes()

    ours = make_ld_cache(
        [
            LibraryDirectory("/usr/local/lib", folders["usr/local/lib"]),
            LibraryDirectory(
                "/usr/lib/glibc-hwcaps/x86-64-v2", folders["usr/lib/glibc-hwcaps/x86-64-v2"], "x86-64-v2"
            ),
            LibraryDirectory(
                "/usr/lib/glibc-hwcaps/x86-64-v3", folders["usr/lib/glibc-hwcaps/x86-64-v3"], "x86-64-v3"
            ),
            LibraryDirectory("/usr/lib", folders["usr/lib"]),
        ],
        "x86_64",
        _generator(real),
    )

    assert read_ld_cache(ours.data) == read_ld_cache(real)
    assert ours.data == real
    made = {link: target for link, target in ours.links.items() if (tmp_path / link[1:]).is_symlink()}
    assert "/usr/lib/libz.so.1" in made  # where a file has the name, ldconfig leaves it alone
    for link, target in made.items():
        assert (tmp_path / link[1:]).readlink().name == target


def test_the_newest_file_stands_for_a_name_and_gets_its_link() -> None:
    files = [_candidate("libz.so.1.9", "libz.so.1"), _candidate("libz.so.1.10", "libz.so.1")]
    cache = make_ld_cache([LibraryDirectory("/usr/lib", files)], "x86_64", "us")
    assert cache.links == {"/usr/lib/libz.so.1": "libz.so.1.10"}
    assert read_ld_cache(cache.data) == (CacheEntry("libz.so.1", "/usr/lib/libz.so.1"),)


def test_libraries_of_another_machine_are_not_listed() -> None:
    cache = make_ld_cache([LibraryDirectory("/usr/lib", [_candidate("liba.so", "liba.so")])], "aarch64", "us")
    assert read_ld_cache(cache.data) == ()


def test_arm_libraries_have_arm_flags() -> None:
    library = _candidate("liba.so", "liba.so", machine="aarch64")
    cache = make_ld_cache([LibraryDirectory("/usr/lib", [library])], "aarch64", "us")
    assert struct.unpack_from("<i", cache.data, 48) == (0x0A03,)


def test_entries_of_the_cache_below_stay() -> None:
    below = (CacheEntry("libc.so.6", "/lib/libc.so.6"), CacheEntry("libz.so.1", "/hw/libz.so.1", "x86-64-v3"))
    cache = make_ld_cache(
        [LibraryDirectory("/usr/lib", [_candidate("libb.so", "libb.so")])], "x86_64", "us", below
    )
    assert set(read_ld_cache(cache.data)) == {*below, CacheEntry("libb.so", "/usr/lib/libb.so")}


@given(st.lists(st.tuples(NAMES, NAMES, st.sampled_from(["", "v2", "v3"])), max_size=20))
def test_what_is_written_is_read_back(triples: list[tuple[str, str, str]]) -> None:
    entries = [CacheEntry(*triple) for triple in triples]
    assert set(read_ld_cache(make_ld_cache([], "x86_64", "us", entries).data)) == set(entries)


@given(NAMES, NAMES, NAMES)
def test_names_have_one_order(one: str, two: str, three: str) -> None:
    assert compare_names(one, one) == 0
    assert compare_names(one, two) == -compare_names(two, one)
    if compare_names(one, two) <= 0 and compare_names(two, three) <= 0:
        assert compare_names(one, three) <= 0


def test_numbers_in_names_compare_as_numbers() -> None:
    names = ["libz.so", "libz.so.1", "libz.so.1.2", "libz.so.1.10", "libz.so.2", "libz1.so"]
    assert sorted(set(names), key=cmp_to_key(compare_names)) == names


@given(st.binary(max_size=300))
def test_any_bytes_are_read_as_some_entries_or_none(data: bytes) -> None:
    read_ld_cache(b"glibc-ld.so.cache1.1" + data)
    assert read_ld_cache(data) == () or data.startswith(b"glibc")


def test_a_cache_with_damaged_extensions_has_no_entries() -> None:
    cache = make_ld_cache([], "x86_64", "us", [CacheEntry("a", "b", "v2")]).data
    magic = struct.pack("<I", 0xEAA42174)
    assert read_ld_cache(cache.replace(magic, bytes(4))) == ()
    assert read_ld_cache(cache[:60]) == ()


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("libz.so.1", True),
        ("ld-linux.so.2", True),
        ("ld.so.1", True),
        ("plugin.so", False),
        ("libz.a", False),
        ("libz.so.dpkg-new", False),
        ("libz.so;1234", False),
        ("libz.so.#prelink#.abcdef", False),
    ],
)
def test_ldconfig_looks_at_libraries_only(name: str, *, counts: bool) -> None:
    assert is_library_name(name) is counts
