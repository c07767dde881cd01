"""Whatever is wrong with a wheel: at most three lines, the right exit code, and nothing half-written."""

from __future__ import annotations

import os
import re
import struct
import zipfile

import pytest

from tests.e2e.bad_input.bench import (
    BAD_INPUT,
    MACHINE,
    OTHER_MACHINE,
    TAG,
    Bench,
    Oddity,
    make_wheel,
    metadata,
    patch,
    record_of,
)

pytestmark = pytest.mark.e2e


def test_a_sound_project_is_built_and_its_store_is_whole(bench: Bench) -> None:
    bench.add("demo")
    first = bench.digest()
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", first)
    assert bench.digest() == first
    assert bench.run("cache", "verify").code == 0


def test_a_wheel_that_is_no_zip(bench: Bench) -> None:
    path = bench.links / "demo-1.0-py3-none-any.whl"
    path.write_bytes(b"this is no zip" * 100)
    bench.lock(path)
    bench.refused(BAD_INPUT, r"demo-1\.0-py3-none-any\.whl")


def test_a_wheel_whose_directory_is_cut_off(bench: Bench) -> None:
    path = make_wheel(bench.links, "demo", {"demo/__init__.py": b"x" * 5000})
    path.write_bytes(path.read_bytes()[:-60])
    bench.lock(path)
    bench.refused(BAD_INPUT, r"demo-1\.0-py3-none-any\.whl")


def test_a_member_with_the_wrong_crc(bench: Bench) -> None:
    files = {"demo/__init__.py": bytes(range(256)) * 64}
    path = make_wheel(bench.links, "demo", files)
    with zipfile.ZipFile(path) as archive:
        crc = struct.pack("<I", archive.getinfo("demo/__init__.py").CRC)
    patch(path, (crc, b"\1\2\3\4"))
    bench.lock(path)
    bench.refused(BAD_INPUT, "(?s)demo/__init__.py|CRC")


def test_a_member_whose_deflated_bytes_are_corrupt(bench: Bench) -> None:
    files = {"demo/__init__.py": os.urandom(4000) + b"x" * 50_000}
    path = make_wheel(bench.links, "demo", files)
    data = bytearray(path.read_bytes())
    data[2000:2040] = b"\xff" * 40
    path.write_bytes(data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_large_member_whose_deflated_bytes_are_corrupt(bench: Bench) -> None:
    files = {"demo/large.bin": os.urandom(3 << 20)}
    path = make_wheel(bench.links, "demo", files)
    data = bytearray(path.read_bytes())
    data[1 << 20] ^= 0xFF
    path.write_bytes(data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_member_that_is_not_what_record_says(bench: Bench) -> None:
    files = {"demo/__init__.py": b"x = 1\n"}
    claimed = {"demo/__init__.py": b"x = 2\n", **metadata("demo", "py3-none-any")}
    bench.add("demo", files, Oddity(record=record_of("demo", claimed)))
    bench.refused(BAD_INPUT, "RECORD")


def test_a_wheel_without_record(bench: Bench) -> None:
    path = bench.links / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in {"demo/__init__.py": b"", **metadata("demo", "py3-none-any")}.items():
            wheel.writestr(member, data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "RECORD")


def test_a_wheel_with_another_hash_than_the_locks(bench: Bench) -> None:
    path = bench.add("demo")
    make_wheel(bench.links, "demo", {"demo/__init__.py": b"evil = True\n"})
    assert path.exists()
    bench.refused(BAD_INPUT, "the lock wants sha256:")


@pytest.mark.parametrize(
    "member",
    [
        "../escaped",
        "demo/../../escaped",
        "/etc/escaped",
        "demo\\..\\..\\escaped",
        "C:/escaped",
        "demo/.wh.hidden",
        ".wh..wh..opq",
        "demo/.wh..wh..opq",
        "demo-1.0.data/data/../../../escaped",
        "demo-1.0.data/scripts/../../escaped",
        "demo/" + "n" * 300,
        "demo/" + "d/" * 2500 + "x",
        "demo/a\0b",
        "demo/./x",
        "demo//x",
    ],
)
def test_a_member_whose_name_leads_elsewhere_or_cannot_be_written(bench: Bench, member: str) -> None:
    if "\0" in member or "\\" in member:
        stand_in = re.sub(r"[\0\\]", "@", member)
        path = make_wheel(bench.links, "demo", {stand_in: b"x"})
        patch(path, (stand_in.encode(), member.encode()))
        bench.lock(path)
    else:
        bench.add("demo", {member: b"x"})
    bench.refused(BAD_INPUT, "demo")
    assert not list(bench.root.rglob("escaped"))


@pytest.mark.parametrize("flag", [b"\x00\x08", b"\x00\x00"])
def test_a_member_whose_name_is_not_utf8(bench: Bench, flag: bytes) -> None:
    path = make_wheel(bench.links, "demo", {"demo/b\u00e4d.py": b"x"})
    data = path.read_bytes()
    data = data.replace("b\u00e4d".encode(), b"b\xff\xfed")
    position = data.index(b"demo/b\xff")
    assert data[position - 24 : position - 22] == b"\x00\x08"  # bit 11: the name is UTF-8
    data = data[: position - 24] + flag + data[position - 22 :]
    position = data.rindex(b"demo/b\xff")
    data = data[: position - 38] + flag + data[position - 36 :]
    path.write_bytes(data)
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_member_that_is_a_symbolic_link(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(links={"demo/passwd": "/etc/passwd"}))
    bench.refused(BAD_INPUT, "demo/passwd")


def test_a_member_that_is_there_twice(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(again={"demo/__init__.py": b"x = 2\n"}))
    bench.refused(BAD_INPUT, "demo/__init__.py")


def test_a_member_that_is_a_file_and_a_directory(bench: Bench) -> None:
    bench.add("demo", {"demo/a": b"x", "demo/a/b": b"y"})
    bench.refused(BAD_INPUT, "demo/a")


def test_a_zip_bomb(bench: Bench) -> None:
    path = bench.links / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as wheel:
        with wheel.open("demo/zeros", "w", force_zip64=True) as member:
            for _ in range(700):
                member.write(bytes(1 << 20))
        for name, data in metadata("demo", "py3-none-any").items():
            wheel.writestr(name, data)
        wheel.writestr("demo-1.0.dist-info/RECORD", "")
    assert path.stat().st_size < 8 << 20
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_bomb_whose_sizes_are_lies(bench: Bench) -> None:
    size_bytes = (64 << 20) + 12_345
    path = make_wheel(bench.links, "demo", {"demo/zeros": bytes(size_bytes)})
    patch(path, (struct.pack("<I", size_bytes), struct.pack("<I", 100)))
    bench.lock(path)
    bench.refused(BAD_INPUT, "demo")


def test_a_wheel_for_another_platform(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(f"{TAG}-manylinux_2_17_{OTHER_MACHINE}"))
    lines = bench.refused(BAD_INPUT, f"demo 1.0.*(?s:.*){OTHER_MACHINE}")
    assert len(lines) == 3


def test_a_wheel_for_a_newer_glibc_than_the_bases(bench: Bench) -> None:
    bench.add("demo", odd=Oddity(f"{TAG}-manylinux_2_99_{MACHINE}"))
    bench.refused(BAD_INPUT, "demo")


def test_two_wheels_that_own_one_path(bench: Bench) -> None:
    bench.add("demo", {"shared/thing.py": b"x = 1\n"})
    bench.add("other", {"shared/thing.py": b"x = 2\n"})
    lines = bench.refused(BAD_INPUT, "shared/thing.py")
    assert "demo" in " ".join(lines)
    assert "other" in " ".join(lines)
