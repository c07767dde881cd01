"""Libraries of packages are found where the loader looks, through links, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bases.debs import Deb, File, directory, make_elf, symlink
from wherry.layers.deb_libraries import LD_CACHE, complete_libraries
from wherry.layers.deb_tree import Below, DebTree, Entry, scan_debs
from wherry.layers.ld_cache import CacheEntry, make_ld_cache, read_ld_cache

if TYPE_CHECKING:
    from pathlib import Path


def _tree(tmp_path: Path, *files: File, below: Below | None = None) -> DebTree:
    return DebTree(scan_debs([Deb("a", files=files).write(tmp_path)], tmp_path), below or Below())


def _listed(tree: DebTree, machine: str = "x86_64") -> dict[str, str]:
    complete_libraries(tree, machine)
    return {f"{e.soname}{e.hwcaps}": e.path for e in read_ld_cache(tree.entries[LD_CACHE].read())}


def test_libraries_are_found_in_the_places_every_loader_knows(tmp_path: Path) -> None:
    tree = _tree(
        tmp_path,
        File("./usr/lib/x86_64-linux-gnu/liba.so.1.0", make_elf("liba.so.1")),
        File("./lib/libb.so.1", make_elf("libb.so.1")),
        File("./usr/local/lib/libc.so.1", make_elf("libc.so.1")),
        File("./opt/lib/libd.so.1", make_elf("libd.so.1")),
        File("./usr/lib/libtext.so", b"INPUT(-lc)"),
        File("./usr/lib/libarm.so.1", make_elf("libarm.so.1", "aarch64")),
        directory("./usr/lib/libdir.so.1"),
        symlink("./usr/lib/libgone.so.1", "nowhere"),
        symlink("./usr/lib/libtodir.so.1", "libdir.so.1"),
    )
    assert _listed(tree) == {
        "liba.so.1": "/lib/x86_64-linux-gnu/liba.so.1",
        "libb.so.1": "/lib/libb.so.1",
        "libc.so.1": "/usr/local/lib/libc.so.1",
    }
    assert tree.entries["usr/lib/x86_64-linux-gnu/liba.so.1"].link == "liba.so.1.0"


def test_configured_directories_come_first_and_odd_lines_do_not_count(tmp_path: Path) -> None:
    conf = b"# a comment\n/opt/lib/ # here\ninclude other\nhwcap 0 nosegneg\nrelative\n/with space\n/x=y\n"
    tree = _tree(
        tmp_path,
        File("./etc/ld.so.conf.d/mine.conf", conf),
        File("./opt/lib/liba.so.1", make_elf("liba.so.1")),
        File("./usr/lib/liba.so.1", make_elf("liba.so.1")),
    )
    complete_libraries(tree, "x86_64")
    found = read_ld_cache(tree.entries[LD_CACHE].read())
    assert [entry.path for entry in found] == ["/opt/lib/liba.so.1", "/lib/liba.so.1"]


def test_configuration_that_we_make_counts_too(tmp_path: Path) -> None:
    tree = _tree(tmp_path, File("./opt/lib/liba.so.1", make_elf("liba.so.1")))
    tree.put(Entry("etc/ld.so.conf.d/ours.conf", "file", 0o644, content=b"/opt/lib\n"))
    tree.put(Entry("opt/lib/libb.so.1", "file", 0o644, content=make_elf("libb.so.1")))
    assert set(_listed(tree)) == {"liba.so.1", "libb.so.1"}


def test_libraries_for_better_processors_are_listed_apart(tmp_path: Path) -> None:
    tree = _tree(
        tmp_path,
        File("./usr/lib/x86_64-linux-gnu/liba.so.1", make_elf("liba.so.1")),
        File("./usr/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so.1.0", make_elf("liba.so.1")),
        File("./usr/lib/x86_64-linux-gnu/glibc-hwcaps/README", b""),
    )
    assert _listed(tree) == {
        "liba.so.1": "/lib/x86_64-linux-gnu/liba.so.1",
        "liba.so.1x86-64-v3": "/lib/x86_64-linux-gnu/glibc-hwcaps/x86-64-v3/liba.so.1.0",
    }


def test_a_link_to_an_older_version_is_renewed_and_a_file_is_left_alone(tmp_path: Path) -> None:
    tree = _tree(
        tmp_path,
        File("./usr/lib/liba.so.1.1", make_elf("liba.so.1")),
        File("./usr/lib/liba.so.1.2", make_elf("liba.so.1")),
        symlink("./usr/lib/liba.so.1", "liba.so.1.1"),
        File("./usr/lib/libb.so.1", make_elf("libb.so.1")),
        File("./usr/lib/libz-b.so", make_elf("libb.so.1")),
    )
    _listed(tree)
    assert tree.entries["usr/lib/liba.so.1"].link == "liba.so.1.2"
    assert tree.entries["usr/lib/libb.so.1"].kind == "file"


def test_what_the_base_lists_stays_listed(tmp_path: Path) -> None:
    there = make_ld_cache([], "x86_64", "them", [CacheEntry("libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6")])
    tree = _tree(
        tmp_path, File("./usr/lib/liba.so.1", make_elf("liba.so.1")), below=Below(ld_cache=there.data)
    )
    assert set(_listed(tree)) == {"libc.so.6", "liba.so.1"}
