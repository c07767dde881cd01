from __future__ import annotations

import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import InputError
from wherry.oci.tarstream import MAX_EXTENSION_BYTES, Member, TarReader

names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=140).filter(
    lambda n: n not in {".", ".."}
)
members = st.lists(st.tuples(names, st.binary(max_size=1500)), max_size=6, unique_by=lambda m: m[0])
formats = st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])


def _read(data: bytes) -> list[tuple[Member, bytes]]:
    reader = TarReader(io.BytesIO(data), "a.tar")
    return [(member, b"".join(reader.payload())) for member in reader]


def _tar(format_: int, *infos: tuple[tarfile.TarInfo, bytes]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=format_) as archive:
        for info, data in infos:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def _info(name: str, **attributes: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


@given(members, formats)
def test_whatever_pythons_tarfile_writes_is_read_back(found: list[tuple[str, bytes]], format_: int) -> None:
    try:
        data = _tar(format_, *((tarfile.TarInfo(name), content) for name, content in found))
    except ValueError:
        return  # USTAR has no room for the name
    assert [(m.path, content) for m, content in _read(data)] == [(n.encode(), c) for n, c in found]


@given(members, st.data())
def test_an_archive_with_any_byte_changed_or_missing_never_crashes(
    found: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    whole = bytearray(_tar(tarfile.PAX_FORMAT, *((tarfile.TarInfo(n), c) for n, c in found)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    for piece in (bytes(whole), bytes(whole[:at])):
        with suppress(InputError):
            _read(piece)


@given(st.binary(max_size=2000))
def test_any_bytes_are_an_archive_or_an_explained_error(data: bytes) -> None:
    with suppress(InputError):
        _read(data)


def test_every_kind_of_member_is_told_apart() -> None:
    kinds = {
        b"0": "file",
        b"1": "hardlink",
        b"2": "symlink",
        b"3": "character",
        b"4": "block",
        b"5": "directory",
        b"6": "fifo",
        b"7": "file",
    }
    for flag, kind in kinds.items():
        [(member, _)] = _read(_tar(tarfile.USTAR_FORMAT, (_info("x", type=flag, linkname="y"), b"")))
        assert member.kind == kind


def test_numbers_and_links_come_from_pax_or_base_256_where_octal_is_too_small() -> None:
    for format_ in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        info = _info("d/" + "n" * 120, type=b"2", linkname="t" * 150, uid=2**30, gid=2**31, mtime=-5)
        [(member, _)] = _read(_tar(format_, (info, b"")))
        assert (member.uid, member.gid, member.mtime) == (2**30, 2**31, -5)
        assert (member.path, member.link) == (b"d/" + b"n" * 120, b"t" * 150)


def test_old_archives_name_directories_with_a_slash() -> None:
    data = bytearray(_tar(tarfile.USTAR_FORMAT, (_info("old/"), b"")))
    [(member, _)] = _read(bytes(data))
    assert member.kind == "directory"


def test_global_pax_headers_hold_for_all_that_follows() -> None:
    sink = io.BytesIO()
    headers = {"comment": "x", "uid": "7"}
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        archive.addfile(_info("a"))
        archive.addfile(_info("b"))
    assert [member.uid for member, _ in _read(sink.getvalue())] == [7, 7]


def test_payloads_nobody_reads_are_skipped_by_seeking_where_the_file_can() -> None:
    data = _tar(tarfile.USTAR_FORMAT, (_info("a"), b"x" * 5000), (_info("b"), b"y"))
    stream = io.BytesIO(data)
    assert [(m.path, m.offset) for m in TarReader(stream, "a", stream.seek)] == [(b"a", 512), (b"b", 6144)]


@pytest.mark.parametrize(
    "records",
    [b"9 size=x\n", b"999 a=b\n", b"5 a=b\n", b"xx a=b\n", b"7 a=bc", b"6 abcd", b"21 GNU.sparse.major=1\n"],
)
def test_damaged_pax_records_are_refused(records: bytes) -> None:
    data = _tar(tarfile.USTAR_FORMAT, (_info("p", type=b"x"), records), (_info("a"), b""))
    with pytest.raises(InputError):
        _read(data)


@pytest.mark.parametrize("size", [b"-1", str(2**70).encode(), b"1e3"])
def test_a_size_out_of_range_is_refused(size: bytes) -> None:
    record = b" size=" + size + b"\n"
    length = len(record) + 2
    data = _tar(
        tarfile.USTAR_FORMAT, (_info("p", type=b"x"), str(length).encode() + record), (_info("a"), b"")
    )
    with pytest.raises(InputError):
        _read(data)


def test_headers_that_would_fill_the_memory_are_refused_before_they_are_read() -> None:
    info = _info("p", type=b"x")
    info.size = MAX_EXTENSION_BYTES + 1
    with pytest.raises(InputError, match="too large"):
        _read(info.tobuf(tarfile.USTAR_FORMAT))


def test_many_global_headers_together_are_limited_too() -> None:
    def record(key: str) -> bytes:
        body = f" {key}=".encode() + b"v" * 900_000 + b"\n"
        return str(len(body) + 6).encode() + body

    data = _tar(tarfile.USTAR_FORMAT, *((_info("p", type=b"g"), record(key)) for key in ("a", "b")))
    with pytest.raises(InputError, match="too large"):
        _read(data)


def test_a_sparse_member_is_refused() -> None:
    with pytest.raises(InputError, match="unsupported type"):
        _read(_info("s", type=b"S").tobuf(tarfile.GNU_FORMAT))


def test_an_archive_cut_short_is_refused() -> None:
    data = _tar(tarfile.USTAR_FORMAT, (_info("a"), b"x" * 2000))
    for end in (100, 600, 2000):
        with pytest.raises(InputError, match="cut short"):
            _read(data[:end])
