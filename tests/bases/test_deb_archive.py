"""A package is read whole, and one that means harm is refused by name."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bases.debs import Deb, File, ar, compressed, directory, make_tar, symlink
from wherry.bases import deb_archive
from wherry.bases.deb_archive import open_data, read_control
from wherry.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

FILES = (
    directory("./usr"),
    File("./usr/bin/tool", b"#!/bin/sh\n", mode=0o4755),
    symlink("./usr/bin/alias", "tool"),
    File("./usr/bin/again", kind=tarfile.LNKTYPE, link="./usr/bin/tool"),
    File("./usr/share/" + "long/" * 40 + "name", b"deep"),
)


def _contents(path: Path) -> dict[str, bytes]:
    with open_data(path, "a 1") as members:
        return {member.path: b"".join(members.payload()) for member in members}


@pytest.mark.parametrize("ending", ["xz", "gz", "zst", ""])
def test_a_package_is_read_whatever_its_compression(tmp_path: Path, ending: str) -> None:
    _, path = Deb("a", files=FILES, ending=ending, fields={"Depends": "b"}, postinst=b"exit\n").write(
        tmp_path
    )
    control = read_control(path, "a 1")
    assert control.fields["depends"] == "b"
    assert control.postinst == b"exit\n"
    assert control.md5sums.endswith(b"name\n")
    with open_data(path, "a 1") as members:
        found = {member.path: member for member in members}
    assert [found[p].kind for p in ("usr", "usr/bin/tool", "usr/bin/alias", "usr/bin/again")] == [
        "directory",
        "file",
        "symlink",
        "hardlink",
    ]
    assert found["usr/bin/tool"].mode == 0o4755
    assert found["usr/bin/again"].link == "usr/bin/tool"
    assert _contents(path)["usr/share/" + "long/" * 40 + "name"] == b"deep"


@pytest.mark.parametrize(
    "member",
    [
        File("../etc/passwd", b"x"),
        File("usr/../../etc/passwd", b"x"),
        File("usr/bin/.wh.tool", b""),
        File("dev/sda", kind=tarfile.BLKTYPE),
        File("dev/tty", kind=tarfile.CHRTYPE),
        File("run/pipe", kind=tarfile.FIFOTYPE),
        File("usr/link", kind=tarfile.LNKTYPE, link="../../etc/shadow"),
        File("usr/" + "x" * 5000, b""),
        symlink("usr/empty", ""),
    ],
    ids=["above", "hidden above", "whiteout", "disk", "terminal", "pipe", "hard link out", "long", "nowhere"],
)
def test_a_member_that_means_harm_is_refused(tmp_path: Path, member: File) -> None:
    _, path = Deb("evil", files=(member,)).write(tmp_path)
    with pytest.raises(InputError) as caught:
        _contents(path)
    assert caught.value.where == "a 1"


def test_a_path_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    _, path = Deb("evil", files=(File("usr/\udcff", b""),)).write(tmp_path)
    with pytest.raises(InputError, match="UTF-8"):
        _contents(path)


def test_an_absolute_path_is_one_below_the_root(tmp_path: Path) -> None:
    _, path = Deb("a", files=(File("/usr/bin/tool", b"x"),)).write(tmp_path)
    assert _contents(path) == {"usr/bin/tool": b"x"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a package",
        ar(("debian-binary", b"2.0\n")),
        ar(("control.tar.gz", b"nonsense")),
        ar(("control.tar.lzma", b"nonsense")),
        ar(("control.tar.xz", compressed(make_tar([File("other", b"")]), "xz"))),
        ar(("control.tar", b"x" * 2000)),
        ar(("debian-binary", b"2.0\n"))[:-20],
        b"!<arch>\n" + b"x" * 60,
        b"!<arch>\n" + b"control.tar     " + b" " * 32 + b"-5        `\n",
    ],
)
def test_what_is_no_package_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.deb"
    path.write_bytes(data)
    with pytest.raises(InputError):
        read_control(path, "a 1")
    with pytest.raises(InputError):
        _contents(path)


def test_a_control_file_larger_than_any_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deb_archive, "CONTROL_FILE_LIMIT_BYTES", 10)
    _, path = Deb("a").write(tmp_path)
    with pytest.raises(InputError, match="too large"):
        read_control(path, "a 1")


def test_a_package_that_unpacks_to_more_than_any_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deb_archive, "DATA_LIMIT_BYTES", 1 << 20)
    _, path = Deb("bomb", files=(File("usr/zeros", bytes(4 << 20)),)).write(tmp_path)
    assert path.stat().st_size < 10_000
    with pytest.raises(InputError, match="larger than any"):
        _contents(path)


@given(position=st.integers(0, 2000), noise=st.binary(min_size=1, max_size=20))
def test_damage_is_an_error_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, position: int, noise: bytes
) -> None:
    data = bytearray(Deb("a", files=FILES, ending="").bytes())
    data[position : position + len(noise)] = noise
    path = tmp_path_factory.getbasetemp() / "damaged.deb"
    path.write_bytes(bytes(data))
    try:
        read_control(path, "a 1")
        for name in _contents(path):
            assert ".." not in name.split("/")
    except InputError:
        pass
