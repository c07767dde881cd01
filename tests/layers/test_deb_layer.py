"""Packages become one layer: deterministic, as dpkg would unpack them, and nothing in it that means harm."""

from __future__ import annotations

import errno
import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.bases.debs import Deb, File, directory, make_elf, symlink
from wherry.bases.image_scan import ImageFacts
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.layers import deb_tree
from wherry.layers.deb_layer import below_debs, below_image, deb_layer, deb_layer_key
from wherry.layers.deb_root import CA_BUNDLE, RootUser
from wherry.layers.ld_cache import CacheEntry, read_ld_cache
from wherry.layers.model import MTIME, BytecodeCompiler
from wherry.layers.stored import find_layer

if TYPE_CHECKING:
    from pathlib import Path

    from wherry.bases.model import DebianPin
    from wherry.layers.deb_tree import Below
    from wherry.layers.model import LayerBlob
    from wherry.store.store import Store

LIBZ = make_elf("libz.so.1")
BASE = (
    Deb(
        "libc6",
        "2.36-9",
        files=(
            directory("./lib"),
            directory("./lib/x86_64-linux-gnu"),
            File("./lib/x86_64-linux-gnu/libc.so.6", make_elf("libc.so.6"), mode=0o755),
            directory("./lib64"),
            symlink("./lib64/ld-linux-x86-64.so.2", "/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
            directory("./etc/ld.so.conf.d"),
            File(
                "./etc/ld.so.conf.d/multi.conf", b"# Multiarch support\n/lib/x86_64-linux-gnu\nnot a path\n"
            ),
        ),
    ),
    Deb(
        "zlib1g",
        "1:1.3",
        files=(
            directory("./usr/lib/x86_64-linux-gnu"),
            File("./usr/lib/x86_64-linux-gnu/libz.so.1.3", LIBZ),
            File("./usr/share/doc/zlib1g/copyright", b"zlib"),
            File("./usr/share/doc/zlib1g/changelog.gz", b"news"),
            directory("./usr/share/doc/empty"),
            File("./usr/share/man/man3/zlib.3.gz", b"manual"),
        ),
    ),
    Deb("tzdata", "2026", "all", files=(File("./usr/share/zoneinfo/Etc/UTC", b"TZif"),)),
    Deb(
        "ca-certificates",
        "2025",
        "all",
        files=(
            File("./usr/share/ca-certificates/mozilla/B.crt", b"-----B-----"),
            File("./usr/share/ca-certificates/mozilla/A.crt", b"-----A-----\n"),
        ),
    ),
    Deb(
        "python3.11-minimal",
        "3.11.2-6",
        files=(
            File("./usr/bin/python3.11", b"\x7fELF", mode=0o755),
            File("./usr/lib/python3.11/os.py", b"import sys\n"),
        ),
    ),
)


def _written(tmp_path: Path, debs: tuple[Deb, ...]) -> list[tuple[DebianPin, Path]]:
    folder = tmp_path / "debs"
    folder.mkdir(exist_ok=True)
    return [deb.write(folder) for deb in debs]


def _members(blob: LayerBlob, store: Store) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    with store.blobs.open(Digest(blob.digest)) as stream:
        data = gzip.decompress(stream.read())
    assert Digest.of_bytes(data) == blob.diff_id
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = archive.getmembers()
        names = [member.name for member in members]
        assert len(names) == len(set(names))
        assert names == sorted(names, key=str.encode)
        return {
            m.name: (m, (archive.extractfile(m) or io.BytesIO()).read() if m.isfile() else b"")
            for m in members
        }


def _layer(
    tmp_path: Path, store: Store, *debs: Deb, below: Below | None = None
) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    return _members(deb_layer(_written(tmp_path, debs), store, machine="x86_64", below=below), store)


def _base(tmp_path: Path, store: Store) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    return _members(deb_layer(_written(tmp_path, BASE), store, machine="x86_64", user=RootUser()), store)


def test_a_base_has_what_programs_rely_on(tmp_path: Path, store: Store) -> None:
    found = _base(tmp_path, store)
    links = {name: member.linkname for name, (member, _) in found.items() if member.issym()}
    assert links["lib"] == "usr/lib"
    assert links["lib64"] == "usr/lib64"
    assert links["bin"] == "usr/bin"
    assert links["usr/bin/python3"] == "python3.11"
    assert links["usr/bin/python"] == "python3"
    assert links["etc/localtime"] == "/usr/share/zoneinfo/Etc/UTC"
    assert links["usr/lib/ssl/cert.pem"] == "/etc/ssl/certs/ca-certificates.crt"
    assert found[CA_BUNDLE][1] == b"-----A-----\n-----B-----\n"
    assert not any(name.startswith("usr/share/ca-certificates/") for name in found)
    assert b"nonroot:x:65532:65532" in found["etc/passwd"][1]
    assert b"nonroot:x:65532:" in found["etc/group"][1]
    assert found["tmp"][0].mode == found["var/tmp"][0].mode == 0o1777
    home = found["home/nonroot"][0]
    assert (home.uid, home.gid, home.mode) == (65532, 65532, 0o755)


def test_packages_that_name_the_old_paths_are_laid_below_usr(tmp_path: Path, store: Store) -> None:
    found = _base(tmp_path, store)
    assert found["usr/lib/x86_64-linux-gnu/libc.so.6"][0].isfile()
    assert found["usr/lib64/ld-linux-x86-64.so.2"][0].issym()
    assert not any(name.startswith(("lib/", "lib64/")) for name in found)


def test_licences_stay_and_documentation_goes(tmp_path: Path, store: Store) -> None:
    found = _base(tmp_path, store)
    assert found["usr/share/doc/zlib1g/copyright"][1] == b"zlib"
    assert "usr/share/doc/zlib1g/changelog.gz" not in found
    assert "usr/share/doc/empty" not in found
    assert not any("man" in name.split("/") for name in found)


def test_scanners_find_every_package(tmp_path: Path, store: Store) -> None:
    found = _base(tmp_path, store)
    for deb in BASE:
        assert found[f"var/lib/dpkg/status.d/{deb.name}"][1] == deb.control.encode()
    sums = found["var/lib/dpkg/status.d/zlib1g.md5sums"][1]
    assert b"libz.so.1.3" in sums
    assert b"copyright" in sums
    assert b"changelog" not in sums


def test_the_loader_finds_the_libraries(tmp_path: Path, store: Store) -> None:
    found = _base(tmp_path, store)
    assert read_ld_cache(found["etc/ld.so.cache"][1]) == (
        CacheEntry("libz.so.1", "/lib/x86_64-linux-gnu/libz.so.1"),
        CacheEntry("libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6"),
    )
    assert found["usr/lib/x86_64-linux-gnu/libz.so.1"][0].linkname == "libz.so.1.3"


def test_every_member_is_roots_of_one_time_and_writable_by_no_other(tmp_path: Path, store: Store) -> None:
    for name, (member, _) in _base(tmp_path, store).items():
        assert member.mtime == MTIME
        assert member.uname == member.gname == ""
        assert member.uid == 0 or name == "home/nonroot"
        assert member.issym() or member.mode & 0o022 == 0 or member.mode == 0o1777, name


def test_the_layer_does_not_depend_on_order_or_place(tmp_path: Path, store: Store) -> None:
    debs = _written(tmp_path, BASE)
    one = deb_layer(debs, store, machine="x86_64", user=RootUser())
    again = type(store).open(tmp_path / "other")
    other = deb_layer(debs[::-1], again, machine="x86_64", user=RootUser())
    assert (one.diff_id, one.digest) == (other.diff_id, other.digest)


def test_a_layer_is_made_once(tmp_path: Path, store: Store) -> None:
    debs = _written(tmp_path, BASE)
    made = deb_layer(debs, store, machine="x86_64", user=RootUser())
    key = deb_layer_key([pin for pin, _ in debs], machine="x86_64", compression="gzip", user=RootUser())
    assert find_layer(store, key) == made
    for _, path in debs:
        path.unlink()
    assert deb_layer(debs, store, machine="x86_64", user=RootUser()) == made


def test_everything_that_decides_the_bytes_is_in_the_key(tmp_path: Path) -> None:
    pins = [pin for pin, _ in _written(tmp_path, BASE)]
    compiler = BytecodeCompiler(("python",), "3.11.2")
    keys = [
        deb_layer_key(pins, machine="x86_64", compression="gzip"),
        deb_layer_key(pins[1:], machine="x86_64", compression="gzip"),
        deb_layer_key(pins, machine="aarch64", compression="gzip"),
        deb_layer_key(pins, machine="x86_64", compression="zstd"),
        deb_layer_key(pins, machine="x86_64", compression="gzip", user=RootUser()),
        deb_layer_key(pins, machine="x86_64", compression="gzip", user=RootUser(uid=7)),
        deb_layer_key(pins, machine="x86_64", compression="gzip", bytecode=compiler),
        deb_layer_key(pins, machine="x86_64", compression="gzip", below="x"),
        deb_layer_key(pins, machine="x86_64", compression="gzip", mtime=1),
    ]
    assert len(set(keys)) == len(keys)
    assert deb_layer_key(pins[::-1], machine="x86_64", compression="gzip") == keys[0]


def test_system_packages_never_touch_directories_of_the_base(tmp_path: Path, store: Store) -> None:
    below = below_debs(_written(tmp_path, BASE), store, machine="x86_64", user=RootUser())
    tool = Deb(
        "libtool1",
        files=(
            directory("./lib"),
            directory("./usr/lib/x86_64-linux-gnu"),
            File("./lib/x86_64-linux-gnu/libtool.so.1.0", make_elf("libtool.so.1")),
            File("./usr/lib/x86_64-linux-gnu/libz.so", make_elf("libz.so.1")),
            directory("./usr/share/libtool"),
            File("./usr/share/libtool/data", b"x"),
        ),
    )
    found = _layer(tmp_path, store, tool, below=below)
    assert sorted(name for name, (member, _) in found.items() if member.isdir()) == ["usr/share/libtool"]
    assert "lib" not in found
    names = [entry.soname for entry in read_ld_cache(found["etc/ld.so.cache"][1])]
    assert "libc.so.6" in names
    assert "libtool.so.1" in names


def test_packages_can_be_laid_over_an_image_that_has_no_usr_merge(tmp_path: Path, store: Store) -> None:
    facts = ImageFacts((), "2.31", "", (), {}, ("lib", "usr", "usr/lib"), b"")
    found = _layer(tmp_path, store, Deb("a", files=(File("./lib/x", b"1"),)), below=below_image(facts))
    assert "lib/x" in found
    assert "usr/lib/x" not in found


def test_hard_links_stay_one_file_whatever_the_order_of_their_names(tmp_path: Path, store: Store) -> None:
    files = (
        File("./usr/bin/zz", b"program", mode=0o755),
        File("./usr/bin/aa", kind=tarfile.LNKTYPE, link="./usr/bin/zz"),
    )
    found = _layer(tmp_path, store, Deb("a", files=files))
    assert found["usr/bin/aa"][1] == b"program"
    assert found["usr/bin/zz"][0].linkname == "usr/bin/aa"


def test_a_hard_link_to_nothing_is_an_error(tmp_path: Path, store: Store) -> None:
    files = (File("./usr/bin/aa", kind=tarfile.LNKTYPE, link="./usr/bin/zz"),)
    with pytest.raises(InputError, match="not there"):
        _layer(tmp_path, store, Deb("a", files=files))


def test_set_uid_programs_lose_it(tmp_path: Path, store: Store) -> None:
    found = _layer(tmp_path, store, Deb("su", files=(File("./usr/bin/su", b"x", mode=0o6755),)))
    assert found["usr/bin/su"][0].mode == 0o755


def test_two_packages_that_own_one_path_are_named(tmp_path: Path, store: Store) -> None:
    one, other = (Deb(name, files=(File("./usr/bin/x", name.encode()),)) for name in ("aa", "bb"))
    with pytest.raises(InputError, match="aa and bb both own /usr/bin/x"):
        _layer(tmp_path, store, one, other)


def test_equal_files_of_two_packages_are_one(tmp_path: Path, store: Store) -> None:
    one, other = (Deb(name, files=(File("./usr/bin/x", b"same"),)) for name in ("aa", "bb"))
    assert _layer(tmp_path, store, one, other)["usr/bin/x"][1] == b"same"


@pytest.mark.parametrize("newer", ["aa", "bb"])
def test_a_package_that_replaces_another_has_its_files(tmp_path: Path, store: Store, newer: str) -> None:
    debs = [
        Deb(
            name,
            files=(File("./usr/bin/x", name.encode()),),
            fields={"Replaces": "aa, bb"} if name == newer else {},
        )
        for name in ("aa", "bb")
    ]
    assert _layer(tmp_path, store, *debs)["usr/bin/x"][1] == newer.encode()


def test_a_path_that_is_a_file_and_a_directory_is_an_error(tmp_path: Path, store: Store) -> None:
    debs = (Deb("aa", files=(File("./usr/x", b"1"),)), Deb("bb", files=(File("./usr/x/y", b"2"),)))
    with pytest.raises(InputError, match="a directory and a file"):
        _layer(tmp_path, store, *debs)


def test_a_directory_never_replaces_another_packages_link(tmp_path: Path, store: Store) -> None:
    debs = (
        Deb("aa", files=(symlink("./usr/share/x", "y"), directory("./usr/share/y"))),
        Deb("bb", files=(directory("./usr/share/x"), File("./usr/share/x/file", b"1"))),
    )
    found = _layer(tmp_path, store, *debs)
    assert found["usr/share/x"][0].issym()
    assert found["usr/share/y/file"][1] == b"1"


def test_a_package_that_is_not_the_one_pinned_is_refused(tmp_path: Path, store: Store) -> None:
    (pin, _), (_, path) = _written(tmp_path, (Deb("aa"), Deb("bb")))
    with pytest.raises(InputError, match="says it is bb"):
        deb_layer([(pin, path)], store, machine="x86_64")


def test_a_package_with_too_many_files_is_refused(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deb_tree, "ENTRIES_LIMIT", 2)
    files = tuple(File(f"./usr/{i}", b"") for i in range(3))
    with pytest.raises(InputError, match="too many files"):
        _layer(tmp_path, store, Deb("aa", files=files))
    with pytest.raises(InputError, match="too many files"):
        _layer(tmp_path, store, Deb("bb", files=files[:2]), Deb("cc", files=files[2:]))


def test_a_full_disk_is_said_before_the_first_byte(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: object, _size: int, what: str) -> None:
        raise WorldError(f"no room for {what}")

    monkeypatch.setattr(type(store), "require_space", full)
    with pytest.raises(WorldError, match="no room for Debian base"):
        deb_layer(_written(tmp_path, BASE), store, machine="x86_64", user=RootUser())


def test_a_disk_that_fills_up_is_the_worlds_fault(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(deb_tree, "_spool", full)
    with pytest.raises(WorldError):
        deb_layer(_written(tmp_path, BASE), store, machine="x86_64", user=RootUser())
    assert list(store.blobs.items()) == []


def test_root_may_be_the_user(tmp_path: Path, store: Store) -> None:
    blob = deb_layer(_written(tmp_path, BASE), store, machine="x86_64", user=RootUser(uid=0, gid=0))
    found = _members(blob, store)
    assert found["etc/passwd"][1].count(b"\n") == 2
    assert "home/nonroot" not in found


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a:b"},
        {"name": "Root\n"},
        {"home": "relative"},
        {"home": "/a/../b"},
        {"home": "/a:b"},
        {"uid": -1},
        {"gid": 1 << 32},
    ],
)
def test_a_user_that_would_break_passwd_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InputError, match="not a user"):
        RootUser(**fields)  # type: ignore[arg-type]  # wrong on purpose
