from __future__ import annotations

import io
import os
import stat
import tarfile
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.handmade import Entry, directory, hardlink, symlink, tar_of
from wherry.build import unpack
from wherry.build.unpack import Escape, Unpacker, resolve
from wherry.errors import InputError
from wherry.oci.tarstream import TarReader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="ownership can only be given away by root")


def _unpack(root: Path, *layers: Iterable[Entry]) -> Path:
    root.mkdir(exist_ok=True)
    unpacker = Unpacker(os.fsencode(root))
    for number, layer in enumerate(layers):
        unpacker.add(TarReader(io.BytesIO(tar_of(layer)), f"layer {number}"), f"layer {number}")
    unpacker.finish()
    return root


def _names(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_files_have_their_content_mode_and_time(tmp_path: Path) -> None:
    root = _unpack(
        tmp_path / "r",
        [directory("a", 0o750), Entry("a/tool", b"x" * 3_000_000, mode=0o755), symlink("a/l", "tool")],
    )
    tool = root / "a" / "tool"
    assert tool.read_bytes() == b"x" * 3_000_000
    assert stat.S_IMODE(tool.stat().st_mode) == 0o755
    assert tool.stat().st_mtime == (root / "a").stat().st_mtime == 1_672_531_200
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o750
    assert str((root / "a" / "l").readlink()) == "tool"


@as_root
def test_root_gives_files_their_owners_and_keeps_set_user_id(tmp_path: Path) -> None:
    root = _unpack(tmp_path / "r", [Entry("su", mode=0o4755, uid=7), directory("home", uid=65532)])
    assert (root / "su").stat().st_uid == 7
    assert stat.S_IMODE((root / "su").stat().st_mode) == 0o4755
    assert (root / "home").stat().st_uid == 65532


def test_a_directory_nobody_may_write_can_still_be_filled(tmp_path: Path) -> None:
    root = _unpack(tmp_path / "r", [directory("ro", 0o555), Entry("ro/x")], [Entry("ro/y")])
    assert _names(root) == {"ro", "ro/x", "ro/y"}
    assert stat.S_IMODE((root / "ro").stat().st_mode) == 0o555
    (root / "ro").chmod(0o755)


def test_a_whiteout_removes_what_lower_layers_brought(tmp_path: Path) -> None:
    below = [directory("d"), Entry("d/x"), Entry("d/sub/y"), Entry("keep")]
    assert _names(_unpack(tmp_path / "r", below, [Entry(".wh.d")])) == {"keep"}
    assert _names(_unpack(tmp_path / "s", below, [Entry("d/.wh.x"), Entry("d/.wh.none")])) == {
        "d",
        "d/sub",
        "d/sub/y",
        "keep",
    }


@pytest.mark.parametrize("opaque_first", [True, False])
def test_an_opaque_directory_hides_lower_layers_only(tmp_path: Path, *, opaque_first: bool) -> None:
    marker, new = Entry("d/.wh..wh..opq"), Entry("d/deep/new")
    layer = [marker, new] if opaque_first else [new, marker]
    root = _unpack(tmp_path / "r", [directory("d"), Entry("d/old"), Entry("d/deep/old")], layer)
    assert _names(root) == {"d", "d/deep", "d/deep/new"}


@pytest.mark.parametrize("whiteout_first", [True, False])
def test_a_whiteout_never_removes_what_its_own_layer_brings(tmp_path: Path, *, whiteout_first: bool) -> None:
    layer = [Entry(".wh.x"), Entry("x", b"new")]
    root = _unpack(tmp_path / "r", [Entry("x", b"old")], layer if whiteout_first else layer[::-1])
    assert (root / "x").read_bytes() == b"new"


def test_bookkeeping_of_aufs_is_left_out(tmp_path: Path) -> None:
    assert _names(_unpack(tmp_path / "r", [Entry(".wh..wh.aufs"), Entry("x")])) == {"x"}


def test_a_later_entry_replaces_what_is_there_unless_both_are_directories(tmp_path: Path) -> None:
    root = _unpack(
        tmp_path / "r",
        [Entry("file"), directory("dir"), Entry("dir/x"), symlink("link", "dir"), directory("same", 0o700)],
        [directory("file"), Entry("dir", b"now a file"), directory("link"), directory("same", 0o755)],
    )
    assert (root / "file").is_dir()
    assert (root / "dir").read_bytes() == b"now a file"
    assert not (root / "link").is_symlink()  # image-spec: unlink and recreate
    assert stat.S_IMODE((root / "same").stat().st_mode) == 0o755


def test_files_go_through_links_of_the_image_to_where_they_lead_inside(tmp_path: Path) -> None:
    root = _unpack(
        tmp_path / "r",
        [directory("usr"), directory("usr/lib"), symlink("lib", "usr/lib"), symlink("abs", "/usr/lib")],
        [Entry("lib/x"), Entry("abs/y")],
    )
    assert _names(root) == {"usr", "usr/lib", "usr/lib/x", "usr/lib/y", "lib", "abs"}


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    root = _unpack(tmp_path / "r", [Entry("a/x", b"1"), hardlink("b/y", "a/x"), hardlink("z", "/a/x")])
    assert (root / "b/y").stat().st_ino == (root / "a/x").stat().st_ino == (root / "z").stat().st_ino


def test_pipes_are_made_and_devices_are_not(tmp_path: Path) -> None:
    layer = [Entry("pipe", kind=tarfile.FIFOTYPE), Entry("null", kind=tarfile.CHRTYPE), Entry("x")]
    root = _unpack(tmp_path / "r", layer)
    assert _names(root) == {"pipe", "x"}
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)


def test_the_root_itself_may_have_an_entry(tmp_path: Path) -> None:
    root = _unpack(tmp_path / "r", [directory("./", 0o711), Entry("./x"), Entry("/y")])
    assert stat.S_IMODE(root.stat().st_mode) == 0o711
    assert _names(root) == {"x", "y"}


def _hostile(outside: Path) -> list[list[Entry]]:
    there = str(outside)
    return [
        [Entry("../x")],
        [Entry("a/../../x")],
        [symlink("l", there), Entry("l/x")],
        [symlink("l", "../../../../../../" + there), Entry("l/x")],
        [symlink("a", there), symlink("b", "a"), directory("b/x")],
        [symlink("l", there), hardlink("copy", "l/secret")],
        [hardlink("copy", there + "/secret"), Entry("copy", b"overwritten")],
        [hardlink("copy", "../outside/secret")],
        [symlink("l", there + "/secret"), Entry("l", b"overwritten")],
        [symlink("l", there), Entry("l/.wh.secret")],
        [symlink("l", there), Entry("l/.wh..wh..opq")],
        [directory("d", 0o777), directory("d/x", 0o777), Entry(".wh.d"), symlink("d", there)],
        [Entry(".wh..")],
        [Entry("l", kind=tarfile.SYMTYPE, link=""), Entry("l/x")],
        [symlink("a", "b"), symlink("b", "a"), Entry("a/x")],
        [Entry("file"), Entry("file/x")],
        [hardlink("x", "none")],
        [directory("d"), hardlink("x", "d")],
        [hardlink("x", "")],
        [Entry("/".join("d" * 300) + "/x")],
        [Entry("n" * 300)],
        [Entry("x", pax={"path": "a\0b"})],
        [Entry("x", pax={"uid": str(2**61)})],
        [Entry("x", pax={"mtime": "1e300"})],
    ]


@pytest.mark.parametrize("number", range(24))
def test_no_name_or_link_leads_out_of_the_image(tmp_path: Path, number: int) -> None:
    outside = tmp_path / "outside"
    (outside / "x").mkdir(parents=True)
    (outside / "x").chmod(0o700)
    (outside / "secret").write_bytes(b"secret")
    before = outside.stat()
    layer = _hostile(outside)[number]
    with suppress(InputError):
        # In one layer, and as one layer for each entry: later layers meet what earlier ones made.
        _unpack(tmp_path / "one", layer)
    with suppress(InputError):
        _unpack(tmp_path / "many", *([entry] for entry in layer))
    assert {path.name for path in outside.iterdir()} == {"x", "secret"}
    assert (outside / "secret").read_bytes() == b"secret"
    assert (outside / "secret").stat().st_nlink == 1
    assert stat.S_IMODE((outside / "x").stat().st_mode) == 0o700
    assert outside.stat().st_mtime == before.st_mtime
    assert {path.name for path in tmp_path.iterdir()} <= {"outside", "one", "many"}


@pytest.mark.parametrize("number", [0, 1, 12, 14, 15, 16, 17, 18, 19, 20])
def test_a_member_that_cannot_be_unpacked_is_named(tmp_path: Path, number: int) -> None:
    with pytest.raises(InputError, match="cannot unpack") as caught:
        _unpack(tmp_path / "r", _hostile(tmp_path)[number])
    assert caught.value.where == "layer 0"


parts = st.sampled_from(["a", "b", "..", ".", "l", ".wh.a", ".wh..wh..opq", "/", "~", "é"])
paths = st.lists(parts, min_size=1, max_size=4).map("/".join)
kinds = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])


@given(st.lists(st.lists(st.builds(Entry, path=paths, kind=kinds, link=paths), max_size=5), max_size=3))
def test_layers_of_any_shape_stay_inside(
    tmp_path_factory: pytest.TempPathFactory, layers: list[list[Entry]]
) -> None:
    place = tmp_path_factory.mktemp("fuzz")
    (place / "a").write_bytes(b"outside")
    with suppress(InputError):
        _unpack(place / "root", *layers)
    assert {path.name for path in place.iterdir()} <= {"root", "a"}
    assert (place / "a").read_bytes() == b"outside"


def test_a_layer_of_countless_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MAX_ENTRIES", 3)
    with pytest.raises(InputError, match="more than 3"):
        _unpack(tmp_path / "r", [Entry(str(n)) for n in range(4)])


def test_a_full_disk_is_not_the_members_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        _unpack(tmp_path / "r", [Entry("x", b"data")])


def test_paths_resolve_as_a_container_sees_them(tmp_path: Path) -> None:
    root = os.fsencode(_unpack(tmp_path / "r", [Entry("etc/x"), symlink("l", "/etc/../etc/./x")]))
    assert resolve(root, (b"l",), make=False) == root + b"/etc/x"
    assert resolve(root, (b"..", b"..", b"etc"), make=False) == root + b"/etc"
    with pytest.raises(Escape):
        resolve(root, (b"etc", b"x", b"y"), make=False)
    with pytest.raises(FileNotFoundError):
        resolve(root, (b"none",), make=False)
