from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.layers.unpacking import files, members, tar_bytes
from tests.layers.wheel_maker import WheelMaker, record_text
from tests.programs import require_program
from wherry.digest import Digest
from wherry.errors import InputError, WorldError
from wherry.layers import zip_archive
from wherry.layers.codec import SPLICE_FROM_BYTES
from wherry.layers.model import BytecodeCompiler, Layout
from wherry.layers.segment import LARGE_BYTES
from wherry.layers.stored import find_layer
from wherry.layers.wheel_layer import (
    SEGMENTS,
    Recipe,
    Segment,
    known_facts,
    wheel_layer,
    wheel_layer_key,
)
from wherry.progress import SilentProgress
from wherry.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.layers.model import Compression, WheelInput
    from wherry.progress import Task

LAYOUT = Layout()
SITE = "opt/venv/lib/python3.11/site-packages"
NOISE = bytes((i * i * 31 + (i >> 8) * 7) & 0xFF for i in range(300_000))

NAMES = st.from_regex(r"[a-zA-Z0-9_é ()~+-]{1,12}(\.py|\.txt|\.so)?", fullmatch=True).filter(
    lambda name: not name.endswith((".data", ".dist-info"))
)
CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.integers(0, 300_000).map(bytes),
    st.integers(0, 299_999).map(lambda n: NOISE[:n]),
)


def clash(paths: Sequence[str]) -> bool:
    return any(other.startswith(f"{path}/") for path in paths for other in paths)


FILES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=4).map("/".join), CONTENTS, max_size=8).filter(
    lambda found: not clash(list(found))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(content=FILES, data=st.data())
def test_every_file_of_a_wheel_comes_back_from_its_layer(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, bytes], data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("wheel")
    store = Store.open(tmp_path / "store")
    pick = st.sets(st.sampled_from(sorted(content))) if content else st.just(set[str]())
    executable, stored = data.draw(pick), data.draw(pick)
    compression: Compression = data.draw(st.sampled_from(["gzip", "zstd"]))
    made = WheelMaker(content, executable=executable, stored=stored).write(tmp_path)
    found = files(wheel_layer([made], LAYOUT, store, compression=compression), store)
    for name, expected in content.items():
        assert found[f"{SITE}/{name}"].content == expected
        assert found[f"{SITE}/{name}"].mode == (0o755 if name in executable else 0o644)
    own = {"METADATA", "WHEEL", "RECORD", "INSTALLER"}
    assert set(found) == {f"{SITE}/{name}" for name in content} | {
        f"{SITE}/demo-1.0.dist-info/{n}" for n in own
    }


def wheels(tmp_path: Path) -> list[WheelInput]:
    return [
        WheelMaker({f"{name}/__init__.py": b"x", f"{name}/data": NOISE[:size]}, name=name).write(tmp_path)
        for name, size in (("beta", 200_000), ("alpha", 10), ("Gamma_Ray", 5000))
    ]


def test_members_are_sorted_owned_by_root_and_below_the_prefix_only(tmp_path: Path, store: Store) -> None:
    for chosen in (wheels(tmp_path)[:1], wheels(tmp_path)):
        found = members(wheel_layer(chosen, LAYOUT, store), store)
        directories = [member.name for member in found if member.isdir()]
        assert directories == [
            "opt/venv",
            "opt/venv/lib",
            "opt/venv/lib/python3.11",
            SITE,
            *sorted(
                f"{SITE}/{maker}"
                for wheel in chosen
                for maker in (
                    wheel.filename.split("-")[0],
                    f"{wheel.filename.split('-')[0]}-1.0.dist-info",
                )
            ),
        ]
        assert [member.isdir() for member in found] == sorted((m.isdir() for m in found), reverse=True)
        for member in found:
            assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
            assert member.mtime == LAYOUT.mtime
            assert member.mode in {0o644, 0o755}
        assert len({member.name for member in found}) == len(found)


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_the_order_of_the_wheels_does_not_matter(tmp_path: Path, compression: Compression) -> None:
    chosen = wheels(tmp_path)
    one = wheel_layer(chosen, LAYOUT, Store.open(tmp_path / "1"), compression=compression)
    other = wheel_layer(chosen[::-1], LAYOUT, Store.open(tmp_path / "2"), compression=compression)
    assert one == other


def test_a_layer_of_several_wheels_is_the_join_of_their_layers(tmp_path: Path, store: Store) -> None:
    """Files of the joined layer are the files of the single ones, byte for byte, in the order of names."""
    chosen = wheels(tmp_path)
    singles = [tar_bytes(wheel_layer([wheel], LAYOUT, store), store) for wheel in chosen]
    joined = tar_bytes(wheel_layer(chosen, LAYOUT, store), store)

    def body(tar: bytes) -> bytes:
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            first = next(member for member in archive if member.isfile())
            return tar[first.offset : -1024]

    beta, alpha, gamma = map(body, singles)
    assert joined.endswith(alpha + beta + gamma + bytes(1024))


def test_one_new_wheel_among_many_costs_one_segment(tmp_path: Path, store: Store) -> None:
    chosen = wheels(tmp_path)
    before = wheel_layer(chosen, LAYOUT, store)
    for old in chosen[1:]:
        old.path.write_bytes(b"not read again")
    newer = WheelMaker({"beta/__init__.py": b"new"}, name="beta", version="1.1").write(tmp_path)
    after = wheel_layer([newer, *chosen[1:]], LAYOUT, store)
    assert files(after, store)[f"{SITE}/beta/__init__.py"].content == b"new"
    old_files, new_files = files(before, store), files(after, store)
    assert {path for path in new_files if "alpha" in path} == {path for path in old_files if "alpha" in path}


def test_a_layer_that_the_store_has_is_not_made_again(tmp_path: Path, store: Store) -> None:
    (made,) = wheels(tmp_path)[:1]
    first = wheel_layer([made], LAYOUT, store)
    key = wheel_layer_key([made.digest], LAYOUT, "gzip", None)
    assert find_layer(store, key) == first
    made.path.unlink()
    assert wheel_layer([made], LAYOUT, store) == first
    store.blobs.remove(Digest(first.digest))
    assert find_layer(store, key) is None


def test_whatever_decides_a_layers_bytes_is_in_its_key(tmp_path: Path) -> None:
    digests = [wheel.digest for wheel in wheels(tmp_path)]
    python = BytecodeCompiler(("/usr/bin/python3",), "3.11.2")
    keys = {
        wheel_layer_key(digests, LAYOUT, "gzip", None),
        wheel_layer_key(digests[1:], LAYOUT, "gzip", None),
        wheel_layer_key(digests, LAYOUT, "zstd", None),
        wheel_layer_key(digests, LAYOUT, "gzip", python),
        wheel_layer_key(digests, LAYOUT, "gzip", replace(python, version="3.11.3")),
        wheel_layer_key(digests, replace(LAYOUT, prefix="/opt/other"), "gzip", None),
        wheel_layer_key(digests, replace(LAYOUT, interpreter="/usr/bin/python"), "gzip", None),
        wheel_layer_key(digests, replace(LAYOUT, python=(3, 12)), "gzip", None),
        wheel_layer_key(digests, replace(LAYOUT, mtime=1), "gzip", None),
    }
    assert len(keys) == 9
    assert wheel_layer_key(digests[::-1], LAYOUT, "gzip", None) in keys
    assert wheel_layer_key(digests, LAYOUT, "gzip", replace(python, argv=("elsewhere",))) in keys


def test_two_wheels_that_bring_one_path_with_different_bytes_are_refused(
    tmp_path: Path, store: Store
) -> None:
    one = WheelMaker({"shared/x.py": b"1"}, name="one").write(tmp_path)
    two = WheelMaker({"shared/x.py": b"2"}, name="two").write(tmp_path)
    with pytest.raises(InputError, match=r"one-.*two-.*shared/x\.py"):
        wheel_layer([two, one], LAYOUT, store)
    inside = WheelMaker({"shared/x.py/y.py": b"2"}, name="two").write(tmp_path)
    with pytest.raises(InputError, match=r"one-.*two-.*shared/x\.py"):
        wheel_layer([one, inside], LAYOUT, store)
    points = [
        WheelMaker({}, name=name, entry_points=f"[console_scripts]\nrun = {name}:main\n").write(tmp_path)
        for name in ("one", "two")
    ]
    with pytest.raises(InputError, match="opt/venv/bin/run"):
        wheel_layer(points, LAYOUT, store)


def test_a_path_that_two_wheels_bring_with_equal_bytes_is_there_once(tmp_path: Path, store: Store) -> None:
    pair = [
        WheelMaker({"ns/__init__.py": b"__path__ = []\n", f"ns/{name}.py": b""}, name=name).write(tmp_path)
        for name in ("one", "two")
    ]
    layer = wheel_layer(pair, LAYOUT, store)
    names = [member.name for member in members(layer, store)]
    assert names.count(f"{SITE}/ns/__init__.py") == 1
    assert files(layer, store)[f"{SITE}/two-1.0.dist-info/RECORD"].content.count(b"ns/__init__.py") == 1


def broken_copies(made: WheelInput) -> list[tuple[str, bytes]]:
    data = made.path.read_bytes()
    middle = data.index(b"demo/big") + 5000
    return [
        ("truncated", data[:-300]),
        ("flipped", data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]),
        ("empty", b""),
    ]


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_damaged_wheel_leaves_nothing_in_the_store(
    tmp_path: Path, store: Store, compression: Compression
) -> None:
    maker = WheelMaker({"demo/big": NOISE, "demo/a.py": b"x"}, stored=["demo/big"])
    for stored in ((), ("demo/big",)):
        made = replace(maker, stored=stored).write(tmp_path)
        for _, data in broken_copies(made):
            made.path.write_bytes(data)
            with pytest.raises(InputError) as caught:
                wheel_layer([made], LAYOUT, store, compression=compression)
            assert made.filename in caught.value.what
            assert list(store.blobs.items()) == []


@pytest.mark.parametrize(
    "name",
    ["demo/a.py", "demo/middle", "demo/big", "demo-1.0.dist-info/METADATA", "demo-1.0.data/scripts/run"],
)
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_record_hash_that_does_not_match_is_refused(
    tmp_path: Path, store: Store, name: str, compression: Compression
) -> None:
    content = {
        "demo/a.py": b"x = 1\n",
        "demo/middle": NOISE[:20_000],
        "demo/big": NOISE * 8,
        "demo-1.0.data/scripts/run": b"#!python\n",
    }
    maker = WheelMaker(content)
    good = {key: value for key, value in maker.members().items() if not key.endswith("/RECORD")}
    wrong = {**good, name: good[name][:-1] + b"?"}
    made = replace(maker, record=record_text(wrong, "demo-1.0.dist-info/RECORD")).write(tmp_path)
    with pytest.raises(InputError, match="not the one in RECORD") as caught:
        wheel_layer([made], LAYOUT, store, compression=compression)
    assert name in caught.value.what
    assert list(store.blobs.items()) == []


def test_a_locked_wheel_is_held_to_record_but_for_its_large_members(tmp_path: Path, store: Store) -> None:
    maker = WheelMaker({"demo/a.py": b"x = 1\n", "demo/big": NOISE * 8})
    good = {key: value for key, value in maker.members().items() if not key.endswith("/RECORD")}
    for name in ("demo/a.py", "demo/big"):
        wrong = {**good, name: good[name][:-1] + b"?"}
        made = replace(maker, record=record_text(wrong, "demo-1.0.dist-info/RECORD")).write(tmp_path)
        locked = replace(made, locked=True)
        if len(good[name]) >= LARGE_BYTES:
            assert wheel_layer([locked], LAYOUT, store).digest  # the lock's hash covers every byte of it
        else:
            with pytest.raises(InputError, match="not the one in RECORD"):
                wheel_layer([locked], LAYOUT, store)


@pytest.mark.parametrize("locked", [False, True])
def test_a_locked_wheel_makes_the_same_layer(tmp_path: Path, *, locked: bool) -> None:
    made = WheelMaker({"demo/a.py": b"x = 1\n", "demo/big": NOISE * 8}).write(tmp_path)
    layers = [
        wheel_layer([replace(made, locked=flag)], LAYOUT, Store.open(tmp_path / f"store-{flag}"))
        for flag in (locked, not locked)
    ]
    assert layers[0] == layers[1]


def test_a_bomb_costs_no_memory_and_is_refused(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zip_archive, "BOMB_FROM_BYTES", 1 << 20)
    made = WheelMaker({"zeros": bytes(32 << 20)}).write(tmp_path)
    with pytest.raises(InputError, match="bomb"):
        wheel_layer([made], LAYOUT, store)


def test_large_members_are_spliced_as_they_are(tmp_path: Path, store: Store) -> None:
    made = WheelMaker({"demo/big": NOISE}).write(tmp_path)
    layer = wheel_layer([made], LAYOUT, store)
    with zip_archive.ZipArchive(made.path, made.filename) as archive:
        member = archive.members["demo/big"]
        assert member.compressed_bytes >= SPLICE_FROM_BYTES
        raw = b"".join(piece for piece, _ in archive.pieces(member))
    assert raw in store.blobs.path(Digest(layer.digest)).read_bytes()


def test_a_damaged_segment_in_the_store_is_noticed(tmp_path: Path, store: Store) -> None:
    chosen = wheels(tmp_path)
    wheel_layer(chosen, LAYOUT, store)
    key = Recipe(LAYOUT).key(chosen[0].digest)
    known = store.index.get(SEGMENTS, key, Segment)
    assert known is not None
    path = store.blobs.path(Digest(known.digest))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    newer = WheelMaker({"alpha/__init__.py": b"new"}, name="alpha", version="1.1").write(tmp_path)
    with pytest.raises(WorldError, match="is damaged"):
        wheel_layer([chosen[0], newer, chosen[2]], LAYOUT, store)


def test_facts_are_read_once(tmp_path: Path, store: Store) -> None:
    made = wheels(tmp_path)[0]
    facts = known_facts(made, store)
    made.path.unlink()
    assert known_facts(made, store) == facts


def test_machine_umask_locale_zone_and_hash_seed_do_not_show(tmp_path: Path, store: Store) -> None:
    made = wheels(tmp_path)
    expected = wheel_layer(made, LAYOUT, store)
    program = (
        "import os, sys; os.umask(0o077)\n"
        "from pathlib import Path\n"
        "from tests.layers.wheel_maker import wheel_input\n"
        "from wherry.layers.model import Layout\n"
        "from wherry.layers.wheel_layer import wheel_layer\n"
        "from wherry.store.store import Store\n"
        "wheels = [wheel_input(Path(p)) for p in sys.argv[2:]]\n"
        "print(wheel_layer(wheels, Layout(), Store.open(Path(sys.argv[1]))).digest)\n"
    )
    for number, seed in enumerate(("1", "2")):
        environment = {
            "PATH": os.defpath,
            "PYTHONHASHSEED": seed,
            "TZ": "Asia/Kathmandu",
            "LC_ALL": "C",
            "PYTHONPATH": os.pathsep.join(("src", ".")),
            "HOME": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, "-c", program, tmp_path / f"again{number}", *(wheel.path for wheel in made)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert done.stdout.strip() == expected.digest


def test_gnu_tar_and_gzip_read_a_layer_without_a_word(tmp_path: Path, store: Store) -> None:
    content = {
        "demo/" + "/".join(["deep" * 20] * 6) + "/x.py": b"1",
        "demo/" + "n" * 200: b"2",
        "demo/é ü (dev).tmpl": b"3",
        "demo/big": NOISE,
    }
    layer = wheel_layer([WheelMaker(content).write(tmp_path)], LAYOUT, store)
    blob = store.blobs.path(Digest(layer.digest))
    with blob.open("rb") as stream:
        tested = subprocess.run(
            [require_program("gzip"), "-t"], stdin=stream, check=True, capture_output=True
        )
    assert tested.stderr == b""
    tar = require_program("tar")
    out = tmp_path / "out"
    out.mkdir()
    done = subprocess.run([tar, "-xpzf", blob, "-C", out], check=True, capture_output=True)
    assert done.stderr == b""
    for name, expected in content.items():
        assert (out / SITE / name).read_bytes() == expected
    listed = subprocess.run([tar, "-tzf", blob, "--quoting-style=literal"], check=True, capture_output=True)
    assert len(listed.stdout.splitlines()) == len(members(layer, store))


def test_progress_is_told_of_every_byte_read(tmp_path: Path, store: Store) -> None:
    class Watcher(SilentProgress):
        told = 0

        def advance(self, size_bytes: int) -> None:
            self.told += size_bytes

        @contextmanager
        def task(self, title: str, total_bytes: int | None = None) -> Iterator[Task]:
            assert title == "packing 3 wheels"
            assert total_bytes == sum(wheel.path.stat().st_size for wheel in made)
            yield self

    made = wheels(tmp_path)
    watcher = Watcher()
    wheel_layer(made, LAYOUT, store, progress=watcher)
    compressed = 0
    for wheel in made:
        with zip_archive.ZipArchive(wheel.path, wheel.filename) as archive:
            compressed += sum(
                m.compressed_bytes for name, m in archive.members.items() if "/RECORD" not in name
            )
    assert watcher.told == compressed
