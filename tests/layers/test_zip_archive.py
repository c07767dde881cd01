from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError, WorldError
from wherry.layers import zip_archive
from wherry.layers.zip_archive import ZipArchive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILENAME = "demo-1.0-py3-none-any.whl"


def archive_of(tmp_path: Path, data: bytes) -> ZipArchive:
    path = tmp_path / FILENAME
    path.write_bytes(data)
    return ZipArchive(path, FILENAME)


def zipped(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            if change is not None:
                change(info)
            archive.writestr(info, content)
    return buffer.getvalue()


def read_all(tmp_path: Path, data: bytes) -> dict[str, bytes]:
    with archive_of(tmp_path, data) as archive:
        return {name: bytes(archive.read(member)) for name, member in archive.members.items()}


def assert_refused(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        read_all(tmp_path, data)
    assert FILENAME in caught.value.what
    assert len(caught.value.lines()) <= 3


FILES = {"pkg/__init__.py": b"x = 1\n" * 100, "pkg/empty": b"", "pkg/data.bin": bytes(range(256)) * 20}


def test_members_are_read_as_zipfile_reads_them(tmp_path: Path) -> None:
    assert read_all(tmp_path, zipped(FILES)) == FILES


def test_a_name_of_many_bytes_in_few_characters_is_read(tmp_path: Path) -> None:
    # The header's length was once guessed by characters: 70 letters of two bytes were cut off.
    files = {f"package/{'é' * 120}.txt": b"text"}
    assert read_all(tmp_path, zipped(files)) == files


def test_stored_streamed_and_zip64_members_are_read(tmp_path: Path) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload]
            return len(bytes(data))  # type: ignore[call-overload]

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(content)
        archive.writestr(zipfile.ZipInfo("stored"), b"as it is" * 300_000)
    assert read_all(tmp_path, bytes(pipe.data)) == {**FILES, "stored": b"as it is" * 300_000}


def test_a_directory_of_zip64_size_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    data = zipped(FILES)
    assert b"PK\x06\x06" in data
    assert read_all(tmp_path, data) == FILES
    place = data.index(b"PK\x06\x07")
    assert_refused(tmp_path, data[:place] + b"XX" + data[place + 2 :], "belong to nothing")
    place = data.index(b"PK\x06\x06")
    assert_refused(tmp_path, data[: place + 4] + b"\xff" + data[place + 5 :], "zip64 records are damaged")
    assert_refused(tmp_path, data[:place] + b"XX" + data[place + 2 :], "zip64 records are damaged")


def test_directories_and_execute_bits_are_pips(tmp_path: Path) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        modes = {"run": 0o100755, "run2": 0o100654, "bare": 0o755, "d/": 0o40755}
        info.external_attr = modes[info.filename] << 16

    with archive_of(tmp_path, zipped(dict.fromkeys(("run", "run2", "bare", "d/"), b""), change)) as archive:
        assert {name: m.executable for name, m in archive.members.items()} == {
            "run": True,
            "run2": True,
            "bare": False,
        }


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.py", "leads out"),
        ("/etc/passwd", "absolute"),
        ("C:/evil.py", "absolute"),
        ("a\\b.py", "backslash"),
        ("a/./b.py", "shortest"),
        (".wh.pkg", "wh"),
        ("pkg/.wh..wh..opq", "wh"),
        ("pkg/" + "n" * 300, "longer"),
    ],
)
def test_a_member_name_that_could_do_harm_is_refused(tmp_path: Path, name: str, why: str) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        info.filename = name

    assert_refused(tmp_path, zipped({"x": b"1"}, change), why)


def test_names_that_are_not_utf8_or_not_marked_so_are_refused(tmp_path: Path) -> None:
    data = zipped({"name-é.py": b"1"})
    flagged = struct.pack("<H", 0x800)
    assert read_all(tmp_path, data) == {"name-é.py": b"1"}
    assert_refused(tmp_path, data.replace("é".encode(), b"\xff\xfe"), "not UTF-8")
    assert_refused(tmp_path, data.replace(flagged, b"\0\0"), "not marked as UTF-8")
    assert_refused(tmp_path, zipped({"name.py": b"1"}).replace(b"name.py", b"na\0e.py"), "NUL")


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for mode in (0o120777, 0o020644, 0o140644, 0o040755):

        def change(info: zipfile.ZipInfo, mode: int = mode) -> None:
            info.external_attr = mode << 16

        assert_refused(tmp_path, zipped({"pkg/link": b"/etc/passwd"}, change), "not a file")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_members_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"1")
        archive.writestr("a", b"2")
    assert_refused(tmp_path, buffer.getvalue(), "twice")
    assert_refused(tmp_path, zipped({"a": b"1", "a/b": b"2"}), "a file and a directory")
    assert_refused(
        tmp_path, zipped({"a": b"1", "a/": b""}, None).replace(b"\xa4\x81", b"\0\0"), "a file and a directory"
    )


def test_a_damaged_member_is_refused_by_name(tmp_path: Path) -> None:
    data = zipped(FILES)
    crc = struct.pack("<I", zlib.crc32(FILES["pkg/data.bin"]))
    assert_refused(tmp_path, data.replace(crc, b"abcd"), "pkg/data.bin.*CRC does not match")
    place = data.index(b"pkg/data.bin") + 60
    assert_refused(tmp_path, data[:place] + bytes(20) + data[place + 20 :], "pkg/data.bin")


def test_two_headers_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    data = zipped({"pkg/mod.py": b"x = 1"})
    first = data.index(b"pkg/mod.py")
    assert_refused(tmp_path, data[:first] + b"pkg/bad.py" + data[first + 10 :], "contradict")
    size = struct.pack("<I", 5)
    assert_refused(tmp_path, data.replace(size, struct.pack("<I", 6), 1), "contradict")
    method = data[:8] + b"\0\0" + data[10:]
    assert_refused(tmp_path, method, "contradict")


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    """Fifield's better bomb: many directory entries for one member's bytes."""
    data = bytearray(zipped({"a": b"0" * 5000, "b": b"0" * 5000}))
    second = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, second + 42, 0)
    assert_refused(tmp_path, bytes(data), "overlaps")
    data = bytearray(zipped({"a": b"0" * 5000, "b": b"0" * 5000}))
    for signature, offset in ((b"PK\x03\x04", 18), (b"PK\x01\x02", 20)):
        place = data.index(signature) + offset
        (compressed,) = struct.unpack_from("<I", data, place)
        struct.pack_into("<I", data, place, compressed + 8)
    assert_refused(tmp_path, bytes(data), "overlaps")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "BOMB_FROM_BYTES", 1 << 20)
    assert_refused(tmp_path, zipped({"zeros": bytes(2 << 20)}), "bomb")
    assert read_all(tmp_path, zipped({"zeros": bytes(1 << 20)})) == {"zeros": bytes(1 << 20)}


def test_impossible_sizes_are_refused(tmp_path: Path) -> None:
    data = zipped({"zeros": bytes(1000)})
    assert_refused(tmp_path, data.replace(struct.pack("<I", 1000), struct.pack("<I", 1 << 30)), "impossible")
    stored = zipped({"a": b"12345"}, lambda info: setattr(info, "compress_type", zipfile.ZIP_STORED))
    assert_refused(tmp_path, stored.replace(struct.pack("<I", 5), struct.pack("<I", 6), 1), "contradict")


def test_other_compressions_and_encryption_are_refused(tmp_path: Path) -> None:
    for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        data = zipped({"a": b"12345"}, lambda info, kind=kind: setattr(info, "compress_type", kind))  # type: ignore[misc]
        assert_refused(tmp_path, data, "wheels use deflate")
    central = bytearray(zipped({"a": b"12345"}))
    central[central.index(b"PK\x01\x02") + 8] |= 1
    assert_refused(tmp_path, bytes(central), "encrypted")
    local = bytearray(zipped({"a": b"12345"}))
    local[local.index(b"PK\x03\x04") + 6] |= 1
    assert_refused(tmp_path, bytes(local), "contradict")


def test_a_second_name_in_an_extra_field_is_refused(tmp_path: Path) -> None:
    def change(info: zipfile.ZipInfo) -> None:
        name = b"\x01" + struct.pack("<I", zlib.crc32(b"a")) + b"b"
        info.extra = struct.pack("<HH", 0x7075, len(name)) + name

    assert_refused(tmp_path, zipped({"a": b"1"}, change), "two names")


def test_what_is_no_zip_or_cut_short_is_refused(tmp_path: Path) -> None:
    data = zipped(FILES)
    for broken in (b"", b"not a zip", data[:-1], data[: len(data) // 2], data[1:], b"x" + data, data + b"x"):
        assert_refused(tmp_path, broken, r"zip|end is not|belong to nothing")
    divided = bytearray(data)
    divided[-18] = 1
    assert_refused(tmp_path, bytes(divided), "divided")
    fewer = bytearray(data)
    struct.pack_into("<HH", fewer, len(fewer) - 14, 2, 2)
    assert_refused(tmp_path, bytes(fewer), "longer than its members")
    more = bytearray(data)
    struct.pack_into("<HH", more, len(more) - 14, 4, 4)
    assert_refused(tmp_path, bytes(more), "cut short|damaged")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MAX_MEMBERS", 2)
    assert_refused(tmp_path, zipped(FILES), "more than any wheel")


def test_a_file_that_cannot_be_read_is_the_worlds_fault(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="cannot read"):
        ZipArchive(tmp_path / "missing.whl", "missing.whl")


def test_a_member_larger_than_it_should_be_is_refused(tmp_path: Path) -> None:
    with archive_of(tmp_path, zipped(FILES)) as archive, pytest.raises(InputError, match="too large"):
        archive.read(archive.members["pkg/data.bin"], 10)


@given(st.data())
def test_no_change_of_a_few_bytes_crashes_or_passes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    original = zipped(FILES)
    broken = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_all(tmp_path_factory.mktemp("zip"), bytes(broken))
    except InputError:
        return
    # What is still readable has its content: a change of times, modes or of a name in both places at most.
    assert all(content in FILES.values() for content in found.values())
