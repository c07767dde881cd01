"""``wherry.lock`` is written the same everywhere, read back whole, and never believed blindly."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.bases.debian import pins_digest
from wherry.bases.model import DebianPin
from wherry.bases.pins import LIMIT_BYTES, Pins, PlatformPins, format_pins, parse_pins, read_pins, write_pins
from wherry.errors import InputError, WorldError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = (
    DebianPin("libc6", "2.36-9", "amd64", "pool/main/g/glibc/libc6_2.36-9_amd64.deb", "1" * 64, 10),
    DebianPin(
        "tzdata", "1:2026b", "all", "pool/updates/main/t/tzdata_2026b_all.deb", "2" * 64, 20, "security"
    ),
)
TOOL = DebianPin("tool", "1", "amd64", "pool/main/t/tool_1_amd64.deb", "3" * 64, 30)
PINS = Pins(
    "debian:bookworm",
    {"linux/amd64": PlatformPins(str(pins_digest(PACKAGES)), PACKAGES, (TOOL,))},
    "2026-07-11T10:16:37Z",
    ("tool",),
)
TEXT = format_pins(PINS)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "wherry.lock"
    write_pins(path, PINS)
    assert read_pins(path) == PINS
    assert [p.name for p in tmp_path.iterdir()] == ["wherry.lock"]


def test_there_may_be_no_lock(tmp_path: Path) -> None:
    assert read_pins(tmp_path / "wherry.lock") is None


def test_the_text_does_not_depend_on_the_order_of_anything() -> None:
    platforms = {"linux/arm64": PlatformPins("sha256:" + "4" * 64), **PINS.platforms}
    one = msgspec.structs.replace(PINS, platforms=platforms, system_packages=("b", "a"))
    turned = dict(
        reversed([(k, msgspec.structs.replace(p, packages=p.packages[::-1])) for k, p in platforms.items()])
    )
    other = msgspec.structs.replace(one, platforms=turned, system_packages=("a", "b"))
    assert format_pins(one) == format_pins(other)


def test_each_package_has_its_line_and_no_host() -> None:
    lines = TEXT.splitlines()
    assert sum("sha256 =" in line for line in lines) == 3
    assert "://" not in TEXT


def test_an_image_is_pinned_by_its_digest() -> None:
    pins = Pins('oci:a "strange" dir\x7f\n', {"linux/arm64": PlatformPins("sha256:" + "5" * 64)})
    assert parse_pins(format_pins(pins).encode(), "wherry.lock") == pins


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 3"),
        ("version = 1", "version = true"),
        ("version = 1", ""),
        ("base =", "bass ="),
        ("[platforms", "[["),
        ("linux/amd64", "windows/amd64"),
        ("pool/main/g", "../../etc"),
        ("pool/main/g", "http://evil.example/pool"),
        ('"1111', '"x111'),
        ('name = "libc6"', 'name = "../libc6"'),
        ('name = "libc6"', 'name = "tzdata"'),
        ('version = "2.36-9"', 'version = "2 36"'),
        ('version = "2.36-9"', 'version = "2.36-10"'),  # not what the digest was made of
        ('architecture = "amd64"', 'architecture = "arm64"'),
        ("size-bytes = 10", "size-bytes = 0"),
        ("size-bytes = 10", "size-bytes = 99999999999"),
        ("size-bytes = 10", 'size-bytes = "10"'),
        ('archive = "security"', 'archive = "http://evil.example"'),
        ('digest = "sha256:', 'digest = "md5:'),
        ("[platforms", "\x00[platforms"),
    ],
)
def test_a_lock_that_was_tampered_with_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(InputError) as caught:
        parse_pins(TEXT.replace(old, new, 1).encode(), "wherry.lock")
    assert "wherry.lock" in caught.value.where
    assert "wherry lock --upgrade base" in caught.value.mend
    assert len(caught.value.lines()) == 3


@pytest.mark.parametrize(
    "data", [b"\xff", b"version = 1\nbase = 'x'\nplatforms = {}\n", b"a = " + b"[" * 5000]
)
def test_what_is_no_lock_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_pins(data, "wherry.lock")


def test_a_lock_larger_than_any_is_refused() -> None:
    with pytest.raises(InputError, match="too large"):
        parse_pins(b"#" * (LIMIT_BYTES + 1), "wherry.lock")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_lock_or_an_error(data: bytes) -> None:
    with suppress(InputError):
        parse_pins(data, "wherry.lock")


def test_what_would_not_be_read_back_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "wherry.lock"
    path.write_text("old")
    with pytest.raises(InputError):
        write_pins(path, Pins("debian:bookworm", {}))
    assert path.read_text() == "old"


def test_places_that_cannot_be_read_or_written_are_the_worlds_fault(tmp_path: Path) -> None:
    with pytest.raises(WorldError):
        read_pins(tmp_path)
    with pytest.raises(WorldError):
        write_pins(tmp_path / "none" / "wherry.lock", PINS)
    (tmp_path / "wherry.lock").mkdir()
    with pytest.raises(WorldError):
        write_pins(tmp_path / "wherry.lock", PINS)
    assert [path.name for path in tmp_path.iterdir()] == ["wherry.lock"]
