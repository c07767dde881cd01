from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.build.sources import archive
from wherry.build.sources.archive import unpack_sdist
from wherry.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def entry(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    return entry(name, type=kind, linkname=target)


def tar_bytes(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in entries:
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[..., Path]:
    def one(data: bytes, name: str = "demo-1.0.tar.gz", **limits: int) -> Path:
        file = tmp_path / "archive"
        file.write_bytes(data)
        into = tmp_path / "into"
        into.mkdir()
        try:
            return unpack_sdist(file, name, into, **limits)
        finally:
            assert sorted(p.name for p in tmp_path.iterdir()) == ["archive", "into"]  # nothing escaped

    return one


SOUND = (
    entry("demo-1.0", type=tarfile.DIRTYPE),
    entry("./demo-1.0/setup.py", b"x = 1\n", mode=0o777),
    entry("demo-1.0/data/a", b"abc", mode=0o600),
)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_a_sound_archive_is_unpacked_with_plain_modes(
    unpack: Callable[..., Path], compress: Callable[[bytes], bytes]
) -> None:
    top = unpack(compress(tar_bytes(*SOUND)))
    assert top.name == "demo-1.0"
    assert (top / "setup.py").read_bytes() == b"x = 1\n"
    assert (top / "setup.py").stat().st_mode & 0o777 == 0o755
    assert (top / "data" / "a").stat().st_mode & 0o777 == 0o644


def test_a_zip_is_unpacked_too(unpack: Callable[..., Path]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as source:
        source.writestr("demo-1.0/", "")
        source.writestr("demo-1.0/setup.py", "x = 1")
    assert (unpack(buffer.getvalue(), "demo-1.0.zip") / "setup.py").read_text() == "x = 1"


def zipped(name: str, data: str = "x", mode: int = 0o100644) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as source:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        source.writestr(info, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (zipped("../x"), "outside its directory"),
        (zipped("/x"), "outside its directory"),
        (zipped("demo/l", "/etc/passwd", 0o120777), "a link in a zip"),
        (zipped("demo/x").replace(b"demo/x", b"demo\\x"), "outside its directory|cannot be read"),
        (b"PK\3\4 nothing", "cannot be read"),
    ],
)
def test_a_hostile_zip_is_refused(unpack: Callable[..., Path], data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        unpack(data, "demo-1.0.zip")


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([entry("../x", b"x")], "outside its directory"),
        ([entry("demo/../../x", b"x")], "outside its directory"),
        ([entry("/etc/x", b"x")], "outside its directory"),
        ([entry("demo\\..\\x", b"x")], "outside its directory"),
        ([entry("demo/dev", type=tarfile.CHRTYPE)], "not a plain file"),
        ([entry("demo/pipe", type=tarfile.FIFOTYPE)], "not a plain file"),
        ([entry("demo/a", b"x"), entry("demo/a/b", b"x")], "cannot be read"),
        ([entry("demo/" + "n" * 300, b"x")], "cannot be read"),
        ([entry("demo/" + "d/" * 3000 + "x", b"x")], "cannot be read"),
        ([link("demo/l", "/etc/passwd")], "leads outside"),
        ([link("demo/l", "../../etc/passwd")], "leads outside"),
        ([link("demo/l", "..", tarfile.LNKTYPE)], "leads outside"),
        ([link("demo/a", "b"), link("demo/b", "a")], "in a circle"),
        ([entry("one/a", b"x"), entry("two/a", b"x")], "single top directory"),
        ([entry("setup.py", b"x")], "single top directory"),
        ([entry("./", b"x")], "cannot be read|single top"),
    ],
)
def test_a_hostile_tar_is_refused(
    unpack: Callable[..., Path], entries: list[tuple[tarfile.TarInfo, bytes]], says: str
) -> None:
    with pytest.raises(InputError, match=says) as refused:
        unpack(gzip.compress(tar_bytes(*entries)))
    assert refused.value.where == "demo-1.0.tar.gz"


def test_a_member_behind_a_link_is_not_written_through_it(
    unpack: Callable[..., Path], tmp_path: Path
) -> None:
    data = tar_bytes(link("demo/l", str(tmp_path)), entry("demo/l/escaped", b"x"))
    with pytest.raises(InputError, match="leads outside"):
        unpack(gzip.compress(data))


def test_links_become_copies(unpack: Callable[..., Path]) -> None:
    top = unpack(
        tar_bytes(
            entry("demo/a/file", b"content"),
            link("demo/b", "a/file"),
            link("demo/c", "demo/a/file", tarfile.LNKTYPE),
            link("demo/d", "a"),
            link("demo/e", "d"),
            link("demo/nothing", "not/there"),
            link("demo/self", "."),
        )
    )
    for name in ("b", "c", "d/file", "e/file"):
        assert (top / name).read_bytes() == b"content"
    assert not any(path.is_symlink() for path in top.rglob("*"))
    assert not (top / "nothing").exists()
    assert not (top / "self").exists()


def test_a_bomb_is_stopped_at_the_limit(unpack: Callable[..., Path]) -> None:
    data = gzip.compress(tar_bytes(entry("demo/zeros", bytes(8 << 20))))
    with pytest.raises(InputError, match="unpacks to more than 4 MiB"):
        unpack(data, limit_bytes=4 << 20)


def test_a_zip_bomb_is_stopped_at_the_limit(unpack: Callable[..., Path]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as source:
        source.writestr("demo/zeros", bytes(8 << 20))
    with pytest.raises(InputError, match="unpacks to more than 4 MiB"):
        unpack(buffer.getvalue(), "demo.zip", limit_bytes=4 << 20)


def test_links_count_toward_the_limit(unpack: Callable[..., Path]) -> None:
    entries = [
        entry("demo/d/a", bytes(1 << 20)),
        *(link(f"demo/{n}", "d" if n % 2 else "d/a") for n in range(20)),
    ]
    with pytest.raises(InputError, match="unpacks to more than 4 MiB"):
        unpack(tar_bytes(*entries), limit_bytes=4 << 20)


def test_too_many_members_are_refused(unpack: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="too many members"):
        unpack(tar_bytes(*(entry(f"demo/{n}") for n in range(20))), limit_members=10)


def test_a_sparse_file_that_claims_a_terabyte_is_refused(unpack: Callable[..., Path]) -> None:
    info = tarfile.TarInfo("demo/sparse")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 40)}
    data = b"1\n0\n1\n".ljust(512, b"\0") + b"x".ljust(512, b"\0")
    info.size = len(data)
    with pytest.raises(InputError, match=r"not a plain file|cannot be read"):
        unpack(tar_bytes((info, data)))


def test_a_header_that_claims_gigabytes_is_not_read(unpack: Callable[..., Path]) -> None:
    header = tarfile.TarInfo("pax")
    header.type = tarfile.XHDTYPE
    header.size = archive.MAX_HEADER_BYTES * 2
    with pytest.raises(InputError, match="absurdly large"):
        unpack(header.tobuf() + bytes(1024))


def test_names_that_are_not_utf8_are_refused(unpack: Callable[..., Path]) -> None:
    data = tar_bytes(entry("demo/XX", b"x"))
    raw = bytearray(data)
    raw[5:7] = b"\xff\xfe"
    raw[148:156] = b"        "
    raw[148:156] = b"%06o\0 " % sum(raw[:512])
    with pytest.raises(InputError, match="cannot be read"):
        unpack(bytes(raw))


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_truncated_archive_is_refused(unpack: Callable[..., Path], cut: int) -> None:
    with pytest.raises(InputError):
        unpack(gzip.compress(tar_bytes(entry("demo/a", bytes(range(256)) * 40), entry("demo/b", b"x")))[:cut])


def test_a_full_disk_is_not_blamed_on_the_archive(
    unpack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno  # noqa: PLC0415 - this test alone

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive._Unpacking, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(tar_bytes(*SOUND))


@given(data=st.binary(max_size=2000), at=st.integers(0, 3000), form=st.sampled_from(["x.zip", "x.tar.gz"]))
def test_whatever_the_bytes_are_the_answer_is_a_tree_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int, form: str
) -> None:
    base = zipped_sound() if form == "x.zip" else tar_bytes(*SOUND)
    root = tmp_path_factory.mktemp("fuzz")
    (root / "archive").write_bytes(base[:at] + data + base[at + len(data) :])
    (root / "into").mkdir()
    try:
        top = unpack_sdist(root / "archive", form, root / "into")
    except InputError:
        return
    assert top.parent == root / "into"
    assert sorted(p.name for p in root.iterdir()) == ["archive", "into"]


def zipped_sound() -> bytes:
    return zipped("demo-1.0/setup.py", "x = 1" * 50)
