"""A segment is believed to be a wheel's only if it is byte for byte what installing that wheel gives."""

from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.layers.wheel_maker import WheelMaker
from wherry.build.layer_index.segment_proof import why_not_of_wheel
from wherry.digest import Digest
from wherry.layers import tar
from wherry.layers.codec import make_codec
from wherry.layers.model import MTIME, BytecodeCompiler, Layout
from wherry.layers.wheel import open_wheel, wheel_facts
from wherry.layers.wheel_layer import Recipe, Segment, segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from wherry.layers.model import Compression, WheelFacts, WheelInput
    from wherry.store.store import Store

LAYOUT = Layout(python=(sys.version_info.major, sys.version_info.minor))
RECIPE = Recipe(LAYOUT)
NOBODYS = frozenset[str]()
SITE = LAYOUT.site_packages.strip("/")

WHEELS = {
    "plain": WheelMaker({"red/__init__.py": b"", "red/a.py": b"x = 1\n", "red/data.bin": bytes(300_000)}),
    "entry points": WheelMaker(
        {"red/__init__.py": b""},
        entry_points="[console_scripts]\nred = red:main\n[gui_scripts]\nrose = red:x.y\n",
    ),
    "pip": WheelMaker(
        {"pip/__init__.py": b""},
        name="pip",
        entry_points="[console_scripts]\npip = pip:main\npip3 = pip:main\n",
    ),
    "data": WheelMaker(
        {
            "red/__init__.py": b"",
            "demo-1.0.data/scripts/run": b"#!python\nprint(1)\n",
            "demo-1.0.data/scripts/window": b"#!pythonw",
            "demo-1.0.data/scripts/shell": b"#!/bin/sh\n",
            "demo-1.0.data/data/share/x": b"y",
            "demo-1.0.data/headers/red.h": b"",
            "demo-1.0.data/purelib/rose.py": b"",
        },
        executable=["demo-1.0.data/scripts/run"],
    ),
    "long names": WheelMaker({f"{'long/' * 40}{'é' * 30}.py": b"", f"{'n' * 120}.txt": b"1"}),
    "another hash": WheelMaker({"red/__init__.py": b"x"}, hash_name="sha512"),
}


class _Silent:
    def advance(self, size_bytes: int) -> None:
        pass


def made_of(
    wheel: WheelInput, store: Store, recipe: Recipe = RECIPE, without: frozenset[str] = NOBODYS
) -> Segment:
    return segment(wheel, recipe, store, _Silent(), without)


def verdict(  # noqa: PLR0913, PLR0917 - what is read, told and known
    wheel: WheelInput,
    told: Segment,
    store: Store,
    recipe: Recipe = RECIPE,
    without: frozenset[str] = NOBODYS,
    facts: WheelFacts | None = None,
) -> str | None:
    with store.blobs.open(Digest(told.digest)) as blob:
        known = facts or wheel_facts(wheel.path, wheel.filename)
        return why_not_of_wheel(blob, told, known, recipe, without)


def forged(wheel: WheelInput, store: Store, change: Callable[[list[bytes]], list[bytes]]) -> Segment:
    """The wheel's segment with its members, header and content each, *change*d; right in all that is told."""
    members = []
    with open_wheel(wheel.path, wheel.filename) as opened:
        for file in opened.install(LAYOUT):
            data = bytes(opened.content(file, 1 << 20))
            members.append(
                tar.file_header(file.path, len(data), mode=file.mode, mtime=MTIME)
                + data
                + tar.padding(len(data))
            )
    return told_of(b"".join(change(members)), made_of(wheel, store), store)


def told_of(plain: bytes, like: Segment, store: Store) -> Segment:
    digest = store.blobs.add_bytes(gzip.compress(plain, mtime=0))
    return msgspec.structs.replace(
        like, digest=str(digest), diff_id=str(Digest.of_bytes(plain)), unpacked_bytes=len(plain)
    )


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("kind", WHEELS)
@pytest.mark.parametrize("compiled", [False, True])
def test_what_we_make_of_a_wheel_is_the_wheels(
    tmp_path: Path, store: Store, kind: str, compression: Compression, *, compiled: bool
) -> None:
    wheel = WHEELS[kind].write(tmp_path)
    version = ".".join(map(str, sys.version_info[:3]))
    bytecode = BytecodeCompiler((sys.executable,), version) if compiled else None
    recipe = Recipe(LAYOUT, compression, bytecode)
    assert verdict(wheel, made_of(wheel, store, recipe), store, recipe) is None


def test_what_another_wheel_of_the_layer_has_is_left_out(tmp_path: Path, store: Store) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    without = frozenset({f"{SITE}/red/__init__.py"})
    made = made_of(wheel, store, without=without)
    assert verdict(wheel, made, store, without=without) is None
    assert verdict(wheel, made, store) == f"it lacks {SITE}/red/__init__.py"
    assert "it has" in str(verdict(wheel, made_of(wheel, store), store, without=without))


def test_a_forgery_that_changes_nothing_is_the_wheels(tmp_path: Path, store: Store) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    assert verdict(wheel, forged(wheel, store, lambda members: members), store) is None


def member(path: str, data: bytes = b"", mode: int = 0o644, mtime: int = MTIME, uid: int = 0) -> bytes:
    return tar.file_header(path, len(data), mode=mode, mtime=mtime, uid=uid) + data + tar.padding(len(data))


FIRST = f"{SITE}/demo-1.0.dist-info/INSTALLER"
INSTALLER = b"wherry\n"
LIES = {
    "outside the prefix": lambda all_: [member("etc/cron.d/x", b"evil"), *all_],
    "a whiteout": lambda all_: [*all_, member(f"{SITE}/zed/.wh.x")],
    "up and out": lambda all_: [member("opt/venv/../../etc/x", b"evil"), *all_],
    "absolute": lambda all_: [member("/etc/x", b"evil"), *all_],
    "a module more": lambda all_: [*all_, member(f"{SITE}/zed.py", b"evil")],
    "bytecode where none is": lambda all_: [
        *all_,
        member(f"{SITE}/zed/__pycache__/a.cpython-311.pyc", b"evil"),
    ],
    "a file twice": lambda all_: [all_[0], *all_],
    "another order": lambda all_: all_[::-1],
    "one less": lambda all_: all_[:-1],
    "setuid": lambda all_: [member(FIRST, INSTALLER, 0o4755), *all_[1:]],
    "executable": lambda all_: [member(FIRST, INSTALLER, 0o755), *all_[1:]],
    "another time": lambda all_: [member(FIRST, INSTALLER, mtime=1), *all_[1:]],
    "another owner": lambda all_: [member(FIRST, INSTALLER, uid=1000), *all_[1:]],
    "another installer": lambda all_: [member(FIRST, b"wherry!"), *all_[1:]],
    "a longer installer": lambda all_: [member(FIRST, b"wherry and more\n"), *all_[1:]],
    "a symlink": lambda all_: [tar.symlink_header(FIRST, "/etc/passwd", mtime=MTIME), *all_[1:]],
    "a hard link": lambda all_: [
        tar.hard_link_header(FIRST, "etc/passwd", mode=0o644, mtime=MTIME),
        *all_[1:],
    ],
    "a directory": lambda all_: [tar.directory_header(SITE, mtime=MTIME), *all_],
    "an end": lambda all_: [*all_, tar.END],
    "an end, and more": lambda all_: [*all_, tar.END, member(f"{SITE}/zed.py", b"evil")],
    "a tail": lambda all_: [*all_, b"evil"],
    "an owner's name": lambda all_: [_named(all_[0]), *all_[1:]],
    "nothing": lambda _: [],
    "no tar": lambda _: [b"evil" * 1000],
    "PAX that we do not write": lambda all_: [
        tar._extended(tar._record("comment", "x"), MTIME) + all_[0],
        *all_[1:],
    ],
    "much PAX": lambda all_: [tar._extended(tar._record("c", "x" * 9000), MTIME) * 3 + all_[0], *all_[1:]],
    "dirt in the padding": lambda all_: [all_[0][:-1] + b"!", *all_[1:]],
}


def _named(data: bytes) -> bytes:
    """A member whose owner has a name, with the right checksum."""
    header = bytearray(data[:512])
    header[265:269] = b"evil"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


@pytest.mark.parametrize("lie", LIES)
def test_a_segment_that_is_another_is_refused(tmp_path: Path, store: Store, lie: str) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    assert verdict(wheel, forged(wheel, store, LIES[lie]), store) is not None


def test_a_file_with_other_bytes_of_the_same_length_is_refused(tmp_path: Path, store: Store) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    told = forged(wheel, store, lambda all_: [one.replace(b"x = 1\n", b"x = 2\n") for one in all_])
    assert verdict(wheel, told, store) == f"{SITE}/red/a.py is not the wheel's"


@pytest.mark.parametrize(
    ("kind", "true", "lie", "said"),
    [
        ("entry points", b"import main", b"import evil", "bin/red is not"),
        ("data", b"print(1)", b"print(2)", "bin/run is not"),
        ("data", b"#!/opt/venv/bin/python\nprint", b"#!/bin/python\nos\n\n\n\nprint", "bin/run is not"),
        ("data", b"#!/bin/sh", b"#!/bin/zz", "bin/shell is not"),
        ("plain", b"red/a.py,sha256=", b"red/a.py,sha384=", "RECORD is wrong about red/a.py"),
        ("plain", b"red/a.py,", b"red/b.py,", "RECORD names other files"),
        ("plain", b"RECORD,,", b"RECORD,7", "RECORD cannot be read"),
        ("plain", b"INSTALLER,", b"WHEEL,,,,,", "RECORD"),
        ("plain", b",300000\r\n", b",400000\r\n", "RECORD is wrong about red/data.bin"),
        ("plain", b"RECORD,,", b"RECORD,\xff", "RECORD cannot be read"),
    ],
)
def test_what_installing_makes_is_held_to_what_it_must_be(  # noqa: PLR0913, PLR0917 - a lie, and what is said of it
    tmp_path: Path, store: Store, kind: str, true: bytes, lie: bytes, said: str
) -> None:
    wheel = WHEELS[kind].write(tmp_path)
    told = forged(wheel, store, lambda all_: [one.replace(true, lie) for one in all_])
    assert said in str(verdict(wheel, told, store))


def test_a_script_that_was_not_rewritten_is_refused(tmp_path: Path, store: Store) -> None:
    wheel = WHEELS["data"].write(tmp_path)
    told = forged(
        wheel,
        store,
        lambda all_: [
            member("opt/venv/bin/run", b"#!python\nprint(1)\n", 0o755)
            if one.startswith(b"opt/venv/bin/run")
            else one
            for one in all_
        ],
    )
    assert verdict(wheel, told, store) == "opt/venv/bin/run is not the wheel's"


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
@pytest.mark.parametrize("honest", [True, False])
def test_a_bomb_is_not_unpacked(
    tmp_path: Path, store: Store, compression: Compression, *, honest: bool
) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    made = made_of(wheel, store, Recipe(LAYOUT, compression))
    pieces: list[bytes] = []
    codec = make_codec(compression, pieces.append)
    first = tar.file_header(FIRST, 1 << 30, mode=0o644, mtime=MTIME)
    for block in (first, *[bytes(1 << 20)] * 64):
        codec.pack(memoryview(block))
    codec.cut()
    digest = str(store.blobs.add_bytes(b"".join(pieces)))
    size_bytes = (1 << 30) + 512 if honest else made.unpacked_bytes
    told = msgspec.structs.replace(made, digest=digest, unpacked_bytes=size_bytes)
    said = str(verdict(wheel, told, store, Recipe(LAYOUT, compression)))
    assert "more than its files can have" in said if honest else "is too large" in said


@pytest.mark.parametrize("cut", [1, 4, 100])
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_segment_that_is_cut_short_joins_nothing(
    tmp_path: Path, store: Store, compression: Compression, cut: int
) -> None:
    wheel, recipe = WHEELS["plain"].write(tmp_path), Recipe(LAYOUT, compression)
    made = made_of(wheel, store, recipe)
    data = store.blobs.path(Digest(made.digest)).read_bytes()[:-cut]
    told = msgspec.structs.replace(made, digest=str(store.blobs.add_bytes(data)))
    assert verdict(wheel, told, store, recipe) is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"diff_id": str(Digest.of_bytes(b"another"))},
        {"unpacked_bytes": 1024},
        {"unpacked_bytes": 307_712 + 1024},
        {"directories": ()},
        {"directories": ("opt/venv", "opt/venv/lib64")},
    ],
)
def test_what_is_told_beside_the_bytes_is_held_to_them(
    tmp_path: Path, store: Store, changed: dict[str, object]
) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    told = msgspec.structs.replace(made_of(wheel, store), **changed)
    assert verdict(wheel, told, store) is not None


def test_bytecode_of_another_form_is_refused(tmp_path: Path, store: Store) -> None:
    wheel = WHEELS["entry points"].write(tmp_path)
    recipe = Recipe(LAYOUT, "gzip", BytecodeCompiler((sys.executable,), "3"))
    made = made_of(wheel, store, recipe)
    plain = gzip.decompress(store.blobs.path(Digest(made.digest)).read_bytes())
    for lie in (
        plain.replace(b"\r\n\x01\0\0\0", b"\r\n\x00\0\0\0"),
        plain.replace(b"\r\n\x01\0\0\0", b"\r\n\x03\0\0\0"),
    ):
        assert lie != plain
        assert "is not the wheel's" in str(verdict(wheel, told_of(lie, made, store), store, recipe))


@pytest.mark.parametrize("path", ["../../../etc/x", "red/.wh.x", "other-1.dist-info/RECORD"])
def test_facts_that_no_wheel_has_prove_nothing(tmp_path: Path, store: Store, path: str) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    facts = wheel_facts(wheel.path, wheel.filename)
    odd = msgspec.structs.replace(facts.files[0], path=path)
    more = [odd, *([msgspec.structs.replace(odd, path="other-1.dist-info/INSTALLER")] * ("other" in path))]
    lying = msgspec.structs.replace(facts, files=(*facts.files, *more))
    assert "its facts name" in str(verdict(wheel, made_of(wheel, store), store, facts=lying))


@pytest.mark.parametrize("identity", ["", "md5=" + "0" * 32, "sha256=", "sha256", "script:no callable"])
def test_a_file_of_which_nothing_is_known_proves_nothing(tmp_path: Path, store: Store, identity: str) -> None:
    wheel = WHEELS["plain"].write(tmp_path)
    facts = wheel_facts(wheel.path, wheel.filename)
    files = [
        msgspec.structs.replace(
            file, identity=identity, scheme="scripts" if identity.startswith("script:") else file.scheme
        )
        if file.path == "red/a.py"
        else file
        for file in facts.files
    ]
    lying = msgspec.structs.replace(facts, files=tuple(files))
    assert verdict(wheel, made_of(wheel, store), store, facts=lying) is not None
