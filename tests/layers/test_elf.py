"""Shared objects are read as readelf reads them, and whatever a file claims, reading it ends."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bases.debs import make_elf
from tests.programs import require_program
from wherry.layers.elf import SharedObject, read_shared_object

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_machine_and_soname_are_found(machine: str) -> None:
    elf = make_elf("libsomething.so.1", machine)
    assert read_shared_object(io.BytesIO(elf)) == SharedObject(machine, "libsomething.so.1")


def test_a_library_without_a_soname_has_an_empty_one() -> None:
    assert read_shared_object(io.BytesIO(make_elf())) == SharedObject("x86_64", "")


def test_another_machine_is_known_to_be_another() -> None:
    elf = bytearray(make_elf("libx.so.1"))
    elf[18] = 8  # EM_MIPS
    assert read_shared_object(io.BytesIO(bytes(elf))) == SharedObject("", "libx.so.1")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#!/bin/sh\n",
        b"\x7fELF\x01\x01" + bytes(64),  # 32 bits
        make_elf("libx.so", kind=2),  # a program
        make_elf("libx.so", dynamic=False),
        make_elf("libx.so")[:100],
        make_elf("libx.so")[:40],
        make_elf("dir/libx.so"),
        make_elf("lib\nx.so"),
        make_elf("libx" * 100),  # no end of the name within reason
    ],
)
def test_what_nothing_can_be_linked_to_is_none(data: bytes) -> None:
    assert read_shared_object(io.BytesIO(data)) is None


def test_a_name_outside_of_every_segment_is_none() -> None:
    elf = make_elf("libx.so").replace((176).to_bytes(8, "little"), (1 << 40).to_bytes(8, "little"))
    assert read_shared_object(io.BytesIO(elf)) is None


def test_offsets_beyond_any_file_are_none() -> None:
    elf = bytearray(make_elf("libx.so"))
    elf[32:40] = b"\xff" * 8  # where the program headers are
    assert read_shared_object(io.BytesIO(bytes(elf))) is None


def test_absurd_program_headers_are_none() -> None:
    elf = bytearray(make_elf("libx.so"))
    elf[56:58] = b"\xff\xff"
    assert read_shared_object(io.BytesIO(bytes(elf))) is None


@given(position=st.integers(0, 260), data=st.binary(max_size=16))
def test_damage_never_raises(position: int, data: bytes) -> None:
    elf = bytearray(make_elf("libsomething.so.1"))
    elf[position : position + len(data)] = data
    found = read_shared_object(io.BytesIO(bytes(elf)))
    assert found is None or len(found.soname) <= 256


def _libraries() -> Iterator[Path]:
    folders = [Path("/usr/lib/x86_64-linux-gnu"), Path("/usr/lib/aarch64-linux-gnu"), Path("/usr/lib")]
    for folder in folders:
        yield from sorted(folder.glob("lib*.so.*"))[:20]


def test_names_are_those_that_readelf_finds() -> None:
    readelf = require_program("readelf")
    for path in _libraries():
        told = subprocess.run([readelf, "-d", path], capture_output=True, text=True, check=False).stdout
        match = re.search(r"\(SONAME\).*\[(.*)\]", told)
        with path.open("rb") as stream:
            found = read_shared_object(stream)
        assert (found.soname if found else "") == (match[1] if match else ""), path
